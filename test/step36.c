/* Step 36: endings. Half-close, abort, and silent peers. */

#include <stdio.h>

#include "bench.h"
#include "commands.h"
#include "net.h"
#include "platform.h"
#include "sock.h"
#include "tcp.h"
#include "util.h"

#define TIME_WAIT (2 * TCP_MSL) /* milliseconds */

#define MUCH (2 * TCP_SND_BUF_SIZE) /* bytes, more than a buffer holds */

static int listener = -1;
static int desc = -1; /* the connection */

static void start(void)
{
    bench_start(WIRE_RAW);
    listener = listening("0.0.0.0:7", 8);
}

/* The peer's initial sequence number is isn, its window win. */
static void connects(uint32_t isn, unsigned win)
{
    client('A', isn);
    desc = accepted(listener, "<mss 1000>", win);
}

static void establish(void)
{
    start();
    connects(PEER_ISN, 65535);
}

/* The only packet out is a RST, with a number that the peer may accept. */
static void check_reset(uint32_t from, uint32_t to, uint32_t iss)
{
    uint8_t packet[1500];
    uint32_t seq;

    check_int(wire_pending(0), 1);
    take(0, packet, sizeof(packet));
    check_int(packet[33] & 7, 4);
    seq = get32(packet + 24) - iss;
    check_range(seq, from, to);
}

static void half_close(void)
{
    check_int(tcp_cmd_half_close(desc), 0);
}

/*
 * Half-close
 */

static void test_half_close(void)
{
    far_peer();
    establish();
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    half_close();
    expect("F. 11:11(0) ack 1");
    check_state(desc, "FIN_WAIT1");
    check_error(tcp_cmd_send(desc, "x", 1), EPIPE);
    inject("P. 1:101(100) ack 1");
    check_acked(desc, 101);
    inject(". 101:101(0) ack 12");
    check_state(desc, "FIN_WAIT2");
    check_error(tcp_cmd_send(desc, "x", 1), EPIPE);
    inject("P. 101:201(100) ack 12");
    check_acked(desc, 201);
    read_up_to(desc, 1, 151);
    inject("F. 201:301(100) ack 12");
    check_acked(desc, 302);
    check_state(desc, "TIME_WAIT");
    read_up_to(desc, 151, 301);
    check_end_of_file(desc);
    check_error(tcp_cmd_send(desc, "x", 1), EPIPE);
    check_int(tcp_cmd_close(desc), 0);
    expect_nothing(0);
    advance(TIME_WAIT + 1000);
    check(is_gone(desc));
}

/* The peer closes first: LAST-ACK. */
static void test_half_close_last(void)
{
    establish();
    inject("F. 1:11(10) ack 1");
    check_acked(desc, 12);
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 12");
    half_close();
    expect("F. 11:11(0) ack 12");
    check_state(desc, "LAST_ACK");
    check_error(tcp_cmd_send(desc, "x", 1), EPIPE);
    read_up_to(desc, 1, 6);
    inject(". 12:12(0) ack 12");
    read_up_to(desc, 6, 11);
    check_end_of_file(desc);
    check_int(tcp_cmd_close(desc), 0);
    expect_nothing(10000);
    check(is_gone(desc));
}

/* Both close at once. */
static void test_half_close_both(void)
{
    far_peer();
    establish();
    half_close();
    expect("F. 1:1(0) ack 1");
    inject("F. 1:11(10) ack 1");
    check_state(desc, "CLOSING");
    check_acked(desc, 12);
    read_up_to(desc, 1, 11);
    check_end_of_file(desc);
    inject(". 12:12(0) ack 2");
    check_state(desc, "TIME_WAIT");
    check_end_of_file(desc);
}

static void test_half_close_buffered(void)
{
    struct tcp_view v;

    start();
    connects(PEER_ISN, 0);
    our_side_sends(desc, 1, 100);
    half_close();
    check_error(tcp_cmd_send(desc, "x", 1), EPIPE);
    expect_nothing(0);
    inject(". 1:1(0) ack 1 win 100"); /* room for the data, not for the FIN */
    expect("P. 1:101(100) ack 1");
    expect_nothing(0);
    inject(". 1:1(0) ack 101 win 100");
    expect("F. 101:101(0) ack 1");
    inject(". 1:1(0) ack 102");
    check_state(desc, "FIN_WAIT2");
    v = view(desc);
    check_int(v.snd.nxt - v.iss, 102);
}

/* A sleeping receiver sleeps on; a sleeping sender has buffered a part, or gets EPIPE. */
static void test_half_close_sleepers(void)
{
    static struct call r, s;

    start();
    connects(PEER_ISN, 0);
    call_start(&r, receive, .desc = desc, .len = 100);
    call_start(&s, send_pattern, .desc = desc, .from = 1, .len = MUCH);
    check_sleeps(&s);
    half_close();
    settle();
    check_sent_or_failed(&s, EPIPE);
    check_cmp(s.ret, <, MUCH);
    check_sleeps(&r);
    inject("P. 1:11(10) ack 1 win 0");
    check_returned(&r, 10);
    check_acked(desc, 11);
}

/* A user may take any time to read, and the peer to send. */
static void test_half_close_for_hours(void)
{
    establish();
    half_close();
    expect("F. 1:1(0) ack 1");
    inject(". 1:1(0) ack 2");
    expect_nothing(3600000);
    inject("P. 1:11(10) ack 2");
    check_acked(desc, 11);
    read_up_to(desc, 1, 6);
    advance(3600000);
    check_state(desc, "FIN_WAIT2");
    inject("F. 11:11(0) ack 2");
    check_acked(desc, 12);
    read_up_to(desc, 6, 11);
    check_end_of_file(desc);
}

/* The window of a half-closed connection opens like any other. */
static void test_half_close_window(void)
{
    char script[64];
    uint32_t seq = 1, len;

    establish();
    half_close();
    expect("F. 1:1(0) ack 1");
    inject(". 1:1(0) ack 2");
    while (view(desc).rcv.wnd > 0) {
        len = view(desc).rcv.wnd < 8000 ? view(desc).rcv.wnd : 8000;
        snprintf(script, sizeof(script), "P. %u:%u(%u) ack 2", seq, seq + len, len);
        inject(script);
        seq += len;
    }
    check_acked(desc, seq);
    read_up_to(desc, 1, seq);
    check_acked(desc, seq); /* a window update */
    check_cmp(view(desc).rcv.wnd, >, 1000);
    snprintf(script, sizeof(script), "F. %u:%u(10) ack 2", seq, seq + 10);
    inject(script);
    check_acked(desc, seq + 11);
    read_up_to(desc, seq, seq + 10);
    check_end_of_file(desc);
}

