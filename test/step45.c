#include <stdio.h>
#include <stdlib.h>

#include "arp.h"
#include "bench.h"
#include "icmp.h"
#include "ip.h"
#include "net.h"
#include "netstat.h"
#include "platform.h"
#include "sockets.h"
#include "tcp.h"
#include "udp.h"
#include "util.h"

/* Step 45: netstat. The text is compared word by word, so that columns may be added. */

static int listener;

/* Ethernet, a gateway, a listener, and a client up to the SYN-ACK. */
static void start(void)
{
    struct net_device *dev;
    struct ip_iface *iface;

    check_int(net_init(), 0);
    dev = wire_init(WIRE_ETHER);
    iface = wire_address(dev, "192.0.2.2", "255.255.255.0");
    check_int(ip_route_set_default_gateway(iface, "192.0.2.1"), 0);
    check_int(net_run(), 0);
    wire_answer_arp(1);
    listener = listening("192.0.2.2:7");
    client('A', 1000);
    inject("S 0:0(0) win 4000");
    expect_within(5000, "S. 0:0(0) ack 1");
}

/* The text that netstat prints. */
static const char *print(void)
{
    log_clear();
    netstat_print();
    return log_all();
}

/* A copy of the line that begins with begin; fails if there is none. */
static const char *line(const char *text, const char *begin)
{
    static char copy[512];
    const char *p = text;
    size_t len;

    while (p && strncmp(p, begin, strlen(begin)) != 0) {
        p = strchr(p, '\n');
        p = p ? p + 1 : NULL;
    }
    if (!p) {
        fail("no line begins with '%s'", begin);
    }
    len = strcspn(p, "\n");
    snprintf(copy, sizeof(copy), "%.*s", (int)len, p);
    return copy;
}

/* The index of a word in a line, or -1. */
static int word(const char *text, const char *want)
{
    size_t len;
    int i;

    for (i = 0; *(text += strspn(text, " ")); i++, text += len) {
        len = strcspn(text, " ");
        if (len == strlen(want) && strncmp(text, want, len) == 0) {
            return i;
        }
    }
    return -1;
}

static void check_word(const char *text, int i, const char *want)
{
    if (word(text, want) == -1) {
        fail("'%s' is not a word of '%s'", want, text);
    }
    for (; i > 0; i--) {
        text += strspn(text, " ");
        text += strcspn(text, " ");
    }
    text += strspn(text, " ");
    if (strncmp(text, want, strlen(want)) != 0) {
        fail("'%s' expected, got '%s'", want, text);
    }
}

static void check_number(const char *header, const char *row, const char *column, uint32_t want)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", want);
    check_cmp(word(header, column), !=, -1);
    check_word(row, word(header, column), text);
}

static int descriptor_of(const char *remote, struct tcp_view *view)
{
    ip_endp_t peer = endp(remote);

    for (size_t i = 0; i < TCP_PCB_SIZE; i++) {
        if (tcp_get_view_at(i, view) == 0 && view->remote.addr == peer.addr &&
            view->remote.port == peer.port) {
            return view->desc;
        }
    }
    fail("there is no connection with %s", remote);
}

static void establish(void)
{
    inject(". 1:1(0) ack 1 win 4000");
    inject("P. 1:11(10) ack 1 win 4000");
    settle();
    wire_pending(1);
}

static void test_connection(void)
{
    char header[512], begin[16];
    struct tcp_view view;
    const char *row, *text;

    start();
    establish();
    snprintf(begin, sizeof(begin), "%d ", descriptor_of("192.0.2.1:5000", &view));
    text = strstr(print(), "\ntcp\n");
    check(text != NULL);
    snprintf(header, sizeof(header), "%s", line(text, "desc"));
    row = line(text, begin);
    check_word(row, word(header, "state"), "ESTABLISHED");
    check_word(row, word(header, "local"), "192.0.2.2:7");
    check_word(row, word(header, "remote"), "192.0.2.1:5000");
    check_number(header, row, "snd.una", view.snd.una);
    check_number(header, row, "snd.nxt", view.snd.nxt);
    check_number(header, row, "snd.wnd", view.snd.wnd);
    check_number(header, row, "rcv.nxt", view.rcv.nxt);
    check_number(header, row, "rcv.wnd", view.rcv.wnd);
    check_number(header, row, "unread", 10);
    check_number(header, row, "unacked", 0);
    check_int(strstr(row, "ESTABLISHED") - row, strstr(header, "state") - header);
}

static void test_unacked(void)
{
    char header[512], begin[16];
    struct tcp_view view;
    const char *text;
    int id;

    start();
    establish();
    id = sock_accept(listener, NULL, NULL);
    check_int(sock_send(id, "hello", 5), 5);
    wire_pending(1);
    snprintf(begin, sizeof(begin), "%d ", descriptor_of("192.0.2.1:5000", &view));
    text = strstr(print(), "\ntcp\n");
    snprintf(header, sizeof(header), "%s", line(text, "desc"));
    check_number(header, line(text, begin), "unacked", 5);
}

static void test_listener(void)
{
    const char *text, *row;

    start();
    text = strstr(print(), "\ntcp\n");
    row = strstr(text, "LISTEN ");
    check(row != NULL);
    check_cmp(word(row, "192.0.2.2:7"), !=, -1);
    check_cmp(word(row, "0.0.0.0:0"), !=, -1);
    check(strstr(text, "SYN_RECEIVED ") != NULL);
}

