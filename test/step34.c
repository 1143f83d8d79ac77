/* Step 34: zero windows. A probe may be empty, with a number before SND.UNA, or have one byte. */

#include <stdio.h>

#include "bench.h"
#include "conn.h"
#include "driver/loopback.h"
#include "net.h"
#include "tcp.h"
#include "util.h"

#define TICK 250 /* jitter of two timeouts together, ms */

static int desc = -1; /* the connection */

static void connect_peer(unsigned win)
{
    desc = established(PEER_ISN, "", win);
}

static void establish(unsigned win)
{
    bench_start(WIRE_RAW);
    connect_peer(win);
}

static struct call sender, receiver;

static void send_start(size_t len)
{
    call_start(&sender, send_pattern, .desc = desc, .from = 1, .len = len);
}

/* The next packet out, with relative numbers. */
struct out {
    uint32_t seq, ack, len;
    unsigned win;
    long wait; /* milliseconds until it came */
};

static struct out take_out(long ms)
{
    static uint8_t packet[70000];
    struct out o;
    uint64_t before = now_ms();
    size_t len = take(ms, packet, sizeof(packet)), hlen = 20 + 4u * (packet[32] >> 4);

    o.wait = (long)(now_ms() - before);
    o.seq = get32(packet + 24) - view(desc).iss;
    o.ack = get32(packet + 28) - view(desc).irs;
    o.win = get16(packet + 34);
    o.len = (uint32_t)(len - hlen);
    if (o.len > 0) {
        check_pattern(packet + hlen, o.seq, o.len);
    }
    return o;
}

/*
 * The receive window
 */
static uint32_t edge; /* right edge announced by our side, relative */
static unsigned win;  /* window announced last */
static uint32_t step; /* least advance of the right edge */

/* Takes all segments and checks the windows that they announce. Returns their number. */
static size_t listen_to(void)
{
    struct out o;
    size_t num = 0;

    for (; wire_pending(0) > 0; num++) {
        o = take_out(0);
        win = o.win;
        check_cmp(o.ack + o.win, >=, edge); /* does not move back, RFC 9293 3.8.6 */
        if (o.ack + o.win > edge && edge != 0 && o.ack + o.win - edge < step) {
            fail("the edge moves by %u, less than %u", o.ack + o.win - edge, step);
        }
        edge = o.ack + o.win;
    }
    return num;
}

/* Fills the window with unread data, but for left bytes. Returns the peer's next number. */
static uint32_t fill_but(uint32_t left)
{
    uint32_t seq = view(desc).rcv.nxt - view(desc).irs, len;

    edge = seq + view(desc).rcv.wnd;
    while (edge - seq > left) {
        len = edge - seq - left < 8000 ? edge - seq - left : 8000;
        peer_sends(seq, seq + len);
        seq += len;
    }
    advance(500);
    listen_to();
    check_int(view(desc).rcv.nxt - view(desc).irs, seq);
    return seq;
}

static uint32_t read_to = 1; /* relative number after the last byte read */

static void read_some(size_t size)
{
    read_to += read_pattern(desc, read_to, size);
}

/* Reads byte by byte: nothing is sent until a full segment has room, then a window update. */
static void open_slowly(uint32_t full)
{
    step = full;
    fill_but(0);
    check_int(win, 0);
    for (uint32_t i = 1; i < full; i++) {
        read_some(1);
    }
    expect_nothing(1000);
    read_some(1);
    check_int(listen_to(), 1);
    check_cmp(win, >=, full);
}

static void test_opens(void)
{
    establish(65535);
    open_slowly(1460);
}

static void test_opens_mtu(void)
{
    struct net_device *dev = bench_start(WIRE_RAW);

    dev->mtu = 576;
    connect_peer(65535);
    open_slowly(536);
}

/* With the MTU of the loopback device, half the buffer is enough. */
static void test_opens_half(void)
{
    struct net_device *dev = bench_start(WIRE_RAW);

    dev->mtu = 65535;
    connect_peer(65535);
    step = 1460;
    fill_but(0);
    while (read_to < (TCP_RCV_BUF_SIZE + 1) / 2 + 1) {
        expect_nothing(0);
        read_some(1000);
    }
    check_int(listen_to(), 1);
    check_cmp(win, >=, TCP_RCV_BUF_SIZE / 2);
}

