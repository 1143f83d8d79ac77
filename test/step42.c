/* Step 42: blind attacks, RFC 5961. An off-path attacker knows the endpoints and guesses the
 * numbers. */

#include <stdio.h>

#include "bench.h"
#include "commands.h"
#include "net.h"
#include "platform.h"
#include "tcp.h"
#include "util.h"

static int listener = -1;

/* A connection from the client of that name. */
struct link {
    char name;
    int desc;
    struct tcp_view before;
};

static struct link a = {.name = 'A'}, b = {.name = 'B'}, c = {.name = 'C'};

static void start(void)
{
    bench_start(WIRE_RAW);
    listener = listening("0.0.0.0:7", 8);
}

static void establish(struct link *l, unsigned win)
{
    char syn[64];

    snprintf(syn, sizeof(syn), "win %u <mss 1000>", win);
    client(l->name, PEER_ISN);
    l->desc = accepted(listener, syn, win);
    l->before = view(l->desc);
}

/* The connection is unchanged. */
static void check_untouched(const struct link *l)
{
    struct tcp_view v = view(l->desc);

    check_str(tcp_state_ntoa(v.state), tcp_state_ntoa(l->before.state));
    check_int(v.rcv.nxt, l->before.rcv.nxt);
    check_int(v.rcv.wnd, l->before.rcv.wnd);
    check_int(v.snd.una, l->before.snd.una);
    check_int(v.snd.nxt, l->before.snd.nxt);
    check_int(v.snd.wnd, l->before.snd.wnd);
}

/* Lets two seconds pass, so that all challenges are permitted again. */
static void calm(void)
{
    advance(2000);
    wire_pending(1);
}

/*
 * The range of acceptable ACKs: SND.UNA - MAX.SND.WND to SND.NXT
 */

/* SND.UNA is 2001, SND.NXT 2011, MAX.SND.WND 1000. */
static void send_and_ack(void)
{
    start();
    establish(&a, 1000);
    our_side_sends(a.desc, 1, 2000);
    expect(". 1:1001(1000) ack 1");
    inject(". 1:1(0) ack 1001 win 1000");
    expect("P. 1001:2001(1000) ack 1");
    inject(". 1:1(0) ack 2001 win 1000");
    our_side_sends(a.desc, 2001, 10);
    expect("P. 2001:2011(10) ack 1");
}

static void test_ack_range(void)
{
    static const uint32_t bad[] = {1000, 999, 1, 0, 2012, 2001 + (1u << 31), 2000 + (1u << 31)};
    uint32_t seq = 1;
    char text[64];

    send_and_ack();
    for (size_t i = 0; i < countof(bad); i++) {
        snprintf(text, sizeof(text), "P. 1:11(10) ack %u win 500", bad[i]);
        check_counted(tcp, bad_ack, 1, inject(text));
        expect(". 2011:2011(0) ack 1");
        check_int(view(a.desc).rcv.nxt, PEER_ISN + 1);
        check_int(view(a.desc).snd.wnd, 1000);
        snprintf(text, sizeof(text), "F. 1:1(0) ack %u", bad[i]);
        check_counted(tcp, bad_ack, 1, inject(text));
        check_state(a.desc, "ESTABLISHED");
        inject(". 1:1(0) ack 2001 win 1000");
        calm();
    }
    for (uint32_t ack = 1001; ack <= 2011; ack += ack == 1001 ? 999 : ack == 2000 ? 1 : 10) {
        snprintf(text, sizeof(text), "P. %u:%u(10) ack %u win 1000", seq, seq + 10, ack);
        inject(text);
        seq += 10;
        check_int(view(a.desc).rcv.nxt, PEER_ISN + seq);
    }
    check_int(view(a.desc).snd.una, view(a.desc).iss + 2011);
    advance(500);
    wire_pending(1);
    check_received(a.desc, 1, seq);
}

/* The window was larger once: MAX.SND.WND does not shrink. */
static void test_widest_window(void)
{
    start();
    establish(&a, 1000);
    inject(". 1:1(0) ack 1 win 5000");
    inject(". 1:1(0) ack 1 win 1000");
    for (uint32_t seq = 1; seq < 6001; seq += 1000) {
        char text[64];

        our_side_sends(a.desc, seq, 1000);
        snprintf(text, sizeof(text), ". 1:1(0) ack %u win 1000", seq + 1000);
        wire_pending(1);
        inject(text);
    }
    check_counted(tcp, bad_ack, 1, inject("P. 1:11(10) ack 1000"));
    check_int(view(a.desc).rcv.nxt, PEER_ISN + 1);
    inject("P. 1:11(10) ack 1001");
    check_int(view(a.desc).rcv.nxt, PEER_ISN + 11);
    calm();
    check_received(a.desc, 1, 11);
}

