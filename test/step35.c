/* Step 35: the send buffer. How many segments are sent at once (step 50), and whether a short one
 * waits for an ACK (step 52), is not tested. */

#include <stdio.h>

#include "bench.h"
#include "conn.h"
#include "platform.h"
#include "tcp.h"
#include "util.h"

#define TICK 250 /* jitter of two timeouts together, ms */

static int desc = -1; /* the connection */
static uint32_t our_isn; /* our initial sequence number; 0: any */

/* The peer's MSS is 1000, its window win. */
static struct net_device *wire;

static void establish(unsigned win)
{
    static struct call opener;

    wire = bench_start(WIRE_RAW);
    open_start(&opener, PEER_ISN);
    if (our_isn) {
        next_isn(our_isn);
    }
    handshake("<mss 1000>", win);
    desc = opened(&opener);
}

static void send_start(struct call *c, uint32_t from, size_t len)
{
    call_start(c, send_pattern, .desc = desc, .from = from, .len = len);
}

/* A call that does not sleep. */
static void send_now(uint32_t from, size_t len)
{
    static struct call c;

    send_start(&c, from, len);
    check_returned(&c, (ssize_t)len);
}

static uint32_t iss; /* of the connection, kept after its block is freed */

/* The next packet out, with relative numbers. */
struct out {
    uint32_t seq, len;
    int fin, psh, rst;
    uint8_t data[1500];
};

static struct out take_out(long ms)
{
    static uint8_t packet[1500];
    struct out o;
    size_t len = take(ms, packet, sizeof(packet)), hlen = 20 + 4u * (packet[32] >> 4);

    o.seq = get32(packet + 24) - iss;
    o.len = (uint32_t)(len - hlen);
    o.fin = packet[33] & 1;
    o.rst = packet[33] >> 2 & 1;
    o.psh = packet[33] >> 3 & 1;
    memcpy(o.data, packet + hlen, o.len);
    return o;
}

/*
 * A peer that accepts data in order and may lose segments
 */
static struct peer {
    uint32_t next; /* RCV.NXT, relative */
    uint32_t edge; /* right edge of its window */
    unsigned lose; /* percent */
    int fin;       /* the FIN has been accepted */
    size_t (*text)(const uint8_t *data, uint32_t seq, size_t len);
} peer;

static uint32_t draw(uint32_t n)
{
    static uint32_t x = 1;

    x = x * 1103515245 + 12345;
    return (x >> 8) % n;
}

static void peer_begin(unsigned win)
{
    iss = view(desc).iss;
    peer = (struct peer){.next = 1, .edge = 1 + win};
}

/* Takes one packet. */
static void peer_takes(long ms)
{
    struct out o = take_out(ms);
    uint32_t end = o.seq + o.len;

    check_cmp(o.len, <=, 1000);
    check(!o.rst);
    /* inside the window, except for a probe of one byte */
    if (end + (uint32_t)o.fin > peer.edge && o.seq + 1 < end + (uint32_t)o.fin) {
        fail("%u to %u%s, the window ends at %u", o.seq, end, o.fin ? " with FIN" : "", peer.edge);
    }
    if (o.len > 0 && !peer.text) {
        check_pattern(o.data, o.seq, o.len);
    }
    if (draw(100) < peer.lose || o.seq > peer.next || end + (uint32_t)o.fin > peer.edge) {
        return;
    }
    if (end > peer.next) {
        if (peer.text) {
            peer.text(o.data + (peer.next - o.seq), peer.next, end - peer.next);
        }
        peer.next = end;
    }
    if (o.fin && !peer.fin) {
        peer.fin = 1;
        peer.next++;
    }
}

static void peer_answers(unsigned win)
{
    if (peer.edge < peer.next + win) {
        peer.edge = peer.next + win;
    }
    peer_acks(peer.next, peer.edge - peer.next);
}

/* Takes everything before relative number end, and always offers this window. */
static void peer_takes_all(uint32_t end, unsigned win)
{
    if (peer.next < end && wire_pending(0) == 0) {
        peer_answers(win);
    }
    while (peer.next < end) {
        peer_takes(60000);
        if (wire_pending(0) == 0) {
            peer_answers(win);
        }
    }
    check_int(peer.next, end);
}

/*
 * Behaviours
 */

