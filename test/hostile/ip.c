/* Hostile packets: IP. */

#include "hostile.h"

#define ECHO "IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 8"
#define ECHO_REPLY "IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 8"
#define UDP "UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'"
#define SYN "TCP 192.0.2.1.5000 > 192.0.2.2.7 S 9:9(0)"
#define HELLO "IP 192.0.2.1 > 192.0.2.2 proto 253 'hello'"

/* Arguments of the last call of protocol 253's handler. */
static struct {
    int calls;
    size_t len;
    uint8_t data[65536];
} seen;

static void handle(const struct ip_hdr *iphdr, const uint8_t *data, size_t len,
                   struct ip_iface *iface)
{
    (void)iphdr;
    (void)iface;
    seen.calls++;
    seen.len = len;
    memcpy(seen.data, data, len);
}

static void start(void)
{
    check_int(net_init(), 0);
    wire_address(wire_init(WIRE_RAW), "192.0.2.2", "255.255.255.0");
    check_int(ip_protocol_register(253, handle), 0);
    check_int(net_run(), 0);
}

static void inject_faulty(const char *field, unsigned int value, const char *line)
{
    char fault[48];

    snprintf(fault, sizeof(fault), "%s=%u", field, value);
    inject_with(fault, line);
}

/*
 * Lengths
 */
static void test_total(void)
{
    static const char *const lines[] = {ECHO, SYN, UDP, HELLO};

    start();
    for (size_t i = 0; i < countof(lines); i++) {
        for (unsigned int total = 0; total < IP_HDR_SIZE_MIN; total++) {
            check_dropped(ip, bad_length, inject_faulty("ip.total", total, lines[i]));
        }
    }
    /* as long as the header: no data */
    check_dropped(icmp, too_short, inject_with("ip.total=20", ECHO));
    check_dropped(tcp, too_short, inject_with("ip.total=20", SYN));
    check_dropped(udp, too_short, inject_with("ip.total=20", UDP));
}

static void test_total_beyond(void)
{
    start();
    check_dropped(ip, bad_length, inject_with("ip.total=+1", ECHO));
    check_dropped(ip, bad_length, inject_with("ip.total=+1", UDP));
    check_dropped(ip, bad_length, inject_with("ip.total=1500", SYN));
    check_dropped(ip, bad_length, inject_with("ip.total=65535", HELLO));
    check_int(seen.calls, 0);
}

static void test_header_length(void)
{
    start();
    for (unsigned int ihl = 0; ihl < 5; ihl++) {
        check_dropped(ip, bad_header, inject_faulty("ip.ihl", ihl, ECHO));
    }
    for (unsigned int ihl = 10; ihl < 16; ihl++) { /* ECHO has 36 bytes */
        check_dropped(ip, too_short, inject_faulty("ip.ihl", ihl, ECHO));
    }
}

static void test_version(void)
{
    start();
    for (unsigned int version = 0; version < 16; version++) {
        if (version != 4) {
            check_dropped(ip, bad_version, inject_faulty("ip.version", version, ECHO));
        }
    }
}

/*
 * Options
 */
static void test_options(void)
{
    static const char *const lengths[] = {
        "ip.options=0700", "ip.options=0701", "ip.options=07ff", "ip.options=01010107",
        "ip.options=0705", "ip.options=8800", "ip.options=4401", "ip.options=9404000001010194",
        "ip.options=ff00",
    };
    static const char *const routes[] = {
        "ip.options=830704c0000209", "ip.options=890704c0000209", "ip.options=01830708c0000209",
        "ip.options=8307ffc0000209", "ip.options=830300",
    };

    start();
    for (size_t i = 0; i < countof(lengths); i++) {
        check_dropped(ip, bad_option, inject_with(lengths[i], ECHO));
    }
    for (size_t i = 0; i < countof(routes); i++) {
        check_dropped(ip, source_route, inject_with(routes[i], ECHO));
    }
}

