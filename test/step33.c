/* Step 33: trimming. Data behind a hole may be kept or dropped (step 48). */

#include <stdio.h>

#include "bench.h"
#include "conn.h"
#include "net.h"
#include "tcp.h"
#include "util.h"

static int desc = -1; /* the connection */

static void establish(uint32_t peer_isn)
{
    desc = established(peer_isn, "", 65535);
}

static uint32_t next(void)
{
    return view(desc).rcv.nxt - view(desc).irs;
}

static uint64_t trimmed(void)
{
    struct tcp_stats stats;

    tcp_get_stats(&stats);
    return stats.trimmed;
}

/* The peer sends bytes [from, end), perhaps none, with these flags: "P.", "F." or "R." */
static void sends(const char *flags, uint32_t from, uint32_t end)
{
    char script[64];

    snprintf(script, sizeof(script), "%s %u:%u(%u) ack 1", flags, from, end, end - from);
    inject(script);
}

/* Ends the connection; the next one may have the same endpoints. */
static void end(void)
{
    char reset[64];

    snprintf(reset, sizeof(reset), "R %u:%u(0)", next(), next());
    inject(reset);
    check_state(desc, "CLOSED");
    check_int(tcp_cmd_close(desc), 0);
    wire_pending(1);
}

/* Fills the window with unread data, but for left bytes. Returns the peer's next number. */
static uint32_t fill_but(uint32_t left)
{
    uint32_t seq = next(), len;

    while (view(desc).rcv.wnd > left) {
        len = view(desc).rcv.wnd - left;
        len = len < 8000 ? len : 8000;
        peer_sends(seq, seq + len);
        seq += len;
        check_int(next(), seq);
    }
    advance(500);
    wire_pending(1);
    return seq;
}

/*
 * One segment against one window: RCV.NXT is next, and room bytes from there on are in the window.
 */
struct shot {
    uint32_t next, room;
    uint32_t from, end;
    int fin; /* at end */
};

/* How many bytes of it must be accepted. */
static uint32_t shot_taken(const struct shot *s)
{
    uint32_t edge = s->next + s->room;

    if (s->from > s->next || s->end <= s->next) {
        return 0;
    }
    return (s->end < edge ? s->end : edge) - s->next;
}

/* Must its FIN be accepted? */
static int shot_ends(const struct shot *s)
{
    return s->fin && s->from <= s->next && s->end >= s->next && s->end < s->next + s->room;
}

static void shot_check(const struct shot *s)
{
    uint32_t taken = shot_taken(s), edge = s->next + s->room;
    uint64_t before = trimmed();
    int ends = shot_ends(s);

    sends(s->fin ? "F." : "P.", s->from, s->end);
    if (next() != s->next + taken + (uint32_t)ends) {
        fail("window %u to %u, segment %u to %u%s: next is %u and not %u", s->next, edge, s->from,
             s->end, s->fin ? " with FIN" : "", next(), s->next + taken + (uint32_t)ends);
    }
    check_state(desc, ends ? "CLOSE_WAIT" : "ESTABLISHED");
    if (taken > 0) {
        check_int(trimmed() - before,
                  s->from < s->next || s->end + (uint32_t)s->fin > edge);
    }
    if (s->from != s->end || s->fin || s->from < s->next) {
        check_acked(desc, s->next + taken + (uint32_t)ends);
    }
}

/* The missing bytes arrive; then all bytes are there, each once. */
static void shot_complete(const struct shot *s)
{
    uint32_t from = next(), edge = s->next + s->room;

    if (view(desc).state == TCP_STATE_ESTABLISHED && !s->fin && from < edge) {
        peer_sends(from, edge);
        check_int(next(), edge);
        from = edge;
    }
    advance(500);
    wire_pending(1);
    check_received(desc, 1, from - (view(desc).state == TCP_STATE_CLOSE_WAIT));
}

/* All segments from 3 bytes before RCV.NXT to 3 beyond the right edge. */
static void shoot_all(uint32_t isn, uint32_t room, int fin)
{
    struct shot s = {.room = room, .fin = fin};
    uint32_t back, len;

    for (back = 0; back < room + 6; back++) {
        for (len = 0; back + len <= room + 6; len++) {
            establish(isn);
            s.next = fill_but(room);
            s.from = s.next - 3 + back;
            s.end = s.from + len;
            shot_check(&s);
            shot_complete(&s);
            end();
        }
    }
}

static void test_small_window(void)
{
    bench_start(WIRE_RAW);
    shoot_all(PEER_ISN, 5, 0);
    shoot_all(PEER_ISN, 1, 0);
}

static void test_small_window_fin(void)
{
    bench_start(WIRE_RAW);
    shoot_all(PEER_ISN, 4, 1);
    shoot_all(PEER_ISN, 1, 1);
}

