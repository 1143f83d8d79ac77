/* Hostile packets: TCP headers and options. */

#include "hostile.h"
#include "sim.h"

#define SYN "TCP 192.0.2.1.6000 > 192.0.2.2.7 S 9:9(0)"

/* Checks that the segment passes the header checks, and has no effect. */
#define check_means_nothing(statement) \
    do { \
        struct picture before_picture = picture_take(); \
        check_counted(tcp, delivered, 1, statement); \
        expect_nothing(0); \
        picture_check(&before_picture); \
    } while (0)

/*
 * Lengths
 */
static void test_short(void)
{
    char line[128];
    int desc = connected();

    for (int len = 0; len < TCP_HDR_SIZE_MIN; len++) {
        snprintf(line, sizeof(line), "IP 192.0.2.1 > 192.0.2.2 proto 6 hex %.*s", len * 2,
                 "1388000700000001000000015010ffff00000000");
        check_dropped(tcp, too_short, inject(line));
    }
    check_alive(desc, 1, 1);
}

static void test_offset(void)
{
    char fault[32];
    int desc = connected();

    for (int offset = 0; offset < 5; offset++) {
        snprintf(fault, sizeof(fault), "tcp.offset=%d", offset);
        check_dropped(tcp, bad_offset, inject_with(fault, "P. 1:11(10) ack 1"));
    }
    for (int offset = 6; offset < 16; offset++) { /* of a segment of 21 bytes */
        snprintf(fault, sizeof(fault), "tcp.offset=%d", offset);
        check_dropped(tcp, bad_offset, inject_with(fault, "P. 1:2(1) ack 1"));
    }
    check_alive(desc, 1, 1);
}

static void test_checksum(void)
{
    int desc = connected();

    check_dropped(tcp, bad_checksum, inject_with("tcp.sum=+1", "P. 1:11(10) ack 1"));
    check_dropped(tcp, bad_checksum, inject_with("tcp.sum=0", "P. 1:11(10) ack 1"));
    check_dropped(tcp, bad_checksum, inject_with("tcp.sum=0", "R. 1:1(0) ack 1"));
    check_dropped(tcp, bad_checksum, inject_with("tcp.sum=-1", SYN));
    check_alive(desc, 1, 1);
}

/* 65,495 bytes and a FIN, the longest segment. */
static void test_giant(void)
{
    static uint8_t buf[65536];
    struct tcp_view view;
    size_t len = 0;
    ssize_t n;
    int desc = connected();

    inject("PF. 1:65496(65495) ack 1");
    expect_within(500, ". 1:1(0) ack 65497");
    check_int(view_of("192.0.2.1:5000", &view), 0);
    check_int(view.rcv.nxt - view.irs, 65497);
    check_str(state(), "CLOSE_WAIT");
    while ((n = tcp_cmd_receive(desc, buf + len, sizeof(buf) - len)) > 0) {
        len += (size_t)n;
    }
    check_int(len, 65495);
    check_pattern(buf, 1, len);
    wire_pending(1);
}

/*
 * Options
 */

/* Bad option lengths: zero, one, beyond the header, missing. */
static const char *const impossible[] = {
    "hex 02000000", "hex fe000000", "hex 02010000", "hex fe010000", "hex 0205010203040000",
    "hex feff0000", "hex 010101fe", "hex 01010102", "hex 0204ffff01010103", "hex 0101fe03",
};

static void test_option_length(void)
{
    char line[128];
    int desc = connected();

    for (size_t i = 0; i < countof(impossible); i++) {
        snprintf(line, sizeof(line), ". 1:1(0) ack 1 <%s>", impossible[i]);
        check_dropped(tcp, bad_option, inject(line));
        snprintf(line, sizeof(line), SYN " <%s>", impossible[i]);
        check_dropped(tcp, bad_option, inject(line));
    }
    check_means_nothing(inject(". 1:1(0) ack 1 <hex 0000000002000000>")); /* behind the end */
    check_alive(desc, 1, 1);
}

