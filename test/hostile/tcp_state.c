/* Hostile packets: TCP connections and their states. */

#include "hostile.h"

static struct tcp_view view(void)
{
    struct tcp_view v;

    check_int(view_of("192.0.2.1:5000", &v), 0);
    return v;
}

static void inject_from(unsigned int host, unsigned int port, const char *segment)
{
    char line[128];

    snprintf(line, sizeof(line), "TCP 192.0.2.%u.%u > 192.0.2.2.7 %s", 100 + host % 150, port,
             segment);
    inject(line);
}

/*
 * Floods
 */

/* Injects the segment from num endpoints. Raises *most to the most allocations in use. */
static void flood(unsigned int num, const char *segment, size_t *most)
{
    for (unsigned int i = 0; i < num; i++) {
        inject_from(i, 1024 + i, segment);
        *most = memory_in_use() > *most ? memory_in_use() : *most;
    }
}

/* Thousands of half-open connections; in the original microps fifteen killed a listener. An honest
 * client still connects, an established connection is not affected, and nothing is left in the
 * end. */
static void test_syn_flood(void)
{
    size_t most = 0, memory, num;
    int desc = connected();

    num = blocks();
    memory = memory_in_use();
    check_counted_between(tcp, half_open_evicted, 1, 6000, flood(6000, "S 9:9(0)", &most));
    wire_pending(1);
    check_cmp(most - memory, <=, 8192);
    advance(2000);
    wire_pending(1);
    connection('B', "192.0.2.2:7", "192.0.2.99:5000", PEER_ISN);
    inject("B> S 0:0(0)");
    while (wire_pending(0) > 1) { /* retransmitted SYN-ACKs to the others */
        take(0, &(char[64]){0}, 64);
    }
    expect("B> S. 0:0(0) ack 1");
    inject("B> . 1:1(0) ack 1");
    wire_pending(1);
    inject("A> P. 1:11(10) ack 1");
    check_int(view().rcv.nxt - view().irs, 11);
    tcp_cmd_receive(desc, &(char[10]){0}, 10);
    advance(TCP_R2_SYN + 1000);
    wire_pending(1);
    check_int(blocks(), num + 1); /* plus the honest client's */
}

/* ACKs to a listener from many endpoints: RSTs are limited in rate, and nothing is kept. */
static void test_ack_flood(void)
{
    struct picture before;
    size_t n, most = 0;

    bench_start(WIRE_RAW);
    listening(8);
    before = picture_take();
    check_counted(tcp, resets_sent, 1, inject_from(1, 1024, ". 1:1(0) ack 77"));
    expect("TCP 192.0.2.2.7 > 192.0.2.101.1024 R 77:77(0)");
    check_counted_between(tcp, resets_limited, 4000, 4999,
                          flood(5000, ". 1:1(0) ack 77", &most));
    n = wire_pending(1);
    check_range(n, 1, 1000);
    picture_check(&before);
    advance(2000);
    inject_from(1, 1024, ". 1:1(0) ack 77");
    expect("TCP 192.0.2.2.7 > 192.0.2.101.1024 R 77:77(0)");
}

/*
 * Blind attacks
 */
static void test_blind_rst(void)
{
    int desc = connected();

    check_counted(tcp, challenges_sent, 1, inject("R 501:501(0)"));
    expect(". 1:1(0) ack 1");
    check_str(state(), "ESTABLISHED");
    check_dropped(tcp, out_of_window, inject("R 0:0(0)"));
    check_dropped(tcp, out_of_window, inject("R 65536:65536(0)"));
    check_dropped(tcp, out_of_window, inject("R 2147483649:2147483649(0)"));
    check_alive(desc, 1, 1);
    check_counted(tcp, resets_received, 1, inject("R 11:11(0)"));
    check_str(state(), "CLOSED");
}

static void test_blind_syn(void)
{
    static const char *const syns[] = {"S 1:1(0)", "S 501:501(0)", "S 0:0(0)", "S 99999:99999(0)",
                                       "S. 1:1(0) ack 1"};
    int desc = connected();

    for (size_t i = 0; i < countof(syns); i++) {
        struct picture before = picture_take();

        inject(syns[i]);
        expect(". 1:1(0) ack 1");
        expect_nothing(0);
        picture_check(&before);
        advance(1100); /* challenges are limited in rate */
    }
    check_alive(desc, 1, 1);
}