static void test_shut_window(void)
{
    bench_start(WIRE_RAW);
    shoot_all(PEER_ISN, 0, 0);
    shoot_all(PEER_ISN, 0, 1);
}

/* 2^32 lies inside the window. */
static void test_wrap(void)
{
    uint32_t full;

    bench_start(WIRE_RAW);
    establish(PEER_ISN);
    full = view(desc).rcv.wnd;
    end();
    shoot_all(0 - (full - 2), 3, 0);
    shoot_all(0 - (full - 1), 3, 1);
}

/* A wide window, so nothing is trimmed on the right; also around 2^32. */
static void test_left(void)
{
    struct shot s = {.next = 11};
    uint32_t back, len;

    time_limit(10);
    bench_start(WIRE_RAW);
    for (uint32_t i = 0; i < 24; i++) {
        for (back = 0, s.fin = i % 2; back < 6; back++) {
            for (len = 0; len < 8; len++) {
                establish(i / 2 ? UINT32_MAX - 17 + i / 2 : PEER_ISN);
                peer_sends(1, 11);
                s.from = 11 - back;
                s.end = s.from + len;
                advance(500);
                wire_pending(1);
                s.room = 1000;
                shot_check(&s);
                check_received(desc, 1, next() - (view(desc).state == TCP_STATE_CLOSE_WAIT));
                end();
            }
        }
    }
}

/* A segment of nearly 64 KiB that begins before RCV.NXT and ends beyond the window. */
static void test_long(void)
{
    struct shot s = {.room = 100};

    bench_start(WIRE_RAW);
    establish(PEER_ISN);
    s.next = fill_but(100);
    s.from = s.next - 30000;
    s.end = s.from + 65000;
    shot_check(&s);
    shot_complete(&s);
    check_int(s.next + 100, next());
    end();
    establish(PEER_ISN);
    s.next = s.from = fill_but(100);
    s.end = s.from + 65000;
    shot_check(&s);
    shot_complete(&s);
    wire_pending(1); /* a window update */
}

static void test_duplicates(void)
{
    uint64_t before;

    bench_start(WIRE_RAW);
    establish(PEER_ISN);
    peer_sends(1, 11);
    check_acked(desc, 11);
    before = trimmed();
    for (uint32_t from = 1; from < 11; from++) {
        for (uint32_t to = from + 1; to <= 11; to++) {
            peer_sends(from, to);
            check_acked(desc, 11);
        }
    }
    check_int(trimmed(), before); /* wholly old segments do not count */
    peer_sends(11, 21);
    check_received(desc, 1, 21);
    check_acked(desc, 21);
}

/* RFC 9293 3.8.4: SEG.SEQ = SND.NXT-1, with one garbage byte or none. */
static void test_keep_alive(void)
{
    bench_start(WIRE_RAW);
    establish(PEER_ISN);
    inject(". 0:0(0) ack 1");
    expect(". 1:1(0) ack 1");
    advance(3600000);
    inject(". 0:1(1) ack 1");
    expect(". 1:1(0) ack 1");
    peer_sends(1, 11);
    check_acked(desc, 11);
    advance(3600000);
    inject(". 10:10(0) ack 1");
    expect(". 1:1(0) ack 11");
    advance(3600000);
    inject(". 10:11(1) ack 1 'x'");
    expect(". 1:1(0) ack 11");
    check_received(desc, 1, 11);
}

/* The FIN is repeated with different amounts of data before it. */
static void test_repeated_fin(void)
{
    char buf[16];

    bench_start(WIRE_RAW);
    establish(PEER_ISN);
    peer_sends(1, 6);
    sends("F.", 3, 11);
    check_acked(desc, 12);
    check_state(desc, "CLOSE_WAIT");
    sends("F.", 1, 11);
    check_acked(desc, 12);
    sends("F.", 11, 11);
    check_acked(desc, 12);
    peer_sends(5, 11);
    check_acked(desc, 12);
    check_int(next(), 12);
    check_received(desc, 1, 11);
    check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), 0);
}

/* Only the FIN does not fit. It is repeated once the buffer has been read, and accepted. */
static void test_fin_beyond(void)
{
    uint32_t seq;
    char buf[16];

    bench_start(WIRE_RAW);
    establish(PEER_ISN);
    seq = fill_but(10);
    check_counted(tcp, trimmed, 1, sends("F.", seq, seq + 10));
    check_acked(desc, seq + 10);
    check_state(desc, "ESTABLISHED");
    sends("F.", seq + 10, seq + 10);
    check_acked(desc, seq + 10);
    check_state(desc, "ESTABLISHED");
    check_received(desc, 1, seq + 10);
    advance(500);
    wire_pending(1);
    sends("F.", seq, seq + 10);
    check_acked(desc, seq + 11);
    check_state(desc, "CLOSE_WAIT");
    check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), 0);
}

