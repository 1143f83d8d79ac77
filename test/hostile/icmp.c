/* Hostile packets: ICMP. */

#include "hostile.h"
#include "sim.h"

#define ECHO "IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 56"
#define ECHO_REPLY "IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 56"
#define ERROR "IP 198.51.100.9 > 192.0.2.2 ICMP "

/* Writes a quote: our IP header and the first 8 bytes of TCP's, up to the sequence number. */
static void quote_hex(char *hex, uint32_t seq)
{
    sprintf(hex, "45000028000140004006b6cbc0000202c000020100071388%08x", seq);
}

/* Injects a router's error with the first len characters of the quote. */
static void inject_quote(uint8_t type, uint8_t code, const char *quote, int len)
{
    char line[256];

    snprintf(line, sizeof(line), ERROR "type %u code %u hex %.*s", type, code, len, quote);
    inject(line);
}

static void inject_error(uint8_t type, uint8_t code, uint32_t seq)
{
    char hex[64];

    quote_hex(hex, seq);
    inject_quote(type, code, hex, (int)strlen(hex));
}

/*
 * Messages
 */
static void test_short(void)
{
    static const char *const types[] = {"00", "03", "04", "05", "08", "0b", "0c", "0d", "11"};
    char line[96];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(types); i++) {
        for (int len = 0; len < ICMP_HDR_SIZE; len++) {
            snprintf(line, sizeof(line), "IP 192.0.2.1 > 192.0.2.2 proto 1 hex %.*s", len * 2,
                     "0800f7fd00010001");
            if (len > 0) {
                memcpy(strstr(line, "hex ") + 4, types[i], 2);
            }
            check_dropped(icmp, too_short, inject(line));
        }
    }
    check_dropped(icmp, bad_checksum, inject_with("icmp.sum=+1", ECHO));
}

static void test_smurf(void)
{
    bench_start(WIRE_RAW);
    check_dropped(icmp, echo_broadcast,
                  inject("IP 192.0.2.1 > 192.0.2.255 ICMP echo id 1 seq 1 len 56"));
    check_dropped(icmp, echo_broadcast,
                  inject("IP 192.0.2.1 > 255.255.255.255 ICMP echo id 1 seq 1 len 56"));
    check_dropped(ip, not_for_us, inject("IP 192.0.2.1 > 224.0.0.1 ICMP echo id 1 seq 1 len 56"));
    check_dropped(ip, bad_source, inject("IP 192.0.2.255 > 192.0.2.2 ICMP echo id 1 seq 1 len 56"));
}

/* Injects a fragment with these bytes as data. */
static void inject_fragment(const char *more, size_t offset, const uint8_t *data, size_t len)
{
    static uint8_t buf[2048];
    struct packet p = {buf, 0, 0, 0};
    char line[96];

    snprintf(line, sizeof(line), "IP 192.0.2.1 > 192.0.2.2 id 7 %s offset %zu proto 1 len %zu",
             more, offset / 8, len);
    sim_build(line, DIR_IN, 0, &p, NULL);
    memcpy(buf + IP_HDR_SIZE_MIN, data, len);
    inject_bytes(buf, IP_HDR_SIZE_MIN + len);
}

/* An echo of 65,507 bytes in fragments is answered in full, and leaves nothing allocated. */
static void test_giant_echo(void)
{
    static uint8_t message[65515] = {ICMP_TYPE_ECHO, 0, 0, 0, 0, 1, 0, 1};
    size_t memory, offset;
    uint16_t sum;

    bench_start(WIRE_RAW);
    pattern(message + 8, 0, sizeof(message) - 8);
    sum = sim_sum(message, sizeof(message), 0);
    message[2] = (uint8_t)(sum >> 8);
    message[3] = (uint8_t)sum;
    memory = memory_in_use();
    for (offset = 0; offset + 1480 < sizeof(message); offset += 1480) {
        inject_fragment("mf", offset, message + offset, 1480);
    }
    expect_nothing(0);
    check_counted(ip, fragments_sent, 45, inject_fragment("", offset, message + offset,
                                                          sizeof(message) - offset));
    check_int(wire_pending(1), 45);
    check_int(memory_in_use(), memory);
    inject(ECHO);
    expect(ECHO_REPLY);
}

/* Types that the stack neither serves nor uses */
#define CURIOUS "IP 192.0.2.1 > 192.0.2.2 ICMP type %d id 1 seq 1 len 12"