static ssize_t connect_to(struct call *call)
{
    ip_endp_t remote = endp("192.0.2.1:6000");

    return tcp_cmd_connect(call->desc, &remote);
}

/* Connects from the same descriptor. SND.NXT and RCV.NXT are then 1, relative. */
static void connect_again(unsigned win)
{
    static struct call call;
    char text[64];

    call_start(&call, connect_to, .desc = b.desc);
    connection('B', "192.0.2.2:0", "192.0.2.1:6000", PEER_ISN);
    expect("S 0:0(0)");
    snprintf(text, sizeof(text), "S. 0:0(0) ack 1 win %u", win);
    inject(text);
    expect(". 1:1(0) ack 1");
    check_returned(&call, 0);
}

/* An earlier connection of the same descriptor had a large window. */
static void test_former_window(void)
{
    start();
    b.desc = tcp_cmd_socket();
    connect_again(65535);
    inject("R 1:1(0)");
    connect_again(100);
    check_counted(tcp, bad_ack, 1, inject("P. 1:11(10) ack 4294967000"));
    check_int(view(b.desc).rcv.nxt, PEER_ISN + 1);
    inject("P. 1:11(10) ack 4294967290");
    check_int(view(b.desc).rcv.nxt, PEER_ISN + 11);
    calm();
}

/*
 * RST and SYN
 */

static void test_reset(void)
{
    static const char *const inside[] = {"R 2:2(0)", "R. 2:2(0) ack 1", "R 32768:32768(0)",
                                         "R 65535:65535(0)", "R 100:200(100)"};
    static const char *const outside[] = {"R 0:0(0)", "R. 0:0(0) ack 1", "R 70000:70000(0)",
                                          "R 2147483649:2147483649(0)",
                                          "R 4294960000:4294960000(0)"};
    static const char *const edge[] = {"R 65536:65536(0)", "R. 65536:65536(0) ack 1"};

    start();
    establish(&a, 65535);
    for (size_t i = 0; i < countof(inside); i++) {
        check_counted(tcp, challenges_sent, 1, inject(inside[i]));
        expect(". 1:1(0) ack 1");
        check_untouched(&a);
        check_counted(tcp, challenges_sent, 0, inject(outside[i]));
        expect_nothing(1000);
        check_untouched(&a);
    }
    for (size_t i = 0; i < countof(edge); i++) { /* RCV.NXT+RCV.WND is the first outside */
        check_counted(tcp, challenges_sent, 0, inject(edge[i]));
        expect_nothing(1000);
        check_untouched(&a);
    }
    check_counted(tcp, resets_received, 1, inject("R 1:1(0)"));
    check_state(a.desc, "CLOSED");
    expect_nothing(0);
}

static void test_syn(void)
{
    static const char *const syn[] = {
        "S 1:1(0)", "S 0:0(0)", "S 2:2(0)", "S 65535:65535(0)", "S 100000:100000(0)",
        "S 2147483649:2147483649(0)", "S. 1:1(0) ack 1", "S. 0:0(0) ack 1", "S. 5:5(0) ack 99999",
        "SF 1:1(0)",
    };

    start();
    establish(&a, 65535);
    for (size_t i = 0; i < countof(syn); i++) {
        inject(syn[i]);
        expect(". 1:1(0) ack 1");
        check_untouched(&a);
        calm();
    }
}

/* A restarted peer answers the challenge with a RST. */
static void test_restarted(void)
{
    char buf[8];

    start();
    establish(&a, 65535);
    inject("P. 1:11(10) ack 1");
    calm();
    inject("S 500000:500000(0)");
    expect(". 1:1(0) ack 11");
    inject("R 11:11(0)");
    check_received(a.desc, 1, 11);
    check_error(tcp_cmd_receive(a.desc, buf, sizeof(buf)), ECONNRESET);
    check_int(tcp_cmd_close(a.desc), 0);
    inject("S 500000:500000(0)");
    check_int(wire_pending(1), 1);
}

/* Our side has closed first, then the peer. SND.NXT and RCV.NXT are 2. */
static void to_time_wait(void)
{
    start();
    establish(&a, 65535);
    check_int(tcp_cmd_close(a.desc), 0);
    expect("F. 1:1(0) ack 1");
    inject("F. 1:1(0) ack 2");
    expect_within(500, ". 2:2(0) ack 2");
    check_state(a.desc, "TIME_WAIT");
    calm();
}

