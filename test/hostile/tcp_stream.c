/* Hostile packets: TCP's, data and windows. */

#include "hostile.h"

/* One call of send by a thread of its own. */
static struct call {
    int desc;
    size_t len;
    ssize_t ret;
    int err;
    struct task *task;
} call;

static void send_all(void *arg)
{
    static uint8_t buf[100000];
    struct call *c = arg;

    pattern(buf, 1, sizeof(buf));
    c->ret = tcp_cmd_send(c->desc, buf, c->len);
    c->err = errno;
}

static void send_start(int desc, size_t len)
{
    call = (struct call){.desc = desc, .len = len};
    call.task = task_start("sender", send_all, &call);
    settle();
}

static struct tcp_view view(void)
{
    struct tcp_view v;

    check_int(view_of("192.0.2.1:5000", &v), 0);
    return v;
}

/* Reads all that is there, from relative sequence number from on. Returns how much it was. */
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

/* The next thing that goes out, within half a second, acknowledges ack. */
static void expect_ack(uint32_t ack)
{
    char line[64];

    snprintf(line, sizeof(line), ". 1:1(0) ack %u", ack);
    expect_within(500, line);
}

/*
 * Receiving
 */

/* A peer that does not care for our window: what fits is taken, not a byte more. */
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

/* What came before, what is partly new, and the probe of a keep-alive */
static void test_old_data(void)
{
    int desc = connected();

    inject_data(1, 10);
    expect_ack(11);
    check_counted(tcp, out_of_window, 1, inject_data(1, 10)); /* again */
    expect_ack(11);
    check_counted(tcp, trimmed, 1, inject_data(5, 12)); /* 6 of it are old */
    expect_ack(17);
    inject(". 16:16(0) ack 1"); /* keep-alive: wants an ACK */
    expect_ack(17);
    inject(". 16:17(1) ack 1 'X'"); /* with a byte of garbage */
    expect_ack(17);
    check_int(read_all(desc, 1, 16), 16);
    wire_pending(1);
    check_alive(desc, 17, 1);
}

/* Whatever order and overlap: each byte arrives once, as it was sent. */
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

/* Of two that say different things of the same bytes, the first is right once acknowledged. */
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
        check_counted(tcp, out_of_order, 1, inject_data(3 + 2 * (i % 10000), 1));
        most = memory_in_use() - memory > most ? memory_in_use() - memory : most;
        wire_pending(1);
    }
    check(most <= 128);
    check_int(view().rcv.nxt - view().irs, 1);
    check_alive(desc, 1, 1);
}

/* Connection A, whose numbers pass 2^32 soon, on both sides. Returns its descriptor. */
static int connected_near_wrap(void)
{
    int listener, desc;

    bench_start(WIRE_RAW);
    listener = listening(8);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", 0xffffff00);
    next_isn(0xffffff00);
    inject("S 0:0(0) win 65535 <mss 1460>");
    expect("S. =4294967040:=4294967040(0) ack 1");
    inject(". 1:1(0) ack 1");
    desc = tcp_cmd_accept(listener, NULL);
    check(desc != -1);
    return desc;
}

static void test_wrap(void)
{
    char line[64], buf[16];
    int desc = connected_near_wrap();

    for (uint32_t seq = 1; seq < 4001; seq += 400) {
        inject_data(seq, 400);
        expect_ack(seq + 400);
    }
    check_counted(tcp, trimmed, 1, inject_data(3900, 200)); /* half of it is old */
    expect_ack(4100);
    check_int(read_all(desc, 1, 4099), 4099);
    inject("P. 4100:4105(5) ack 1 'hello'");
    expect_ack(4105);
    check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), 5);
    send_start(desc, 4000);
    task_join(call.task, 0);
    for (uint32_t ack = 101; ack < 4001; ack += 300) {
        snprintf(line, sizeof(line), ". 4105:4105(0) ack %u win %u", ack, 30000 + ack);
        inject(line);
        check_int(view().snd.una - view().iss, ack);
        check_int(view().snd.wnd, 30000 + ack);
    }
    check_counted(tcp, retransmitted, 1, advance(1500)); /* what is left */
    inject(". 4105:4105(0) ack 4001");
    check_int(view().snd.una, view().snd.nxt);
    wire_pending(1);
}

/* Half a world away is neither old nor new. */
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

/* A FIN counts when all before it is there, and once. */
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
    check_int(read_all(desc, 1, 20), 10); /* and then the end of file */
    wire_pending(1);
}

/* An ACK without data, a call without data: nothing is copied from nowhere. */
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

/* A peer that offers a byte at a time gets what it has asked for, and never more. */
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
        check(view().snd.nxt - view().iss <= ack + 1);
        ack = view().snd.nxt - view().iss;
        snprintf(line, sizeof(line), ". 1:1(0) ack %u win 1", ack);
        inject(line);
    }
    check_int(ack, 41);
    task_join(call.task, 0);
    wire_pending(1);
}