static void test_curious(void)
{
    static const int ignored[] = {9, 10, 13, 14, 15, 16, 17, 18}, unknown[] = {1, 30, 42, 255};
    char line[96];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(ignored); i++) {
        snprintf(line, sizeof(line), CURIOUS, ignored[i]);
        check_dropped(icmp, ignored, inject(line));
    }
    for (size_t i = 0; i < countof(unknown); i++) {
        snprintf(line, sizeof(line), CURIOUS, unknown[i]);
        check_dropped(icmp, unknown_type, inject(line));
    }
}

/*
 * Errors received
 */
static void test_blind_unreachable(void)
{
    struct tcp_view view;
    int desc = connected();

    check_int(tcp_cmd_send(desc, "hello", 5), 5);
    wire_pending(1);
    check_int(view_of("192.0.2.1:5000", &view), 0);
    for (uint8_t code = 0; code < 16; code++) {
        if (code != 4) { /* see test_needfrag */
            check_counted(tcp, soft_errors, 1, inject_error(3, code, view.snd.una));
        }
    }
    check_counted(tcp, soft_errors, 1, inject_error(11, 0, view.snd.una));
    check_counted(tcp, soft_errors, 1, inject_error(12, 0, view.snd.una));
    check_str(state(), "ESTABLISHED");
    inject(". 1:1(0) ack 6");
    check_alive(desc, 1, 6);
}

static struct call call; /* of connect */

/* Puts connection A into SYN-SENT. Returns its ISS. */
static uint32_t calling(void)
{
    ip_endp_t local = endp("192.0.2.2:7");
    struct tcp_view view;
    int desc;

    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    desc = tcp_cmd_socket();
    check_int(tcp_cmd_bind(desc, &local), 0);
    call_start(&call, connect_remote, .desc = desc, .remote = "192.0.2.1:5000");
    expect("S 0:0(0)");
    check_int(view_of("192.0.2.1:5000", &view), 0);
    return view.iss;
}

static void check_refused_call(void)
{
    check_failed(&call, ECONNREFUSED);
    expect_nothing(0);
}

/* A hard error that would end a connect is dropped unless it quotes enough of our SYN. */
static void test_quote(void)
{
    static const struct {
        int at; /* in the hex text */
        const char *instead;
    } faults[] = {
        {0, "55"}, {0, "65"}, {0, "44"}, {0, "40"}, {0, "46"}, {0, "4f"}, {12, "0005"}, {18, "ff"},
        {18, "01"}, {18, "11"}, {24, "08080808"}, {24, "c0000203"}, {32, "08080808"},
        {40, "0008"}, {44, "1389"},
    };
    uint32_t iss = calling();
    char hex[64];

    quote_hex(hex, iss);
    for (int len = 0; len < 56; len += 2) {
        check_ignored(inject_quote(3, 3, hex, len));
    }
    for (size_t i = 0; i < countof(faults); i++) {
        quote_hex(hex, iss);
        memcpy(hex + faults[i].at, faults[i].instead, strlen(faults[i].instead));
        check_ignored(inject_quote(3, 3, hex, (int)strlen(hex)));
    }
    check_dropped(tcp, error_ignored, inject_error(3, 3, iss + 1)); /* never sent */
    check_dropped(tcp, error_ignored, inject_error(3, 3, iss - 1));
    check_dropped(tcp, error_ignored, inject_error(3, 3, iss + 0x80000000));
    inject_error(3, 3, iss);
    check_refused_call();
}

/* In SYN-SENT a hard error ends the connection, a soft one does not. */
static void test_unreachable_syn(void)
{
    uint32_t iss = calling();

    inject_error(3, 0, iss);
    inject_error(3, 1, iss);
    inject_error(3, 5, iss);
    inject_error(11, 0, iss);
    inject_error(12, 0, iss);
    check_str(state(), "SYN_SENT");
    expect_nothing(0);
    inject_error(3, 3, iss);
    check_refused_call();
}

/* Without path MTU discovery (step 65) an error's MTU is ignored. */
static void test_needfrag(void)
{
    static const unsigned int mtus[] = {0, 1, 68, 552, 1500, 65535};
    struct tcp_view view;
    struct picture before;
    char hex[64], line[256];
    int desc = connected();

    check_int(tcp_cmd_send(desc, "hello", 5), 5);
    expect("P. 1:6(5) ack 1 'hello'");
    check_int(view_of("192.0.2.1:5000", &view), 0);
    before = picture_take();
    quote_hex(hex, view.snd.una);
    for (size_t i = 0; i < countof(mtus); i++) {
        snprintf(line, sizeof(line), ERROR "unreachable needfrag seq %u hex %s", mtus[i], hex);
        check_counted(icmp, ignored, 1, inject(line));
    }
    expect_nothing(0);
    picture_check(&before);
    inject(". 1:1(0) ack 6");
    check_alive(desc, 1, 6);
}

