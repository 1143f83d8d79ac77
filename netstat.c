#include "netstat.h"

#include <stddef.h>
#include <string.h>

#include "arp.h"
#include "ether.h"
#include "icmp.h"
#include "ip.h"
#include "ip_frag.h"
#include "net.h"
#include "platform.h"
#include "tcp.h"
#include "udp.h"
#include "util.h"

/*
 * netstat: prints the state of the stack.
 *
 *     netstat_print();    any thread, also before net_init and after net_shutdown, not during them
 *
 * A module's view function copies one row of its table under the module's lock. The row is printed
 * after the lock is released, so each row is consistent, but the rows are not of one instant.
 * Holding the log throughout could deadlock with a thread that logs under a module's lock. So lines
 * of other threads may come in between.
 *
 * netstat has no data of its own, allocates nothing and takes no lock itself. In a forked child
 * there is nothing to print: the stack is the parent's.
 */

/*
 * Tables
 */

static const char *netstat_type_ntoa(uint16_t type)
{
    switch (type) {
    case NET_DEVICE_TYPE_LOOPBACK:
        return "loopback";
    case NET_DEVICE_TYPE_ETHERNET:
        return "ethernet";
    default:
        return "null";
    }
}

static void netstat_device(struct net_device *dev)
{
    struct ip_iface *iface = (struct ip_iface *)net_device_get_iface(dev, NET_IFACE_FAMILY_IP);
    char ha[ETHER_ADDR_STR_LEN] = "-", addr[IP_ADDR_STR_LEN] = "-", mask[IP_ADDR_STR_LEN] = "-";

    if (dev->alen == ETHER_ADDR_LEN) {
        ether_addr_ntop(dev->addr, ha, sizeof(ha));
    }
    if (iface) {
        ip_addr_ntop(iface->unicast, addr, sizeof(addr));
        ip_addr_ntop(iface->netmask, mask, sizeof(mask));
    }
    log_text("%-6s %-8s %-5s %5u %-17s %-15s %s\n", dev->name, netstat_type_ntoa(dev->type),
             NET_DEVICE_STATE(dev), dev->mtu, ha, addr, mask);
}

static void netstat_devices(void)
{
    struct net_device *dev = NULL;

    log_text("devices\n%-6s %-8s %-5s %5s %-17s %-15s %s\n", "name", "type", "state", "mtu",
             "hardware address", "address", "netmask");
    while ((dev = net_device_next(dev)) != NULL) {
        netstat_device(dev);
    }
}

static void netstat_routes(void)
{
    char network[IP_ADDR_STR_LEN], mask[IP_ADDR_STR_LEN], nexthop[IP_ADDR_STR_LEN];
    struct ip_route route;
    size_t i;

    log_text("routes\n%-15s %-15s %-15s %s\n", "network", "netmask", "gateway", "device");
    for (i = 0; i < IP_ROUTE_SIZE; i++) {
        if (ip_route_get_view(i, &route) == 0) {
            log_text("%-15s %-15s %-15s %s\n",
                     ip_addr_ntop(route.network, network, sizeof(network)),
                     ip_addr_ntop(route.netmask, mask, sizeof(mask)),
                     ip_addr_ntop(route.nexthop, nexthop, sizeof(nexthop)),
                     NET_IFACE(route.iface)->dev->name);
        }
    }
}

static void netstat_arp(void)
{
    char pa[IP_ADDR_STR_LEN], ha[ETHER_ADDR_STR_LEN];
    struct arp_view view;
    size_t i;

    log_text("arp\n%-15s %-17s %-10s %-6s %s\n", "address", "hardware address", "state", "device",
             "seconds");
    for (i = 0; i < ARP_CACHE_SIZE; i++) {
        if (arp_get_view(i, &view) == 0) {
            log_text("%-15s %-17s %-10s %-6s %llu\n", ip_addr_ntop(view.pa, pa, sizeof(pa)),
                     ether_addr_ntop(view.ha, ha, sizeof(ha)), view.state, view.iface->dev->name,
                     (unsigned long long)(view.age / SECONDS(1)));
        }
    }
}

static void netstat_udp(void)
{
    char local[IP_ENDP_STR_LEN];
    struct udp_view view;
    size_t i;

    log_text("udp\n%-5s %-21s %6s %6s\n", "desc", "local", "queued", "bytes");
    for (i = 0; i < UDP_PCB_SIZE; i++) {
        if (udp_get_view_at(i, &view) == 0) {
            log_text("%-5d %-21s %6zu %6zu\n", view.desc,
                     ip_endp_ntop(&view.local, local, sizeof(local)), view.queued, view.bytes);
        }
    }
}

static void netstat_tcp(void)
{
    char local[IP_ENDP_STR_LEN], remote[IP_ENDP_STR_LEN];
    struct tcp_view view;
    size_t i;

    log_text("tcp\n%-5s %-12s %-21s %-21s %10s %10s %7s %10s %7s %7s %6s %6s %8s %8s %10s %10s\n",
             "desc", "state", "local", "remote", "snd.una", "snd.nxt", "snd.wnd", "rcv.nxt",
             "rcv.wnd", "unacked", "unread", "ranges", "srtt(ms)", "rto(ms)", "cwnd", "ssthresh");
    for (i = 0; i < TCP_PCB_SIZE; i++) {
        if (tcp_get_view_at(i, &view) == 0) {
            log_text("%-5d %-12s %-21s %-21s %10u %10u %7u %10u %7u %7zu %6zu %6zu %8.1f %8.0f "
                     "%10u %10u\n",
                     view.desc, tcp_state_ntoa(view.state),
                     ip_endp_ntop(&view.local, local, sizeof(local)),
                     ip_endp_ntop(&view.remote, remote, sizeof(remote)), view.snd.una,
                     view.snd.nxt, view.snd.wnd, view.rcv.nxt, view.rcv.wnd, view.unacked,
                     view.unread, view.ranges, (double)view.rtt.srtt / MILLISECONDS(1),
                     (double)view.rtt.rto / MILLISECONDS(1), view.cwnd, view.ssthresh);
        }
    }
}