/* Data whose ACK is far from the data in flight is forged. */
static void test_blind_data(void)
{
    struct picture before;
    char line[96];
    int desc = connected();

    check_int(tcp_cmd_send(desc, "hello", 5), 5);
    wire_pending(1);
    inject(". 1:1(0) ack 6");
    before = picture_take();
    for (uint32_t i = 1; i < 16; i++) {
        snprintf(line, sizeof(line), "P. 1:11(10) ack =%u 'injected!!'",
                 view().snd.una - 100000 - i * 130000000);
        check_counted(tcp, bad_ack, 1, inject(line));
        wire_pending(1);
        advance(200);
        snprintf(line, sizeof(line), "P. 1:11(10) ack =%u 'injected!!'",
                 view().snd.nxt + 1 + i * 130000000);
        check_counted(tcp, bad_ack, 1, inject(line));
        wire_pending(1);
        advance(200);
    }
    picture_check(&before);
    check_alive(desc, 1, 6);
}

static void guess(unsigned int times)
{
    char line[64];

    for (unsigned int i = 0; i < times; i++) {
        snprintf(line, sizeof(line), "A> R %u:%u(0)", 2 + i * 60, 2 + i * 60);
        inject(line);
    }
}

/* 1,000 guesses at one connection use up its challenges, and not those of others. */
static void test_challenges(void)
{
    int listener, a, b;

    bench_start(WIRE_RAW);
    listener = listening(8);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    inject(". 1:1(0) ack 1");
    a = tcp_cmd_accept(listener, NULL);
    connection('B', "192.0.2.2:7", "192.0.2.1:5001", PEER_ISN);
    inject("B> S 0:0(0) win 65535");
    expect("B> S. 0:0(0) ack 1");
    inject("B> . 1:1(0) ack 1");
    b = tcp_cmd_accept(listener, NULL);
    check_counted_between(tcp, challenges_held, 900, 999, guess(1000));
    check_cmp(wire_pending(1), <=, 100);
    check_counted(tcp, challenges_sent, 1, inject("B> R 100:100(0)"));
    expect("B> . 1:1(0) ack 1");
    check_int(tcp_cmd_close(a), 0);
    check_int(tcp_cmd_close(b), 0);
    wire_pending(1);
}

/* The ISS of a connection does not predict the next one's. */
static void test_isn(void)
{
    uint32_t iss[100];
    uint8_t got[64];
    int near = 0, same = 0;

    bench_start(WIRE_RAW);
    listening(8);
    for (unsigned int i = 0; i < countof(iss); i++) {
        inject_from(1, 1024 + i, "S 9:9(0)");
        take(0, got, sizeof(got));
        iss[i] = (uint32_t)got[24] << 24 | (uint32_t)got[25] << 16 | (uint32_t)got[26] << 8 |
                 got[27];
    }
    for (size_t i = 1; i < countof(iss); i++) {
        near += iss[i] - iss[i - 1] + (1u << 20) < 1u << 21;
        same += i > 1 && iss[i] - iss[i - 1] == iss[i - 1] - iss[i - 2];
    }
    check_cmp(near, <=, 2);
    check_int(same, 0);
    wire_pending(1);
}

/* An ephemeral port lies in its range, in network byte order, and is unpredictable. */
static void test_ports(void)
{
    static struct call call;
    uint8_t got[64];
    char remote[32];
    int last = 0, port, near = 0;

    bench_start(WIRE_RAW);
    for (int i = 0; i < 50; i++) { /* ports to one endpoint are consecutive, RFC 6056 3.3.3 */
        snprintf(remote, sizeof(remote), "192.0.2.%d:5000", 10 + i);
        call_start(&call, connect_remote, .desc = tcp_cmd_socket(), .remote = remote);
        settle();
        take(0, got, sizeof(got));
        port = got[20] << 8 | got[21];
        check_cmp(port, >=, TCP_SOURCE_PORT_MIN);
        near += port - last > -8 && port - last < 8;
        last = port;
        check_int(tcp_cmd_close(call.desc), 0);
        settle();
        check_failed(&call, EBADF);
        wire_pending(1);
    }
    check_cmp(near, <=, 3);
}

