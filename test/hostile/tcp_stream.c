/* Hostile packets: TCP data and windows. */

#include "hostile.h"

static struct call call; /* of send */

static void send_start(int desc, size_t len)
{
    call_start(&call, send_pattern, .desc = desc, .len = len);
    settle();
}

static struct tcp_view view(void)
{
    struct tcp_view v;

    check_int(view_of("192.0.2.1:5000", &v), 0);
    return v;
}

/* Reads up to len bytes, which begin at relative sequence number from. Returns their number. */
static size_t read_all(int desc, uint32_t from, size_t len)
{
    static uint8_t buf[100000];
    size_t sum = 0;
    ssize_t n;

    while (sum < len && (n = tcp_cmd_receive(desc, buf + sum, len - sum)) > 0) {
        sum += (size_t)n;
    }
    check_pattern(buf, from, sum);
    return sum;
}

static void inject_data(uint32_t seq, uint32_t len)
{
    char line[96];

    snprintf(line, sizeof(line), "P. %u:%u(%u) ack 1", seq, seq + len, len);
    inject(line);
}

/* Expects an ACK of ack within 500 ms. */
static void expect_ack(uint32_t ack)
{
    char line[64];

    snprintf(line, sizeof(line), ". 1:1(0) ack %u", ack);
    expect_within(500, line);
}

/*
 * Receiving
 */

/* A peer that ignores our window: bytes beyond it are dropped. */
static void test_beyond_window(void)
{
    int desc = connected();

    for (uint32_t seq = 1; seq < 65001; seq += 1000) {
        inject_data(seq, 1000);
    }
    advance(500);
    wire_pending(1);
    check_counted(tcp, trimmed, 1, inject_data(65001, 1400)); /* 535 fit */
    expect_ack(65536);
    check_int(view().rcv.wnd, 0);
    check_counted(tcp, out_of_window, 1, inject_data(65536, 1400));
    check_counted(tcp, out_of_window, 1, inject_data(65536 + 1400, 1400));
    advance(500);
    wire_pending(1);
    check_int(view().rcv.nxt - view().irs, 65536);
    check_int(read_all(desc, 1, 65535), 65535);
    wire_pending(1);
    check_alive(desc, 65536, 1);
}

/* Old data, partly old data, and keep-alive probes */
static void test_old_data(void)
{
    int desc = connected();

    inject_data(1, 10);
    expect_ack(11);
    check_counted(tcp, out_of_window, 1, inject_data(1, 10)); /* again */
    expect_ack(11);
    check_counted(tcp, trimmed, 1, inject_data(5, 12)); /* 6 are old */
    expect_ack(17);
    inject(". 16:16(0) ack 1"); /* keep-alive: asks for an ACK */
    expect_ack(17);
    inject(". 16:17(1) ack 1 'X'"); /* with a byte of garbage */
    expect_ack(17);
    check_int(read_all(desc, 1, 16), 16);
    wire_pending(1);
    check_alive(desc, 17, 1);
}

/* In any order and overlap each byte is delivered once. */
static void test_disorder(void)
{
    static const uint32_t segments[][2] = {
        {11, 10}, {1, 10}, {11, 10}, {31, 10}, {15, 20}, {21, 5}, {26, 10}, {36, 1}, {1, 40},
        {40, 10}, {35, 15},
    };
    int desc = connected();

    check_counted(tcp, out_of_order, 1, inject_data(11, 10)); /* the second before the first */
    expect_ack(1);
    check_int(view().rcv.nxt - view().irs, 1);
    for (size_t i = 0; i < countof(segments); i++) {
        inject_data(segments[i][0], segments[i][1]);
        advance(500);
    }
    wire_pending(1);
    for (uint32_t next = view().rcv.nxt - view().irs; next < 50; next++) {
        inject_data(next, 1);
    }
    advance(500);
    wire_pending(1);
    check_int(view().rcv.nxt - view().irs, 50);
    check_int(read_all(desc, 1, 49), 49);
}

