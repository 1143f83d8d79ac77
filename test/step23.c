/* Step 23: data. How data is cut into segments, and when within 500 ms an ACK is sent, is not
 * tested. */

#include <stdio.h>

#include "bench.h"
#include "conn.h"
#include "platform.h"
#include "tcp.h"
#include "udp.h"
#include "util.h"

#define MUCH 100000 /* bytes, more than any buffer holds */

static int desc = -1; /* the connection */
static uint32_t our_isn; /* our initial sequence number; 0: any */

static void establish(uint32_t peer_isn, unsigned win)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    open_start(&opener, peer_isn);
    if (our_isn) {
        next_isn(our_isn);
    }
    handshake("", win);
    desc = opened(&opener);
}

static int pushed;           /* the last segment with data had PSH */
static uint32_t arrived = 1; /* relative number after the last byte that our side has sent */

/* The checksum of a datagram's segment, over the data too. */
static int is_sum_right(const uint8_t *packet, size_t len)
{
    ip_addr_t src, dst;

    memcpy(&src, packet + 12, sizeof(src));
    memcpy(&dst, packet + 16, sizeof(dst));
    return ip_pseudo_cksum(IP_PROTOCOL_TCP, packet + 20, len - 20, src, dst) == 0;
}

/* Takes the data that our side sends now, in any segments. Returns how many bytes were new. */
static size_t take_data(void)
{
    uint8_t packet[1500];
    uint32_t seq, before = arrived;
    size_t len, hlen;

    settle();
    while (wire_pending(0) > 0) {
        len = take(0, packet, sizeof(packet));
        hlen = 20 + 4u * (packet[32] >> 4);
        if (!is_sum_right(packet, len)) {
            fail("tcp.sum is wrong in a segment of %zu bytes of data", len - hlen);
        }
        check_flags(packet[33]);
        seq = get32(packet + 24) - view(desc).iss;
        check_cmp(seq, <=, arrived);
        check_cmp(len - hlen, <=, 536); /* default send MSS, RFC 9293 3.7.1 */
        check_pattern(packet + hlen, seq, len - hlen);
        if (len > hlen) {
            pushed = packet[33] & 0x08;
        }
        if (seq + len - hlen > arrived) {
            arrived = seq + (uint32_t)(len - hlen);
        }
    }
    return arrived - before;
}

static void test_receive(void)
{
    establish(PEER_ISN, 65535);
    peer_sends(1, 11);
    check_acked(desc, 11);
    inject("P. 11:12(1) ack 1 <nop,nop,nop,nop>");
    peer_sends(12, 1472);
    peer_sends(1472, 2000);
    check_acked(desc, 2000);
    check_received(desc, 1, 2000);
    check_cmp(view(desc).rcv.wnd, <=, TCP_RCV_BUF_SIZE);
}

/* Otherwise each ACK would be answered by another one. */
static void test_pure_ack(void)
{
    establish(PEER_ISN, 65535);
    expect_nothing(500);
    peer_acks(1, 1000);
    expect_nothing(500);
}

static void test_receive_some(void)
{
    char buf[64];

    establish(PEER_ISN, 65535);
    peer_sends(1, 101);
    check_acked(desc, 101);
    check_int(tcp_cmd_receive(desc, buf, 10), 10);
    check_pattern(buf, 1, 10);
    check_int(tcp_cmd_receive(desc, buf, 1), 1);
    check_pattern(buf, 11, 1);
    check_int(tcp_cmd_receive(desc, buf, 0), 0);
    check_received(desc, 12, 101);
}

/* Three times the size of the buffer. */
static void test_receive_much(void)
{
    uint32_t seq;

    establish(PEER_ISN, 65535);
    for (seq = 1; seq < 200000; seq += 1300) {
        peer_sends(seq, seq + 1300);
        check_acked(desc, seq + 1300);
        if (seq % 3 == 0) {
            check_received(desc, seq - 2600, seq + 1300);
        }
    }
}

static void test_receive_sleeps(void)
{
    static struct call c;

    establish(PEER_ISN, 65535);
    call_start(&c, receive, .desc = desc, .len = MUCH);
    advance(60000);
    check_sleeps(&c);
    peer_sends(1, 11);
    check_returned(&c, 10);
    check_pattern(c.buf, 1, 10);
    check_acked(desc, 11);
}

/* The data was sent before the peer had our bytes: its ACK is old and wakes nobody, but the data is
 * new. Senders sleep, too, and must not be woken in the reader's place. */
