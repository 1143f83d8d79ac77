/* Step 41: secrets. Initial sequence numbers, ports and IDs are unpredictable off the path. */

#include <stdio.h>

#include "bench.h"
#include "commands.h"
#include "ip.h"
#include "net.h"
#include "platform.h"
#include "tcp.h"
#include "udp.h"
#include "util.h"

static void start(void)
{
    bench_start(WIRE_RAW);
    listening("0.0.0.0:7", 8);
}

/* The ISN of a passive open towards remote. The connection is reset again. */
static uint32_t passive_isn(const char *local, const char *remote)
{
    uint8_t packet[128];

    connection('A', local, remote, PEER_ISN);
    inject("S 0:0(0) win 65535");
    take(0, packet, sizeof(packet));
    check_int(packet[33], 0x12);
    inject("R 1:1(0)");
    return get32(packet + 24);
}

static uint32_t isn(void)
{
    return passive_isn("192.0.2.2:7", "192.0.2.1:5000");
}

static ssize_t connect_one(struct call *c)
{
    ip_endp_t remote = endp(c->remote), local;

    if (c->local) {
        local = endp(c->local);
    }
    return tcp_cmd_open(c->local ? &local : NULL, &remote, 1);
}

/* The ISN of an active open to remote, from local or (NULL) an ephemeral port. Stores the source
 * port in *port; if port is NULL, answers the SYN with a RST. */
static uint32_t call_isn(const char *local, const char *remote, uint16_t *port)
{
    static struct call calls[256]; /* those without a RST sleep on */
    static size_t num;
    struct call *c = &calls[num++ % countof(calls)];
    uint8_t packet[128];

    call_start(c, connect_one, .local = local, .remote = remote);
    take(0, packet, sizeof(packet));
    check_int(packet[33], 0x02);
    connection('A', local ? local : "192.0.2.2:0", remote, PEER_ISN);
    if (port) {
        *port = get16(packet + 20);
        check_cmp(*port, >=, TCP_SOURCE_PORT_MIN);
    } else {
        char reset[64];

        snprintf(reset, sizeof(reset), "R. 0:0(0) ack =%u", get32(packet + 24) + 1);
        inject(reset);
        check_failed(c, ECONNREFUSED);
    }
    return get32(packet + 24);
}

/*
 * Initial sequence numbers
 */

/* RFC 9293 3.4.1: one more every 4 microseconds. */
static void test_clock(void)
{
    static const uint32_t ticks[] = {0, 1, 2, 1000, 12345678, 0x7fffffff, 0x80000000, 0xffffffff};
    uint32_t before, now;

    start();
    before = isn();
    for (size_t i = 0; i < countof(ticks); i++) {
        sim_clock_skip((uint64_t)ticks[i] * 4000);
        now = isn();
        check_int((uint32_t)(now - before), ticks[i]);
        before = now;
    }
    advance(1000);
    check_int((uint32_t)(isn() - before), 250000);
    for (int i = 0; i < 4; i++) {
        before = isn();
        for (int j = 0; j < 4; j++) {
            sim_clock_skip(1000);
        }
        check_int((uint32_t)(isn() - before), 1);
    }
}

/* Active and passive opens use the same clock. */
static void test_clock_active(void)
{
    uint32_t before, now;

    start();
    before = call_isn("192.0.2.2:10000", "192.0.2.1:7", NULL);
    advance(100);
    now = call_isn("192.0.2.2:10000", "192.0.2.1:7", NULL);
    check_int((uint32_t)(now - before), 25000);
    listening("0.0.0.0:10000", 8);
    advance(100);
    before = passive_isn("192.0.2.2:10000", "192.0.2.1:7");
    check_int((uint32_t)(before - now), 25000);
}

/* Each bit is set in about half of num numbers, and no two numbers are equal. */
static void check_random(const uint32_t *number, size_t num, unsigned int bits)
{
    for (size_t i = 0; i < num; i++) {
        for (size_t j = 0; j < i; j++) {
            check_cmp(number[i], !=, number[j]);
        }
    }
    for (unsigned int bit = 0; bit < bits; bit++) {
        size_t set = 0;

        for (size_t i = 0; i < num; i++) {
            set += number[i] >> bit & 1;
        }
        if (set < num / 5 || set > num - num / 5) {
            fail("bit %u is set in %zu of %zu numbers", bit, set, num);
        }
    }
}