/* Options do not affect the destination of an answer, and are not returned. */
static void test_option_echo(void)
{
    start();
    check_dropped(ip, source_route, inject_with("ip.options=830b0ccb007109c6336401", ECHO));
    inject_with("ip.options=070b04cb00710900000000", ECHO); /* record route */
    expect(ECHO_REPLY);
    inject_with("ip.options=440c0501cb00710900000000", ECHO); /* timestamps */
    expect(ECHO_REPLY);
    inject_with("ip.options=9404000001", ECHO); /* router alert */
    expect(ECHO_REPLY);
    inject_with("ip.options=0000000083070400", ECHO); /* behind the end of the options */
    expect(ECHO_REPLY);
    expect_nothing(0);
}

/*
 * Addresses
 */
static void test_source(void)
{
    static const char *const sources[] = {
        "ip.src=255.255.255.255", "ip.src=192.0.2.255", "ip.src=224.0.0.1", "ip.src=239.1.2.3",
        "ip.src=240.0.0.1", "ip.src=127.0.0.1", "ip.src=127.255.255.254", "ip.src=0.0.0.0",
        "ip.src=0.1.2.3", "ip.src=192.0.2.2",
    };

    start();
    for (size_t i = 0; i < countof(sources); i++) {
        check_dropped(ip, bad_source, inject_with(sources[i], ECHO));
        check_dropped(ip, bad_source, inject_with(sources[i], UDP));
        check_dropped(ip, bad_source, inject_with(sources[i], SYN));
        check_dropped(ip, bad_source, inject_with(sources[i], HELLO));
    }
    check_int(seen.calls, 0);
}

static void test_broadcast_segment(void)
{
    start();
    listening(1);
    check_dropped(tcp, bad_address, inject_with("ip.dst=192.0.2.255", SYN));
    check_dropped(tcp, bad_address, inject_with("ip.dst=255.255.255.255", SYN));
    check_dropped(ip, not_for_us, inject_with("ip.dst=224.0.0.1", SYN));
}

static void test_ttl(void)
{
    start();
    inject_with("ip.ttl=0", ECHO);
    expect(ECHO_REPLY);
    inject_with("ip.ttl=1", ECHO);
    expect(ECHO_REPLY);
}

/*
 * Protocols
 */
static void ask_unknown_protocol(int times)
{
    for (int i = 0; i < times; i++) {
        inject("IP 192.0.2.1 > 192.0.2.2 proto 200 len 20");
    }
}

static void test_unknown_protocol(void)
{
    struct picture before;

    start();
    check_refused(ip, unknown_protocol, "IP 192.0.2.2 > 192.0.2.1 ICMP unreachable proto quote 28",
                  inject("IP 192.0.2.1 > 192.0.2.2 proto 200 len 20"));
    check_dropped(ip, unknown_protocol, inject("IP 192.0.2.1 > 192.0.2.255 proto 200 len 20"));
    check_dropped(ip, unknown_protocol, inject("IP 192.0.2.1 > 255.255.255.255 proto 200 len 20"));
    before = picture_take();
    check_counted_between(icmp, errors_limited, 900, 1000, ask_unknown_protocol(1000));
    check_cmp(wire_pending(1), <=, 100);
    picture_check(&before);
}

static void test_ip_in_ip(void)
{
    start();
    check_refused(ip, unknown_protocol, "IP 192.0.2.2 > 192.0.2.1 ICMP unreachable proto quote 28",
                  inject("IP 192.0.2.1 > 192.0.2.2 proto 4 hex 4500001c000100004001f5dac0000201"
                         "c00002020800f7fd00010001"));
}

/*
 * Fragments
 */
#define FROM "IP 192.0.2.1 > 192.0.2.2 "
#define FRAGMENT_TIME 125000 /* ms after which no fragment is kept */

/* Checks that nothing is delivered, now or later, and nothing is left allocated. */
static void check_never_whole(size_t memory)
{
    check_int(seen.calls, 0);
    advance(FRAGMENT_TIME);
    wire_pending(1);
    check_int(seen.calls, 0);
    check_int(memory_in_use(), memory);
}