static void test_data_with_old_ack(void)
{
    static struct call c, senders[7];

    establish(PEER_ISN, 65535);
    our_side_sends(desc, 1, 10);
    check_int(take_data(), 10);
    peer_acks(11, 0);
    for (size_t i = 0; i < countof(senders); i++) {
        call_start(&senders[i], send_pattern, .desc = desc, .from = 11, .len = 10);
    }
    call_start(&c, receive, .desc = desc, .len = MUCH);
    inject("P. 1:11(10) ack 1 win 0");
    check_returned(&c, 10);
    check_acked(desc, 11);
}

/* RFC 9293 3.10.7.4: SYN-RECEIVED continues as ESTABLISHED with the rest of the segment. */
static void test_data_with_handshake(void)
{
    static struct call opener;

    bench_start(WIRE_RAW);
    open_start(&opener, PEER_ISN);
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    check_counted(tcp, bad_ack, 1, inject("P. 1:11(10) ack 2"));
    expect("R 2:2(0)"); /* it ends there: no other answer */
    peer_sends(1, 11);
    desc = opened(&opener);
    check_acked(desc, 11);
    check_received(desc, 1, 11);
}

/* Data after a gap is not acknowledged, nor delivered before the gap is filled. */
static void test_out_of_order(void)
{
    static struct call c;

    establish(PEER_ISN, 65535);
    call_start(&c, receive, .desc = desc, .len = MUCH);
    peer_sends(11, 21);
    check_acked(desc, 1);
    check_sleeps(&c);
    peer_sends(1, 11);
    peer_sends(11, 21);
    check_acked(desc, 21);
    check_pattern(c.buf, 1, (size_t)c.ret);
    check_received(desc, 1 + (uint32_t)c.ret, 21);
}

static void test_duplicates(void)
{
    establish(PEER_ISN, 65535);
    peer_sends(1, 11);
    check_acked(desc, 11);
    peer_sends(1, 11);
    check_acked(desc, 11);
    peer_sends(10, 11);
    check_acked(desc, 11);
    peer_sends(0, 1);
    check_acked(desc, 11);
    peer_sends(5, 15); /* partly new: accepting the new part is optional (step 33) */
    advance(500);
    wire_pending(1);
    peer_sends(11, 21);
    check_acked(desc, 21);
    check_received(desc, 1, 21);
}

/* RFC 9293 3.10.7.4: a segment outside the window is answered and dropped, with its ACK. */
static void test_ack_of_duplicate(void)
{
    establish(PEER_ISN, 65535);
    our_side_sends(desc, 1, 10);
    check_int(take_data(), 10);
    inject("P. 1:11(10) ack 1");
    inject("P. 1:11(10) ack 11");
    check_int(view(desc).snd.una - view(desc).iss, 1);
    inject(". 11:11(0) ack 11");
    check_int(view(desc).snd.una - view(desc).iss, 11);
    wire_pending(1);
}

/* Part of it is in the window, so that it is acceptable, even if its text is not (step 33). */
static void test_ack_of_partly_new(void)
{
    establish(PEER_ISN, 65535);
    our_side_sends(desc, 1, 10);
    check_int(take_data(), 10);
    inject("P. 1:11(10) ack 1");
    inject("P. 5:15(10) ack 11");
    check_int(view(desc).snd.una - view(desc).iss, 11);
    advance(500);
    wire_pending(1);
}

/* Otherwise two ends would answer each other for ever. */
static void test_reset_outside(void)
{
    establish(PEER_ISN, 65535);
    check_counted(tcp, out_of_window, 1, inject("R 70000:70000(0) win 0"));
    check_counted(tcp, out_of_window, 1, inject("R. =999:=999(0) ack 1"));
    expect_nothing(500);
    check_str(tcp_state_ntoa(view(desc).state), "ESTABLISHED");
}

/* Segments outside the window. */
static void test_outside(void)
{
    establish(PEER_ISN, 65535);
    peer_sends(65536, 65546);
    check_acked(desc, 1);
    peer_sends(0x40000000, 0x4000000a);
    check_acked(desc, 1);
    peer_sends(0x80000001, 0x8000000b);
    check_acked(desc, 1);
    peer_sends(0xfffffff0, 0xfffffffa);
    check_acked(desc, 1);
    peer_sends(1, 11);
    check_acked(desc, 11);
    check_received(desc, 1, 11);
}