/* The window goes back behind what is in flight: nothing new goes out until it is open again. */
static void test_shrunk_window(void)
{
    uint32_t nxt;
    int desc = connected();

    inject(". 1:1(0) ack 1 win 3000");
    send_start(desc, 20000);
    nxt = view().snd.nxt;
    check_int(nxt - view().iss, 3001);
    inject(". 1:1(0) ack 1 win 500");
    inject(". 1:1(0) ack 501 win 100");
    check_int(view().snd.nxt, nxt);
    inject(". 1:1(0) ack 1001 win 2000"); /* exactly what is in flight */
    check_int(view().snd.nxt, nxt);
    advance(900);
    check_int(view().snd.nxt, nxt);
    wire_pending(1);
    inject(". 1:1(0) ack 3001 win 65535");
    check_int(view().snd.nxt - view().iss, 20001);
    inject(". 1:1(0) ack 20001 win 65535");
    task_join(call.task, 0);
    check_int(call.ret, 20000);
    wire_pending(1);
    check_alive(desc, 1, 20001);
}

/* The ACK that opens the window again is lost, or repeats the last one. */
static void test_lost_update(void)
{
    int desc = connected();

    inject(". 1:1(0) ack 1 win 0");
    send_start(desc, 1000);
    check_int(wire_pending(1), 0);
    /* nobody says a word, and we ask */
    check_counted_between(tcp, probes_sent, 3, 30, advance(60000));
    check(wire_pending(1) >= 3);
    inject(". 1:1(0) ack 1 win 0"); /* an answer */
    advance(60000);
    check(wire_pending(1) >= 1);
    inject(". 1:1(0) ack 1 win 65535"); /* SEG.ACK = SND.UNA, and yet it is news */
    advance(1000);
    check_int(view().snd.nxt - view().iss, 1001);
    inject(". 1:1(0) ack 1001");
    task_join(call.task, 0);
    check_int(call.ret, 1000);
    wire_pending(1);
}

/* ACKs of what was not sent, of each byte, and the same one again and again */
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
    for (uint32_t ack = 2; ack < 1000; ack++) { /* no more than it acknowledges */
        snprintf(line, sizeof(line), ". 1:1(0) ack %u win %u", ack, 3001 - ack);
        inject(line);
    }
    check_int(view().snd.nxt, before.snd.nxt);
    for (int i = 0; i < 500; i++) {
        inject(". 1:1(0) ack 999 win 2002");
    }
    check(wire_pending(1) <= 2);
    check_int(view().snd.nxt, before.snd.nxt);
    inject(". 1:1(0) ack 3001 win 65535");
    inject(". 1:1(0) ack 20001 win 65535");
    task_join(call.task, 0);
    wire_pending(1);
}

/* The first wait is never short, and not long after one that was. */
static void test_timeout(void)
{
    int desc = connected();
    long ms;

    check_int(tcp_cmd_send(desc, "first", 5), 5);
    expect("P. 1:6(5) ack 1 'first'");
    for (int i = 0; i < 5; i++) { /* 1, 2, 4, 8, 16 s */
        expect_within(20000, "P. 1:6(5) ack 1 'first'");
    }
    inject(". 1:1(0) ack 6"); /* late, and of which one? */
    check_int(tcp_cmd_send(desc, "second", 6), 6);
    expect("P. 6:12(6) ack 1 'second'");
    ms = expect_within(61000, "P. 6:12(6) ack 1 'second'");
    check(ms >= 1000 && ms <= 60000);
    inject(". 1:1(0) ack 12");
    check_alive(desc, 1, 12);
}

/* Two clocks that do not agree: here the time of day is 15 minutes behind. The waits follow the
 * other. */
static void test_clock(void)
{
    struct timeval wall;
    int desc = connected();

    wall = clock_wall();
    check_int(tcp_cmd_send(desc, "hello", 5), 5);
    expect("P. 1:6(5) ack 1 'hello'");
    expect_nothing(500);
    sim_clock_skip(UINT64_C(450000000));
    check_counted(tcp, retransmitted, 1, expect_within(200, "P. 1:6(5) ack 1 'hello'"));
    check(clock_wall().tv_sec - wall.tv_sec <= 1);
    sim_clock_skip(UINT64_C(900000000000));
    advance(200);
    wire_pending(1);
    check_str(state(), "CLOSED"); /* given up: it has waited for more than 100 s */
}

BENCH(46,
      {"what lies beyond the window is cut off [T-22 B-4]", test_beyond_window},
      {"what lies before the window is cut off, and acknowledged [T-23]", test_old_data},
      {"segments in any order make the stream that was sent [T-24 B-5]", test_disorder},
      {"of two versions of a byte the first counts [T-24]", test_contradiction},
      {"20,000 segments with holes between them take little room [T-25]", test_crumbs},
      {"numbers wrap around, on both sides [T-26 B-7]", test_wrap},
      {"2^31 away is far away [T-26]", test_far_away},
      {"a window of one byte gets one byte [T-28]", test_tiny_window},
      {"a window that shrinks lets nothing new out [B-13]", test_shrunk_window},
      {"a lost window update ends no transfer [T-29 B-12]", test_lost_update},
      {"no ACK makes us send more than was acknowledged [T-30]", test_acks},
      {"a FIN counts in its turn, and once [T-33 B-9]", test_fin},
      {"nothing is copied from nowhere [B-16]", test_nothing},
      {"late ACKs make no wait short or endless [T-38]", test_timeout},
      {"waits go by a clock that nobody sets [B-17]", test_clock})
