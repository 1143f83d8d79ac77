/* Step 28: the remaining events. SYN, RST, FIN and ACK in every state of RFC 9293 3.10.7. */

#include <stdio.h>

#include "bench.h"
#include "conn.h"
#include "net.h"
#include "platform.h"
#include "tcp.h"
#include "util.h"

static struct call opener;
static int desc = -1; /* returned by opener */
static int active; /* OPEN connects to 192.0.2.1:5000; else it listens */

static ssize_t open_connection(struct call *c)
{
    ip_endp_t local = endp(c->local), remote = endp(c->remote);

    return tcp_cmd_open(&local, active ? &remote : NULL, active);
}

static void start(int calls)
{
    bench_start(WIRE_RAW);
    client('A', PEER_ISN);
    active = calls;
    call_start(&opener, open_connection, .local = "192.0.2.2:7", .remote = "192.0.2.1:5000");
}

/*
 * Ways into each state. Beside each: RCV.NXT and SND.NXT there, relative to the initial numbers
 */
static void to_closed(void) /* - - */
{
    bench_start(WIRE_RAW);
    client('A', PEER_ISN);
}

static void to_listen(void) /* - - */
{
    start(0);
}

static void to_syn_sent(void) /* - 1 */
{
    start(1);
    expect("S 0:0(0)");
}

static void to_syn_received(void) /* 1 1 */
{
    start(0);
    inject("S 0:0(0)");
    expect("S. 0:0(0) ack 1");
}

static void to_syn_received_active(void) /* 1 1 */
{
    to_syn_sent();
    inject("S 0:0(0)");
    expect("S. 0:0(0) ack 1");
}

static void to_established(void) /* 1 1 */
{
    to_syn_received();
    inject(". 1:1(0) ack 1");
    desc = opened(&opener);
}

static void to_close_wait(void) /* 2 1 */
{
    to_established();
    inject("F. 1:1(0) ack 1");
    expect_within(500, ". 1:1(0) ack 2");
}

static void to_last_ack(void) /* 2 2 */
{
    to_close_wait();
    tcp_cmd_close(desc);
    expect("F. 1:1(0) ack 2");
}

static void to_fin_wait1(void) /* 1 2 */
{
    to_established();
    tcp_cmd_close(desc);
    expect("F. 1:1(0) ack 1");
}

static void to_fin_wait2(void) /* 1 2 */
{
    to_fin_wait1();
    inject(". 1:1(0) ack 2");
}

static void to_closing(void) /* 2 2 */
{
    to_fin_wait1();
    inject("F. 1:1(0) ack 1");
    expect_within(500, ". 2:2(0) ack 2");
}

static void to_time_wait(void) /* 2 2 */
{
    to_fin_wait2();
    inject("F. 1:1(0) ack 2");
    expect_within(500, ". 2:2(0) ack 2");
}

/* The state of the only block; CLOSED also if there is none. */
static const char *state(void)
{
    struct tcp_view view;

    for (size_t i = 0; i < TCP_PCB_SIZE; i++) {
        if (tcp_get_view_at(i, &view) == 0) {
            return tcp_state_ntoa(view.state);
        }
    }
    return "CLOSED";
}

/*
 * The table
 */
struct cell {
    const char *in;
    const char *out; /* NULL: nothing */
    const char *state; /* afterwards */
};

static void stop(void)
{
    check_int(net_shutdown(), 0);
    wire_pending(1);
    settle();
}

static void try(void (*to)(void), const struct cell *cell, size_t num)
{
    char before[16], text[64];

    for (; num > 0; num--, cell++) {
        to();
        snprintf(before, sizeof(before), "%s", state());
        snprintf(text, sizeof(text), "in %s, after %s", before, cell->in);
        bench_context(text, 6);
        inject(cell->in);
        if (cell->out) {
            expect_within(500, cell->out);
        }
        expect_nothing(0);
        if (strcmp(state(), cell->state) != 0) {
            fail("the state is %s, expected %s", state(), cell->state);
        }
        stop();
        bench_context("", 6);
    }
}

#define TRY(to, ...) \
    do { \
        static const struct cell cells[] = {__VA_ARGS__}; \
        try(to, cells, countof(cells)); \
    } while (0)

static void test_closed(void)
{
    TRY(to_closed,
        {"S 0:0(0)", "R. =0:=0(0) ack 1", "CLOSED"},
        {"R 0:0(0)", NULL, "CLOSED"},
        {"R. 0:0(0) ack =5000", NULL, "CLOSED"},
        {"F 0:0(0)", "R. =0:=0(0) ack 1", "CLOSED"},
        {"F. 0:0(0) ack =5000", "R =5000:=5000(0)", "CLOSED"},
        {". 0:0(0) ack =5000", "R =5000:=5000(0)", "CLOSED"});
}