static void test_returns(void)
{
    establish(0);
    send_now(1, 10);
    send_now(11, 5000);
    expect_nothing(0);
    peer_begin(0);
    peer_takes_all(5011, 65535);
    expect_nothing(60000);
}

static void test_full(void)
{
    static struct call c;

    establish(0);
    peer_begin(0);
    send_now(1, TCP_SND_BUF_SIZE);
    send_start(&c, 1 + TCP_SND_BUF_SIZE, 2 * TCP_SND_BUF_SIZE);
    advance(100);
    check_sleeps(&c); /* asleep: the buffer is limited */
    wire_pending(1);
    peer_takes_all(1 + 3 * TCP_SND_BUF_SIZE, 5000);
    check_returned(&c, 2 * TCP_SND_BUF_SIZE);
}

/* Small writes go out as full segments, and then the rest. */
static void test_full_segments(void)
{
    struct out o;
    uint32_t seq;

    establish(0);
    for (seq = 1; seq < 5301; seq += 100) {
        send_now(seq, 100);
    }
    expect_nothing(0);
    iss = view(desc).iss;
    peer_acks(1, 65535);
    for (seq = 1; seq < 5301; seq += o.len) {
        o = take_out(60000);
        check_int(o.seq, seq);
        check_int(o.len, seq < 5001 ? 1000 : 300);
        check_int(o.psh, seq == 5001);
        check_pattern(o.data, seq, o.len);
        peer_acks(seq + o.len, 65535);
    }
    expect_nothing(60000);
}

/* One send of two and a half segments. */
static void test_push_of_one(void)
{
    struct out o;
    uint32_t seq;

    establish(65535);
    iss = view(desc).iss;
    send_now(1, 2500);
    for (seq = 1; seq < 2501; seq += o.len) {
        o = take_out(60000);
        check_int(o.seq, seq);
        check_int(o.len, seq < 2001 ? 1000 : 500);
        check_int(o.psh, seq == 2001);
        peer_acks(seq + o.len, 65535);
    }
    send_now(2501, 1);
    o = take_out(0);
    check_int(o.seq, 2501);
    check(o.psh);
    peer_acks(2502, 65535);
}

/* Each byte goes out at the latest when the one before it is acknowledged. */
static void test_not_held(void)
{
    establish(65535);
    peer_begin(65535);
    for (uint32_t seq = 1; seq < 101; seq++) {
        send_now(seq, 1);
    }
    for (int i = 0; i < 100 && peer.next < 101; i++) {
        check_cmp(wire_pending(0), >, 0); /* at once, without time passing */
        peer_takes(0);
        if (wire_pending(0) == 0) {
            peer_answers(65535);
        }
    }
    check_int(peer.next, 101);
    expect_nothing(60000);
}

/* Half a segment is acknowledged: only the other half is retransmitted. */
static void test_part(void)
{
    struct out o;

    establish(65535);
    iss = view(desc).iss;
    send_now(1, 1000);
    expect("P. 1:1001(1000) ack 1");
    peer_acks(401, 65535);
    expect_nothing(0);
    for (int i = 0; i < 3; i++) {
        o = take_out(60000);
        check_int(o.seq, 401);
        check_int(o.len, 600);
        check_pattern(o.data, 401, 600);
    }
    peer_acks(1000, 65535);
    o = take_out(60000);
    check_int(o.seq, 1000);
    check_int(o.len, 1);
    peer_acks(1001, 65535);
    expect_nothing(60000);
}

/* The MTU may change at any time: new segments and retransmissions fit it. A timeout may retransmit
 * the first segment alone (step 49), and the ACK of it the rest. */
static void test_mtu_changes(void)
{
    establish(65535);
    iss = view(desc).iss;
    send_now(1, 1000);
    expect("P. 1:1001(1000) ack 1");
    wire->mtu = 540;
    expect_within(60000, ". 1:501(500) ack 1");
    if (wire_pending(0) == 0) {
        peer_acks(501, 65535);
    }
    expect_within(60000, "P. 501:1001(500) ack 1");
    peer_acks(1001, 65535);
    send_now(1001, 600);
    expect(". 1001:1501(500) ack 1");
    expect("P. 1501:1601(100) ack 1");
    wire->mtu = 1500;
    peer_acks(1601, 65535);
    send_now(1601, 1000);
    expect("P. 1601:2601(1000) ack 1");
    peer_acks(2601, 65535);
}