/* A valid RST begins at RCV.NXT exactly: trimming must not move an invalid one there. */
static void test_reset(void)
{
    bench_start(WIRE_RAW);
    establish(PEER_ISN);
    peer_sends(1, 11);
    check_acked(desc, 11);
    for (uint32_t from = 1; from < 11; from++) {
        for (uint32_t to = from; to < 21; to++) {
            sends("R.", from, to);
            check_state(desc, "ESTABLISHED");
        }
    }
    advance(500);
    wire_pending(1);
    check_int(next(), 11);
    sends("R.", 11, 21); /* its data is ignored */
    check_state(desc, "CLOSED");
}

static void test_reset_into_full_window(void)
{
    uint32_t seq;

    bench_start(WIRE_RAW);
    establish(PEER_ISN);
    seq = fill_but(5);
    sends("R.", seq - 5, seq);
    sends("R.", seq - 5, seq + 1);
    sends("R.", seq - 5, seq + 10);
    check_state(desc, "ESTABLISHED");
    advance(500);
    wire_pending(1);
    sends("R.", seq, seq + 10);
    check_state(desc, "CLOSED");
}

/* A repeated SYN with data, of which only the SYN's number is old. The SYN may be trimmed, or the
 * segment challenged (RFC 5961 4). */
static void test_old_syn(void)
{
    bench_start(WIRE_RAW);
    establish(PEER_ISN);
    inject_with("tcp.flags=0x1a", "P. 0:11(11) ack 1");
    advance(500);
    check_cmp(wire_pending(1), >, 0);
    check_state(desc, "ESTABLISHED");
    check(next() == 1 || next() == 11);
    end();
    establish(PEER_ISN);
    inject_with("tcp.flags=0x12", ". 0:0(0) ack 1");
    check_acked(desc, 1);
    check_state(desc, "ESTABLISHED");
}

/*
 * Data on a SYN
 */
static ssize_t open_active(struct call *c)
{
    ip_endp_t local = endp(c->local), remote = endp(c->remote);

    desc = tcp_cmd_open(&local, &remote, 1);
    return desc;
}

static struct call *to_syn_sent(void)
{
    static struct call c;

    client('A', PEER_ISN);
    call_start(&c, open_active, .local = "192.0.2.2:7", .remote = "192.0.2.1:5000");
    expect("S 0:0(0)");
    return &c;
}

static void check_text(const char *text)
{
    char buf[64] = "";

    check_int(tcp_cmd_receive(desc, buf, sizeof(buf) - 1), strlen(text));
    check_str(buf, text);
}

/* RFC 9293 3.10.7.3, fourth: "If there are other controls or text in the segment, then continue" */
static void test_syn_ack_text(void)
{
    struct call *opener;

    bench_start(WIRE_RAW);
    opener = to_syn_sent();
    inject("S. 0:5(5) ack 1 'hello'");
    expect_within(500, ". 1:1(0) ack 6");
    opened(opener);
    check_state(desc, "ESTABLISHED");
    check_text("hello");
    inject("P. 6:11(5) ack 1 'world'");
    expect_within(500, ". 1:1(0) ack 11");
    check_text("world");
}

static void test_syn_ack_fin(void)
{
    static const char *const syn_ack[] = {"SF. 0:5(5) ack 1 'hello'", "SF. 0:0(0) ack 1"};
    struct call *opener;
    char byte;

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(syn_ack); i++) {
        opener = to_syn_sent();
        inject(syn_ack[i]);
        expect_within(500, i == 0 ? ". 1:1(0) ack 7" : ". 1:1(0) ack 2");
        opened(opener);
        check_state(desc, "CLOSE_WAIT");
        if (i == 0) {
            check_text("hello");
        }
        check_int(tcp_cmd_receive(desc, &byte, 1), 0);
        end();
    }
}

/* RFC 9293 3.5, Figure 7: the peer's SYN-ACK repeats its SYN and acknowledges ours. */
static void test_crossing(void)
{
    struct call *opener;

    bench_start(WIRE_RAW);
    opener = to_syn_sent();
    inject("S 0:0(0)");
    expect("S. 0:0(0) ack 1");
    inject("S. 5:5(0) ack 1"); /* not the SYN received before */
    expect(". 1:1(0) ack 1");
    inject("S 0:0(0)");
    expect(". 1:1(0) ack 1");
    check_sleeps(opener);
    inject("S. 0:0(0) ack 1 win 1000");
    wire_pending(1);
    opened(opener);
    check_state(desc, "ESTABLISHED");
    check_int(view(desc).snd.wnd, 1000);
    expect_nothing(60000);
    inject("S. 0:0(0) ack 1 win 1000"); /* repeated: our ACK was lost */
    expect(". 1:1(0) ack 1");
    inject("P. 1:6(5) ack 1 'hello'");
    expect_within(500, ". 1:1(0) ack 6");
    check_text("hello");
}