static void test_listen(void)
{
    TRY(to_listen,
        {"S 0:0(0)", "S. 0:0(0) ack 1", "SYN_RECEIVED"},
        {"S. 0:0(0) ack =5000", "R =5000:=5000(0)", "LISTEN"},
        {"SF 0:0(0)", NULL, "LISTEN"},
        {"R 0:0(0)", NULL, "LISTEN"},
        {"R. 0:0(0) ack =5000", NULL, "LISTEN"},
        {"F 0:0(0)", NULL, "LISTEN"},
        {". 0:0(0) ack =5000", "R =5000:=5000(0)", "LISTEN"});
}

static void test_syn_sent(void)
{
    TRY(to_syn_sent,
        {"S 0:0(0)", "S. 0:0(0) ack 1", "SYN_RECEIVED"},
        {"S. 0:0(0) ack 1", ". 1:1(0) ack 1", "ESTABLISHED"},
        {"S. 0:0(0) ack 2", "R 2:2(0)", "SYN_SENT"},
        {"S. 0:0(0) ack 0", "R 0:0(0)", "SYN_SENT"},
        {"R 0:0(0)", NULL, "SYN_SENT"},
        {"R. 0:0(0) ack 0", NULL, "SYN_SENT"},
        {"R. 0:0(0) ack 2", NULL, "SYN_SENT"},
        {"R. 0:0(0) ack 1", NULL, "CLOSED"},
        {"SR 0:0(0)", NULL, "SYN_SENT"},
        {"SR. 0:0(0) ack 1", NULL, "CLOSED"},
        {"F 0:0(0)", NULL, "SYN_SENT"},
        {"F. 0:0(0) ack 1", NULL, "SYN_SENT"},
        {". 0:0(0) ack 1", NULL, "SYN_SENT"},
        {". 0:0(0) ack 2", "R 2:2(0)", "SYN_SENT"});
}

static void test_syn_received(void)
{
    TRY(to_syn_received,
        {"S 1:1(0)", NULL, "LISTEN"},
        {"S 0:0(0)", ". 1:1(0) ack 1", "SYN_RECEIVED"},
        {"R 1:1(0)", NULL, "LISTEN"},
        {"R. 1:1(0) ack 1", NULL, "LISTEN"},
        {"SR. 1:1(0) ack 1", NULL, "LISTEN"},
        {"R 2:2(0)", ". 1:1(0) ack 1", "SYN_RECEIVED"},
        {"R 0:0(0)", NULL, "SYN_RECEIVED"},
        {"F 1:1(0)", NULL, "SYN_RECEIVED"},
        {"F. 1:1(0) ack 1", ". 1:1(0) ack 2", "CLOSE_WAIT"},
        {". 1:1(0) ack 1", NULL, "ESTABLISHED"},
        {". 1:1(0) ack 0", "R 0:0(0)", "SYN_RECEIVED"},
        {". 1:1(0) ack 2", "R 2:2(0)", "SYN_RECEIVED"});
    TRY(to_syn_received_active,
        {"S 1:1(0)", ". 1:1(0) ack 1", "SYN_RECEIVED"},
        {"S 0:0(0)", ". 1:1(0) ack 1", "SYN_RECEIVED"},
        {"R 1:1(0)", NULL, "CLOSED"},
        {"R 2:2(0)", ". 1:1(0) ack 1", "SYN_RECEIVED"},
        {"R 0:0(0)", NULL, "SYN_RECEIVED"},
        {"F. 1:1(0) ack 1", ". 1:1(0) ack 2", "CLOSE_WAIT"},
        {". 1:1(0) ack 1", NULL, "ESTABLISHED"},
        {". 1:1(0) ack 2", "R 2:2(0)", "SYN_RECEIVED"});
}