/* The peer fills the window until left bytes of it remain; nothing is read. Returns the peer's next
 * sequence number. */
static uint32_t fill_but(uint32_t left)
{
    uint32_t seq = 1, window = view(desc).rcv.wnd, edge = seq + window, right_edge, len;

    for (; window > left; seq += len) {
        len = window > left + 1000 ? 1000 : window - left;
        peer_sends(seq, seq + len);
        window = check_acked(desc, seq + len);
        right_edge = seq + len + window; /* moves back never (RFC 9293 3.8.6), on by a read */
        check_int(right_edge, edge);
    }
    return seq;
}

/* With text at RCV.NXT, like a probe of the window: but a probe is answered. */
static void test_reset_into_shut_window(void)
{
    char reset[64];
    uint32_t seq;

    establish(PEER_ISN, 65535);
    seq = fill_but(0);
    snprintf(reset, sizeof(reset), "R. %u:%u(10) ack 1", seq, seq + 10);
    inject(reset);
    expect_nothing(500);
}

/* Ten bytes arrive when there is room for five. */
static void test_full(void)
{
    uint32_t seq, len;

    establish(PEER_ISN, 65535);
    seq = fill_but(5);
    peer_sends(seq, seq + 10);
    advance(500);
    wire_pending(1);
    len = view(desc).rcv.nxt - view(desc).irs - seq;
    check(len == 0 || len == 5); /* dropped or trimmed (step 33) */
    peer_sends(seq + len, seq + 5);
    advance(500);
    wire_pending(1);
    peer_sends(seq + 5, seq + 6);
    check_int(check_acked(desc, seq + 5), 0);
    read_up_to(desc, 1, 11);
    expect_nothing(0); /* there is no room for a full segment yet */
    check_received(desc, 11, seq + 5);
    check_cmp(check_acked(desc, seq + 5), >, 0); /* a window update */
    peer_sends(seq + 5, seq + 15);
    check_acked(desc, seq + 15);
    check_received(desc, seq + 5, seq + 15);
}

/* RFC 9293 3.10.7.4: of a segment into a zero window the data is dropped, but the ACK counts. */
static void test_ack_into_shut_window(void)
{
    static struct call c;
    char probe[64];
    uint32_t seq;

    establish(PEER_ISN, 65535);
    seq = fill_but(0);
    snprintf(probe, sizeof(probe), ". %u:%u(0) ack 1", seq, seq);
    inject(probe);
    expect_nothing(500); /* an ACK where it is expected: an answer would be answered, too */
    call_start(&c, send_pattern, .desc = desc, .from = 1, .len = 10);
    check_int(take_data(), 10);
    snprintf(probe, sizeof(probe), "P. %u:%u(1) ack 11", seq, seq + 1);
    inject(probe);
    check_acked(desc, seq);
    check_int(view(desc).snd.una - view(desc).iss, 11);
}

/* The peer has filled the window, but its last segments are lost: its ACKs have the number of the
 * right edge. They count. Two ends in this state must not answer each other for ever. */
static void test_ack_at_the_edge(void)
{
    static struct call c;
    int i;

    establish(PEER_ISN, 65535);
    call_start(&c, send_pattern, .desc = desc, .from = 1, .len = 10);
    check_int(take_data(), 10);
    inject(". 65536:65536(0) ack 11 win 1000");
    check_acked(desc, 1);
    check_int(view(desc).snd.una - view(desc).iss, 11);
    check_int(view(desc).snd.wnd, 1000);
    for (i = 0; i < 10; i++) { /* the peer answers each answer */
        inject(". 65536:65536(0) ack 11 win 1000");
        if (wire_pending(1) == 0) {
            return;
        }
    }
    fail("each ACK is answered by another one");
}

/* From step 28 on, where a RST has an effect, it may be challenged: then the peer repeats it with
 * the right number, RFC 5961 3.2. */
static void test_reset_at_the_edge(void)
{
    establish(PEER_ISN, 65535);
    check_counted(tcp, out_of_window, 1, inject("R. 65536:65536(0) ack 1"));
    if (wire_pending(1) > 0) {
        inject("R 1:1(0) win 0");
        if (view(desc).state == TCP_STATE_ESTABLISHED) {
            fail("the RST was answered");
        }
    }
    expect_nothing(500);
}