/*
 * Endings
 */

/* A peer that keeps its window at zero and answers every probe. */
static void test_sockstress(void)
{
    static uint8_t buf[1000];
    size_t memory, num;
    int desc = connected();

    check_int(tcp_cmd_send(desc, buf, sizeof(buf)), sizeof(buf));
    inject(". 1:1(0) ack 1 win 0");
    wire_pending(1);
    memory = memory_in_use();
    num = blocks();
    for (int i = 0; i < 1000; i++) { /* hours: the user decides */
        advance(10000);
        wire_pending(1);
        inject(". 1:1(0) ack 1 win 0");
    }
    wire_pending(1);
    check_str(state(), "ESTABLISHED");
    check_cmp(memory_in_use(), <=, memory);
    check_int(tcp_cmd_close(desc), 0);
    for (int i = 0; i < 200; i++) { /* after close TCP_CLOSE_TIMEOUT applies */
        advance(10000);
        wire_pending(1);
        inject(". 1:1(0) ack 1 win 0");
    }
    wire_pending(1);
    check_str(state(), "CLOSED");
    check_int(blocks(), num - 1);
}

static int closed(void)
{
    int desc = connected();

    check_int(tcp_cmd_close(desc), 0);
    expect("F. 1:1(0) ack 1");
    return desc;
}

static void test_time_wait(void)
{
    closed();
    inject("F. 1:1(0) ack 2");
    expect_within(500, ". 2:2(0) ack 2");
    check_str(state(), "TIME_WAIT");
    check_dropped(tcp, bad_flags, inject("R 2:2(0)")); /* RFC 1337 */
    inject("R. 2:2(0) ack 2");
    inject("R 1000:1000(0)");
    inject(". 2:2(0) ack 2");
    wire_pending(1);
    check_str(state(), "TIME_WAIT");
    inject("P. 0:1(1) ack 1"); /* an old duplicate */
    expect(". 2:2(0) ack 2");
    inject("F. 1:1(0) ack 2");
    expect(". 2:2(0) ack 2");
    inject("S 0:0(0)"); /* an old SYN */
    expect(". 2:2(0) ack 2");
    check_str(state(), "TIME_WAIT");
    inject("S 100000:100000(0)"); /* a new one, beyond RCV.NXT */
    check_str(state(), "SYN_RECEIVED");
    wire_pending(1);
}

/* The peer vanishes before it has sent its FIN, or the ACK of ours. */
static void test_vanished(void)
{
    size_t num;
    int desc;

    closed();
    inject(". 1:1(0) ack 2");
    check_str(state(), "FIN_WAIT2");
    advance(TCP_FIN_WAIT_2_TIMEOUT + 2 * TCP_MSL + 1000);
    wire_pending(1);
    check_str(state(), "CLOSED");
    check_int(net_shutdown(), 0);
    settle();
    desc = connected();
    num = blocks();
    inject("F. 1:1(0) ack 1");
    check_int(tcp_cmd_close(desc), 0);
    check_str(state(), "LAST_ACK");
    advance(TCP_R2 + 61000);
    wire_pending(1);
    check_str(state(), "CLOSED");
    check_int(blocks(), num - 1);
}