/* A restarted peer with a lower ISN, or one in the old window, need not wait for a minute: its RST
 * in answer to our challenge is no old duplicate. */
static void test_restarted_in_time_wait(void)
{
    static const char *const syns[] = {"S 2147483750:2147483750(0)", "S 0:0(0)",
                                       "S 4294967000:4294967000(0)"};

    for (size_t i = 0; i < countof(syns); i++) {
        to_time_wait();
        inject(syns[i]);
        expect(". 2:2(0) ack 2");
        advance(TCP_CHALLENGE_ANSWER - 100);
        check_counted(tcp, resets_received, 1, inject("R 2:2(0)"));
        expect_nothing(0);
        check(is_gone(a.desc));
        inject(syns[i]); /* a SYN-ACK: a new connection */
        check_int(wire_pending(1), 1);
        check_int(net_shutdown(), 0);
        wire_pending(1);
    }
}

/* RFC 1337: only a RST in answer to a challenge ends TIME-WAIT. */
static void test_time_wait_stays(void)
{
    to_time_wait();
    inject("R 2:2(0)"); /* no challenge was sent */
    inject("P. 0:1(1) ack 1");
    expect(". 2:2(0) ack 2");
    inject("R 2:2(0)"); /* in answer to our ACK of old data */
    inject("S 0:0(0)");
    expect(". 2:2(0) ack 2");
    inject("R 1:1(0)");
    inject("R 1000:1000(0)");
    wire_pending(1);
    advance(TCP_CHALLENGE_ANSWER + 100);
    inject("R 2:2(0)"); /* too late */
    expect_nothing(0);
    check_state(a.desc, "TIME_WAIT");
    for (int i = 0; i < 20; i++) {
        inject(". 1000000000:1000000000(0) ack 1");
    }
    wire_pending(1);
    inject("S 3000000000:3000000000(0)"); /* the challenge was held: no RST can answer it */
    inject("R 2:2(0)");
    expect_nothing(0);
    check_state(a.desc, "TIME_WAIT");
}

/* Received data can be read after the reset. */
static void test_restarted_while_held(void)
{
    char buf[8];

    start();
    establish(&a, 65535);
    check_int(tcp_cmd_half_close(a.desc), 0);
    expect("F. 1:1(0) ack 1");
    inject("F. 1:11(10) ack 2");
    calm();
    inject("S 0:0(0)");
    expect(". 2:2(0) ack 12");
    inject("R 12:12(0)");
    check_state(a.desc, "CLOSED");
    check_received(a.desc, 1, 11);
    check_int(tcp_cmd_receive(a.desc, buf, sizeof(buf)), 0);
    check_int(tcp_cmd_close(a.desc), 0);
}

/*
 * Limits
 */

/* An attacker uses up all challenges, and the peer's probes are still answered: their sequence
 * number is unknown off the path. */
static void test_probes_answered(void)
{
    start();
    establish(&a, 65535);
    for (int i = 0; i < 240; i++) {
        inject(". 1000000000:1000000000(0) ack 1");
        inject("S 1000000000:1000000000(0)");
        advance(80);
        wire_pending(1);
        if (i % 12 == 11) {
            inject(". 0:0(0) ack 1");
            expect(". 1:1(0) ack 1");
        }
    }
    check_untouched(&a);
}

/* How many answers do num such segments at once get? */
static size_t answers(const char *script, size_t num)
{
    size_t n = 0;

    while (num-- > 0) {
        inject(script);
        n += wire_pending(1);
    }
    return n;
}

static void test_limit(void)
{
    static const char *const what[] = {
        "R 2:2(0)", "S 1:1(0)", "S 0:0(0)", "S. 100000:100000(0) ack 1", "P. 1:11(10) ack 5000",
        ". 1:1(0) ack 2147483649", ". 0:0(0) ack 1", ". 100000:100000(0) ack 1",
    };
    size_t n;

    start();
    establish(&a, 65535);
    for (size_t i = 0; i < countof(what); i++) {
        calm();
        n = answers(what[i], 200);
        if (n < 1 || n > 2 * TCP_CHALLENGE_LIMIT) {
            fail("%zu answers to 200 times %s", n, what[i]);
        }
        advance(500);
        wire_pending(1);
        check_untouched(&a);
    }
    calm();
    check_int(answers(what[0], 1), 1); /* challenges are permitted again */
}

/* A minute of segments of each kind. */
static void test_rate(void)
{
    size_t n = 0;

    start();
    establish(&a, 65535);
    for (int i = 0; i < 6000; i++) {
        n += answers(i % 3 ? i % 2 ? "R 2:2(0)" : "S 7:7(0)" : ". 1:1(0) ack 2", 2);
        advance(10);
    }
    check_untouched(&a);
    check_range(n, 60, 61 * TCP_CHALLENGE_LIMIT);
}