static void test_established(void)
{
    TRY(to_established,
        {"S 1:1(0)", ". 1:1(0) ack 1", "ESTABLISHED"},
        {"S 0:0(0)", ". 1:1(0) ack 1", "ESTABLISHED"},
        {"S 100000:100000(0)", ". 1:1(0) ack 1", "ESTABLISHED"},
        {"S. 1:1(0) ack 1", ". 1:1(0) ack 1", "ESTABLISHED"},
        {"R 1:1(0)", NULL, "CLOSED"},
        {"R. 1:1(0) ack 1", NULL, "CLOSED"},
        {"SR. 1:1(0) ack 1", NULL, "CLOSED"},
        {"R 1:11(10)", NULL, "CLOSED"},
        {"R 2:2(0)", ". 1:1(0) ack 1", "ESTABLISHED"},
        {"R 65535:65535(0)", ". 1:1(0) ack 1", "ESTABLISHED"},
        {"R 0:0(0)", NULL, "ESTABLISHED"},
        {"R 65536:65536(0)", NULL, "ESTABLISHED"},
        {"R 2147483649:2147483649(0)", NULL, "ESTABLISHED"},
        {"F 1:1(0)", NULL, "ESTABLISHED"},
        {"F. 1:1(0) ack 1", ". 1:1(0) ack 2", "CLOSE_WAIT"},
        {"F. 2:2(0) ack 1", ". 1:1(0) ack 1", "ESTABLISHED"},
        {"P 1:11(10)", NULL, "ESTABLISHED"},
        {". 1:1(0) ack 1", NULL, "ESTABLISHED"},
        {". 1:1(0) ack 2", ". 1:1(0) ack 1", "ESTABLISHED"});
}

static void test_close_wait(void)
{
    TRY(to_close_wait,
        {"S 2:2(0)", ". 1:1(0) ack 2", "CLOSE_WAIT"},
        {"R 2:2(0)", NULL, "CLOSED"},
        {"R 3:3(0)", ". 1:1(0) ack 2", "CLOSE_WAIT"},
        {"R 1:1(0)", NULL, "CLOSE_WAIT"},
        {"F. 1:1(0) ack 1", ". 1:1(0) ack 2", "CLOSE_WAIT"},
        {". 2:2(0) ack 1", NULL, "CLOSE_WAIT"},
        {". 2:2(0) ack 2", ". 1:1(0) ack 2", "CLOSE_WAIT"});
}

static void test_last_ack(void)
{
    TRY(to_last_ack,
        {"S 2:2(0)", ". 2:2(0) ack 2", "LAST_ACK"},
        {"R 2:2(0)", NULL, "CLOSED"},
        {"R 3:3(0)", ". 2:2(0) ack 2", "LAST_ACK"},
        {"R 1:1(0)", NULL, "LAST_ACK"},
        {"F. 1:1(0) ack 1", ". 2:2(0) ack 2", "LAST_ACK"},
        {". 2:2(0) ack 1", NULL, "LAST_ACK"},
        {". 2:2(0) ack 2", NULL, "CLOSED"},
        {". 2:2(0) ack 3", ". 2:2(0) ack 2", "LAST_ACK"});
}

static void test_fin_wait(void)
{
    TRY(to_fin_wait1,
        {"S 1:1(0)", ". 2:2(0) ack 1", "FIN_WAIT1"},
        {"R 1:1(0)", NULL, "CLOSED"},
        {"R 2:2(0)", ". 2:2(0) ack 1", "FIN_WAIT1"},
        {"R 0:0(0)", NULL, "FIN_WAIT1"},
        {"F. 1:1(0) ack 1", ". 2:2(0) ack 2", "CLOSING"},
        {"F. 1:1(0) ack 2", ". 2:2(0) ack 2", "TIME_WAIT"},
        {". 1:1(0) ack 1", NULL, "FIN_WAIT1"},
        {". 1:1(0) ack 2", NULL, "FIN_WAIT2"},
        {". 1:1(0) ack 3", ". 2:2(0) ack 1", "FIN_WAIT1"});
    TRY(to_fin_wait2,
        {"S 1:1(0)", ". 2:2(0) ack 1", "FIN_WAIT2"},
        {"R 1:1(0)", NULL, "CLOSED"},
        {"R 2:2(0)", ". 2:2(0) ack 1", "FIN_WAIT2"},
        {"R 0:0(0)", NULL, "FIN_WAIT2"},
        {"F. 1:1(0) ack 2", ". 2:2(0) ack 2", "TIME_WAIT"},
        {"F. 2:2(0) ack 2", ". 2:2(0) ack 1", "FIN_WAIT2"},
        {". 1:1(0) ack 2", NULL, "FIN_WAIT2"},
        {". 1:1(0) ack 3", ". 2:2(0) ack 1", "FIN_WAIT2"});
}