/* The peer accepts nothing for hours, but answers: with a descriptor open there is no limit. */
static void test_half_close_shut(void)
{
    start();
    connects(PEER_ISN, 0);
    our_side_sends(desc, 1, 100);
    half_close();
    while (now_ms() < 7200000) {
        advance(10000);
        wire_pending(1);
        inject(". 1:1(0) ack 1 win 0");
    }
    check_state(desc, "FIN_WAIT1");
    wire_pending(1);
    inject(". 1:1(0) ack 1 win 1000");
    wire_pending(1);
    advance(60000);
    wire_pending(1);
    inject(". 1:1(0) ack 102 win 1000");
    check_state(desc, "FIN_WAIT2");
}

static void test_half_close_and_close(void)
{
    establish();
    half_close();
    expect("F. 1:1(0) ack 1");
    check_int(tcp_cmd_close(desc), 0);
    check_error(tcp_cmd_close(desc), EBADF);
    expect_nothing(0);
    inject(". 1:1(0) ack 2");
    check_state(desc, "FIN_WAIT2");
    advance(TCP_FIN_WAIT_2_TIMEOUT + 1000);
    check(is_gone(desc));
}

/* In FIN-WAIT-2 with an open descriptor there is no limit; close starts it. */
static void test_close_in_fin_wait_2(void)
{
    establish();
    half_close();
    expect("F. 1:1(0) ack 1");
    inject(". 1:1(0) ack 2");
    advance(3600000);
    check_int(tcp_cmd_close(desc), 0);
    expect_nothing(TCP_FIN_WAIT_2_TIMEOUT / 2);
    check_state(desc, "FIN_WAIT2");
    expect_nothing(TCP_FIN_WAIT_2_TIMEOUT / 2 + 1000);
    check(is_gone(desc));
}

static void test_not_connected(void)
{
    int fd = tcp_cmd_socket();

    check_int(fd, -1); /* there is no stack yet */
    start();
    fd = tcp_cmd_socket();
    check_error(tcp_cmd_half_close(fd), ENOTCONN);
    check_error(tcp_cmd_half_close(listener), ENOTCONN);
    check_error(tcp_cmd_half_close(-1), EBADF);
    check_error(tcp_cmd_end_receive(fd), ENOTCONN);
    check_error(tcp_cmd_end_receive(listener), ENOTCONN);
    check_error(tcp_cmd_end_receive(-1), EBADF);
    check_error(tcp_cmd_half_close(TCP_PCB_SIZE + 100000), EBADF);
    check_int(tcp_cmd_close(fd), 0);
    check_error(tcp_cmd_half_close(fd), EBADF);
    check_error(tcp_cmd_abort(fd), EBADF);
    expect_nothing(1000);
}

/* Received data may be read as long as the descriptor is open, in TIME-WAIT and after it. */
static void test_unread_in_time_wait(void)
{
    establish();
    half_close();
    expect("F. 1:1(0) ack 1");
    inject("F. 1:101(100) ack 2");
    check_acked(desc, 102);
    check_state(desc, "TIME_WAIT");
    read_up_to(desc, 1, 11);
    advance(TIME_WAIT / 2);
    read_up_to(desc, 11, 21);
    advance(TIME_WAIT);
    read_up_to(desc, 21, 101);
    check_end_of_file(desc);
    check_error(tcp_cmd_send(desc, "x", 1), EPIPE);
    check_int(tcp_cmd_half_close(desc), 0); /* no effect: the FIN has been sent */
    check_int(tcp_cmd_close(desc), 0);
    expect_nothing(TIME_WAIT + 1000);
    check(is_gone(desc));
}

/* New blocks evict those in TIME-WAIT, but none with an open descriptor. */
static void test_held_in_time_wait(void)
{
    int held;

    establish();
    half_close();
    expect("F. 1:1(0) ack 1");
    inject("F. 1:101(100) ack 2");
    check_acked(desc, 102);
    held = desc;
    for (int i = 0; i < 5000; i++) {
        int fd = tcp_cmd_socket();

        check_cmp(fd, !=, held);
    }
    read_up_to(desc, 1, 101);
    check_end_of_file(desc);
}

/*
 * Abort
 */

static void test_abort(void)
{
    static struct call r;
    uint32_t iss;

    establish();
    iss = view(desc).iss;
    call_start(&r, receive, .desc = desc, .len = 100);
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    check_int(tcp_cmd_abort(desc), 0);
    check_reset(11, 11, iss);
    settle();
    check_failed(&r, EBADF);
    check(is_gone(desc));
    check_error(tcp_cmd_receive(desc, r.buf, 1), EBADF);
    check_error(tcp_cmd_abort(desc), EBADF);
    expect_nothing(600000);
    inject(". 1:1(0) ack 11");
    expect("R 11:11(0)");
}

/* Buffered data is discarded; the RST has a number inside the window. */
static void test_abort_buffered(void)
{
    uint32_t iss;

    start();
    connects(PEER_ISN, 5);
    iss = view(desc).iss;
    our_side_sends(desc, 1, 5000);
    advance(100);
    wire_pending(1);
    check_int(tcp_cmd_abort(desc), 0);
    check_reset(1, 6, iss);
    check(is_gone(desc));
    expect_nothing(600000);
}

/* The window has shrunk: the peer would ignore a RST beyond it. */
static void test_abort_shrunk(void)
{
    uint32_t iss;

    start();
    connects(PEER_ISN, 1000);
    iss = view(desc).iss;
    our_side_sends(desc, 1, 1000);
    expect("P. 1:1001(1000) ack 1");
    inject(". 1:1(0) ack 1 win 0");
    check_int(tcp_cmd_abort(desc), 0);
    check_reset(1, 1, iss);
    check(is_gone(desc));
}