/* RFC 9293 3.10.7.3: "queue them for processing after the ESTABLISHED state has been reached" */
static void test_crossing_text(void)
{
    static const char *const last[] = {
        "S. 0:0(0) ack 1", "S. 0:5(5) ack 1 'hello'", ". 6:6(0) ack 1", ". 1:1(0) ack 1",
        "P. 1:6(5) ack 1 'hello'", "P. 3:6(3) ack 1 'llo'", "P. 1:4(3) ack 1 'hel'",
    };
    struct call *opener;

    bench_start(WIRE_RAW);
    opener = to_syn_sent();
    inject("S 0:1(1) 'h'");
    expect("S. 0:0(0) ack 1");
    inject(". 2:2(0) ack 1");
    opened(opener);
    check_text("h");
    end();
    for (size_t i = 0; i < countof(last); i++) {
        opener = to_syn_sent();
        inject("S 0:5(5) 'hello'");
        expect("S. 0:0(0) ack 1");
        check_sleeps(opener);
        inject(last[i]);
        opened(opener);
        check_acked(desc, 6);
        check_text("hello");
        inject("P. 6:11(5) ack 1 'world'");
        expect_within(500, ". 1:1(0) ack 11");
        check_text("world");
        end();
    }
}

/* An allocation fails once the SYN is received. Data that was not kept is not acknowledged, and the
 * peer sends it again; a SYN-ACK that was not sent is retransmitted. */
static void test_crossing_no_memory(void)
{
    struct call *opener;

    bench_start(WIRE_RAW);
    for (unsigned long k = 2; k <= 5; k++) {
        opener = to_syn_sent();
        sim_fail_alloc(k);
        inject("S 0:5(5) 'hello'");
        sim_fail_alloc(0);
        expect_within(5000, "S. 0:0(0) ack 1");
        inject("S. 0:0(0) ack 1");
        opened(opener);
        wire_pending(1);
        inject("P. 1:6(5) ack 1 'hello'");
        check_acked(desc, 6);
        check_text("hello");
        inject("P. 6:11(5) ack 1 'world'");
        expect_within(500, ". 1:1(0) ack 11");
        check_text("world");
        end();
    }
}

/* Data of a failed handshake does not reach the next connection. */
static void test_crossing_text_refused(void)
{
    struct call *opener;

    bench_start(WIRE_RAW);
    opener = to_syn_sent();
    inject("S 0:5(5) 'hello'");
    expect("S. 0:0(0) ack 1");
    inject("R 1:1(0)");
    check_failed(opener, ECONNREFUSED);
    opener = to_syn_sent();
    inject("S 0:0(0)");
    expect("S. 0:0(0) ack 1");
    inject(". 1:1(0) ack 1");
    opened(opener);
    inject("P. 1:6(5) ack 1 'world'");
    expect_within(500, ". 1:1(0) ack 6");
    check_text("world");
}

BENCH(33,
      {"old bytes are trimmed, at any place and around 2^32 [T-23 T-26 EVENT-5]", test_left},
      {"bytes beyond the window are trimmed, at any place [T-22 T-23]", test_small_window},
      {"a FIN beyond the window is trimmed [EVENT-5]", test_small_window_fin},
      {"a segment into a zero window is answered and not accepted [T-22]", test_shut_window},
      {"trimming works with 2^32 inside the window [T-26]", test_wrap},
      {"a segment of nearly 64 KiB is trimmed [T-22]", test_long},
      {"duplicate data is answered by an ACK and does not count as trimmed [T-23]",
       test_duplicates},
      {"a keep-alive is answered [T-23]", test_keep_alive},
      {"a repeated FIN counts once", test_repeated_fin},
      {"a FIN beyond the window is accepted when it fits [EVENT-5]", test_fin_beyond},
      {"trimming does not make an invalid RST valid", test_reset},
      {"trimming does not make an invalid RST valid in a nearly full window",
       test_reset_into_full_window},
      {"an old SYN does no harm", test_old_syn},
      {"data on a SYN-ACK is accepted [EVENT-3]", test_syn_ack_text},
      {"a FIN on a SYN-ACK is accepted [EVENT-3]", test_syn_ack_fin},
      {"a SYN-ACK completes a simultaneous open [MUST-10]", test_crossing},
      {"data on a crossing SYN is delivered after the handshake [EVENT-3]", test_crossing_text},
      {"data on a crossing SYN for which there is no memory is not acknowledged",
       test_crossing_no_memory},
      {"data on a crossing SYN is dropped when the handshake fails", test_crossing_text_refused})