/* A change of one endpoint changes the whole number. */
static void test_endpoints(void)
{
    uint32_t ports[200], addrs[200], differences[199];
    char remote[32];

    start();
    for (size_t i = 0; i < countof(ports); i++) {
        snprintf(remote, sizeof(remote), "192.0.2.1:%zu", 5000 + i);
        ports[i] = passive_isn("192.0.2.2:7", remote);
        snprintf(remote, sizeof(remote), "192.0.2.%zu:5000", 3 + i);
        addrs[i] = passive_isn("192.0.2.2:7", remote);
    }
    check_random(ports, countof(ports), 32);
    check_random(addrs, countof(addrs), 32);
    for (size_t i = 0; i < countof(differences); i++) {
        differences[i] = ports[i + 1] - ports[i];
    }
    check_random(differences, countof(differences), 32);
}

static void test_our_ports(void)
{
    uint32_t number[200];
    char local[32];

    bench_start(WIRE_RAW);
    for (uint16_t i = 0; i < countof(number); i++) {
        snprintf(local, sizeof(local), "192.0.2.2:%u", 100 + i);
        listening(local, 8);
        number[i] = passive_isn(local, "192.0.2.1:5000");
    }
    check_random(number, countof(number), 32);
}

/* The part of the ISN that is the keyed hash. */
static uint32_t offset(void)
{
    return isn() - (uint32_t)(clock_now() / 4000);
}

/* A new secret after each start. */
static void test_restart(void)
{
    uint32_t number[100];

    for (size_t i = 0; i < countof(number); i++) {
        start();
        number[i] = offset();
        check_int(net_shutdown(), 0);
        settle();
    }
    check_random(number, countof(number), 32);
}

/* The same random bytes give the same numbers, and at least 16 of them matter: 128 bits. */
#define SECRET 160

static uint32_t offset_with(int byte)
{
    static uint8_t bytes[SECRET], rest[SECRET];
    uint32_t number;

    memset(bytes, 0, sizeof(bytes));
    if (byte >= 0) {
        bytes[byte] = 1;
    }
    sim_random_next(bytes, sizeof(bytes));
    start();
    number = offset();
    check_int(net_shutdown(), 0);
    settle();
    random_bytes(rest, sizeof(rest)); /* discards those not drawn */
    return number;
}

static void test_secret(void)
{
    uint32_t zero = offset_with(-1);
    int num = 0;

    check_int(offset_with(-1), zero);
    for (int byte = 0; byte < SECRET; byte++) {
        num += offset_with(byte) != zero;
    }
    check_cmp(num, >=, 16);
}

/* A retransmitted SYN-ACK keeps its ISN. */
static void test_again(void)
{
    start();
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    inject("S 0:0(0) win 65535");
    expect("S. 0:0(0) ack 1");
    expect_within(10000, "S. 0:0(0) ack 1");
    inject(". 1:1(0) ack 1");
    expect_nothing(10000);
}

/* The bench moves the clock to where the ISN is wanted. */
static void test_wanted(void)
{
    static const uint32_t wanted[] = {0, 0xffffffff, 0x80000000, 0x7fffffff, 1};

    start();
    for (size_t i = 0; i < countof(wanted); i++) {
        connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
        next_isn(wanted[i]);
        check_int(isn(), wanted[i]);
        advance(1000);
    }
}

/*
 * Ports
 */

static uint16_t next_port(const char *remote)
{
    uint16_t port;

    call_isn(NULL, remote, &port);
    return port;
}

static void test_ports(void)
{
    uint16_t port[200];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(port); i++) {
        port[i] = next_port("192.0.2.1:7");
        for (size_t j = 0; j < i; j++) {
            check_cmp(port[i], !=, port[j]);
        }
    }
}

/* The source ports seen by one host do not tell those towards others. */
static void test_destinations(void)
{
    uint32_t port[100];
    char remote[32];
    size_t steps = 0;

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(port); i++) {
        snprintf(remote, sizeof(remote), "192.0.2.%zu:%zu", i % 2 ? i + 10 : 10, 7 + i);
        port[i] = next_port(remote) | (uint32_t)i << 16;
        if (i > 0) {
            uint16_t step = (uint16_t)(port[i] - port[i - 1]);

            steps += step < 16 || step > 65520;
        }
    }
    check_random(port, countof(port), 14);
    check_cmp(steps, <, 10);
}

static void test_ports_restart(void)
{
    uint32_t port[100];

    for (size_t i = 0; i < countof(port); i++) {
        bench_start(WIRE_RAW);
        port[i] = next_port("192.0.2.1:7") | (uint32_t)i << 16;
        check_int(net_shutdown(), 0);
        settle();
    }
    check_random(port, countof(port), 14);
}