/* Opens connection A with these options on its SYN. Returns its descriptor. */
static int connected_with(const char *options)
{
    char line[96];
    int listener, desc;

    bench_start(WIRE_RAW);
    listener = listening(8);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    snprintf(line, sizeof(line), "S 0:0(0) win 65535 <%s>", options);
    inject(line);
    expect("S. 0:0(0) ack 1");
    inject(". 1:1(0) ack 1");
    desc = tcp_cmd_accept(listener, NULL);
    check_cmp(desc, !=, -1);
    expect_nothing(0);
    return desc;
}

static struct call call; /* of send */

/* Sends len bytes. Returns the data length of the largest segment. */
static size_t largest_segment(int desc, size_t len)
{
    uint8_t got[2000];
    size_t n, most = 0, seen = 0;

    call_start(&call, send_pattern, .desc = desc, .len = len);
    settle();
    while (seen < len && wire_pending(0) > 0) {
        n = take(0, got, sizeof(got)) - 40;
        seen += n;
        most = n > most ? n : most;
    }
    check_cmp(seen, >, 0);
    return most;
}

/* A tiny or zero MSS leads to no division by zero and to no tiny segments. */
static void test_mss(void)
{
    static const unsigned int mss[] = {0, 1, 2, 8, 20, 47, 48};
    char option[32], line[64];
    size_t most;

    for (size_t i = 0; i < countof(mss); i++) {
        snprintf(option, sizeof(option), "mss %u", mss[i]);
        most = largest_segment(connected_with(option), 600);
        check_range(most, 48, 536);
        snprintf(line, sizeof(line), ". 1:1(0) ack %d", 601);
        inject(line);
        check_returned(&call, 600);
        wire_pending(1);
        check_int(net_shutdown(), 0);
        wire_pending(1);
        settle();
    }
    most = largest_segment(connected_with("mss 65535"), 4000);
    check_int(most, 1460); /* limited by our MTU */
    inject(". 1:1(0) ack 4001");
    check_returned(&call, 4000);
    wire_pending(1);
}

/* SYN options are ignored later, and the first of several counts. */
static void test_option_place(void)
{
    int desc = connected_with("mss 1000,mss 200,mss 1400");
    size_t most;

    inject(". 1:1(0) ack 1 <mss 100>");
    inject(". 1:1(0) ack 1 <nop,wscale 7,sackOK,nop,nop>");
    expect_nothing(0);
    most = largest_segment(desc, 3000);
    check_int(most, 1000);
    inject(". 1:1(0) ack 3001 <mss 88>");
    check_returned(&call, 3000);
    check_alive(desc, 1, 3001);
}

/* Left out: window scale (step 53). The window is that of the field. */
static void test_window_scale(void)
{
    struct tcp_view view;
    int desc = connected_with("mss 1460,nop,wscale 255");

    inject(". 1:1(0) ack 1 win 1000");
    check_int(view_of("192.0.2.1:5000", &view), 0);
    check_int(view.snd.wnd, 1000);
    inject(". 1:1(0) ack 1 win 1000 <nop,wscale 14>");
    inject(". 1:1(0) ack 1 win 1000 <nop,nop,hex 0302>");
    check_int(view_of("192.0.2.1:5000", &view), 0);
    check_int(view.snd.wnd, 1000);
    check_alive(desc, 1, 1);
}

/* Left out: SACK (step 55). Blocks are ignored, malformed or not. The ACKs are duplicates, of which
 * a third one would mean a loss. */
static void test_sack(void)
{
    static const char *const blocks[] = {
        "nop,nop,sack 5:1",
        "nop,nop,sack 100:200",
        "nop,nop,sack =0:=4294967295",
        "sack",
        "hex 050900000001000000,nop,nop,nop",
        "sack 2:3 3:4 4:5 5:6",
    };
    char line[128];
    uint32_t una = 1;
    int desc = connected_with("mss 1460,nop,nop,sackOK");

    for (size_t i = 0; i < countof(blocks); i++) {
        check_int(tcp_cmd_send(desc, "hello", 5), 5);
        wire_pending(1);
        snprintf(line, sizeof(line), ". 1:1(0) ack %u <%s>", una, blocks[i]);
        check_means_nothing(inject(line));
        una += 5;
        snprintf(line, sizeof(line), ". 1:1(0) ack %u", una);
        inject(line);
    }
    check_alive(desc, 1, una);
}

