/* Hostile packets: UDP. */

#include "hostile.h"

#define TO_7 "UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'"
#define UNREACHABLE "IP 192.0.2.2 > 192.0.2.1 ICMP unreachable port quote 28"

/* Starts a stack with an endpoint bound to port 7. Returns its descriptor. */
static int start(void)
{
    ip_endp_t local = endp("0.0.0.0:7");
    int desc;

    bench_start(WIRE_RAW);
    desc = udp_cmd_open();
    check_int(udp_cmd_bind(desc, &local), 0);
    return desc;
}

static void check_received(int desc, const char *text)
{
    char buf[64];

    check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), NULL), strlen(text));
    check_mem(buf, text, strlen(text));
}

static void test_length(void)
{
    int desc = start();
    char fault[32];

    for (int len = 0; len < UDP_HDR_SIZE; len++) {
        snprintf(fault, sizeof(fault), "udp.len=%d", len);
        check_dropped(udp, bad_length, inject_with(fault, TO_7));
        snprintf(fault, sizeof(fault), "ip.total=%d", IP_HDR_SIZE_MIN + len);
        check_dropped(udp, too_short, inject_with(fault, TO_7));
    }
    check_dropped(udp, bad_length, inject_with("udp.len=+1", TO_7));
    check_dropped(udp, bad_length, inject_with("udp.len=65535", TO_7));
    inject(TO_7);
    check_received(desc, "hello");
}

/* IP data behind UDP's length is ignored. */
static void test_trailing(void)
{
    int desc = start();

    inject_with("udp.len=11", TO_7);
    check_received(desc, "hel");
    inject_with("udp.len=8", TO_7);
    check_received(desc, "");
}

static void test_no_checksum(void)
{
    int desc = start();

    inject_with("udp.sum=0", TO_7);
    check_received(desc, "hello");
    check_dropped(udp, bad_checksum, inject_with("udp.sum=+1", TO_7));
    check_refused(udp, no_port, UNREACHABLE,
                  inject_with("udp.sum=0", "UDP 192.0.2.1.5000 > 192.0.2.2.8 'hello'"));
}

/* One of the 65,536 two-byte values makes the sum zero, which is sent as ffff. */
static void test_zero(void)
{
    ip_endp_t remote = endp("192.0.2.1:5000");
    uint8_t got[64], data[2];
    int desc = start(), ones = 0;

    for (unsigned int i = 0; i < 65536; i++) {
        data[0] = (uint8_t)(i >> 8);
        data[1] = (uint8_t)i;
        check_int(udp_cmd_sendto(desc, data, sizeof(data), &remote), 2);
        take(0, got, sizeof(got));
        check(got[26] != 0 || got[27] != 0);
        ones += got[26] == 0xff && got[27] == 0xff;
    }
    check_int(ones, 1);
}

static void test_flood(void)
{
    struct udp_stats stats;
    size_t memory;
    uint64_t full;
    int desc = start();

    memory = memory_in_use();
    udp_get_stats(&stats);
    full = stats.queue_full;
    for (int i = 0; i < 5000; i++) {
        inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 len 1400");
    }
    expect_nothing(0);
    udp_get_stats(&stats);
    check_cmp(stats.queue_full - full, >=, 4000);
    check_cmp(memory_in_use() - memory, <=, 256);
    check_int(udp_cmd_close(desc), 0);
    check_cmp(memory_in_use(), <=, memory);
}

static void test_source(void)
{
    char buf[16];
    ip_endp_t remote;
    int desc = start();

    check_dropped(ip, bad_source, inject("UDP 192.0.2.255.19 > 192.0.2.2.7 'hello'"));
    check_dropped(ip, bad_source, inject("UDP 255.255.255.255.19 > 192.0.2.2.7 'hello'"));
    check_dropped(ip, bad_source, inject("UDP 224.0.0.1.19 > 192.0.2.2.7 'hello'"));
    check_dropped(ip, bad_source, inject("UDP 192.0.2.2.7 > 192.0.2.2.7 'hello'"));
    check_dropped(ip, bad_source, inject("UDP 127.0.0.1.7 > 192.0.2.2.7 'hello'"));
    /* source port 0 means that no answer is wanted (RFC 768) */
    inject("UDP 192.0.2.1.0 > 192.0.2.2.7 'hello'");
    check_int(udp_cmd_recvfrom(desc, buf, sizeof(buf), &remote), 5);
    check_int(remote.port, 0);
    expect_nothing(0);
}

/* There is no resolver: an unsolicited answer of a name server is for a closed port. */
static void test_dns(void)
{
    ip_endp_t server = endp("192.0.2.53:53");
    char line[160];
    uint8_t got[64];
    unsigned int port;
    int desc = start();

    check_refused(udp, no_port, "IP 192.0.2.2 > 192.0.2.53 ICMP unreachable port quote 28",
                  inject("UDP 192.0.2.53.53 > 192.0.2.2.5353 hex 123481800001000100000000"
                         "c00c00010001c00c000100010000000100041234"));
    /* an endpoint that asked gets any sender's answer, with its address */
    check_int(udp_cmd_close(desc), 0);
    desc = udp_cmd_open();
    check_int(udp_cmd_sendto(desc, "?", 1, &server), 1);
    take(0, got, sizeof(got));
    port = (unsigned int)(got[20] << 8 | got[21]);
    snprintf(line, sizeof(line), "UDP 203.0.113.66.53 > 192.0.2.2.%u 'lies'", port);
    inject(line);
    check_int(udp_cmd_recvfrom(desc, got, sizeof(got), &server), 4);
    check_int(server.addr, addr("203.0.113.66"));
}

/* Ephemeral ports lie in their range, and are unpredictable. */
static void test_ports(void)
{
    ip_endp_t remote = endp("192.0.2.1:5000");
    uint8_t got[64];
    int last = 0, port, near = 0;

    bench_start(WIRE_RAW);
    for (int i = 0; i < 100; i++) {
        check_int(udp_cmd_sendto(udp_cmd_open(), "?", 1, &remote), 1);
        take(0, got, sizeof(got));
        port = got[20] << 8 | got[21];
        check_cmp(port, >=, UDP_SOURCE_PORT_MIN);
        near += port - last > -16 && port - last < 16;
        last = port;
    }
    check_cmp(near, <=, 5);
}

BENCH(46,
      {"a length below 8 or above the IP data's is dropped [U-1]", test_length},
      {"IP data behind the length is ignored [U-2]", test_trailing},
      {"a checksum of zero is accepted; a closed port answers [U-3 B-11]", test_no_checksum},
      {"a computed checksum is never sent as zero [U-4]", test_zero},
      {"5,000 unread datagrams take little memory [U-5 B-14]", test_flood},
      {"a non-unicast, loopback or own source is dropped, source port 0 accepted [U-6]",
       test_source},
      {"an unsolicited answer has no effect [U-7]", test_dns},
      {"ephemeral ports are unpredictable [U-8]", test_ports})