/* The next ports are in use. */
static void test_ports_in_use(void)
{
    ip_endp_t local = {IP_ADDR_ANY, 0};
    uint16_t first, port;

    bench_start(WIRE_RAW);
    first = next_port("192.0.2.1:7");
    for (int i = -20; i <= 20; i++) {
        port = (uint16_t)(first + i);
        if (i != 0 && port >= TCP_SOURCE_PORT_MIN) {
            local.port = hton16(port);
            check_int(tcp_cmd_bind(tcp_cmd_socket(), &local), 0);
        }
    }
    for (int i = 0; i < 50; i++) {
        port = next_port("192.0.2.1:7");
        check_cmp((uint16_t)(port - first + 20), >, 40);
    }
}

/* A socket bound to port 0. */
static void test_bound_ports(void)
{
    ip_endp_t local = {IP_ADDR_ANY, 0};
    uint16_t port[100];
    struct tcp_view view;
    int desc;

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(port); i++) {
        desc = tcp_cmd_socket();
        check_int(tcp_cmd_bind(desc, &local), 0);
        check_int(tcp_get_view(desc, &view), 0);
        port[i] = ntoh16(view.local.port);
        check_cmp(port[i], >=, TCP_SOURCE_PORT_MIN);
        for (size_t j = 0; j < i; j++) {
            check_cmp(port[i], !=, port[j]);
        }
    }
}

static void test_udp_ports(void)
{
    uint32_t port[100];
    uint8_t packet[64];
    ip_endp_t remote = endp("192.0.2.1:7");
    int desc;

    for (size_t i = 0; i < countof(port); i++) {
        bench_start(WIRE_RAW);
        desc = udp_cmd_open();
        check_int(udp_cmd_sendto(desc, "x", 1, &remote), 1);
        take(0, packet, sizeof(packet));
        port[i] = get16(packet + 20) | (uint32_t)i << 16;
        check_cmp((port[i] & 0xffff), >=, UDP_SOURCE_PORT_MIN);
        check_int(net_shutdown(), 0);
        settle();
    }
    check_random(port, countof(port), 14);
}

/*
 * Identification
 */

#define ID_BITS 16
#define IDS (1 << ID_BITS)

static uint16_t next_id(uint8_t protocol, ip_addr_t dst)
{
    uint8_t packet[64];

    check_int(ip_output(protocol, NULL, 0, IP_ADDR_ANY, dst), 0);
    check_int(take(0, packet, sizeof(packet)), IP_HDR_SIZE_MIN);
    return get16(packet + 4);
}

static ip_addr_t neighbour(size_t host)
{
    return hton32((uint32_t)(0xc0000200 + host));
}

/* The IDs of num datagrams to one destination are all different, with datagrams to other
 * destinations and of another protocol in between. */
static void check_unique(size_t num, size_t others)
{
    static uint8_t seen[IDS];

    memset(seen, 0, sizeof(seen));
    for (size_t i = 0; i < num; i++) {
        uint16_t id = next_id(253, neighbour(1));

        if (seen[id]++) {
            fail("datagram %zu has the ID of an earlier one", i);
        }
        if (others > 0 && i % 16 == 0) {
            next_id(253, neighbour(3 + i / 16 % others));
            next_id(254, neighbour(1));
        }
    }
}

/* RFC 6864 4.3: an ID is reused after all have been used, or a little earlier if destinations share
 * a counter. */
static void test_ids_unique(void)
{
    bench_start(WIRE_RAW);
    log_set_level("error");
    check_unique(IDS, 0);
    check_unique(IDS - IDS / 8, 50);
}

/* Destinations, protocols and starts have unrelated IDs. */
static void test_ids_unrelated(void)
{
    uint32_t dsts[200], steps[199], protocols[100], starts[100];

    bench_start(WIRE_RAW);
    for (size_t i = 0; i < countof(dsts); i++) {
        dsts[i] = next_id(253, neighbour(3 + i)) | (uint32_t)i << ID_BITS;
    }
    check_random(dsts, countof(dsts), ID_BITS);
    for (size_t i = 0; i < countof(steps); i++) {
        steps[i] = (uint16_t)(dsts[i + 1] - dsts[i]) | (uint32_t)i << ID_BITS;
    }
    check_random(steps, countof(steps), ID_BITS);
    for (size_t i = 0; i < countof(protocols); i++) {
        protocols[i] = next_id((uint8_t)(100 + i), neighbour(3)) | (uint32_t)i << ID_BITS;
    }
    check_random(protocols, countof(protocols), ID_BITS);
    for (size_t i = 0; i < countof(starts); i++) {
        check_int(net_shutdown(), 0);
        settle();
        bench_start(WIRE_RAW);
        starts[i] = next_id(253, neighbour(1)) | (uint32_t)i << ID_BITS;
    }
    check_random(starts, countof(starts), ID_BITS);
}