/* The peer reneges on SACKed data: nothing is discarded before the ACK. */
static void test_reneging(void)
{
    int desc = connected_with("mss 500,nop,nop,sackOK");

    check_int(largest_segment(desc, 1500), 500);
    inject(". 1:1(0) ack 1 <nop,nop,sack 501:1501>");
    inject(". 1:1(0) ack 501");
    advance(5000);
    wire_pending(1);
    inject(". 1:1(0) ack 501");
    expect_within(60000, ". 501:1001(500) ack 1");
    inject(". 1:1(0) ack 1001");
    wire_pending(1);
    expect_within(60000, "P. 1001:1501(500) ack 1");
    inject(". 1:1(0) ack 1501");
    check_returned(&call, 1500);
    check_alive(desc, 1, 1501);
}

/* Left out: timestamps (step 54). No value drops a segment. */
static void test_timestamps(void)
{
    char buf[64];
    int desc = connected_with("mss 1460,nop,nop,TS val 100 ecr 0");

    inject("P. 1:11(10) ack 1 <nop,nop,TS val 4000000000 ecr 77>");
    expect_within(500, ". 1:1(0) ack 11");
    inject("P. 11:21(10) ack 1 <nop,nop,TS val 101 ecr 4294967295>");
    expect_within(500, ". 1:1(0) ack 21");
    inject("P. 21:31(10) ack 1");
    expect_within(500, ". 1:1(0) ack 31");
    check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), 30);
    check_pattern(buf, 1, 30);
    wire_pending(1);
    check_alive(desc, 31, 1);
}

/*
 * Flags
 */
static void test_flags_listen(void)
{
    bench_start(WIRE_RAW);
    listening(8);
    check_dropped(tcp, bad_flags, inject_with("tcp.flags=0x00", SYN));
    check_dropped(tcp, bad_flags, inject_with("tcp.flags=0x03", SYN)); /* SYN FIN */
    check_dropped(tcp, bad_flags, inject_with("tcp.flags=0x06", SYN)); /* SYN RST */
    check_dropped(tcp, bad_flags, inject_with("tcp.flags=0x01", SYN)); /* FIN */
    check_dropped(tcp, bad_flags, inject_with("tcp.flags=0x29", SYN)); /* FIN PSH URG */
    check_dropped(tcp, bad_flags, inject_with("tcp.flags=0x3f", SYN)); /* all */
    check_dropped(tcp, bad_flags, inject_with("tcp.flags=0xff", SYN));
}

static void test_flags_established(void)
{
    int desc = connected();

    check_dropped(tcp, bad_flags, inject_with("tcp.flags=0x00", "P. 1:11(10) ack 1"));
    check_dropped(tcp, bad_flags, inject_with("tcp.flags=0x01", "P. 1:11(10) ack 1"));
    check_dropped(tcp, bad_flags, inject_with("tcp.flags=0x29", "P. 1:11(10) ack 1"));
    check_dropped(tcp, bad_flags, inject_with("tcp.flags=0x08", "P. 1:11(10) ack 1"));
    check_refused(tcp, challenges_sent, ". 1:1(0) ack 1",
                  inject_with("tcp.flags=0x03", "P. 1:11(10) ack 1"));
    advance(2000); /* challenges are limited in rate */
    check_refused(tcp, challenges_sent, ". 1:1(0) ack 1",
                  inject_with("tcp.flags=0x06", "P. 2:12(10) ack 1"));
    advance(2000);
    check_refused(tcp, challenges_sent, ". 1:1(0) ack 1",
                  inject_with("tcp.flags=0x3f", "P. 2:12(10) ack 1"));
    check_alive(desc, 1, 1);
}