static void test_abort_any_state(void)
{
    uint32_t iss;

    establish();
    iss = view(desc).iss;
    half_close();
    expect("F. 1:1(0) ack 1");
    check_int(tcp_cmd_abort(desc), 0);
    check_reset(1, 2, iss);
    check(is_gone(desc));
    connects(PEER_ISN, 65535);
    iss = view(desc).iss;
    inject("F. 1:1(0) ack 1");
    check_acked(desc, 2);
    check_int(tcp_cmd_abort(desc), 0);
    check_reset(1, 1, iss);
    check(is_gone(desc));
    connects(PEER_ISN, 65535);
    inject("R 1:1(0)");
    check_int(tcp_cmd_abort(desc), 0); /* no peer is left to reset */
    check(is_gone(desc));
    expect_nothing(0);
    check_int(tcp_cmd_abort(listener), 0);
    check_int(tcp_cmd_abort(tcp_cmd_socket()), 0);
    expect_nothing(1000);
}

/* The connections of a listener: one half-open, two that wait for accept. */
static void test_abort_listener(void)
{
    start();
    client('A', PEER_ISN);
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    for (char c = 'B'; c <= 'C'; c++) {
        connection(c, "192.0.2.2:7", c == 'B' ? "192.0.2.1:5001" : "192.0.2.1:5002", PEER_ISN);
        handshake("", 65535);
    }
    inject("C> P. 1:11(10) ack 1");
    expect_within(500, ". 1:1(0) ack 11");
    check_int(tcp_cmd_abort(listener), 0);
    expect("A> R. 1:1(0) ack 1");
    expect("B> R. 1:1(0) ack 1");
    expect("C> R. 1:1(0) ack 11");
    check_int(blocks_in_use(), 0);
    expect_nothing(1000);
}

/*
 * The socket API
 */

static void test_sockets(void)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = hton16(7)};
    const int ways[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
    int server, id, udp;

    bench_start(WIRE_RAW);
    server = sock_open(PF_INET, SOCK_STREAM, 0);
    udp = sock_open(PF_INET, SOCK_DGRAM, 0);
    check_int(sock_bind(server, (struct sockaddr *)&local, sizeof(local)), 0);
    check_int(sock_listen(server, 8), 0);
    for (size_t i = 0; i < countof(ways); i++) {
        check_error(sock_shutdown(server, ways[i]), ENOTCONN);
        check_error(sock_shutdown(udp, ways[i]), ENOTCONN);
        check_error(sock_shutdown(-1, ways[i]), EBADF);
    }
    check_error(sock_shutdown(server, 3), EINVAL);
    check_error(sock_shutdown(server, -1), EINVAL);
    check_error(sock_abort(-1), EBADF);
    client('A', PEER_ISN);
    handshake("", 65535);
    id = sock_accept(server, NULL, NULL);
    check_cmp(id, !=, -1);
    check_int(sock_shutdown(id, SHUT_WR), 0);
    expect("F. 1:1(0) ack 1");
    check_error(sock_send(id, "x", 1), EPIPE);
    check_int(sock_shutdown(id, SHUT_WR), 0); /* no effect a second time */
    expect_nothing(0);
    check_int(sock_abort(id), 0);
    check_int(wire_pending(1), 1);
    check_error(sock_abort(id), EBADF);
    check_int(sock_close(udp), 0);
    check_int(sock_abort(server), 0);
}

/*
 * End of receiving
 */

/* The user reads end of file. The peer's data is acknowledged, so the peer is not held up. */
static void test_end_receive(void)
{
    uint32_t from = 11;

    establish();
    peer_sends(1, 11); /* unread */
    check_acked(desc, 11);
    check_int(tcp_cmd_end_receive(desc), 0);
    check_end_of_file(desc);
    while (from < 2 * TCP_RCV_BUF_SIZE) {
        check_counted(tcp, closed_by_user, 1, peer_sends(from, from + 1000));
        check_acked(desc, from + 1000);
        from += 1000;
    }
    check_end_of_file(desc);
    check_int(tcp_cmd_end_receive(desc), 0); /* no effect a second time */
}

/* The other direction is unchanged, and both ends close in order. */
static void test_end_receive_close(void)
{
    establish();
    peer_sends(1, 11);
    check_acked(desc, 11);
    check_int(tcp_cmd_end_receive(desc), 0);
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 11");
    inject("F. 11:21(10) ack 11");
    check_acked(desc, 22);
    check_state(desc, "CLOSE_WAIT");
    check_end_of_file(desc);
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 11:11(0) ack 22");
    inject(". 22:22(0) ack 12");
    check(is_gone(desc));
}

static void test_end_receive_sleepers(void)
{
    static struct call r, s;

    start();
    connects(PEER_ISN, 0);
    call_start(&r, receive, .desc = desc, .len = 100);
    call_start(&s, send_pattern, .desc = desc, .from = 1, .len = MUCH);
    check_int(tcp_cmd_end_receive(desc), 0);
    settle();
    check_returned(&r, 0);
    check_sleeps(&s);
    half_close();
}

/*
 * Close with unread data
 */

static void test_close_unread(void)
{
    uint32_t iss;

    establish();
    iss = view(desc).iss;
    inject("P. 1:11(10) ack 1");
    check_acked(desc, 11);
    read_up_to(desc, 1, 10); /* one byte is left */
    check_int(tcp_cmd_close(desc), 0);
    check_reset(1, 1, iss);
    check(is_gone(desc));
    connects(PEER_ISN, 65535);
    iss = view(desc).iss;
    inject("F. 1:11(10) ack 1");
    check_acked(desc, 12);
    check_int(tcp_cmd_close(desc), 0);
    check_reset(1, 1, iss);
    check(is_gone(desc));
    connects(PEER_ISN, 65535);
    inject("F. 1:11(10) ack 1");
    check_acked(desc, 12);
    read_up_to(desc, 1, 11);
    check_int(tcp_cmd_close(desc), 0); /* all is read: closes in order */
    expect("F. 1:1(0) ack 12");
    inject(". 12:12(0) ack 2");
    check(is_gone(desc));
}