/* A host that counts its own IDs does not learn how many datagrams others get. (Two of 200 may
 * share its counter by chance.) */
static void test_ids_tell_nothing(void)
{
    uint16_t before, step, told = 0;

    bench_start(WIRE_RAW);
    before = next_id(253, neighbour(1));
    step = (uint16_t)(next_id(253, neighbour(1)) - before);
    for (size_t i = 0; i < 200; i++) {
        before = next_id(253, neighbour(1));
        for (size_t j = 0; j <= i % 7; j++) {
            next_id(253, neighbour(3 + i));
        }
        told += (uint16_t)(next_id(253, neighbour(1)) - before) != step;
    }
    check_cmp(told, <=, 2);
}

/* Random bytes are drawn at the start and not for each datagram: that would be a system call. */
static void test_ids_draw_nothing(void)
{
    uint8_t bytes[64], rest[sizeof(bytes)];

    bench_start(WIRE_RAW);
    pattern(bytes, 1, sizeof(bytes));
    sim_random_next(bytes, sizeof(bytes));
    for (size_t i = 0; i < 100; i++) {
        next_id(253, neighbour(1 + 2 * i));
    }
    random_bytes(rest, sizeof(rest));
    check_mem(rest, bytes, sizeof(bytes));
}

/*
 * The keyed hash: test vectors of its authors, key 00 to 0f, texts 00 01 02 ...
 */
static void test_siphash(void)
{
    static const struct {
        size_t len;
        uint64_t hash;
    } known[] = {
        {0, 0x726fdb47dd0e0e31},  {1, 0x74f839c593dc67fd},  {2, 0x0d6c8009d9a94f5a},
        {3, 0x85676696d7fb7e2d},  {4, 0xcf2794e0277187b7},  {5, 0x18765564cd99a68d},
        {6, 0xcbc9466e58fee3ce},  {7, 0xab0200f58b01d137},  {8, 0x93f5f5799a932462},
        {12, 0x751e8fbc860ee5fb}, {15, 0xa129ca6149be45e5}, {16, 0x3f2acc7f57c29bdb},
        {63, 0x958a324ceb064572},
    };
    uint8_t key[16], text[72];

    for (uint8_t i = 0; i < sizeof(key); i++) {
        key[i] = i;
    }
    for (size_t i = 0; i < countof(known) * 8; i++) {
        uint8_t *at = text + i % 8; /* at any alignment */

        for (uint8_t j = 0; j < 64; j++) {
            at[j] = j;
        }
        check_int(siphash(key, at, known[i / 8].len), known[i / 8].hash);
    }
}

BENCH(41,
      {"an initial sequence number follows a clock of 4 us [MUST-8 SHLD-1]", test_clock},
      {"the ISN of an active open follows the same clock [MUST-8 SHLD-1]", test_clock_active},
      {"ISNs to different endpoints are unrelated [MUST-9 SHLD-1 T-20]", test_endpoints},
      {"ISNs of different local ports are unrelated [MUST-9 SHLD-1 T-20]", test_our_ports},
      {"each start of the stack draws a new secret [MUST-9 T-20]", test_restart},
      {"the secret has 128 random bits or more [MUST-9 T-20]", test_secret},
      {"a retransmitted SYN-ACK keeps its ISN", test_again},
      {"the bench can choose an ISN", test_wanted},
      {"source ports to one destination differ and are in their range [T-21]", test_ports},
      {"source ports to other destinations are unpredictable [T-21]", test_destinations},
      {"source ports after a restart are unpredictable [T-21]", test_ports_restart},
      {"a source port in use is not chosen [T-21]", test_ports_in_use},
      {"sockets bound to port 0 get different ports [T-21]", test_bound_ports},
      {"UDP source ports are unpredictable [U-8]", test_udp_ports},
      {"65,536 datagrams to one destination have different IDs", test_ids_unique},
      {"IDs of other destinations, protocols and starts are unrelated [I-19]", test_ids_unrelated},
      {"IDs do not reveal traffic to other destinations [I-19]", test_ids_tell_nothing},
      {"no random bytes are drawn per datagram", test_ids_draw_nothing},
      {"the hash is SipHash-2-4", test_siphash})