static void test_closing(void)
{
    TRY(to_closing,
        {"S 2:2(0)", ". 2:2(0) ack 2", "CLOSING"},
        {"R 2:2(0)", NULL, "CLOSED"},
        {"R 3:3(0)", ". 2:2(0) ack 2", "CLOSING"},
        {"R 1:1(0)", NULL, "CLOSING"},
        {"F. 1:1(0) ack 1", ". 2:2(0) ack 2", "CLOSING"},
        {". 2:2(0) ack 1", NULL, "CLOSING"},
        {". 2:2(0) ack 2", NULL, "TIME_WAIT"},
        {". 2:2(0) ack 3", ". 2:2(0) ack 2", "CLOSING"});
}

/* RFC 1337: no RST ends this state. A newer SYN may reopen it (step 36); this one is old. */
static void test_time_wait(void)
{
    TRY(to_time_wait,
        {"S 0:0(0)", ". 2:2(0) ack 2", "TIME_WAIT"},
        {"R 2:2(0)", NULL, "TIME_WAIT"},
        {"R 1:1(0)", NULL, "TIME_WAIT"},
        {"F. 1:1(0) ack 2", ". 2:2(0) ack 2", "TIME_WAIT"},
        {". 2:2(0) ack 2", NULL, "TIME_WAIT"});
}

static void test_counts(void)
{
    to_syn_sent();
    check_counted(tcp, bad_flags, 1, inject("R 0:0(0)"));
    stop();
    to_syn_received();
    check_counted(tcp, bad_flags, 1, inject("S 1:1(0)"));
    stop();
    to_syn_received();
    check_counted(tcp, resets_received, 1, inject("R 1:1(0)"));
    stop();
    to_established();
    check_counted(tcp, bad_flags, 1, inject("S 1:1(0)"));
    check_counted(tcp, out_of_order, 1, inject("R 2:2(0)"));
    stop();
    to_time_wait();
    check_counted(tcp, bad_flags, 1, inject("R 2:2(0)"));
    wire_pending(1);
}

/*
 * Results for the user
 */
static void check_opened(void)
{
    desc = opened(&opener);
    check_state(desc, "ESTABLISHED");
}

static void test_refused(void)
{
    to_syn_sent();
    check_counted(tcp, resets_received, 1, inject("R. 0:0(0) ack 1"));
    check_failed(&opener, ECONNREFUSED);
    expect_nothing(60000);
}

static void test_reset(void)
{
    static struct call r, s;

    to_established();
    inject(". 1:1(0) ack 1 win 0");
    call_start(&r, receive, .desc = desc, .len = 1);
    call_start(&s, send_pattern, .desc = desc, .from = 1, .len = 100000);
    check_counted(tcp, resets_received, 1, inject("R 1:1(0)"));
    check_failed(&r, ECONNRESET);
    check_sent_or_failed(&s, ECONNRESET);
    check_int(tcp_cmd_close(desc), 0);
    check_error(tcp_cmd_close(desc), EBADF);
    expect_nothing(60000);
}

/* RFC 5961: a RST or SYN that may be forged is challenged; a restarted peer answers with a RST. */
static void test_challenge(void)
{
    to_established();
    check_counted(tcp, challenges_sent, 1, inject("S 100:100(0)"));
    expect(". 1:1(0) ack 1");
    check_counted(tcp, resets_received, 0, inject("R 100:100(0)"));
    wire_pending(1);
    inject("R 1:1(0)");
    check_str(state(), "CLOSED");
}

/* Two interfaces: the challenge has the connection's address. */
static void test_challenge_address(void)
{
    struct net_device *first, *second;

    check_int(net_init(), 0);
    first = wire_init(WIRE_RAW);
    second = wire_init(WIRE_RAW);
    wire_address(first, "198.51.100.2", "255.255.255.0");
    wire_address(second, "192.0.2.2", "255.255.255.0");
    check_int(net_run(), 0);
    desc = established(PEER_ISN, "", 65535);
    inject("S 1:1(0)");
    expect(". 1:1(0) ack 1");
}

/* A SYN with data arrives twice: the second is no new connection attempt. */
static void test_syn_with_data_again(void)
{
    start(0);
    inject("S 0:10(10)");
    expect("S. 0:0(0) ack 1");
    inject("S 0:10(10)");
    expect(". 1:1(0) ack 1");
    check_str(state(), "SYN_RECEIVED");
    inject(". 1:1(0) ack 1");
    check_opened();
}

static void test_passive_again(void)
{
    to_syn_received();
    inject("R 1:1(0)");
    check(logged("SYN_RECEIVED => LISTEN"));
    check_sleeps(&opener);
    connection('B', "192.0.2.2:7", "192.0.2.9:6000", 0xffffffff);
    handshake("", 65535);
    check_opened();
    expect_nothing(60000);
}