/* Data arrives after close: a RST tells the peer that it was not read. */
static void test_data_after_close(void)
{
    static const char *const last[] = {"P. 1:11(10) ack 1", "P. 1:11(10) ack 2",
                                       "F. 1:11(10) ack 1", "F. 1:11(10) ack 2"};
    uint32_t iss;

    start();
    for (size_t i = 0; i < 2 * countof(last); i++) {
        connects(PEER_ISN, 65535);
        iss = view(desc).iss;
        check_int(tcp_cmd_close(desc), 0);
        expect("F. 1:1(0) ack 1");
        if (i % 2) {
            inject(". 1:1(0) ack 2");
            check_state(desc, "FIN_WAIT2");
        }
        inject(last[i / 2]);
        check_reset(1, 2, iss);
        check(is_gone(desc));
    }
    expect_nothing(600000);
}

/* Old data that arrives again causes no RST. */
static void test_old_data_after_close(void)
{
    far_peer();
    establish();
    inject("P. 1:11(10) ack 1");
    check_acked(desc, 11);
    read_up_to(desc, 1, 11);
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 1:1(0) ack 11");
    inject("P. 1:11(10) ack 1");
    check_acked(desc, 11);
    check_state(desc, "FIN_WAIT1");
    inject(". 11:11(0) ack 2");
    inject("P. 1:11(10) ack 1");
    check_acked(desc, 11);
    check_state(desc, "FIN_WAIT2");
    inject("F. 11:11(0) ack 2");
    check_acked(desc, 12);
    check_state(desc, "TIME_WAIT");
}

/*
 * Silent and hostile peers
 */

static void check_ends(const char *state, long ms)
{
    check_state(desc, state);
    advance(30000);
    check_state(desc, state);
    advance(ms);
    check(is_gone(desc));
    wire_pending(1);
}

static void test_silent(void)
{
    start();
    connects(PEER_ISN, 65535);
    check_int(tcp_cmd_close(desc), 0);
    check_ends("FIN_WAIT1", TCP_CLOSE_TIMEOUT);
    connects(PEER_ISN, 65535);
    inject("F. 1:1(0) ack 1");
    check_int(tcp_cmd_close(desc), 0);
    check_ends("LAST_ACK", TCP_CLOSE_TIMEOUT);
    connects(PEER_ISN, 65535);
    check_int(tcp_cmd_close(desc), 0);
    inject("F. 1:1(0) ack 1");
    check_ends("CLOSING", TCP_CLOSE_TIMEOUT);
    connects(PEER_ISN, 65535);
    check_int(tcp_cmd_close(desc), 0);
    inject(". 1:1(0) ack 2");
    check_ends("FIN_WAIT2", TCP_FIN_WAIT_2_TIMEOUT);
}

/* The peer keeps its window at zero, in each state that has a FIN to send. */
static void sockstress(uint32_t buffered, int in_close_wait)
{
    char ack[64];
    uint64_t begin;
    unsigned next = 1;

    connects(PEER_ISN, 0);
    if (buffered > 0) {
        our_side_sends(desc, 1, buffered);
    }
    if (in_close_wait) {
        inject("F. 1:1(0) ack 1 win 0");
        next = 2;
    }
    check_int(tcp_cmd_close(desc), 0);
    snprintf(ack, sizeof(ack), ". %u:%u(0) ack 1 win 0", next, next);
    for (begin = now_ms(); now_ms() < begin + TCP_CLOSE_TIMEOUT + 1000 && !is_gone(desc);) {
        advance(1000);
        if (!is_gone(desc) && wire_pending(1) > 0) {
            inject(ack);
        }
    }
    check_cmp(now_ms() - begin, >=, 60000);
    check(is_gone(desc));
    wire_pending(1);
}

static void test_sockstress(void)
{
    start();
    sockstress(0, 0);
    sockstress(5000, 0);
    sockstress(0, 1);
    sockstress(5000, 1);
}

/* Every 10 s the peer acknowledges what was sent and offers len bytes more. Returns the relative
 * number acknowledged, once it is end or more, or the connection is gone. */
static uint32_t read_slowly(uint32_t len, uint32_t end)
{
    char ack[64];
    uint32_t una = 1;

    while (una < end && !is_gone(desc)) {
        advance(10000);
        wire_pending(1);
        if (!is_gone(desc)) {
            una = view(desc).snd.nxt - view(desc).iss;
            snprintf(ack, sizeof(ack), ". 1:1(0) ack %u win %u", una, len);
            inject(ack);
        }
    }
    return una;
}

/* RFC 9293 3.10.4: data sent before close arrives, however long the peer takes. */
static void test_slow_reader(void)
{
    start();
    connects(PEER_ISN, 500);
    our_side_sends(desc, 1, 60000);
    check_int(tcp_cmd_close(desc), 0);
    check_int(read_slowly(500, 60002), 60002);
    check_cmp(now_ms(), >, 2 * TCP_CLOSE_TIMEOUT - 10000);
    wire_pending(1);
    check_state(desc, "FIN_WAIT2");
    inject("F. 1:1(0) ack 60002");
    check_acked(desc, 2);
}

/* A slow reader stops: the timeout counts from its last progress. */
static void test_slow_reader_stops(void)
{
    uint64_t begin;
    uint32_t iss, una;

    start();
    connects(PEER_ISN, 500);
    iss = view(desc).iss;
    our_side_sends(desc, 1, 60000);
    check_int(tcp_cmd_close(desc), 0);
    una = read_slowly(500, 45000);
    check_cmp(una, >=, 45000);
    begin = now_ms();
    while (!is_gone(desc)) {
        char ack[64];

        snprintf(ack, sizeof(ack), ". 1:1(0) ack %u win 0", una);
        wire_pending(1);
        inject(ack);
        advance(1000);
        check_cmp(now_ms() - begin, <=, TCP_CLOSE_TIMEOUT + 1000);
    }
    check_cmp(now_ms() - begin, >=, TCP_CLOSE_TIMEOUT - 60000);
    check_reset(una, 60002, iss);
}

/* The peer accepts a byte now and then. */
static void test_slow_death(void)
{
    char ack[64];
    uint64_t begin;
    uint32_t una = 1;

    start();
    connects(PEER_ISN, 1);
    our_side_sends(desc, 1, 60000);
    check_int(tcp_cmd_close(desc), 0);
    for (begin = now_ms(); now_ms() < begin + TCP_CLOSE_TIMEOUT + 1000 && !is_gone(desc);) {
        advance(10000);
        if (!is_gone(desc) && wire_pending(1) > 0) {
            una = view(desc).snd.nxt - view(desc).iss;
            snprintf(ack, sizeof(ack), ". 1:1(0) ack %u win 1", una);
            inject(ack);
        }
    }
    check(is_gone(desc));
    wire_pending(1);
}