static void test_datagrams(void)
{
    const char *text, *row;
    char header[512];

    start();
    bound(SOCK_DGRAM, "192.0.2.2:7");
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'one'");
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.7 'two'");
    text = strstr(print(), "\nudp\n");
    check(text != NULL);
    snprintf(header, sizeof(header), "%s", line(text, "desc"));
    row = strstr(text, "192.0.2.2:7");
    check(row != NULL);
    check_word(line(row, ""), word(header, "queued") - word(header, "local"), "2");
    check_word(line(row, ""), word(header, "bytes") - word(header, "local"), "6");
}

/* A closed descriptor does not show the endpoint now in its place of the table. */
static void test_stale_view(void)
{
    struct udp_view view;
    int old, fresh;

    start();
    old = udp_cmd_open();
    check_int(udp_get_view(old, &view), 0);
    check_int(udp_cmd_close(old), 0);
    fresh = udp_cmd_open();
    check_error(udp_get_view(old, &view), EBADF);
    check_int(udp_get_view(fresh, &view), 0);
    check_int(view.desc, fresh);
    check_int(udp_get_view_at(0, &view), 0);
    check_int(view.desc, fresh);
    check_int(udp_get_view_at(1, &view), -1);
}

static void test_tables(void)
{
    static const uint8_t ha[] = {2, 0, 0, 0, 0, 9};
    struct ip_route route;
    const char *text, *row;

    start();
    check_int(ip_route_get_view(0, &route), 0);
    check_int(arp_cache_add_static(route.iface, addr("192.0.2.9"), ha), 0);
    text = print();
    row = line(text, "net0");
    check_word(row, 0, "net0");
    check_cmp(word(row, "ethernet"), !=, -1);
    check_cmp(word(row, "up"), !=, -1);
    check_cmp(word(row, "1500"), !=, -1);
    check_cmp(word(row, "00:00:5e:00:53:01"), !=, -1);
    check_cmp(word(row, "192.0.2.2"), !=, -1);
    text = strstr(text, "\nroutes\n");
    check(text != NULL);
    row = line(text, "192.0.2.0");
    check_word(row, 1, "255.255.255.0");
    check_word(row, 2, "0.0.0.0");
    check_word(row, 3, "net0");
    row = line(text, "0.0.0.0");
    check_word(row, 1, "0.0.0.0");
    check_word(row, 2, "192.0.2.1");
    text = strstr(text, "\narp\n");
    check(text != NULL);
    row = line(text, "192.0.2.1 ");
    check_cmp(word(row, "00:00:5e:00:53:fe"), !=, -1);
    check_cmp(word(row, "resolved"), !=, -1);
    check_cmp(word(row, "net0"), !=, -1);
    row = line(text, "192.0.2.9 ");
    check_cmp(word(row, "02:00:00:00:00:09"), !=, -1);
    check_cmp(word(row, "static"), !=, -1);
}

static void check_counter(const char *name, uint64_t want)
{
    const char *text = strstr(print(), "\ncounters\n"), *row;
    char number[32];

    check(text != NULL);
    row = line(text, name);
    snprintf(number, sizeof(number), "%llu", (unsigned long long)want);
    check_word(row, 0, name);
    check_word(row, 1, number);
}

static void test_counters(void)
{
    struct ip_stats ip;
    struct tcp_stats tcp;

    start();
    ip_get_stats(&ip);
    tcp_get_stats(&tcp);
    check_counter("ip.received", ip.received);
    check_counter("tcp.sent", tcp.sent);
    check(!strstr(print(), "tcp.bad_checksum"));
    inject_with("tcp.sum=+1", ". 1:1(0) ack 1");
    inject_with("tcp.sum=+1", ". 1:1(0) ack 1");
    check_counter("tcp.bad_checksum", 2);
    inject("UDP 192.0.2.1.5000 > 192.0.2.2.9 'hello'");
    check_counter("udp.no_port", 1);
    check_counter("icmp.errors_sent", 1);
    wire_pending(1);
}

static void test_devices(void)
{
    struct net_device *dev;

    start();
    establish();
    dev = net_device_next(NULL);
    check_cmp(dev->stats.received, >, 0);
    check_cmp(dev->stats.sent, >, 0);
    check_counter("net0.received", dev->stats.received);
    check_counter("net0.sent", dev->stats.sent);
    check(!strstr(print(), "net0.dropped") && !strstr(print(), "net0.gone"));
    inject_bytes((const uint8_t *)"short", 5);
    check_counter("net0.dropped", 1);
    wire_fail_output(1);
    inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 8");
    check_counter("net0.send_failed", 1);
    check(!strstr(print(), "net1."));
}

/* At every log level, before the start and after shutdown, and without memory. */
static void test_always(void)
{
    size_t in_use;

    print();
    start();
    establish();
    check_int(log_set_level("error"), 0);
    in_use = memory_in_use();
    sim_fail_alloc(1);
    check(strstr(print(), "ESTABLISHED") != NULL);
    sim_fail_alloc(0);
    check_int(memory_in_use(), in_use);
    check_int(net_shutdown(), 0);
    wire_pending(1);
    check(!strstr(print(), "ESTABLISHED"));
}

BENCH(45,
      {"netstat shows a connection's state, endpoints and numbers", test_connection},
      {"netstat shows unacknowledged bytes", test_unacked},
      {"netstat shows listeners and half-open connections", test_listener},
      {"netstat shows the queued datagrams of UDP endpoints", test_datagrams},
      {"a closed UDP descriptor shows no other endpoint", test_stale_view},
      {"netstat shows devices, routes and neighbours", test_tables},
      {"netstat shows each nonzero counter by name", test_counters},
      {"netstat shows each device's counters", test_devices},
      {"netstat works at every log level, without a stack and without memory", test_always})