/* A SYN whose source is its destination. */
static void test_land(void)
{
    bench_start(WIRE_RAW);
    listening(8);
    check_dropped(ip, bad_source, inject("TCP 192.0.2.2.7 > 192.0.2.2.7 S 9:9(0)"));
    check_dropped(ip, bad_source, inject("TCP 192.0.2.2.8 > 192.0.2.2.7 S 9:9(0)"));
    check_dropped(ip, bad_source, inject("TCP 127.0.0.1.7 > 192.0.2.2.7 S 9:9(0)"));
}

/* Left out: urgent data (step 63). The pointer is ignored, the data delivered in line. */
static void test_urgent(void)
{
    char buf[64];
    int desc;

    bench_start(WIRE_RAW);
    desc = listening(8);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    inject("SU 0:0(0) win 65535 urg 65535");
    expect("S. 0:0(0) ack 1");
    inject("U. 1:1(0) ack 1 urg 100");
    desc = tcp_cmd_accept(desc, NULL);
    check_means_nothing(inject("U. 1:1(0) ack 1 urg 0"));
    inject("PU. 1:11(10) ack 1 urg 0");
    inject("PU. 11:21(10) ack 1 urg 5");
    inject("PU. 21:31(10) ack 1 urg 65535");
    inject("PU. 31:32(1) ack 1 urg 2");
    advance(500);
    wire_pending(1);
    check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), 31);
    check_pattern(buf, 1, 31);
    wire_pending(1);
    check_alive(desc, 32, 1);
}

/* Injects a segment with its reserved bits set. */
static void inject_reserved(const char *script)
{
    static uint8_t data[2048];
    struct packet p = {data, 0, 0, 0};
    struct layout lay;

    sim_build(script, DIR_IN, 0, &p, NULL);
    sim_locate(&p, &lay);
    data[lay.at[LAYER_TCP] + 12] |= 0x0f;
    sim_fix_sums(&p, &lay);
    inject_bytes(data, p.len);
}

static void test_odd_bits(void)
{
    int listener, desc;

    bench_start(WIRE_RAW);
    listener = listening(8);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    inject("SEW 0:10(10) win 65535"); /* with ECN, and with data */
    expect("S. 0:0(0) ack 1");
    inject("E. 1:1(0) ack 1");
    desc = tcp_cmd_accept(listener, NULL);
    check_cmp(desc, !=, -1);
    inject_reserved("P. 1:11(10) ack 1");
    expect_within(500, ". 1:1(0) ack 11");
    tcp_cmd_receive(desc, &(char[10]){0}, 10);
    inject("PEW. 11:21(10) ack 1");
    expect_within(500, ". 1:1(0) ack 21");
    tcp_cmd_receive(desc, &(char[10]){0}, 10);
    check_alive(desc, 21, 1);
    check_counted(tcp, resets_received, 1, inject("R 31:41(10)"));
    check_str(state(), "CLOSED");
}

BENCH(46,
      {"a segment shorter than a header is dropped [T-1]", test_short},
      {"a data offset below 20 bytes or above the segment's is dropped [T-2 B-3]", test_offset},
      {"a segment with a bad option length is dropped [T-3 T-4]", test_option_length},
      {"a tiny or zero MSS does no harm [T-5]", test_mss},
      {"SYN options are ignored later, and the first of several counts [T-6]", test_option_place},
      {"a window scale of 255 is ignored [T-7]", test_window_scale},
      {"malformed SACK blocks are ignored [T-8]", test_sack},
      {"data is sent again to a peer that reneges on a SACK [T-9]", test_reneging},
      {"no timestamp drops a segment [T-10]", test_timestamps},
      {"a damaged segment is not answered [T-11]", test_checksum},
      {"bad flags open no connection [T-12]", test_flags_listen},
      {"bad flags change no connection [T-12]", test_flags_established},
      {"a SYN whose source is its destination is dropped [T-13]", test_land},
      {"an urgent pointer is ignored [T-31]", test_urgent},
      {"reserved bits, ECN, and data in a SYN or RST do no harm [T-36]", test_odd_bits},
      {"a segment of 64 KB is received whole [T-37]", test_giant})