/* After the timeout, a peer that lacks data gets a RST. */
static void test_limit_is_told(void)
{
    struct tcp_stats stats;
    uint32_t iss;

    start();
    connects(PEER_ISN, 0);
    iss = view(desc).iss;
    our_side_sends(desc, 1, 100);
    check_int(tcp_cmd_close(desc), 0);
    for (int i = 0; i < TCP_CLOSE_TIMEOUT / 100; i++) {
        advance(100);
        if (!is_gone(desc) && wire_pending(1) > 0) {
            inject(". 1:1(0) ack 1 win 0");
        }
    }
    check(is_gone(desc));
    tcp_get_stats(&stats);
    check_int(stats.timed_out, 1);
    check_reset(1, 102, iss);
}

/* Close frees the buffers that are not needed any more. */
static void test_buffers_go(void)
{
    size_t before;

    start();
    before = memory_in_use();
    connects(PEER_ISN, 65535);
    our_side_sends(desc, 1, 100);
    inject("P. 1:101(100) ack 101");
    read_up_to(desc, 1, 101);
    check_int(tcp_cmd_close(desc), 0);
    wire_pending(1);
    check_int(memory_in_use() - before, 2); /* the block, and unacknowledged data */
    inject(". 101:101(0) ack 102");
    check_state(desc, "FIN_WAIT2");
    check_int(memory_in_use() - before, 1); /* the block */
    inject("F. 101:101(0) ack 102");
    check_state(desc, "TIME_WAIT");
    check_int(memory_in_use() - before, 1);
    wire_pending(1);
}

/* Any number of ACKs, but no FIN. */
static void test_talks_in_fin_wait_2(void)
{
    establish();
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 1:1(0) ack 1");
    for (int i = 0; i < TCP_CLOSE_TIMEOUT / 1000 + 1 && !is_gone(desc); i++) {
        inject(". 1:1(0) ack 2");
        advance(1000);
    }
    check(is_gone(desc));
    wire_pending(1);
}

/*
 * TIME-WAIT
 */
static void to_time_wait(uint32_t isn)
{
    connects(isn, 65535);
    inject("P. 1:101(100) ack 1");
    check_acked(desc, 101);
    read_up_to(desc, 1, 101);
    check_int(tcp_cmd_close(desc), 0);
    expect("F. 1:1(0) ack 101");
    inject("F. 101:101(0) ack 2");
    check_acked(desc, 102);
    check_state(desc, "TIME_WAIT");
}

static void test_time_wait_reset(void)
{
    start();
    to_time_wait(PEER_ISN);
    inject("R 102:102(0)");
    inject("R. 102:102(0) ack 2");
    inject("R 101:101(0)");
    inject("R 103:103(0)");
    inject("R 2147483750:2147483750(0)");
    check_state(desc, "TIME_WAIT");
    advance(TIME_WAIT / 2);
    wire_pending(1);
    check_state(desc, "TIME_WAIT");
}

/* The peer's own FIN restarts the 2 MSL, a forged one does not. */
static void test_time_wait_forged(void)
{
    start();
    to_time_wait(PEER_ISN);
    advance(TIME_WAIT - 1000);
    inject("F. 101:101(0) ack 2");
    wire_pending(1);
    advance(TIME_WAIT - 1000);
    check_state(desc, "TIME_WAIT");
    inject("F. 1000000000:1000000000(0) ack 2");
    inject("F 70000:70000(0)");
    inject("F. 50:50(0) ack 2");
    wire_pending(1);
    advance(2000);
    check(is_gone(desc));
}

/* An old segment is answered with the last ACK. */
static void test_time_wait_old(void)
{
    static const char *const old[] = {"P. 1:101(100) ack 1", "F. 101:101(0) ack 1",
                                      "F. 101:101(0) ack 2", "P. 51:101(50) ack 1", "S 0:0(0)"};

    start();
    to_time_wait(PEER_ISN);
    for (size_t i = 0; i < countof(old); i++) {
        inject(old[i]);
        expect(". 2:2(0) ack 102");
        check_state(desc, "TIME_WAIT");
        advance(1000);
    }
}

/* The number of the SYN lies in the old stream, or before it. */
static void test_time_wait_low_syn(void)
{
    static const char *const low[] = {"S 0:0(0)", "S 50:50(0)", "S 101:101(0)",
                                      "S 4294967295:4294967295(0)", "S 2147483760:2147483760(0)"};

    start();
    to_time_wait(PEER_ISN);
    for (size_t i = 0; i < countof(low); i++) {
        inject(low[i]);
        expect(". 2:2(0) ack 102");
        check_state(desc, "TIME_WAIT");
        advance(1000);
    }
    advance(TIME_WAIT + 1000);
    check(is_gone(desc));
}

/* The peer connects again from its port, with an ISN of RCV.NXT + beyond. */
static void reopen(uint32_t beyond)
{
    uint32_t old = view(desc).snd.nxt, isn = view(desc).rcv.nxt + beyond, iss;

    connects(isn, 65535);
    check_state(desc, "ESTABLISHED");
    iss = view(desc).iss;
    check_cmp((int32_t)(iss - old), >=, 0); /* old segments are not valid in the new connection */
    inject("P. 1:11(10) ack 1");
    check_acked(desc, 11);
    read_up_to(desc, 1, 11);
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 11");
    inject("R 11:11(0)");
    check_int(tcp_cmd_close(desc), 0);
    wire_pending(1);
}

static void test_reopen(void)
{
    static const uint32_t beyond[] = {1, 1000, 65536, 1u << 30, (1u << 31) - 200};

    start();
    for (size_t i = 0; i < 4 * countof(beyond); i++) { /* our ISNs differ each time */
        to_time_wait(PEER_ISN + (uint32_t)i * 0x3fffff81);
        advance(1000 * (long)(i / countof(beyond)));
        reopen(beyond[i % countof(beyond)]);
    }
}

/* Its number is new, but a listener would drop it. */
static void test_reopen_refused(void)
{
    static const char *const other[] = {"SR 1000:1000(0) win 65535", "SF 1000:1000(0) win 65535"};

    start();
    for (size_t i = 0; i < countof(other); i++) {
        to_time_wait(PEER_ISN);
        inject(other[i]);
        wire_pending(1);
        check_state(desc, "TIME_WAIT");
        advance(TIME_WAIT + 1000);
    }
}