/* CVE-2016-5696: with one limit for all, an attacker could exhaust it on its own connection and see
 * whether a guess on another was answered. */
static size_t answers_of_b(int others)
{
    size_t n = 0;

    calm();
    for (int i = 0; i < 100; i++) {
        if (others) {
            answers("A> R 2:2(0)", 5);
            answers("C> S 1:1(0)", 5);
        }
        n += answers("B> R 2:2(0)", 1);
    }
    return n;
}

static void test_no_global_limit(void)
{
    size_t alone;

    start();
    establish(&a, 65535);
    establish(&b, 65535);
    establish(&c, 65535);
    alone = answers_of_b(0);
    for (int i = 0; i < 5; i++) {
        check_int(answers_of_b(1), alone);
    }
    check_cmp(alone, >=, 1);
}

/* A peer that missed our ACKs retransmits data already received, and must always get an ACK. */
static void test_repeated_data(void)
{
    start();
    establish(&a, 65535);
    inject("P. 1:1001(1000) ack 1");
    inject("P. 1001:2001(1000) ack 1");
    calm();
    answers("R 2002:2002(0)", 100);
    for (int i = 0; i < 100; i++) {
        inject(i % 2 ? "P. 1:1001(1000) ack 1" : "P. 1001:2001(1000) ack 1");
        expect(". 1:1(0) ack 2001");
    }
    answers("R 2002:2002(0)", 100);
    inject("F. 2001:2001(0) ack 1");
    expect_within(500, ". 1:1(0) ack 2002");
    check_received(a.desc, 1, 2001);
}

/* Two ends that reject each other's ACKs do not answer for ever. */
static void test_no_endless_talk(void)
{
    size_t n = 0;

    start();
    establish(&a, 65535);
    for (int i = 0; i < 10000; i++) { /* the peer answers each answer */
        inject(i % 2 ? ". 1:1(0) ack 2" : ". 0:0(0) ack 1");
        if (wire_pending(1) == 0) {
            break;
        }
        n++;
    }
    check_cmp(n, <=, 2 * TCP_CHALLENGE_LIMIT);
}

/*
 * Blind segments
 */
static uint32_t draw(void)
{
    uint32_t x;

    random_bytes(&x, sizeof(x));
    return x;
}

/* A segment with random flags and numbers. */
static void guess(char name)
{
    static const char *const flags[] = {"R", "R.", "S", "S.", "P.", "P.", ".", "F.", "F", "P"};
    const char *f = flags[draw() % countof(flags)];
    uint32_t seq = draw(), len = strchr("PF", f[0]) ? draw() % 100 : 0;
    char text[96], ack[24] = "";

    if (strchr(f, '.')) {
        snprintf(ack, sizeof(ack), "ack =%u", draw());
    }
    snprintf(text, sizeof(text), "%c> %s =%u:=%u(%u) %s win %u", name, f, seq, seq + len, len, ack,
             draw() % 65536);
    inject(text);
}

/* A RST or SYN inside the window but not exact, or data with a wrong ACK. */
static void guess_inside(const struct link *l)
{
    static const char *const flags[] = {"R", "R.", "S", "S.", "P.", "F."};
    const char *f = flags[draw() % countof(flags)];
    uint32_t seq = l->before.rcv.nxt + 1 + draw() % 65000, len = f[0] == 'P' ? draw() % 100 : 0;
    char text[96], ack[24] = "";

    if (strchr(f, '.')) {
        snprintf(ack, sizeof(ack), "ack =%u", l->before.snd.nxt + 1 + draw() % 0xfffe0000);
    }
    snprintf(text, sizeof(text), "%c> %s =%u:=%u(%u) %s", l->name, f, seq, seq + len, len, ack);
    inject(text);
}

/* Data goes both ways. */
static void check_works(struct link *l)
{
    char text[64];

    snprintf(text, sizeof(text), "%c> P. 1:101(100) ack 1", l->name);
    inject(text);
    advance(500);
    check_cmp(wire_pending(1), >, 0);
    check_received(l->desc, 1, 101);
    our_side_sends(l->desc, 1, 10);
    expect("P. 1:11(10) ack 101");
    snprintf(text, sizeof(text), "%c> . 101:101(0) ack 11", l->name);
    inject(text);
    check_int(view(l->desc).snd.una, view(l->desc).iss + 11);
    check_int(tcp_cmd_close(l->desc), 0);
    expect("F. 11:11(0) ack 101");
    snprintf(text, sizeof(text), "%c> R 101:101(0)", l->name);
    inject(text);
}