/* Bytes once acknowledged are not replaced. */
static void test_contradiction(void)
{
    char buf[16];
    int desc = connected();

    inject("P. 1:6(5) ack 1 'first'");
    expect_ack(6);
    inject("P. 1:9(8) ack 1 'LATER123'");
    expect_ack(9);
    check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), 8);
    check_mem(buf, "first123", 8);
    wire_pending(1);
}

/* 20,000 segments of one byte, each with a hole before it */
static void test_crumbs(void)
{
    size_t memory, most = 0;
    int desc = connected();

    memory = memory_in_use();
    for (uint32_t i = 0; i < 20000; i++) {
        check_counted(tcp, out_of_order, 1, inject_data(13 + 2 * (i % 10000), 1));
        most = memory_in_use() - memory > most ? memory_in_use() - memory : most;
        wire_pending(1);
    }
    check_cmp(most, <=, 128);
    check_int(view().rcv.nxt - view().irs, 1);
    check_alive(desc, 1, 1);
}

/* Opens connection A with numbers just below 2^32 on both sides. Returns its descriptor. */
static int connected_near_wrap(void)
{
    int listener, desc;

    bench_start(WIRE_RAW);
    listener = listening(8);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", 0xffffff00);
    next_isn(0xffffff00);
    handshake("win 65535 <mss 1460>", 65535);
    check_int(view().iss, 0xffffff00);
    desc = tcp_cmd_accept(listener, NULL);
    check_cmp(desc, !=, -1);
    return desc;
}

static void test_wrap(void)
{
    char line[64], buf[16];
    int desc;

    far_peer();
    desc = connected_near_wrap();
    for (uint32_t seq = 1; seq < 4001; seq += 400) {
        inject_data(seq, 400);
        expect_ack(seq + 400);
    }
    check_counted(tcp, trimmed, 1, inject_data(3900, 200)); /* half is old */
    expect_ack(4100);
    check_int(read_all(desc, 1, 4099), 4099);
    wire_pending(1); /* a window update is possible */
    inject("P. 4100:4105(5) ack 1 'hello'");
    expect_ack(4105);
    check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), 5);
    send_start(desc, 4000);
    check_returned(&call, 4000);
    for (uint32_t ack = 101; ack < 4001; ack += 300) {
        snprintf(line, sizeof(line), ". 4105:4105(0) ack %u win %u", ack, 30000 + ack);
        inject(line);
        check_int(view().snd.una - view().iss, ack);
        check_int(view().snd.wnd, 30000 + ack);
    }
    check_counted(tcp, retransmitted, 1, advance(1500)); /* the last segment */
    inject(". 4105:4105(0) ack 4001");
    check_int(view().snd.una, view().snd.nxt);
    wire_pending(1);
}

/* A number 2^31 away is neither old nor new. */
static void test_far_away(void)
{
    int desc = connected_near_wrap();

    check_counted(tcp, out_of_window, 1, /* RCV.NXT + 2^31 */
                  inject(". 2147483649:2147483659(10) ack 1"));
    advance(500);
    wire_pending(1);
    check_counted(tcp, out_of_window, 1, inject("R 2147483649:2147483649(0)"));
    inject(". 1:1(0) ack 2147483649"); /* SND.NXT + 2^31 */
    advance(500);
    wire_pending(1);
    check_str(state(), "ESTABLISHED");
    check_int(view().rcv.nxt - view().irs, 1);
    check_int(view().snd.una - view().iss, 1);
    check_alive(desc, 1, 1);
}

/* A FIN is taken once all data before it is there, and only once. */
static void test_fin(void)
{
    int desc = connected();

    check_counted(tcp, out_of_order, 1, inject("F. 11:11(0) ack 1")); /* ten bytes are missing */
    expect_ack(1);
    check_str(state(), "ESTABLISHED");
    inject("PF. 1:11(10) ack 1"); /* data and FIN */
    expect_ack(12);
    check_str(state(), "CLOSE_WAIT");
    for (int i = 0; i < 100; i++) {
        inject("F. 11:11(0) ack 1");
        expect_ack(12);
    }
    inject("PF. 1:11(10) ack 1");
    expect_ack(12);
    check_int(view().rcv.nxt - view().irs, 12);
    check_int(read_all(desc, 1, 20), 10); /* then end of file */
    wire_pending(1);
}