/* An ACK of one segment and a part of the next. */
static void test_part_of_many(void)
{
    struct out o;

    establish(65535);
    iss = view(desc).iss;
    send_now(1, 2000);
    expect(". 1:1001(1000) ack 1");
    expect("P. 1001:2001(1000) ack 1");
    peer_acks(1301, 65535);
    for (int i = 0; i < 3; i++) {
        o = take_out(60000);
        check_int(o.seq, 1301);
        check_int(o.len, 700);
    }
    peer_acks(2001, 65535);
    expect_nothing(60000);
}

static void test_resend_in_window(void)
{
    struct out o;

    establish(2000);
    iss = view(desc).iss;
    send_now(1, 2000);
    expect(". 1:1001(1000) ack 1");
    expect("P. 1001:2001(1000) ack 1");
    peer_acks(1, 100);
    for (int i = 0; i < 3; i++) {
        o = take_out(60000);
        check_cmp(o.seq, <=, 1);
        check_cmp(o.seq + o.len, <=, 101);
    }
    peer_begin(100);
    peer_takes_all(2001, 65535);
}

/* Returns the milliseconds until byte 1 is retransmitted or probed, with at most len bytes. */
static long again_wait(uint32_t len)
{
    uint64_t before = now_ms();
    struct out o = take_out(120000);

    check_cmp(o.seq, <=, 1);
    check_cmp(o.len, <=, len);
    return (long)(now_ms() - before);
}

/* Losses have backed off the retransmission timeout; the probe interval starts afresh. */
static void test_shuts_after_losses(void)
{
    long first;

    establish(65535);
    iss = view(desc).iss;
    send_now(1, 10);
    check_int(take_out(0).len, 10);
    first = again_wait(10);
    for (int i = 0; i < 5; i++) {
        again_wait(10);
    }
    peer_acks(1, 0);
    check_cmp(again_wait(1), <=, first + TICK);
    check_cmp(again_wait(1), <=, 2 * first + TICK); /* one probe may be lost */
    peer_begin(0);
    peer_takes_all(11, 65535);
}

/*
 * The FIN
 */

/* The peer closes, too. */
static void peer_ends(void)
{
    char fin[64];

    check(peer.fin);
    snprintf(fin, sizeof(fin), "F. 1:1(0) ack %u", peer.next);
    inject(fin);
    advance(500);
    wire_pending(1);
}

static void peer_takes_fin(uint32_t total, unsigned win)
{
    peer_takes_all(total + 2, win);
    check(peer.fin);
    check_state(desc, "FIN_WAIT2");
    peer_ends();
    check_state(desc, "TIME_WAIT");
}

static void test_close_behind_data(void)
{
    establish(0);
    peer_begin(0);
    send_now(1, 3000);
    check_int(tcp_cmd_close(desc), 0);
    check_error(tcp_cmd_send(desc, "x", 1), EBADF);
    for (int i = 0; i < 5; i++) {
        peer_takes(60000); /* probes */
        check(!peer.fin);
        peer_answers(0);
    }
    check_int(peer.next, 1);
    peer_takes_fin(3000, 65535);
}

static void test_close_at_once(void)
{
    establish(1000);
    peer_begin(1000);
    send_now(1, 50000);
    check_int(tcp_cmd_close(desc), 0);
    peer_takes_fin(50000, 5000);
}

/* The peer has closed first: LAST-ACK. */
static void test_close_in_close_wait(void)
{
    establish(1000);
    peer_begin(1000);
    send_now(1, 500);
    inject("F. 1:1(0) ack 1 win 1000");
    send_now(501, 20000);
    check_int(tcp_cmd_close(desc), 0);
    check_state(desc, "LAST_ACK");
    while (!peer.fin) {
        peer_takes(60000);
        if (wire_pending(0) == 0 && !peer.fin) {
            char ack[64];

            snprintf(ack, sizeof(ack), ". 2:2(0) ack %u win 3000", peer.next);
            peer.edge = peer.next + 3000;
            inject(ack);
        }
    }
    check_int(peer.next, 20502);
    inject(". 2:2(0) ack 20502 win 3000");
    check(is_gone(desc));
}