/* A user still reads from the old connection. */
static void test_reopen_held(void)
{
    int held;

    establish();
    half_close();
    expect("F. 1:1(0) ack 1");
    inject("F. 1:101(100) ack 2");
    check_acked(desc, 102);
    check_state(desc, "TIME_WAIT");
    held = desc;
    connects(view(desc).rcv.nxt + 1000, 65535);
    check_cmp(desc, !=, held);
    inject("P. 1:51(50) ack 1");
    check_acked(desc, 51);
    read_up_to(desc, 1, 51);
    desc = held;
    read_up_to(desc, 1, 101);
    check_end_of_file(desc);
    check_int(tcp_cmd_close(desc), 0);
    expect_nothing(TIME_WAIT + 1000);
}

/* The descriptor of a finished connection can connect again. */
static ssize_t connect_again(struct call *c)
{
    ip_endp_t remote = endp("192.0.2.1:6000");

    return tcp_cmd_connect(c->desc, &remote);
}

static void test_connect_again(void)
{
    static struct call c;

    establish();
    half_close();
    expect("F. 1:1(0) ack 1");
    inject("F. 1:1(0) ack 2");
    check_acked(desc, 2);
    advance(TIME_WAIT + 1000);
    check_end_of_file(desc);
    call_start(&c, connect_again, .desc = desc);
    connection('B', "192.0.2.2:0", "192.0.2.1:6000", PEER_ISN);
    expect("S 0:0(0)");
    advance(500);
    inject("S. 0:0(0) ack 1 win 65535");
    expect(". 1:1(0) ack 1");
    check_returned(&c, 0);
    expect_nothing(1000000);
    inject("P. 1:11(10) ack 1");
    check_acked(desc, 11);
    read_up_to(desc, 1, 11);
}

/* The user has ended receiving, or leaves bytes unread and the window nearly zero. */
static void test_connect_afresh(void)
{
    static struct call c;
    char buf[16];

    start();
    for (int discard = 0; discard < 2; discard++) {
        connects(PEER_ISN, 65535);
        inject("P. 1:60001(60000) ack 1");
        check_acked(desc, 60001);
        if (discard) {
            check_int(tcp_cmd_end_receive(desc), 0);
            wire_pending(1);
        }
        inject("R 60001:60001(0)");
        check_state(desc, "CLOSED");
        call_start(&c, connect_again, .desc = desc);
        connection('B', "192.0.2.2:0", "192.0.2.1:6000", PEER_ISN);
        expect("S 0:0(0) win 65535");
        inject("S. 0:0(0) ack 1 win 65535");
        expect_within(500, ". 1:1(0) ack 1 win 65535");
        check_returned(&c, 0);
        inject("P. 1:4(3) ack 1 'new'");
        check_acked(desc, 4);
        check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), 3);
        check_mem(buf, "new", 3);
        check_int(tcp_cmd_abort(desc), 0);
        expect("R. 1:1(0) ack 4");
    }
}

/*
 * Time in which the process did not run
 */

/* The process is stopped for so many seconds. */
static void stopped(uint64_t seconds)
{
    sim_clock_skip(seconds * UINT64_C(1000000000));
}

/* RFC 9293 3.8.3: R2 counts retransmissions, and there were none. */
static void test_stopped(void)
{
    establish();
    our_side_sends(desc, 1, 5);
    expect("P. 1:6(5) ack 1");
    stopped(105);
    expect_within(2000, "P. 1:6(5) ack 1");
    check_state(desc, "ESTABLISHED");
    stopped(1000000);
    advance(99000);
    check_state(desc, "ESTABLISHED");
    check_cmp(wire_pending(1), >=, 4);
    inject(". 1:1(0) ack 6");
    expect_nothing(60000);
    our_side_sends(desc, 6, 5);
    expect("P. 6:11(5) ack 1");
    advance(TCP_R2 + 420000); /* from step 49 on the timeout may be a minute already */
    check_state(desc, "CLOSED"); /* a silent peer times out as always */
    wire_pending(1);
}

/* Data sent before the timer notices the stop still has its whole timeout. */
static void test_stopped_and_sent(void)
{
    establish();
    stopped(1000);
    our_side_sends(desc, 1, 5);
    expect("P. 1:6(5) ack 1");
    advance(99000);
    check_state(desc, "ESTABLISHED");
    wire_pending(1);
}

/* Arrived segments are processed before deadlines: the ACK arrives in the tick that would time out,
 * and the seed decides whether its interrupt or the timer's is handled first. */
static void test_stopped_and_answered(void)
{
    far_peer();
    start();
    for (int i = 0; i < 20; i++) {
        connects(PEER_ISN, 65535);
        our_side_sends(desc, 1, 5);
        check_int(tcp_cmd_close(desc), 0);
        inject(". 1:1(0) ack 6");
        advance(TCP_R2 - 1000);
        wire_pending(1);
        stopped(10);
        wire_faults(&(struct wire_faults){.delay_ms = (unsigned)(100 - now_ms() % 100)});
        inject(". 1:1(0) ack 7");
        advance(100);
        wire_faults(NULL);
        wire_pending(1);
        check_state(desc, "FIN_WAIT2");
        inject("R 1:1(0)");
        check(is_gone(desc));
    }
}

/* The timeouts after close do not run while the process is stopped. */
static void test_stopped_when_closed(void)
{
    start();
    connects(PEER_ISN, 65535);
    check_int(tcp_cmd_close(desc), 0);
    inject(". 1:1(0) ack 2");
    wire_pending(1);
    advance(TCP_FIN_WAIT_2_TIMEOUT - 1000);
    stopped(10000);
    advance(500);
    check_state(desc, "FIN_WAIT2");
    inject("F. 1:1(0) ack 2");
    check_acked(desc, 2);
    advance(TIME_WAIT - 1000);
    stopped(10000);
    advance(400);
    inject("F. 1:1(0) ack 2");
    check_acked(desc, 2);
    check_state(desc, "TIME_WAIT");
    advance(TIME_WAIT + 1000);
    check(is_gone(desc));
}