/* Connections that are opened, closed and reset, with packets in flight at each moment */
static void test_churn(void)
{
    static const char *const ends[] = {"R 1:1(0)", "F. 1:1(0) ack 1", "P. 1:11(10) ack 1",
                                       ". 1:1(0) ack 1", "PF. 1:11(10) ack 2", "S 0:0(0)"};
    size_t memory, num;
    int listener, desc;
    char remote[32];

    bench_start(WIRE_RAW);
    listener = listening(8);
    memory = memory_in_use();
    num = blocks();
    for (int i = 0; i < 300; i++) {
        snprintf(remote, sizeof(remote), "192.0.2.%d:%d", 10 + i % 200, 5000 + i);
        connection('A', "192.0.2.2:7", remote, PEER_ISN + (uint32_t)i * 100000000);
        inject("S 0:0(0)");
        expect("S. 0:0(0) ack 1");
        inject(". 1:1(0) ack 1");
        desc = tcp_cmd_accept(listener, NULL);
        check_cmp(desc, !=, -1);
        if (i % 3 == 0) {
            inject(ends[i % countof(ends)]);
        }
        check_int(tcp_cmd_close(desc), 0);
        inject(ends[i / 3 % countof(ends)]);
        inject(ends[i / 7 % countof(ends)]);
        wire_pending(1);
    }
    advance(TCP_R2_SYN + TCP_CLOSE_TIMEOUT);
    wire_pending(1);
    check_int(blocks(), num);
    check_cmp(memory_in_use(), <=, memory + 4); /* tables may have grown */
}

/*
 * Listeners
 */
static void test_listener_closed(void)
{
    int listener;

    bench_start(WIRE_RAW);
    listener = listening(8);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    inject("S 0:0(0)");
    expect("S. 0:0(0) ack 1"); /* half-open */
    connection('B', "192.0.2.2:7", "192.0.2.1:5001", PEER_ISN);
    inject("B> S 0:0(0)");
    expect("B> S. 0:0(0) ack 1");
    inject("B> . 1:1(0) ack 1"); /* in the backlog */
    check_counted(tcp, resets_sent, 2, check_int(tcp_cmd_close(listener), 0));
    check_int(wire_pending(1), 2);
    check_int(blocks(), 0);
    inject("A> . 1:1(0) ack 1");
    expect("A> R 1:1(0)");
    inject("B> P. 1:11(10) ack 1");
    expect("B> R 1:1(0)");
    inject("B> S 0:0(0)");
    expect("B> R. =0:=0(0) ack 1");
}

/* A backlog of one: the second handshake is not completed before there is room. */
static void test_backlog(void)
{
    size_t most;
    int listener;

    bench_start(WIRE_RAW);
    listener = listening(1);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    connection('B', "192.0.2.2:7", "192.0.2.1:5001", PEER_ISN);
    inject("A> S 0:0(0)");
    expect("A> S. 0:0(0) ack 1");
    inject("B> S 0:0(0)");
    expect("B> S. 0:0(0) ack 1");
    inject("A> . 1:1(0) ack 1");
    check_counted(tcp, backlog_full, 1, inject("B> . 1:1(0) ack 1"));
    most = blocks();
    for (unsigned int i = 0; i < 1000; i++) {
        check_counted(tcp, backlog_full, 1, inject_from(i, 2000, "S 9:9(0)"));
    }
    expect_nothing(0);
    check_int(blocks(), most);
    check(tcp_cmd_accept(listener, NULL) != -1);
    inject("B> . 1:1(0) ack 1");
    check(tcp_cmd_accept(listener, NULL) != -1);
    wire_pending(1);
}

BENCH(46,
      {"6,000 SYNs do not keep a client out, and leave nothing [T-14 B-6]", test_syn_flood},
      {"5,000 ACKs to a listener leave nothing [T-15]", test_ack_flood},
      {"a RST whose number is not RCV.NXT ends no connection [T-16 B-8]", test_blind_rst},
      {"a SYN for an established connection is only challenged [T-17]", test_blind_syn},
      {"data with an ACK far off is dropped [T-18]", test_blind_data},
      {"1,000 guesses get few challenges, and cost other connections none [T-19]", test_challenges},
      {"initial sequence numbers are unpredictable [T-20]", test_isn},
      {"ephemeral ports are unpredictable [T-21 B-18]", test_ports},
      {"a peer with a window of zero costs one block, until the timeout after close [T-27]",
       test_sockstress},
      {"only a new SYN ends TIME-WAIT early [T-32]", test_time_wait},
      {"a peer that vanishes while we close leaves nothing [T-34]", test_vanished},
      {"300 connections closed and reset at bad moments leave nothing [T-35]", test_churn},
      {"closing a listener resets its pending connections [T-39]", test_listener_closed},
      {"a full backlog completes no handshake [T-40]", test_backlog})