#define GUESSES 100000
#define A_SECOND 5000 /* segments */

static void test_guesses(void)
{
    struct link *links[] = {&a, &b, &c};
    size_t n = 0;

    time_limit(10);
    start();
    for (size_t i = 0; i < countof(links); i++) {
        establish(links[i], 65535);
    }
    for (int i = 0; i < GUESSES; i++) {
        guess(links[i % 3]->name);
        n += wire_pending(1);
        if (i % (A_SECOND / 10) == 0) {
            advance(100);
            check_untouched(links[i / 500 % 3]);
        }
    }
    check_cmp(n, <=, 3 * TCP_CHALLENGE_LIMIT * (GUESSES / A_SECOND + 2));
    for (size_t i = 0; i < countof(links); i++) {
        check_untouched(links[i]);
        check_works(links[i]);
    }
}

static void test_guesses_inside(void)
{
    size_t n = 0;

    start();
    establish(&a, 65535);
    for (int i = 0; i < GUESSES / 5; i++) {
        guess_inside(&a);
        n += wire_pending(1);
        if (i % (A_SECOND / 10) == 0) {
            advance(100);
            check_untouched(&a);
        }
    }
    check_cmp(n, <=, TCP_CHALLENGE_LIMIT * (GUESSES / 5 / A_SECOND + 2));
    check_untouched(&a);
    check_works(&a);
}

/* The peer has closed one connection, our side the other. */
static void test_guesses_half_closed(void)
{
    size_t n = 0;
    char buf[8];

    start();
    establish(&a, 65535);
    establish(&b, 65535);
    inject("A> F. 1:1(0) ack 1");
    expect_within(500, ". 1:1(0) ack 2");
    check_int(tcp_cmd_half_close(b.desc), 0);
    expect("B> F. 1:1(0) ack 1");
    inject("B> . 1:1(0) ack 2");
    a.before = view(a.desc);
    b.before = view(b.desc);
    for (int i = 0; i < GUESSES / 5; i++) {
        guess(i % 2 ? 'A' : 'B');
        if (i % 5 == 0) {
            guess_inside(i % 2 ? &a : &b);
        }
        n += wire_pending(1);
        if (i % (A_SECOND / 10) == 0) {
            advance(100);
        }
    }
    check_cmp(n, <=, 2 * TCP_CHALLENGE_LIMIT * (GUESSES / 5 / A_SECOND + 2));
    check_untouched(&a);
    check_untouched(&b);
    our_side_sends(a.desc, 1, 10);
    expect("A> P. 1:11(10) ack 2");
    inject("A> . 2:2(0) ack 11");
    check_int(tcp_cmd_receive(a.desc, buf, sizeof(buf)), 0);
    inject("B> F. 1:101(100) ack 2");
    expect_within(500, "B> . 2:2(0) ack 102");
    check_received(b.desc, 1, 101);
    check_int(tcp_cmd_receive(b.desc, buf, sizeof(buf)), 0);
}

BENCH(42,
      {"a segment with too old an ACK is challenged and dropped [MAY-12 T-18 T-30]",
       test_ack_range},
      {"the range of acceptable ACKs uses the largest window so far [MAY-12]", test_widest_window},
      {"the range of acceptable ACKs ignores a former connection's window [MAY-12]",
       test_former_window},
      {"an exact RST resets, one in the window is challenged, others are dropped [T-16]",
       test_reset},
      {"a SYN with any number is challenged [T-17]", test_syn},
      {"a restarted peer can connect after a challenge [T-17]", test_restarted},
      {"a restarted peer can connect in TIME-WAIT with any number [T-32]",
       test_restarted_in_time_wait},
      {"only a RST in answer to a challenge ends TIME-WAIT [EVENT-14 T-32]", test_time_wait_stays},
      {"data received before a reset in TIME-WAIT is still readable", test_restarted_while_held},
      {"challenges are limited per second [T-16 T-17]", test_limit},
      {"the challenge limit holds for a minute", test_rate},
      {"challenge limits of connections are independent [T-19]", test_no_global_limit},
      {"blind segments do not use up the answers to the peer's probes [T-19]",
       test_probes_answered},
      {"retransmitted data is always acknowledged [T-23]", test_repeated_data},
      {"mutual challenges stop", test_no_endless_talk},
      {"100,000 blind segments lose and inject nothing [T-16 T-17 T-18]", test_guesses},
      {"20,000 blind segments in the window lose and inject nothing", test_guesses_inside},
      {"blind segments do not change half-closed connections", test_guesses_half_closed})