static void test_fin_with_data(void)
{
    establish(0);
    send_now(1, 500);
    check_int(tcp_cmd_close(desc), 0);
    peer_acks(1, 501);
    expect("FP. 1:501(500) ack 1");
}

static void test_fin_with_data_last(void)
{
    establish(0);
    send_now(1, 500);
    inject("F. 1:1(0) ack 1 win 0");
    expect_within(500, ". 1:1(0) ack 2");
    check_int(tcp_cmd_close(desc), 0);
    inject(". 2:2(0) ack 1 win 501");
    expect("FP. 1:501(500) ack 2");
}

/* The window has room for the data, not for the FIN. */
static void test_fin_waits(void)
{
    establish(100);
    peer_begin(100);
    send_now(1, 100);
    check_int(tcp_cmd_close(desc), 0);
    peer_takes(0);
    check(!peer.fin);
    check_int(peer.next, 101);
    expect_nothing(0);
    peer_answers(0);
    expect_nothing(0);
    for (int i = 0; i < 5; i++) {
        struct out o = take_out(60000); /* a probe, which may be the FIN itself */

        check_cmp(o.seq, <=, 101);
        check_int(o.len, 0);
        peer_acks(101, 0);
        check_state(desc, "FIN_WAIT1");
    }
    peer_takes_fin(100, 1);
}

static void test_fin_alone_waits(void)
{
    establish(0);
    peer_begin(0);
    check_int(tcp_cmd_close(desc), 0);
    expect_nothing(100);
    check_state(desc, "FIN_WAIT1");
    peer_takes_fin(0, 65535);
}

static void test_lost_fin_with_data(void)
{
    establish(65535);
    peer_begin(65535);
    send_now(1, 1500);
    check_int(tcp_cmd_close(desc), 0);
    advance(0);
    wire_pending(1); /* all is lost */
    while (!peer.fin) {
        peer_takes(60000);
        if (wire_pending(0) == 0 && !peer.fin) {
            peer_answers(65535);
        }
    }
    check_int(peer.next, 1502);
    peer_answers(65535);
    check_state(desc, "FIN_WAIT2");
}

/*
 * Errors
 */

static void test_reset(void)
{
    static struct call c;
    char buf[8];

    establish(0);
    send_now(1, 1000);
    send_start(&c, 1001, 2 * TCP_SND_BUF_SIZE);
    check_sleeps(&c);
    inject("R 1:1(0)");
    check_sent_or_failed(&c, ECONNRESET);
    check_error(tcp_cmd_send(desc, "x", 1), ECONNRESET);
    check_error(tcp_cmd_receive(desc, buf, sizeof(buf)), ECONNRESET);
    expect_nothing(60000);
}

static void test_timeout(void)
{
    static struct call c;
    char buf[8];

    establish(65535);
    send_now(1, 1000);
    send_start(&c, 1001, 2 * TCP_SND_BUF_SIZE);
    advance(99000);
    check_state(desc, "ESTABLISHED");
    advance(1000000);
    wire_pending(1);
    check_sent_or_failed(&c, ETIMEDOUT);
    check_error(tcp_cmd_send(desc, "x", 1), ETIMEDOUT);
    check_error(tcp_cmd_receive(desc, buf, sizeof(buf)), ETIMEDOUT);
}

/* Bytes buffered before an interruption count, and are sent. */
static void test_interruption(void)
{
    static struct call c;

    establish(0);
    peer_begin(0);
    send_start(&c, 1, 2 * TCP_SND_BUF_SIZE);
    check_sleeps(&c);
    intr_raise(INTR_IRQ_USER);
    settle();
    check(task_done(c.task));
    check_cmp(c.ret, >, 0);
    check_cmp(c.ret, <, 2 * TCP_SND_BUF_SIZE);
    peer_takes_all(1 + (uint32_t)c.ret, 10000);
    send_now(1 + (uint32_t)c.ret, 100);
    peer_takes_all(101 + (uint32_t)c.ret, 10000);
    expect_nothing(60000);
}

static void test_empty(void)
{
    establish(65535);
    check_int(tcp_cmd_send(desc, "", 0), 0);
    expect_nothing(1000);
}

/*
 * Bulk data
 */
#define MUCH 1000000