/* Probes between small reads are answered; the answers announce no silly window. */
static void test_probed(void)
{
    char probe[64];
    uint32_t seq;

    establish(65535);
    step = 1460;
    seq = fill_but(0);
    for (int i = 0; i < 14; i++) {
        read_some(100);
        snprintf(probe, sizeof(probe), ". %u:%u(%u) ack 1", seq - !(i % 2), seq + i % 2, 1);
        inject(i % 2 ? probe : ". 0:0(0) ack 1");
        check_cmp(listen_to(), >, 0);
        check_int(win, 0);
        advance(1000);
    }
    read_some(100);
    check_cmp(listen_to(), >, 0);
    check_cmp(win, >=, 1460);
    peer_sends(seq, seq + 1);
    check_int(view(desc).rcv.nxt - view(desc).irs, seq + 1);
    wire_pending(1);
}

/* A nearly full window: its right edge stays, too. */
static void test_nearly_shut(void)
{
    uint32_t seq;

    establish(65535);
    step = 1460;
    seq = fill_but(100);
    read_some(1000);
    peer_sends(seq, seq + 10);
    advance(500);
    check_cmp(listen_to(), >, 0);
    check_int(win, 90);
    read_some(1000);
    peer_sends(seq + 10, seq + 20);
    advance(500);
    check_cmp(listen_to(), >, 0);
    check_cmp(win, >=, 1460);
}

static uint32_t draw(uint32_t n)
{
    static uint32_t x = 1;

    x = x * 1103515245 + 12345;
    return (x >> 8) % n;
}

/* Random sizes of segments and reads; listen_to checks each announcement. */
static void test_any(void)
{
    uint32_t seq = 1, len;

    establish(65535);
    step = 1460;
    edge = 1 + view(desc).rcv.wnd;
    for (int i = 0; i < 3000; i++) {
        len = draw(1461);
        len = len < edge - seq ? len : edge - seq;
        if (len > 0) {
            peer_sends(seq, seq + len);
            seq += len;
        }
        if (draw(2) && read_to < seq) {
            read_some(1 + draw(i % 1000 < 500 ? 1000 : 5000));
        }
        listen_to();
    }
    advance(500);
    listen_to();
    while (read_to < seq) {
        read_some(5000);
    }
    listen_to();
    check_cmp(win, >=, 1460);
}

static void test_few_updates(void)
{
    uint32_t end;
    size_t num = 0;

    establish(65535);
    step = 1460;
    end = fill_but(0);
    while (read_to < end) {
        read_some(1);
        num += listen_to();
    }
    check_range(num, 1, 65535 / 1460 + 1);
}

/* The peer sends len bytes, more than one segment, before any are read. */
static void burst(uint32_t len)
{
    uint32_t seq = view(desc).rcv.nxt - view(desc).irs, end = seq + len, n;

    for (; seq < end; seq += n) {
        n = end - seq < 1460 ? end - seq : 1460;
        peer_sends(seq, seq + n);
    }
    advance(500);
    listen_to();
}

/* The last ACK after a burst announces how little was free then. Once all has been read, in any
 * pieces, the peer must learn that the window is open, or its next burst would be held back. */
static void test_burst(void)
{
    static const uint32_t sizes[] = {6000, 20000, 61001, 64000};

    for (size_t i = 0; i < countof(sizes); i++) {
        for (size_t piece = 500; piece < 70000; piece *= 5) {
            size_t num = 0;

            establish(65535);
            read_to = 1;
            edge = 0;
            step = 1460;
            burst(sizes[i]);
            check_int(win, TCP_RCV_BUF_SIZE - sizes[i]);
            while (read_to < sizes[i] + 1) {
                read_some(piece);
                num += listen_to();
            }
            check_cmp(win, >, TCP_RCV_BUF_SIZE - 2 * 1460);
            check_cmp(num, <=, 3);
            expect_nothing(60000);
            check_int(net_shutdown(), 0);
            wire_pending(1);
        }
    }
}

static void test_no_burst(void)
{
    establish(65535);
    step = 1460;
    edge = 1 + view(desc).rcv.wnd;
    for (int i = 0; i < 100; i++) {
        burst(1460);
        read_some(1460);
        expect_nothing(1000);
    }
    check_cmp(win, >=, TCP_RCV_BUF_SIZE - 1460);
}

/* The reader leaves some of the burst unread. */
static void test_burst_read_in_part(void)
{
    establish(65535);
    step = 1460;
    burst(61001);
    for (int i = 0; i < 60; i++) {
        read_some(1000);
        listen_to();
    }
    check_cmp(win, >=, TCP_RCV_BUF_SIZE / 2);
    expect_nothing(60000);
}

/*
 * The send window
 */

/* Takes a probe of una. Returns the milliseconds until it came. */
static long take_probe(long ms, uint32_t una)
{
    struct out o = take_out(ms);

    if (!(o.seq == una - 1 && o.len == 0) && !(o.seq == una && o.len == 1)) {
        fail("no probe of %u: from %u on %u bytes", una, o.seq, o.len);
    }
    return o.wait;
}