/* The answer to the ACK of unsent data is the answer to the edge, too. */
static void test_bad_ack_at_the_edge(void)
{
    establish(PEER_ISN, 65535);
    inject(". 65536:65536(0) ack 1000");
    expect(". 1:1(0) ack 1");
    expect_nothing(500);
    check_int(view(desc).snd.una - view(desc).iss, 1);
}

static void test_send(void)
{
    static struct call c;

    establish(PEER_ISN, 65535);
    check_int(tcp_cmd_send(desc, "", 0), 0);
    expect_nothing(0);
    call_start(&c, send_pattern, .desc = desc, .from = 1, .len = 10);
    check_returned(&c, 10);
    check_int(take_data(), 10);
    check_int(view(desc).snd.nxt - view(desc).iss, 11);
    peer_acks(11, 65535);
    check_int(view(desc).snd.una - view(desc).iss, 11);
    call_start(&c, send_pattern, .desc = desc, .from = 11, .len = 600);
    check_int(take_data(), 600);
}

/* RFC 9293 3.9.1.2: the last segment of the buffered data has PSH. */
static void test_push(void)
{
    static const size_t lens[] = {1, 536, 537, 2000};
    uint32_t seq = 1;

    establish(PEER_ISN, 65535);
    for (size_t i = 0; i < countof(lens); i++) {
        our_side_sends(desc, seq, lens[i]);
        check_int(take_data(), lens[i]);
        if (!pushed) {
            fail("the last segment of a SEND of %zu bytes has no PSH", lens[i]);
        }
        seq += (uint32_t)lens[i];
        peer_acks(seq, 65535);
    }
}

/* More than any window holds: the sender sleeps, and each ACK wakes it. */
static void test_send_much(void)
{
    uint32_t acked = 1;
    static struct call c;

    establish(PEER_ISN, 5000);
    call_start(&c, send_pattern, .desc = desc, .from = 1, .len = MUCH);
    while (take_data() > 0) {
        check_cmp(arrived - acked, <=, 5000);
        check_cmp(arrived - 1, <=, MUCH);
        acked = arrived;
        peer_acks(acked, 5000);
    }
    check_returned(&c, MUCH);
    check_int(arrived, 1 + MUCH);
}

static void test_shut_window(void)
{
    static struct call c;

    establish(PEER_ISN, 0);
    call_start(&c, send_pattern, .desc = desc, .from = 1, .len = 10);
    expect_nothing(100);
    peer_acks(1, 65535); /* SEG.ACK = SND.UNA: acknowledges nothing, but opens the window */
    check_int(take_data(), 10);
    task_join(c.task, 0);
    peer_acks(11, 65535);
    peer_acks(11, 1);
    call_start(&c, send_pattern, .desc = desc, .from = 11, .len = 1);
    check_int(take_data(), 1); /* it fits */
    task_join(c.task, 0);
    peer_acks(12, 65535);
}

/* More is in flight than the window now holds: the difference is negative, not 4294966296. */
static void test_shrunk_window(void)
{
    static struct call c;

    establish(PEER_ISN, 1100);
    call_start(&c, send_pattern, .desc = desc, .from = 1, .len = 5000);
    check_cmp(take_data(), >=, TCP_MSS);
    check_cmp(arrived, <=, 1101);
    peer_acks(1, 100);
    check_int(view(desc).snd.wnd, 100);
    check_int(take_data(), 0);
    peer_acks(1, 0);
    check_int(take_data(), 0);
    do {
        peer_acks(arrived, 5000);
    } while (take_data() > 0);
    check_int(arrived, 5001);
}

/* An old segment that arrives late must not undo a newer window update. */
static void test_old_ack(void)
{
    static struct call c;

    establish(PEER_ISN, 65535);
    call_start(&c, send_pattern, .desc = desc, .from = 1, .len = 10);
    check_int(take_data(), 10);
    peer_acks(11, 60000);
    peer_acks(5, 100);
    peer_acks(1, 0);
    check_int(view(desc).snd.wnd, 60000);
    check_int(view(desc).snd.una - view(desc).iss, 11);
    inject("P. 11:21(10) ack 11 win 50000");
    inject("P. 1:11(10) ack 11 win 100"); /* sent before the other, and overtaken by it */
    check_int(view(desc).snd.wnd, 50000);
    wire_pending(1);
}

/* Overtaken by an out-of-order segment, but the first to acknowledge our data: with SND.UNA alone,
 * the right edge of the send window would move to where the peer never had it. */