static void send_randomly(void *arg)
{
    static uint8_t buf[40000];
    uint32_t seq = 1, len;

    (void)arg;
    while (seq < 1 + MUCH) {
        len = 1 + draw(draw(2) ? 100 : sizeof(buf));
        len = len < 1 + MUCH - seq ? len : 1 + MUCH - seq;
        pattern(buf, seq, len);
        check_int(tcp_cmd_send(desc, buf, len), len);
        seq += len;
    }
    check_int(tcp_cmd_close(desc), 0);
}

/* Random windows, zero included, and ACKs at random times. */
static void take_randomly(unsigned lose)
{
    peer_begin(1000);
    peer.lose = lose;
    task_start("sender", send_randomly, NULL);
    while (!peer.fin) {
        peer_takes(120000);
        if (wire_pending(0) == 0 || draw(3) == 0) {
            peer_answers(draw(20) ? draw(30000) : 0);
        }
    }
    check_int(peer.next, MUCH + 2);
    peer_answers(10);
    advance(0);
    peer_ends();
}

static void test_much(void)
{
    establish(1000);
    take_randomly(0);
}

static void test_much_lossy(void)
{
    establish(1000);
    take_randomly(5);
}

/* Our numbers wrap at each place of a segment, and in the middle of bulk data. */
static void test_wrap(void)
{
    for (uint32_t i = 0; i < 12; i++) {
        our_isn = UINT32_MAX - 1002 + i;
        establish(0);
        peer_begin(0);
        check_int(view(desc).iss, our_isn);
        for (uint32_t seq = 1; seq < 2501; seq += 500) {
            send_now(seq, 500);
        }
        peer_takes_all(501 + i, 500 + i);
        check_int(tcp_cmd_close(desc), 0);
        peer_takes_fin(2500, 300);
        check_int(net_shutdown(), 0);
    }
    our_isn = 0 - 100000;
    establish(1000);
    take_randomly(5);
}

/*
 * Two senders: the bytes of each arrive in order
 */
static uint8_t last_of[2];

static size_t two_texts(const uint8_t *data, uint32_t seq, size_t len)
{
    (void)seq;
    for (size_t i = 0; i < len; i++) {
        int sender = data[i] >> 7;

        last_of[sender] = (uint8_t)((last_of[sender] + 1) % 127);
        check_int(data[i] & 127, last_of[sender]);
    }
    return len;
}

static void send_marked(void *arg)
{
    static uint8_t bufs[2][100000];
    int sender = *(int *)arg;
    uint8_t *buf = bufs[sender];

    for (uint32_t i = 0; i < sizeof(bufs[0]); i++) {
        buf[i] = (uint8_t)(sender << 7 | (i + 1) % 127);
    }
    check_int(tcp_cmd_send(desc, buf, sizeof(bufs[0])), sizeof(bufs[0]));
}

static void test_two_senders(void)
{
    static int sender[2] = {0, 1};
    struct task *one, *other;

    establish(1000);
    peer_begin(1000);
    peer.text = two_texts;
    one = task_start("one", send_marked, &sender[0]);
    other = task_start("other", send_marked, &sender[1]);
    peer_takes_all(200001, 10000);
    task_join(one, 0);
    task_join(other, 0);
}

/*
 * RFC 6298 5.7: a retransmitted SYN may mean a long round trip
 */

/* The peer answers our SYN-ACK once it has been sent this many times. */
static void establish_late(int times)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    open_start(&opener, PEER_ISN);
    inject("S 0:0(0) win 65535 <mss 1000>");
    expect("S. 0:0(0) ack 1");
    while (--times > 0) {
        expect_within(60000, "S. 0:0(0) ack 1");
    }
    inject(". 1:1(0) ack 1");
    desc = opened(&opener);
}

/* The segment is retransmitted after ms and again after twice that. */
static void check_waits(long ms, const char *segment)
{
    long wait = expect_within(10 * ms, segment);

    check_range(wait, ms, ms + TICK);
    wait = expect_within(10 * ms, segment);
    check_range(wait, 2 * ms - TICK, 2 * ms + TICK);
}

static void test_repeated_syn_ack(void)
{
    establish_late(2);
    advance(60000);
    send_now(1, 10);
    expect("P. 1:11(10) ack 1");
    check_waits(3000, "P. 1:11(10) ack 1");
    inject(". 1:1(0) ack 11"); /* of either transmission: no sample of the round trip */
    send_now(11, 10);
    expect("P. 11:21(10) ack 1");
    /* from step 49 on the back-off stays until there is a sample */
    check_range(expect_within(30000, "P. 11:21(10) ack 1"), 3000, 12000 + TICK);
}