/* The retransmission timeout, in milliseconds. */
static long measure_rto(void)
{
    long rto;

    connect_peer(65535);
    send_start(10);
    check_int(take_out(0).len, 10);
    rto = take_out(60000).wait;
    inject("R 1:1(0)");
    check_int(tcp_cmd_close(desc), 0);
    return rto;
}

static void test_first_probe(void)
{
    long rto, wait;

    bench_start(WIRE_RAW);
    rto = measure_rto();
    connect_peer(0);
    send_start(10);
    wait = take_probe(60000, 1);
    check_range(wait, rto - TICK, rto + TICK);
}

static void test_doubling(void)
{
    long wait, last;

    establish(0);
    send_start(10);
    last = take_probe(60000, 1);
    peer_acks(1, 0);
    for (int i = 0; i < 3; i++) {
        wait = take_probe(10 * last, 1);
        check_range(wait, 2 * last - TICK, 2 * last + TICK);
        peer_acks(1, 0);
        last = wait;
    }
    for (int i = 0; i < 20; i++) {
        wait = take_probe(120000, 1);
        check_range(wait, last - TICK, 2 * last + TICK);
        peer_acks(1, 0);
        last = wait;
    }
}

/* The probes are not answered. */
static void test_doubling_silent(void)
{
    long wait, last;

    establish(0);
    send_start(10);
    last = take_probe(60000, 1);
    for (int i = 0; i < 3; i++) {
        wait = take_probe(10 * last, 1);
        check_range(wait, 2 * last - TICK, 2 * last + TICK);
        last = wait;
    }
}

/* Takes the data up to relative number end, in order, and acknowledges it with this window. */
static void take_data(uint32_t from, uint32_t end, unsigned window)
{
    struct out o;

    while (from < end) {
        o = take_out(60000);
        check_cmp(o.seq + o.len, <=, end);
        if (o.seq <= from && o.seq + o.len > from) {
            from = o.seq + o.len;
        }
        if (wire_pending(0) == 0) {
            peer_acks(from, window);
        }
    }
}

static void test_hours(void)
{
    establish(0);
    send_start(3000);
    while (now_ms() < 2 * 3600 * 1000) {
        take_probe(120000, 1);
        peer_acks(1, 0);
        check_state(desc, "ESTABLISHED");
    }
    peer_acks(1, 65535);
    check_cmp(wire_pending(0), >, 0); /* at once */
    take_data(1, 3001, 65535);
    check_returned(&sender, 3000);
    expect_nothing(60000);
}

static void test_silent(void)
{
    establish(0);
    call_start(&receiver, receive, .desc = desc, .len = 20000);
    send_start(10);
    advance(99000);
    check_sleeps(&receiver);
    check_cmp(wire_pending(1), >=, 3);
    task_join(receiver.task, 1000000);
    check_failed(&receiver, ETIMEDOUT);
    check_state(desc, "CLOSED");
    wire_pending(1);
    expect_nothing(300000);
}

/* The peer has answered for long; the timeout counts from its last answer. */
static void test_silent_later(void)
{
    establish(0);
    call_start(&receiver, receive, .desc = desc, .len = 20000);
    send_start(10);
    while (now_ms() < 1000000) {
        take_probe(120000, 1);
        peer_acks(1, 0);
    }
    advance(99000);
    check_sleeps(&receiver);
    task_join(receiver.task, 1000000);
    check_failed(&receiver, ETIMEDOUT);
    wire_pending(1);
}

/* The window update is lost; the answer to a probe makes up for it. */
static void test_lost_update(void)
{
    establish(0);
    send_start(3000);
    take_probe(60000, 1);
    peer_acks(1, 0);
    take_probe(60000, 1);
    peer_acks(1, 65535);
    check_cmp(wire_pending(0), >, 0);
    take_data(1, 3001, 65535);
    task_join(sender.task, 0);
    expect_nothing(60000);
}

/* The window opens, and closes after the first bytes: the probe interval starts afresh. */
static void test_shut_again(void)
{
    long first, wait;

    establish(0);
    send_start(3000);
    first = take_probe(60000, 1);
    peer_acks(1, 0);
    for (int i = 0; i < 3; i++) {
        take_probe(60000, 1);
        peer_acks(1, 0);
    }
    peer_acks(1, 536); /* one segment, whether or not short ones wait (step 52) */
    take_data(1, 537, 0);
    wait = take_probe(60000, 537);
    check_cmp(wait, <=, first + TICK);
    peer_acks(537, 65535);
    take_data(537, 3001, 65535);
    task_join(sender.task, 0);
}