static void test_teardrop(void)
{
    size_t memory;

    start();
    memory = memory_in_use();
    inject(FROM "id 7 mf offset 0 proto 253 'aaaaaaaabbbbbbbbcccccccc'");
    check_counted(ip_frag, overlap, 1, /* the last one, inside the first */
                  inject(FROM "id 7 offset 1 proto 253 'dddd'"));
    expect_nothing(0);
    inject(FROM "id 8 mf offset 0 proto 253 'aaaaaaaabbbbbbbb'");
    check_counted(ip_frag, overlap, 1,
                  inject(FROM "id 8 mf offset 1 proto 253 'ccccccccdddddddd'"));
    inject(FROM "id 8 offset 3 proto 253 'eeee'");
    expect_nothing(0);
    check_never_whole(memory);
}

static void test_ping_of_death(void)
{
    size_t memory;

    start();
    memory = memory_in_use();
    inject(FROM "id 7 mf offset 0 proto 253 'aaaaaaaa'");
    check_dropped(ip_frag, too_long, /* ends at 65536 */
                  inject(FROM "id 9 offset 8191 proto 253 'bbbbbbbb'"));
    check_dropped(ip_frag, too_long, inject(FROM "id 9 mf offset 8190 proto 253 len 24"));
    check_dropped(ip_frag, too_long, inject(FROM "id 9 offset 8189 proto 253 len 32"));
    check_never_whole(memory);
}

/* The first 8 bytes do not contain the flags: such a SYN passes filters (RFC 1858). */
static void test_tiny(void)
{
    size_t memory;
    struct picture before;

    start();
    listening(1);
    memory = memory_in_use();
    before = picture_take();
    check_dropped(ip_frag, tiny, inject(FROM "id 7 mf offset 0 proto 6 hex 1388000700000009"));
    inject(FROM "id 7 offset 1 proto 6 hex 000000005002ffff00000000"); /* with a bad checksum */
    expect_nothing(0);
    check_int(picture_take().num, before.num);
    check_never_whole(memory);
}

/* Injects num lone fragments of many sources, with honest datagrams in between. Returns the most
 * allocations in use. */
static size_t begin_many(int num)
{
    size_t memory = memory_in_use(), most = 0;
    char line[96];

    for (int i = 0; i < num; i++) {
        snprintf(line, sizeof(line), "IP 198.51.100.%d > 192.0.2.2 id %d mf offset %d proto 253"
                 " len 8", 1 + i % 250, i, i % 3 ? i % 100 : 0);
        inject(line);
        if (memory_in_use() - memory > most) {
            most = memory_in_use() - memory;
        }
        if (i % 5000 == 4999) {
            inject(FROM "id 7 mf offset 0 proto 253 'aaaaaaaabbbbbbbb'");
            inject(FROM "id 7 offset 2 proto 253 'cccc'");
        }
    }
    return most;
}

static void test_unfinished(void)
{
    size_t memory, most = 0;

    start();
    memory = memory_in_use();
    check_counted_between(ip_frag, evicted, 1, 30000, most = begin_many(30000));
    check_cmp(most, <=, 2048);
    check_int(seen.calls, 6);
    check_int(seen.len, 20);
    check_cmp(wire_pending(1), <, 100);
    seen.calls = 0;
    check_never_whole(memory);
}

/* Thousands of fragments of one datagram without the first and the last. */
static void test_pieces(void)
{
    char line[96];
    size_t memory, most = 0;

    start();
    memory = memory_in_use();
    for (int i = 0; i < 8000; i++) {
        snprintf(line, sizeof(line), FROM "id 7 mf offset %d proto 253 len 8", 1 + i);
        inject(line);
        if (memory_in_use() - memory > most) {
            most = memory_in_use() - memory;
        }
    }
    check_cmp(most, <=, 1024);
    check_never_whole(memory);
}