static void test_old_segment_new_ack(void)
{
    establish(PEER_ISN, 65535);
    our_side_sends(desc, 1, 10);
    check_int(take_data(), 10);
    inject("P. 11:21(10) ack 1 win 50000");
    check_int(view(desc).snd.wnd, 50000);
    peer_acks(11, 40000);
    check_int(view(desc).snd.una - view(desc).iss, 11);
    check_int(view(desc).snd.wnd, 40000);
    advance(500);
    wire_pending(1);
}

/* An ACK of unsent data is answered, and the segment's data dropped. */
static void test_future_ack(void)
{
    establish(PEER_ISN, 65535);
    inject(". 1:1(0) ack 2");
    expect(". 1:1(0) ack 1");
    advance(1000);
    inject("P. 1:11(10) ack 1000");
    expect(". 1:1(0) ack 1");
    check_int(view(desc).rcv.nxt, PEER_ISN + 1);
    check_int(view(desc).snd.una - view(desc).iss, 1);
}

static void test_no_ack_bit(void)
{
    establish(PEER_ISN, 65535);
    inject("P 1:11(10) win 65535");
    inject_with("tcp.flags=0", "P 1:11(10) win 65535");
    expect_nothing(500);
    check_int(view(desc).rcv.nxt, PEER_ISN + 1);
}

static void test_urgent(void)
{
    establish(PEER_ISN, 65535);
    inject_with("tcp.flags=0x38, tcp.urg=0", "P. 1:11(10) ack 1");
    inject_with("tcp.flags=0x38, tcp.urg=65535", "P. 11:21(10) ack 1");
    inject_with("tcp.flags=0x30, tcp.urg=1", ". 21:21(0) ack 1");
    check_acked(desc, 21);
    peer_sends(21, 31);
    check_acked(desc, 31);
}

/* Both sides' numbers wrap in the middle of the data. */
static void test_wrap(void)
{
    static struct call c;
    char ack[64];

    our_isn = 0xffffff00;
    establish(0xffffff00, 800);
    check_int(view(desc).iss, our_isn);
    for (uint32_t seq = 1; seq < 1001; seq += 100) {
        peer_sends(seq, seq + 100);
        check_acked(desc, seq + 100);
    }
    check_received(desc, 1, 1001);
    inject(". 1001:1001(0) ack 1 win 900");
    check_int(view(desc).snd.wnd, 900);
    call_start(&c, send_pattern, .desc = desc, .from = 1, .len = 4000);
    check_int(take_data(), 900); /* SND.NXT has wrapped, and this ACK has not */
    inject(". 1001:1001(0) ack 101 win 1000");
    check_int(view(desc).snd.una - view(desc).iss, 101);
    while (take_data() > 0) {
        snprintf(ack, sizeof(ack), ". 1001:1001(0) ack %u win 1000", arrived);
        inject(ack);
    }
    check_int(arrived, 4001);
    check_int(view(desc).snd.una - view(desc).iss, 4001);
    check_int(view(desc).snd.wnd, 1000);
    task_join(c.task, 0);
}

static void test_interruption(void)
{
    static struct call r, s;

    establish(PEER_ISN, 0);
    call_start(&r, receive, .desc = desc, .len = 100);
    call_start(&s, send_pattern, .desc = desc, .from = 1, .len = MUCH);
    intr_raise(INTR_IRQ_USER);
    settle();
    check_failed(&r, EINTR);
    check_sent_or_failed(&s, EINTR);
    call_start(&r, receive, .desc = desc, .len = 100);
    advance(100);
    check_sleeps(&r);
    peer_sends(1, 11);
    check_returned(&r, 10);
    check_acked(desc, 11);
}

static void test_interrupted_send(void)
{
    static struct call c;

    establish(PEER_ISN, 10);
    call_start(&c, send_pattern, .desc = desc, .from = 1, .len = MUCH);
    check_int(take_data(), 10);
    check_sleeps(&c);
    intr_raise(INTR_IRQ_USER);
    settle();
    check(task_done(c.task));
    check_range(c.ret, 10, MUCH - 1); /* from step 35 on with what the buffer holds */
}