/* RFC 9293 3.5, Figure 7 */
static void test_simultaneous_open(void)
{
    to_syn_received_active();
    inject("S. 0:0(0) ack 1");
    wire_pending(1);
    inject(". 1:1(0) ack 1");
    check_opened();
    inject("P. 1:11(10) ack 1");
    expect_within(500, ". 1:1(0) ack 11");
    check_received(desc, 1, 11);
    check_int(tcp_cmd_send(desc, "hello", 5), 5);
    expect("P. 1:6(5) ack 11 'hello'");
    inject(". 11:11(0) ack 6");
    expect_nothing(60000);
}

/* The SYN-ACK is the SYN again, with ACK from now on; no second segment waits for an ACK. */
static void test_crossing_syns_lost(void)
{
    long last;

    to_syn_received_active();
    last = expect_within(10000, "S. 0:0(0) ack 1");
    expect_nothing(last - 200);
    expect_within(10000, "S. 0:0(0) ack 1");
    inject(". 1:1(0) ack 1");
    check_opened();
    expect_nothing(60000);
}

/* RFC 9293 3.6, Figure 13 */
static void test_simultaneous_close(void)
{
    to_closing();
    check(logged("FIN_WAIT1 => CLOSING"));
    inject(". 2:2(0) ack 2");
    check_str(state(), "TIME_WAIT");
    expect_nothing(2 * TCP_MSL + 1000);
    check_gone(desc);
}

/* RFC 9293 3.4 */
static void test_reset_shut_window(void)
{
    char script[64];
    uint32_t seq, len;

    to_established();
    for (seq = 1; seq <= TCP_RCV_BUF_SIZE; seq += len) {
        len = TCP_RCV_BUF_SIZE + 1 - seq < 1000 ? TCP_RCV_BUF_SIZE + 1 - seq : 1000;
        snprintf(script, sizeof(script), "P. %u:%u(%u) ack 1", seq, seq + len, len);
        inject(script);
    }
    advance(500);
    wire_pending(1);
    inject("R 65537:65537(0)");
    check_str(state(), "ESTABLISHED");
    inject("R 65536:65536(0)");
    check_str(state(), "CLOSED");
    wire_pending(1);
}

BENCH(28,
      {"SYN, RST, FIN and ACK have the right effect in CLOSED [EVENT-1]", test_closed},
      {"SYN, RST, FIN and ACK have the right effect in LISTEN [EVENT-2]", test_listen},
      {"SYN, RST, FIN and ACK have the right effect in SYN-SENT [EVENT-3]", test_syn_sent},
      {"SYN, RST, FIN and ACK have the right effect in SYN-RECEIVED, after LISTEN and after "
       "SYN-SENT [MUST-11]",
       test_syn_received},
      {"SYN, RST, FIN and ACK have the right effect in ESTABLISHED "
       "[EVENT-4 EVENT-6 EVENT-7 SHLD-2]", test_established},
      {"SYN, RST, FIN and ACK have the right effect in CLOSE-WAIT", test_close_wait},
      {"SYN, RST, FIN and ACK have the right effect in LAST-ACK", test_last_ack},
      {"SYN, RST, FIN and ACK have the right effect in FIN-WAIT-1 and FIN-WAIT-2 [EVENT-11]",
       test_fin_wait},
      {"SYN, RST, FIN and ACK have the right effect in CLOSING [EVENT-11]", test_closing},
      {"SYN, RST, FIN and ACK have the right effect in TIME-WAIT [EVENT-12 EVENT-14]",
       test_time_wait},
      {"a SYN or RST that the state does not allow is counted", test_counts},
      {"a RST in SYN-SENT ends OPEN with ECONNREFUSED", test_refused},
      {"a RST wakes all sleepers with ECONNRESET [MUST-12 M-1]", test_reset},
      {"a SYN, or a RST that is not at RCV.NXT, gets a challenge ACK [EVENT-6 EVENT-7]",
       test_challenge},
      {"a challenge ACK has the connection's address [MUST-45 1122-3.3.4.2a]",
       test_challenge_address},
      {"a repeated SYN with data is answered by an ACK [T-36]", test_syn_with_data_again},
      {"a RST in SYN-RECEIVED returns a passive OPEN to LISTEN [MUST-11]", test_passive_again},
      {"a simultaneous open makes one connection [MUST-10]", test_simultaneous_open},
      {"after crossing SYNs the SYN-ACK is retransmitted", test_crossing_syns_lost},
      {"a simultaneous close ends in TIME-WAIT", test_simultaneous_close},
      {"a RST at RCV.NXT is accepted into a zero window [MUST-66]", test_reset_shut_window})