/* Segments and calls without data must not copy. */
static void test_nothing(void)
{
    char byte = 0;
    int desc = connected();

    inject(". 1:1(0) ack 1");
    check_int(tcp_cmd_send(desc, &byte, 0), 0);
    expect_nothing(0);
    inject("P. 1:11(10) ack 1");
    expect_ack(11);
    check_int(tcp_cmd_receive(desc, NULL, 0), 0);
    check_int(tcp_cmd_receive(desc, &(char[10]){0}, 10), 10);
    wire_pending(1);
    check_alive(desc, 11, 1);
}

/*
 * Sending
 */

/* A peer that offers one byte at a time gets one byte at a time. */
static void test_tiny_window(void)
{
    char line[64];
    uint32_t ack = 1;
    int desc = connected();

    inject(". 1:1(0) ack 1 win 1");
    send_start(desc, 40);
    for (int i = 0; i < 400 && ack < 41; i++) {
        advance(500);
        wire_pending(1);
        check_cmp(view().snd.nxt - view().iss, <=, ack + 1);
        ack = view().snd.nxt - view().iss;
        snprintf(line, sizeof(line), ". 1:1(0) ack %u win 1", ack);
        inject(line);
    }
    check_int(ack, 41);
    check_returned(&call, 40);
    wire_pending(1);
}

/* The window shrinks below the data in flight: no new data is sent until it grows again. */
static void test_shrunk_window(void)
{
    char line[64];
    uint32_t nxt;
    int desc = connected();

    inject(". 1:1(0) ack 1 win 3000");
    send_start(desc, 20000);
    nxt = view().snd.nxt;
    check_int(nxt - view().iss, 3001);
    inject(". 1:1(0) ack 1 win 500");
    inject(". 1:1(0) ack 501 win 100");
    check_int(view().snd.nxt, nxt);
    inject(". 1:1(0) ack 1001 win 2000"); /* exactly the data in flight */
    check_int(view().snd.nxt, nxt);
    advance(900);
    check_int(view().snd.nxt, nxt);
    wire_pending(1);
    for (uint32_t ack = 3001; ack != 20001;) { /* from step 50 on, slow start */
        snprintf(line, sizeof(line), ". 1:1(0) ack %u win 65535", ack);
        inject(line);
        check_cmp(view().snd.nxt - view().iss, >, ack);
        ack = view().snd.nxt - view().iss;
    }
    inject(". 1:1(0) ack 20001 win 65535");
    check_returned(&call, 20000);
    wire_pending(1);
    check_alive(desc, 1, 20001);
}

/* The window update is lost, or repeats the last ACK. */
static void test_lost_update(void)
{
    int desc = connected();

    inject(". 1:1(0) ack 1 win 0");
    send_start(desc, 1000);
    check_int(wire_pending(1), 0);
    /* no answer: probes */
    check_counted_between(tcp, probes_sent, 3, 30, advance(60000));
    check_cmp(wire_pending(1), >=, 3);
    inject(". 1:1(0) ack 1 win 0"); /* an answer */
    advance(60000);
    check_cmp(wire_pending(1), >=, 1);
    inject(". 1:1(0) ack 1 win 65535"); /* SEG.ACK = SND.UNA updates the window too */
    advance(1000);
    check_int(view().snd.nxt - view().iss, 1001);
    inject(". 1:1(0) ack 1001");
    check_returned(&call, 1000);
    wire_pending(1);
}