static void test_close(void)
{
    static struct call r, s;

    establish(PEER_ISN, 0);
    call_start(&r, receive, .desc = desc, .len = 100);
    call_start(&s, send_pattern, .desc = desc, .from = 1, .len = MUCH);
    check_int(tcp_cmd_close(desc), 0);
    settle();
    check_failed(&r, EBADF);
    check_sent_or_failed(&s, EBADF);
    check_error(tcp_cmd_receive(desc, r.buf, 1), EBADF);
    check_error(tcp_cmd_send(desc, "", 1), EBADF);
    check_error(tcp_cmd_receive(-1, r.buf, 1), EBADF);
    check_error(tcp_cmd_send(TCP_PCB_SIZE, "", 1), EBADF);
    wire_pending(1);
}

static int gate; /* UDP endpoint; its close starts all closers at once */

static ssize_t close_at_gate(struct call *c)
{
    check_error(udp_cmd_recvfrom(gate, c->buf, c->len, NULL), EBADF);
    return tcp_cmd_close(c->desc);
}

static void test_two_closes(void)
{
    static struct call receivers[4], closers[3];
    int closed = 0;

    establish(PEER_ISN, 65535);
    gate = udp_cmd_open();
    for (size_t i = 0; i < countof(receivers); i++) {
        call_start(&receivers[i], receive, .desc = desc, .len = 1);
    }
    for (size_t i = 0; i < countof(closers); i++) {
        call_start(&closers[i], close_at_gate, .desc = desc, .len = 1);
    }
    check_int(udp_cmd_close(gate), 0);
    settle();
    for (size_t i = 0; i < countof(receivers); i++) {
        check_failed(&receivers[i], EBADF);
    }
    for (size_t i = 0; i < countof(closers); i++) {
        closed += closers[i].ret == 0;
        check(closers[i].ret == 0 || closers[i].err == EBADF);
    }
    check_int(closed, 1);
    wire_pending(1);
}

BENCH(23,
      {"data is delivered in order and acknowledged", test_receive},
      {"an ACK without data is not answered", test_pure_ack},
      {"RECEIVE of any size, even 0, takes as much as fits; the rest stays", test_receive_some},
      {"more data than a buffer holds arrives byte for byte", test_receive_much},
      {"RECEIVE sleeps until there is data", test_receive_sleeps},
      {"data may come with the handshake's last ACK", test_data_with_handshake},
      {"data after a gap is neither acknowledged nor delivered [MAY-13]", test_out_of_order},
      {"duplicate data is delivered once", test_duplicates},
      {"a full receive buffer closes the window, and reading opens it [SHLD-14 MAY-8 M-2]",
       test_full},
      {"sent data goes out and its ACK advances SND.UNA", test_send},
      {"the last segment of a SEND has PSH [MUST-61]", test_push},
      {"SEND sleeps while the window is full, and all bytes arrive [M-2]", test_send_much},
      {"an opening window releases data [EVENT-9]", test_shut_window},
      {"a shrunk window stops new data [MUST-34 SHLD-15]", test_shrunk_window},
      {"an old segment does not update the window [EVENT-9]", test_old_ack},
      {"an old segment that advances SND.UNA updates the window", test_old_segment_new_ack},
      {"an ACK of unsent data is answered and dropped [EVENT-8]", test_future_ack},
      {"data with an old ACK wakes RECEIVE", test_data_with_old_ack},
      {"the ACK of a segment before the window does not count [EVENT-4]", test_ack_of_duplicate},
      {"the ACK of a segment that is partly in the window counts [EVENT-4]",
       test_ack_of_partly_new},
      {"a RST outside the window is not answered [EVENT-4]", test_reset_outside},
      {"a RST with text into a zero window is not answered [EVENT-4]", test_reset_into_shut_window},
      {"data outside the window is not accepted [EVENT-4]", test_outside},
      {"the ACK of a segment into a zero window counts [EVENT-4]", test_ack_into_shut_window},
      {"an ACK at the window's right edge counts and starts no ACK loop", test_ack_at_the_edge},
      {"a RST at the window's right edge is not answered [EVENT-4]", test_reset_at_the_edge},
      {"an ACK of unsent data at the window's right edge gets one answer",
       test_bad_ack_at_the_edge},
      {"a segment without ACK is dropped", test_no_ack_bit},
      {"urgent pointers of any value do no harm", test_urgent},
      {"sequence numbers wrap in both directions", test_wrap},
      {"an interruption ends sleeping calls, once", test_interruption},
      {"an interrupted SEND returns the number of bytes that it took", test_interrupted_send},
      {"closing ends sleeping calls with EBADF", test_close},
      {"of closes at the same time one succeeds; the others fail with EBADF", test_two_closes})