static void test_redirect(void)
{
    struct picture before;
    ip_addr_t far = addr("203.0.113.5");

    bench_start(WIRE_RAW);
    ip_route_set_default_gateway(ip_iface_select(addr("192.0.2.2")), "192.0.2.1");
    ip_output(253, (const uint8_t *)"hello", 5, IP_ADDR_ANY, far);
    expect("IP 192.0.2.2 > 203.0.113.5 proto 253 'hello'");
    before = picture_take();
    for (int code = 0; code < 4; code++) {
        char line[160];

        snprintf(line, sizeof(line), "IP 192.0.2.1 > 192.0.2.2 ICMP redirect code %d id 0xc000"
                 " seq 0x0242 quote 25", code);
        check_counted(icmp, ignored, 1, inject(line));
    }
    expect_nothing(0);
    picture_check(&before);
}

static void test_source_quench(void)
{
    struct picture before;
    struct tcp_view view;
    int desc = connected();

    check_int(tcp_cmd_send(desc, "hello", 5), 5);
    wire_pending(1);
    check_int(view_of("192.0.2.1:5000", &view), 0);
    before = picture_take();
    for (int i = 0; i < 100; i++) {
        check_counted(icmp, ignored, 1, inject_error(4, 0, view.snd.una));
    }
    expect_nothing(0);
    picture_check(&before);
    inject(". 1:1(0) ack 6");
    check_alive(desc, 1, 6);
}

/*
 * Errors sent
 */
static void ask_closed_port(int times)
{
    for (int i = 0; i < times; i++) {
        inject("UDP 192.0.2.1.5000 > 192.0.2.2.9 'hello'");
        if (i % 5 == 0) {
            advance(1);
        }
    }
}

static void test_error_rate(void)
{
    struct picture before;
    size_t n;

    bench_start(WIRE_RAW);
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.9 'hello'");
    wire_pending(1);
    before = picture_take();
    check_counted_between(icmp, errors_limited, 4500, 4999, ask_closed_port(5000));
    n = wire_pending(1);
    check_cmp(n, >=, 1);
    check_cmp(n, <, 500); /* of 5,000 in a second */
    picture_check(&before);
    advance(5000);
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.9 'hello'");
    expect("IP 192.0.2.2 > 192.0.2.1 ICMP unreachable port quote 28");
}

static void test_no_error(void)
{
    bench_start(WIRE_RAW);
    for (int type = 3; type <= 12; type++) { /* errors, which may not cause another one */
        char line[128];

        snprintf(line, sizeof(line), "IP 192.0.2.1 > 192.0.2.2 ICMP type %d hex "
                 "450000210001000040110000c0000202c0000201000900090000000a", type);
        if (type != 8) {
            inject(line);
        }
    }
    inject("UDP 192.0.2.1.5000 > 192.0.2.255.9 'hello'");
    inject("UDP 192.0.2.1.5000 > 255.255.255.255.9 'hello'");
    inject("UDP 192.0.2.255.5000 > 192.0.2.2.9 'hello'");
    inject("UDP 224.0.0.1.5000 > 192.0.2.2.9 'hello'");
    inject("UDP 0.0.0.0.5000 > 192.0.2.2.9 'hello'");
    inject("IP 192.0.2.1 > 192.0.2.2 offset 100 id 3 proto 200 len 20");
    inject("IP 192.0.2.1 > 192.0.2.255 proto 200 len 20");
    expect_nothing(0);
    advance(125000); /* fragment 0 is missing: no time exceeded either */
    expect_nothing(0);
}

BENCH(46,
      {"messages shorter than a header are dropped [C-1]", test_short},
      {"an echo to or from a broadcast is not answered [C-2 B-10]", test_smurf},
      {"an echo of 64 KB in fragments is answered, and leaves nothing [C-3]", test_giant_echo},
      {"an error that quotes too little, or bytes never sent, is ignored [C-4]", test_quote},
      {"unreachable ends no established connection [C-5]", test_blind_unreachable},
      {"unreachable ends a connect if it quotes the SYN [C-5]", test_unreachable_syn},
      {"the MTU in an error is ignored [C-6]", test_needfrag},
      {"a redirect changes no route [C-7]", test_redirect},
      {"a source quench changes nothing [C-8]", test_source_quench},
      {"timestamps, masks and router advertisements are ignored [C-9 1122-3.2.2.7 1122-3.2.2.9]",
       test_curious},
      {"5,000 datagrams to a closed port in a second get few errors [C-10]", test_error_rate},
      {"no error is sent about errors, broadcasts or later fragments [C-11]", test_no_error})