static void test_stopped_when_opening(void)
{
    static struct call c;

    start();
    desc = tcp_cmd_socket();
    connection('A', "192.0.2.2:0", "192.0.2.1:6000", PEER_ISN);
    call_start(&c, connect_again, .desc = desc);
    expect("S 0:0(0)");
    stopped(10000);
    expect_within(2000, "S 0:0(0)");
    inject("S. 0:0(0) ack 1 win 65535");
    expect(". 1:1(0) ack 1");
    check_returned(&c, 0);
}

/*
 * Memory
 */
static void end_by(int how)
{
    connects(PEER_ISN, how == 5 ? 0 : 65535);
    if (how % 2) {
        our_side_sends(desc, 1, 100);
        advance(0);
        wire_pending(1);
    }
    switch (how) {
    case 0:
    case 1:
        check_int(tcp_cmd_abort(desc), 0);
        break;
    case 2:
    case 3:
        inject("P. 1:11(10) ack 1");
        check_int(tcp_cmd_close(desc), 0);
        break;
    case 4:
    case 5:
        check_int(tcp_cmd_close(desc), 0);
        inject("P. 1:11(10) ack 1 win 0");
        break;
    default:
        half_close();
        inject("F. 1:11(10) ack 1");
        inject(how == 7 ? ". 12:12(0) ack 102" : ". 12:12(0) ack 2");
        check_int(tcp_cmd_close(desc), 0);
        advance(TIME_WAIT + 1000);
        break;
    }
    wire_pending(1);
    check(is_gone(desc));
}

static void test_nothing_left(void)
{
    size_t in_use = 0;

    start();
    for (int i = 0; i < 400; i++) {
        end_by(i % 8);
        if (i == 15) {
            in_use = memory_in_use();
        }
    }
    check_int(memory_in_use(), in_use);
}

/*
 * Shutdown of the stack
 */

static int ending; /* result of net_shutdown */

static void end_stack(void *arg)
{
    (void)arg;
    ending = net_shutdown();
}

static struct task *stack_ends(void)
{
    ending = -1;
    return task_start("end", end_stack, NULL);
}

/* Shutdown waits until sent data is acknowledged, also on closed descriptors, and no longer. */
static void test_end_delivers(void)
{
    far_peer();
    for (int closed = 0; closed < 2; closed++) {
        struct task *end;

        start();
        connects(PEER_ISN, 0);
        our_side_sends(desc, 1, 100);
        if (closed) {
            check_int(tcp_cmd_close(desc), 0);
        }
        end = stack_ends();
        expect_nothing(500);
        check(!task_done(end));
        inject(". 1:1(0) ack 1 win 60");
        expect(". 1:61(60) ack 1");
        inject(". 1:1(0) ack 61 win 1000");
        expect("FP. 61:101(40) ack 1");
        expect_nothing(500);
        check(!task_done(end));
        inject(". 1:1(0) ack 102 win 1000");
        task_join(end, 0);
        check_int(ending, 0);
        expect_nothing(TCP_SHUTDOWN_TIMEOUT);
    }
}

/* A peer that does not acknowledge gets a RST; one timeout covers all. */
static void test_end_is_told(void)
{
    struct task *end;
    uint64_t before;

    start();
    connects(PEER_ISN, 0);
    our_side_sends(desc, 1, 100);
    client('B', PEER_ISN);
    desc = accepted(listener, "", 0);
    our_side_sends(desc, 1, 100);
    before = now_ms();
    end = stack_ends();
    task_join(end, TCP_SHUTDOWN_TIMEOUT + 200);
    check_cmp(now_ms() - before, >=, TCP_SHUTDOWN_TIMEOUT);
    check_int(ending, 0);
    while (wire_pending(0) > 2) {
        uint8_t packet[100]; /* probes */

        take(0, packet, sizeof(packet));
        check_int(packet[33] & 7, 0);
    }
    expect("A> R. 1:1(0) ack 1");
    expect("B> R. 1:1(0) ack 1");
}

/* The interruption ends the wait for both peers. */
static void test_end_is_hastened(void)
{
    struct task *end;

    far_peer();
    start();
    connects(PEER_ISN, 65535);
    our_side_sends(desc, 1, 100);
    expect("P. 1:101(100) ack 1");
    client('B', PEER_ISN);
    desc = accepted(listener, "", 65535);
    our_side_sends(desc, 1, 100);
    expect("B> P. 1:101(100) ack 1");
    end = stack_ends();
    expect("A> F. 101:101(0) ack 1");
    expect("B> F. 101:101(0) ack 1");
    expect_nothing(500);
    intr_raise(INTR_IRQ_USER);
    task_join(end, 0);
    check_int(ending, 0);
    expect("A> R. 102:102(0) ack 1");
    expect("B> R. 102:102(0) ack 1");
}

/* A RST or FIN of the peer ends the wait like an ACK. */
static void test_end_of_peer(void)
{
    static const char *const last[] = {"R 1:1(0)", "F. 1:1(0) ack 102", "P. 1:11(10) ack 1"};

    for (size_t i = 0; i < countof(last); i++) {
        struct task *end;

        establish();
        our_side_sends(desc, 1, 100);
        expect("P. 1:101(100) ack 1");
        end = stack_ends();
        expect("F. 101:101(0) ack 1");
        inject(last[i]);
        task_join(end, 0);
        check_int(ending, 0);
        wire_pending(1);
    }
}

/* A peer that resets its connection does not end the wait for the other one. */
static void test_end_of_one_peer(void)
{
    far_peer();
    for (int i = 0; i < 2; i++) {
        struct task *end;

        start();
        connects(PEER_ISN, 65535);
        client('B', PEER_ISN);
        accepted(listener, "", 65535);
        end = stack_ends();
        expect("A> F. 1:1(0) ack 1");
        expect("B> F. 1:1(0) ack 1");
        inject(i ? "A> R 1:1(0)" : "B> R 1:1(0)");
        expect_nothing(500);
        check(!task_done(end));
        inject(i ? "B> . 1:1(0) ack 2" : "A> . 1:1(0) ack 2");
        task_join(end, 0);
        check_int(ending, 0);
        expect_nothing(0);
    }
}