/* The peer accepts the one byte that a probe may carry. */
static void test_takes_bytes(void)
{
    uint32_t una = 1;
    struct out o;

    establish(0);
    send_start(100);
    for (int i = 0; i < 10; i++) {
        o = take_out(120000);
        check((o.seq == una - 1 && o.len == 0) || (o.seq == una && o.len == 1));
        una = o.seq + o.len > una ? o.seq + o.len : una;
        peer_acks(una, 0);
    }
    check_int(view(desc).snd.una - view(desc).iss, una);
    peer_acks(una, 65535);
    take_data(una, 101, 65535);
    task_join(sender.task, 0);
}

static void test_idle(void)
{
    establish(0);
    expect_nothing(600000);
    peer_acks(1, 65535);
    peer_acks(1, 0);
    expect_nothing(600000);
}

/* RFC 9293 3.8.6: the window shrinks to zero while data is in flight. */
static void test_shrunk_to_zero(void)
{
    struct out o;

    establish(1000);
    send_start(3000);
    while (wire_pending(0) > 0) {
        take_out(0);
    }
    peer_acks(1, 0);
    while (now_ms() < 3600000) {
        o = take_out(120000);
        check_cmp(o.seq + o.len, >=, o.seq);
        check_cmp(o.seq, <=, 1001);
        check_cmp(o.seq + o.len, <=, 1001);
        peer_acks(1, 0);
        check_state(desc, "ESTABLISHED");
    }
    wire_pending(1);
    peer_acks(1, 65535);
    take_data(1, 3001, 65535);
    task_join(sender.task, 0);
    check_int(view(desc).snd.una - view(desc).iss, 3001);
}

/* The same after a partial ACK of the data in flight. */
static void test_shrunk_with_part(void)
{
    establish(1000);
    send_start(3000);
    while (wire_pending(0) > 0) {
        take_out(0);
    }
    peer_acks(301, 0);
    while (now_ms() < 3600000) {
        struct out o = take_out(120000);

        check_cmp(o.seq + o.len, <=, 1001);
        peer_acks(301, 0);
        check_state(desc, "ESTABLISHED");
    }
    wire_pending(1);
    peer_acks(301, 65535);
    take_data(301, 3001, 65535);
    task_join(sender.task, 0);
}

/* The window shrinks to less than the data in flight: no new data is sent, and the connection does
 * not time out, since the peer answers. It accepts 10 bytes every quarter of an hour. */
static void test_shrunk(void)
{
    uint32_t una = 1, nxt;
    uint64_t last = 0;

    establish(4000);
    send_start(10000);
    advance(0);
    wire_pending(1);
    nxt = view(desc).snd.nxt - view(desc).iss;
    peer_acks(una, 100);
    expect_nothing(0);
    while (una < 61) {
        struct out o = take_out(120000);

        check_cmp(o.seq + o.len, <=, nxt);
        if (now_ms() - last > 900000) {
            last = now_ms();
            una += 10;
        }
        peer_acks(una, 0);
        check_state(desc, "ESTABLISHED");
        check_int(view(desc).snd.nxt - view(desc).iss, nxt);
    }
    wire_pending(1);
    peer_acks(una, 65535);
    take_data(una, 10001, 65535);
    task_join(sender.task, 0);
}

/* The window shrinks below the data in flight. The peer drops a bare ACK beyond its right edge. */
static void test_ack_at_edge(void)
{
    establish(1000);
    send_start(1000);
    check_returned(&sender, 1000);
    wire_pending(1);
    inject("P. 1:11(10) ack 1 win 500");
    expect_within(500, ". 501:501(0) ack 11");
    inject("P. 11:21(10) ack 1 win 0");
    expect_within(400, ". 1:1(0) ack 21");
    inject("P. 21:31(10) ack 1001 win 500");
    expect_within(500, ". 1001:1001(0) ack 31");
}

/*
 * Control segments in our zero window
 */

static void test_urgent_into_shut_window(void)
{
    char script[64];
    uint32_t seq;

    establish(65535);
    step = 1;
    seq = fill_but(0);
    send_start(10);
    check_int(take_out(0).len, 10);
    snprintf(script, sizeof(script), ". %u:%u(0) ack 5", seq, seq);
    inject_with("tcp.flags=0x30, tcp.urg=1", script);
    check_int(view(desc).snd.una - view(desc).iss, 5);
    snprintf(script, sizeof(script), "P. %u:%u(10) ack 11", seq, seq + 10);
    inject_with("tcp.flags=0x38, tcp.urg=10", script);
    check_int(view(desc).snd.una - view(desc).iss, 11);
    check_int(view(desc).rcv.nxt - view(desc).irs, seq);
    check_state(desc, "ESTABLISHED");
    advance(500);
    listen_to();
    check_int(win, 0);
}