/* Data sent once is acknowledged: the round trip is short. */
static void test_repeated_syn_ack_by_chance(void)
{
    establish_late(3);
    send_now(1, 10);
    expect("P. 1:11(10) ack 1");
    expect_nothing(FAR_MS); /* 3 FAR_MS are TCP_RTO, too */
    inject(". 1:1(0) ack 11");
    send_now(11, 10);
    expect("P. 11:21(10) ack 1");
    check_waits(TCP_RTO, "P. 11:21(10) ack 1");
}

static ssize_t open_active(struct call *c)
{
    ip_endp_t remote = endp(c->remote);

    return tcp_cmd_open(NULL, &remote, 1);
}

/* A FIN counts as data. */
static void test_repeated_syn(void)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:0", "192.0.2.1:5000", PEER_ISN);
    call_start(&opener, open_active, .remote = "192.0.2.1:5000");
    expect("S 0:0(0)");
    expect_within(2000, "S 0:0(0)");
    inject("S. 0:0(0) ack 1");
    expect(". 1:1(0) ack 1");
    desc = opened(&opener);
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 1:1(0) ack 1");
    check_waits(3000, "F. 1:1(0) ack 1");
}

/* The window has room for the rest: this data carries the ACK. */
static void test_data_carries_ack(void)
{
    static struct call c;

    bench_start(WIRE_RAW);
    desc = established(PEER_ISN, "", 10);
    call_start(&c, send_pattern, .desc = desc, .from = 1, .len = 20);
    check_int(wire_pending(1), 1);
    inject("P. 1:11(10) ack 11 win 10");
    expect("P. 11:21(10) ack 11");
    expect_nothing(0);
    inject(". 11:11(0) ack 21");
    check_returned(&c, 20);
}

BENCH(35,
      {"send returns once the bytes are in the buffer [MAY-16]", test_returns},
      {"send sleeps while the buffer is full", test_full},
      {"small writes go out as full segments [SHLD-28 SHLD-27 MUST-61]", test_full_segments},
      {"the last segment of a write has PSH [MUST-61]", test_push_of_one},
      {"held bytes go out once the data in flight is acknowledged [MUST-60]", test_not_held},
      {"released data carries the ACK, and no other is sent", test_data_carries_ack},
      {"only the unacknowledged half of a segment is retransmitted", test_part},
      {"acknowledged segments are not retransmitted", test_part_of_many},
      {"segments and retransmissions fit a changed MTU [MUST-16]", test_mtu_changes},
      {"retransmissions fit a shrunk window", test_resend_in_window},
      {"the FIN follows the data sent before close", test_close_behind_data},
      {"close right after a large send loses nothing", test_close_at_once},
      {"close in CLOSE-WAIT after a large send loses nothing", test_close_in_close_wait},
      {"a window closed after losses is probed after one RTO [SHLD-29 MUST-35]",
       test_shuts_after_losses},
      {"the last data segment carries the FIN", test_fin_with_data},
      {"the last data segment carries the FIN in CLOSE-WAIT", test_fin_with_data_last},
      {"the FIN needs room in the window", test_fin_waits},
      {"a FIN without data needs room in the window", test_fin_alone_waits},
      {"lost data and FIN are retransmitted in order", test_lost_fin_with_data},
      {"calls after a reset fail with ECONNRESET", test_reset},
      {"calls after a timeout fail with ETIMEDOUT", test_timeout},
      {"an interrupted send returns how many bytes it has buffered", test_interruption},
      {"a send of no bytes sends no segment", test_empty},
      {"a million bytes in random sizes arrive once and in order", test_much},
      {"a million bytes arrive once and in order with 5 % loss", test_much_lossy},
      {"data and FIN arrive around sequence number 2^32 [T-26]", test_wrap},
      {"two concurrent senders keep the order of their bytes", test_two_senders},
      {"the RTO is 3 s after a retransmitted SYN-ACK", test_repeated_syn_ack},
      {"an ACK of data sent once ends the RTO of 3 s", test_repeated_syn_ack_by_chance},
      {"the RTO is 3 s after a retransmitted SYN", test_repeated_syn})