static void test_fragment_lengths(void)
{
    size_t memory;

    start();
    memory = memory_in_use();
    check_dropped(ip_frag, bad_length, inject(FROM "id 7 mf offset 0 proto 253 'abc'"));
    check_dropped(ip_frag, bad_length, inject(FROM "id 7 mf offset 1 proto 253 len 23"));
    check_dropped(ip_frag, empty, inject(FROM "id 8 mf offset 0 proto 253"));
    check_dropped(ip_frag, empty, inject(FROM "id 8 offset 1 proto 253"));
    inject(FROM "id 9 offset 2 proto 253 len 8"); /* the datagram ends at 24 */
    check_counted(ip_frag, overlap, 1, /* a fragment behind the end */
                  inject(FROM "id 9 mf offset 3 proto 253 len 8"));
    inject(FROM "id 9 mf offset 0 proto 253 len 16");
    expect_nothing(0);
    check_never_whole(memory);
}

static void test_contradictions(void)
{
    size_t memory;

    start();
    memory = memory_in_use();
    inject(FROM "id 7 offset 2 proto 253 'aaaaaaaa'");
    check_counted(ip_frag, overlap, 1, /* another end */
                  inject(FROM "id 7 offset 3 proto 253 'bbbbbbbb'"));
    inject(FROM "id 7 mf offset 0 proto 253 len 16");
    inject(FROM "id 8 mf offset 0 proto 253 'aaaaaaaa'");
    check_counted(ip_frag, overlap, 1, /* other bytes */
                  inject(FROM "id 8 mf offset 0 proto 253 'bbbbbbbb'"));
    inject(FROM "id 8 offset 1 proto 253 'cccccccc'");
    expect_nothing(0);
    check_never_whole(memory);
}

/*
 * Datagrams sent
 */
static void test_ids(void)
{
    struct {
        uint8_t header[IP_HDR_SIZE_MIN];
        uint8_t data[8];
    } p;
    uint16_t ids[200], same = 0;
    char dst[32];

    start();
    for (size_t i = 0; i < countof(ids); i++) {
        snprintf(dst, sizeof(dst), "192.0.2.%zu", 10 + i);
        ip_output(253, (const uint8_t *)"id", 2, IP_ADDR_ANY, addr(dst));
        take(0, &p, sizeof(p));
        ids[i] = (uint16_t)(p.header[4] << 8 | p.header[5]);
    }
    for (size_t i = 2; i < countof(ids); i++) { /* two do not predict the next */
        same += (uint16_t)(ids[i] - ids[i - 1]) == (uint16_t)(ids[i - 1] - ids[i - 2]);
    }
    check_cmp(same, <=, 3);
}

BENCH(46,
      {"a total length below the header's is dropped [I-1 B-1 B-2]", test_total},
      {"a total length above the frame's is dropped [I-2]", test_total_beyond},
      {"a header length below 20 bytes or above the datagram's is dropped [I-3 I-4]",
       test_header_length},
      {"bad option lengths and source routes are dropped [I-5]", test_options},
      {"no option redirects an answer [I-6]", test_option_echo},
      {"versions other than 4 are dropped [I-7]", test_version},
      {"a source of 0.0.0.0, a group, or our own address is dropped [I-8]", test_source},
      {"a SYN to a broadcast is dropped [I-9]", test_broadcast_segment},
      {"a datagram to our address with a time to live of 0 or 1 is accepted [I-10]", test_ttl},
      {"unknown protocols get few errors, and broadcasts none [I-11]", test_unknown_protocol},
      {"overlapping fragments make no datagram [I-12]", test_teardrop},
      {"a fragment that would end beyond 65535 bytes is dropped [I-13]", test_ping_of_death},
      {"a tiny first fragment is dropped before TCP sees it [I-14]", test_tiny},
      {"30,000 lone fragments take little memory [I-15]", test_unfinished},
      {"8,000 fragments of one datagram take little memory [I-15]", test_pieces},
      {"a bad fragment length and a fragment behind the end are dropped [I-16]",
       test_fragment_lengths},
      {"contradicting fragments make no datagram [I-17]", test_contradictions},
      {"a datagram within a datagram is an unknown protocol [I-18]", test_ip_in_ip},
      {"ids are unpredictable from those to other hosts [I-19]", test_ids})