/* ACKs of data never sent, of each byte, and repeated ones */
static void test_acks(void)
{
    char line[64];
    struct tcp_view before;
    int desc = connected();

    inject(". 1:1(0) ack 1 win 3000");
    send_start(desc, 20000);
    wire_pending(1);
    before = view();
    check_counted(tcp, bad_ack, 1, inject(". 1:1(0) ack 3002 win 65535"));
    expect(". 3001:3001(0) ack 1");
    check_int(view().snd.una, before.snd.una);
    check_int(view().snd.wnd, before.snd.wnd);
    for (uint32_t ack = 2; ack < 1000; ack++) { /* the right edge stays */
        snprintf(line, sizeof(line), ". 1:1(0) ack %u win %u", ack, 3001 - ack);
        inject(line);
    }
    check_int(view().snd.nxt, before.snd.nxt);
    for (int i = 0; i < 500; i++) {
        inject(". 1:1(0) ack 999 win 2002");
    }
    check_cmp(wire_pending(1), <=, 2);
    check_int(view().snd.nxt, before.snd.nxt);
    inject(". 1:1(0) ack 3001 win 65535");
    inject(". 1:1(0) ack 20001 win 65535");
    check_returned(&call, 20000);
    wire_pending(1);
}

/* The RTO is between 1 and 60 s, after backoff too. */
static void test_timeout(void)
{
    int desc = connected();
    long ms;

    check_int(tcp_cmd_send(desc, "first", 5), 5);
    expect("P. 1:6(5) ack 1 'first'");
    for (int i = 0; i < 5; i++) { /* 1, 2, 4, 8, 16 s */
        expect_within(20000, "P. 1:6(5) ack 1 'first'");
    }
    inject(". 1:1(0) ack 6"); /* late, of any of the six */
    check_int(tcp_cmd_send(desc, "second", 6), 6);
    expect("P. 6:12(6) ack 1 'second'");
    ms = expect_within(61000, "P. 6:12(6) ack 1 'second'");
    check_range(ms, 1000, 60000);
    inject(". 1:1(0) ack 12");
    check_alive(desc, 1, 12);
}

/* Timers follow the monotonic clock, here 15 minutes ahead of the time of day. */
static void test_clock(void)
{
    struct timeval wall;
    int desc;

    far_peer();
    desc = connected();
    wall = clock_wall();
    check_int(tcp_cmd_send(desc, "hello", 5), 5);
    expect("P. 1:6(5) ack 1 'hello'");
    expect_nothing(500);
    sim_clock_skip(UINT64_C(450000000));
    check_counted(tcp, retransmitted, 1, expect_within(200, "P. 1:6(5) ack 1 'hello'"));
    check_cmp(clock_wall().tv_sec - wall.tv_sec, <=, 1);
    sim_clock_skip(UINT64_C(900000000000)); /* as if the process was stopped: RTO at most is left */
    check_counted(tcp, retransmitted, 1, expect_within(3000, "P. 1:6(5) ack 1 'hello'"));
    advance(TCP_R2 + 61000);
    wire_pending(1);
    check_str(state(), "CLOSED");
}

BENCH(46,
      {"data beyond the window is trimmed [T-22 B-4]", test_beyond_window},
      {"old data is trimmed and acknowledged [T-23]", test_old_data},
      {"segments in any order make the stream as sent [T-24 B-5]", test_disorder},
      {"of two versions of a byte the first is delivered [T-24]", test_contradiction},
      {"20,000 segments out of order take little memory [T-25]", test_crumbs},
      {"sequence numbers wrap around, on both sides [T-26 B-7]", test_wrap},
      {"a number 2^31 away is outside the window [T-26]", test_far_away},
      {"a window of one byte gets one byte [T-28]", test_tiny_window},
      {"no new data is sent into a shrunk window [B-13]", test_shrunk_window},
      {"a lost window update does not stop a transfer [T-29 B-12]", test_lost_update},
      {"partial, repeated and bad ACKs send no more than the window allows [T-30]", test_acks},
      {"a FIN is taken in order, and once [T-33 B-9]", test_fin},
      {"segments and calls without data do no harm [B-16]", test_nothing},
      {"late ACKs make no RTO short or endless [T-38]", test_timeout},
      {"timers follow the monotonic clock [B-17]", test_clock})