static void test_reset_into_shut_window(void)
{
    char script[64];
    uint32_t seq;

    establish(65535);
    step = 1;
    seq = fill_but(0);
    snprintf(script, sizeof(script), "R %u:%u(0)", seq + 1, seq + 1);
    inject(script);
    check_state(desc, "ESTABLISHED");
    wire_pending(1);
    snprintf(script, sizeof(script), "R %u:%u(0)", seq, seq);
    inject(script);
    check_state(desc, "CLOSED");
}

/*
 * Both ends in one stack, over the loopback device with its large MTU
 */
#define TOTAL 500000

static ip_endp_t here;
static size_t got;

static void serve(void *arg)
{
    static char buf[1000];
    ssize_t len;
    int server;

    (void)arg;
    server = tcp_cmd_open(&here, NULL, 0);
    check_cmp(server, !=, -1);
    while (got < TOTAL && (len = tcp_cmd_receive(server, buf, sizeof(buf))) > 0) {
        check_pattern(buf, (uint32_t)got, (size_t)len);
        got += (size_t)len;
    }
}

static void call(void *arg)
{
    static char buf[TOTAL];
    int writer;

    (void)arg;
    writer = tcp_cmd_open(NULL, &here, 1);
    check_cmp(writer, !=, -1);
    pattern(buf, 0, sizeof(buf));
    check_int(tcp_cmd_send(writer, buf, sizeof(buf)), sizeof(buf));
}

static void test_loopback(void)
{
    struct task *reader;

    check_int(net_init(), 0);
    check(wire_address(loopback_init(), "127.0.0.1", "255.0.0.0") != NULL);
    check_int(net_run(), 0);
    check_int(ip_endp_pton("127.0.0.1:7", &here), 0);
    reader = task_start("reader", serve, NULL);
    task_join(task_start("writer", call, NULL), 10000);
    task_join(reader, 10000);
    check_int(got, TOTAL);
}

BENCH(34,
      {"a zero window opens by a full segment, announced at once [MUST-39]", test_opens},
      {"a full segment is the MTU less 40 [MUST-39]", test_opens_mtu},
      {"half the buffer is enough to open the window [MUST-39]", test_opens_half},
      {"a probe does not open the window early [MUST-39]", test_probed},
      {"a segment does not open a nearly full window early [MUST-39]", test_nearly_shut},
      {"the right edge advances by a full segment or stays, for any sizes [MUST-39 SHLD-14]",
       test_any},
      {"small reads do not send an update each [MUST-39]", test_few_updates},
      {"few updates announce the open window after a burst", test_burst},
      {"reading each segment as it arrives sends nothing but its ACK", test_no_burst},
      {"reading half the buffer after a burst sends a window update", test_burst_read_in_part},
      {"the first probe comes after one RTO [MUST-36 SHLD-29]", test_first_probe},
      {"the probe interval doubles up to a limit [SHLD-30]", test_doubling},
      {"the probe interval doubles without answers [SHLD-30]", test_doubling_silent},
      {"a connection lasts while its probes are answered [MUST-37 T-27]", test_hours},
      {"unanswered probes are ETIMEDOUT after 100 s or more [MUST-36]", test_silent},
      {"unanswered probes time out after long answered ones [MUST-37]", test_silent_later},
      {"a lost window update does not stop the sender [T-29 B-12]", test_lost_update},
      {"the probe interval starts afresh when the window closes again [SHLD-29]", test_shut_again},
      {"bytes accepted from a probe are not lost [MUST-36]", test_takes_bytes},
      {"without data to send there are no probes", test_idle},
      {"a window shrunk to zero is probed [MUST-35 SHLD-17]", test_shrunk_to_zero},
      {"a window shrunk to zero is probed after a partial ACK [MUST-35 SHLD-17]",
       test_shrunk_with_part},
      {"a shrunk window stops new data and loses none [SHLD-15 SHLD-17]", test_shrunk},
      {"a bare ACK after the window has shrunk is at its right edge", test_ack_at_edge},
      {"URG and ACK are processed in a zero window [MUST-66]", test_urgent_into_shut_window},
      {"a RST is processed in a zero window [MUST-66]", test_reset_into_shut_window},
      {"a slow reader on loopback gets all data within 10 s", test_loopback})