/*
 * Counters
 */

/* The counters of each layer, in the order of printing */
#define NET_COUNTERS(X) \
    X(received) X(sent) X(send_failed) X(delivered) X(unknown_protocol) X(queue_full) X(no_memory)

#define DEVICE_COUNTERS(X) \
    X(received) X(dropped) X(sent) X(send_failed) X(gone)

#define ETHER_COUNTERS(X) \
    X(received) X(delivered) X(sent) X(send_failed) X(too_short) X(too_long) X(not_for_us) \
    X(bad_source)

#define ARP_COUNTERS(X) \
    X(received) X(replies_sent) X(requests_sent) X(too_short) X(bad_hardware) X(bad_protocol) \
    X(bad_operation) X(bad_sender) X(no_iface) X(not_for_us) X(conflict) X(announcements_sent) \
    X(unsolicited) X(static_kept) X(changed) X(no_room) X(waited) X(released) X(unresolved) \
    X(wait_full) X(evicted)

#define IP_COUNTERS(X) \
    X(received) X(delivered) X(too_short) X(bad_version) X(bad_header) X(bad_length) X(bad_option) \
    X(source_route) X(bad_checksum) X(fragment) X(no_iface) X(link_broadcast) X(bad_source) \
    X(not_for_us) X(sent) X(fragments_sent) X(send_failed) X(no_route) X(unknown_protocol)

#define IP_FRAG_COUNTERS(X) \
    X(received) X(reassembled) X(empty) X(bad_length) X(too_long) X(tiny) X(duplicate) \
    X(no_memory) X(overlap) X(too_many) X(evicted) X(timeout)

#define ICMP_COUNTERS(X) \
    X(received) X(delivered) X(too_short) X(bad_checksum) X(unknown_type) X(echo_replies) \
    X(echo_broadcast) X(ignored) X(bad_quote) X(no_user) X(errors_sent) X(errors_limited) X(sent) \
    X(send_failed)

#define UDP_COUNTERS(X) \
    X(received) X(delivered) X(too_short) X(bad_length) X(bad_checksum) X(no_port) X(queue_full) \
    X(no_memory) X(errors) X(error_ignored) X(sent) X(send_failed)

#define TCP_COUNTERS(X) \
    X(received) X(delivered) X(too_short) X(bad_offset) X(bad_checksum) X(bad_address) \
    X(bad_option) X(sent) X(send_failed) X(no_connection) X(resets_sent) X(resets_limited) \
    X(bad_flags) X(bad_ack) X(out_of_window) X(closed_by_user) X(out_of_order) X(no_range) \
    X(ranges_evicted) X(trimmed) X(retransmitted) X(spurious) X(rtt_samples) X(probes_sent) \
    X(timed_out) X(resets_received) X(challenges_sent) X(challenges_held) X(no_memory) \
    X(no_block) X(half_open_evicted) X(hard_errors) X(soft_errors) X(error_ignored) \
    X(backlog_full)

/* Prints a counter, unless it is 0. */
static void counter_print(const char *name, const char *field, uint64_t value)
{
    int width = 23 - (int)strlen(name);

    if (value != 0) {
        log_text("%s.%-*s %10llu\n", name, width, field, (unsigned long long)value);
    }
}

#define COUNTER_FIELD(field) uint64_t field;
#define COUNTER_PRINT(field) counter_print(name, #field, stats.field);

/* Prints the counters in stats under name. A counter missing from LIST is a compile error. */
#define COUNTERS_PRINT(LIST) \
    _Static_assert(sizeof(struct { LIST(COUNTER_FIELD) }) == sizeof(stats), \
                   "a counter is missing from " #LIST); \
    LIST(COUNTER_PRINT)

#define NETSTAT_COUNTERS(layer, LIST) \
    do { \
        const char *name = #layer; \
        struct layer##_stats stats; \
        layer##_get_stats(&stats); \
        COUNTERS_PRINT(LIST) \
    } while (0)

static void netstat_device_counters(const struct net_device *dev)
{
    const char *name = dev->name;
    struct net_device_stats stats;

    counters_copy(&stats, &dev->stats, sizeof(stats));
    COUNTERS_PRINT(DEVICE_COUNTERS)
}

static void netstat_counters(void)
{
    struct net_device *dev = NULL;

    log_text("counters\n");
    NETSTAT_COUNTERS(net, NET_COUNTERS);
    while ((dev = net_device_next(dev)) != NULL) {
        netstat_device_counters(dev);
    }
    NETSTAT_COUNTERS(ether, ETHER_COUNTERS);
    NETSTAT_COUNTERS(arp, ARP_COUNTERS);
    NETSTAT_COUNTERS(ip, IP_COUNTERS);
    NETSTAT_COUNTERS(ip_frag, IP_FRAG_COUNTERS);
    NETSTAT_COUNTERS(icmp, ICMP_COUNTERS);
    NETSTAT_COUNTERS(udp, UDP_COUNTERS);
    NETSTAT_COUNTERS(tcp, TCP_COUNTERS);
}

void netstat_print(void)
{
    if (platform_is_child()) {
        log_text("down: the stack is the parent's\n");
        return;
    }
    netstat_devices();
    netstat_routes();
    netstat_arp();
    netstat_udp();
    netstat_tcp();
    netstat_counters();
}