/* Sleeping calls return first, and new calls fail. */
static void test_end_wakes(void)
{
    static struct call r;
    struct task *end;
    int old = -1;

    establish();
    call_start(&r, receive, .desc = desc, .len = 100);
    our_side_sends(desc, 1, 10);
    expect("P. 1:11(10) ack 1");
    old = desc;
    end = stack_ends();
    check_failed(&r, EBADF);
    check(!task_done(end));
    check_error(tcp_cmd_socket(), ENETDOWN);
    check_error(tcp_cmd_send(old, "x", 1), EBADF);
    check_error(tcp_cmd_accept(listener, NULL), EBADF);
    check_error(sock_open(PF_INET, SOCK_DGRAM, 0), ENETDOWN);
    expect("F. 11:11(0) ack 1");
    client('B', PEER_ISN);
    inject("S 0:0(0) win 65535");
    expect("R. =0:=0(0) ack 1");
    inject("A> . 1:1(0) ack 12");
    task_join(end, 0);
}

/* Unaccepted connections and those with unread data are reset at once. */
static void test_end_of_others(void)
{
    start();
    connects(PEER_ISN, 65535); /* all acknowledged, in FIN-WAIT-2 */
    half_close();
    expect("F. 1:1(0) ack 1");
    inject(". 1:1(0) ack 2");
    client('B', PEER_ISN); /* half-open */
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    client('C', PEER_ISN); /* not accepted */
    handshake("", 65535);
    check_int(net_shutdown(), 0);
    check_int(now_ms(), 0);
    expect("B> R. 1:1(0) ack 1");
    expect("C> R. 1:1(0) ack 1");
    start();
    connects(PEER_ISN, 65535);
    inject("P. 1:11(10) ack 1");
    check_acked(desc, 11);
    check_int(net_shutdown(), 0);
    expect("R. 1:1(0) ack 11");
    start();
    to_time_wait(PEER_ISN);
    check_int(net_shutdown(), 0);
    expect_nothing(0);
}

BENCH(36,
      {"after half-close data is received, and send is EPIPE", test_half_close},
      {"half-close in CLOSE-WAIT goes to LAST-ACK", test_half_close_last},
      {"a simultaneous half-close goes through CLOSING to TIME-WAIT", test_half_close_both},
      {"buffered data goes out before the FIN of half-close", test_half_close_buffered},
      {"half-close wakes a sleeping sender and no receiver", test_half_close_sleepers},
      {"a half-closed connection receives for hours", test_half_close_for_hours},
      {"the window of a half-closed connection opens again", test_half_close_window},
      {"a half-closed connection lasts while its probes are answered [MUST-37]",
       test_half_close_shut},
      {"half-close followed by close sends one FIN", test_half_close_and_close},
      {"after end_receive there is end of file, and data is acknowledged", test_end_receive},
      {"end_receive changes neither sending nor closing", test_end_receive_close},
      {"end_receive wakes sleeping receivers only", test_end_receive_sleepers},
      {"close in FIN-WAIT-2 starts its timeout", test_close_in_fin_wait_2},
      {"half-close without a connection is ENOTCONN or EBADF", test_not_connected},
      {"data and end of file can be read in TIME-WAIT and after", test_unread_in_time_wait},
      {"a block in TIME-WAIT with an open descriptor is not reused", test_held_in_time_wait},
      {"abort sends a RST and frees the block", test_abort},
      {"abort discards buffered data", test_abort_buffered},
      {"abort after the window has shrunk sends a RST inside it", test_abort_shrunk},
      {"abort works in any state", test_abort_any_state},
      {"abort of a listener resets its unaccepted connections", test_abort_listener},
      {"sock_shutdown half-closes and sock_abort aborts", test_sockets},
      {"close with unread data sends a RST [SHLD-3 MAY-1]", test_close_unread},
      {"data after close gets a RST [SHLD-3 MAY-1]", test_data_after_close},
      {"old data after close gets no RST", test_old_data_after_close},
      {"a closing connection times out with a silent peer [T-34]", test_silent},
      {"a closing connection times out with a window kept at zero [T-27]", test_sockstress},
      {"a closing connection times out when the peer takes single bytes [T-27]", test_slow_death},
      {"a slow reader gets all data sent before close", test_slow_reader},
      {"the close timeout counts from a slow reader's last progress", test_slow_reader_stops},
      {"the close timeout sends a RST and counts as timed_out", test_limit_is_told},
      {"FIN-WAIT-2 times out while the peer sends ACKs [T-34]", test_talks_in_fin_wait_2},
      {"a closed connection keeps no unused buffers [T-34]", test_buffers_go},
      {"TIME-WAIT ignores a RST [T-32]", test_time_wait_reset},
      {"only the peer's own FIN restarts TIME-WAIT [T-32]", test_time_wait_forged},
      {"TIME-WAIT answers old segments [T-32]", test_time_wait_old},
      {"TIME-WAIT answers a SYN with an old number [T-32]", test_time_wait_low_syn},
      {"a SYN with a newer number reopens a connection in TIME-WAIT [MAY-2 T-32]", test_reopen},
      {"a SYN with RST or FIN does not reopen a connection in TIME-WAIT", test_reopen_refused},
      {"a reopened connection leaves the old one's data readable [MAY-2]", test_reopen_held},
      {"a descriptor can connect again after TIME-WAIT", test_connect_again},
      {"a second connection gets nothing that the first left unread", test_connect_afresh},
      {"a stopped process retransmits before it times out [MUST-20]", test_stopped},
      {"data sent after a stop has the whole timeout", test_stopped_and_sent},
      {"arrived segments are processed before timeouts", test_stopped_and_answered},
      {"timeouts after close do not run while the process is stopped", test_stopped_when_closed},
      {"the timeout of a SYN does not run while the process is stopped",
       test_stopped_when_opening},
      {"every way to end a connection frees all its memory [T-34]", test_nothing_left},
      {"shutdown waits until sent data is acknowledged", test_end_delivers},
      {"shutdown resets its peers after some seconds", test_end_is_told},
      {"an interruption ends the wait of shutdown", test_end_is_hastened},
      {"a RST or FIN of the peer ends the wait of shutdown", test_end_of_peer},
      {"a RST of one peer does not end the wait for another", test_end_of_one_peer},
      {"shutdown wakes sleepers first and refuses new connections", test_end_wakes},
      {"shutdown resets unaccepted and unread connections at once", test_end_of_others})
