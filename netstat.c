#include "netstat.h"

#include <stddef.h>

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
 * netstat: what the stack is doing.
 *
 * Each module has a view, which copies one row of its table under its lock; a row is printed when
 * the lock is released. So the rows are true one by one, and the whole is as of about now. The log
 * is not held meanwhile, for who logs under a module's lock would wait for it: lines of others may
 * come in between.
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

    log_text("tcp\n%-5s %-12s %-21s %-21s %10s %10s %7s %10s %7s %7s %6s\n", "desc", "state",
             "local", "remote", "snd.una", "snd.nxt", "snd.wnd", "rcv.nxt", "rcv.wnd", "unacked",
             "unread");
    for (i = 0; i < TCP_PCB_SIZE; i++) {
        if (tcp_get_view_at(i, &view) == 0) {
            log_text("%-5d %-12s %-21s %-21s %10u %10u %7u %10u %7u %7zu %6zu\n", view.desc,
                     tcp_state_ntoa(view.state), ip_endp_ntop(&view.local, local, sizeof(local)),
                     ip_endp_ntop(&view.remote, remote, sizeof(remote)), view.snd.una,
                     view.snd.nxt, view.snd.wnd, view.rcv.nxt, view.rcv.wnd, view.unacked,
                     view.unread);
        }
    }
}

/*
 * Counters
 */

struct counter {
    const char *name;
    size_t offset;
};

#define COUNTER(layer, field) {#layer "." #field, offsetof(struct layer##_stats, field)}

static const struct counter net_counters[] = {
    COUNTER(net, received), COUNTER(net, sent), COUNTER(net, send_failed), COUNTER(net, delivered),
    COUNTER(net, unknown_protocol), COUNTER(net, queue_full), COUNTER(net, no_memory),
};

static const struct counter ether_counters[] = {
    COUNTER(ether, received), COUNTER(ether, delivered), COUNTER(ether, sent),
    COUNTER(ether, send_failed), COUNTER(ether, too_short), COUNTER(ether, too_long),
    COUNTER(ether, not_for_us), COUNTER(ether, bad_source),
};

static const struct counter arp_counters[] = {
    COUNTER(arp, received), COUNTER(arp, replies_sent), COUNTER(arp, requests_sent),
    COUNTER(arp, too_short), COUNTER(arp, bad_hardware), COUNTER(arp, bad_protocol),
    COUNTER(arp, bad_operation), COUNTER(arp, bad_sender), COUNTER(arp, no_iface),
    COUNTER(arp, not_for_us), COUNTER(arp, conflict), COUNTER(arp, announcements_sent),
    COUNTER(arp, unsolicited), COUNTER(arp, static_kept), COUNTER(arp, changed),
    COUNTER(arp, no_room), COUNTER(arp, waited), COUNTER(arp, released), COUNTER(arp, unresolved),
    COUNTER(arp, wait_full), COUNTER(arp, evicted),
};

static const struct counter ip_counters[] = {
    COUNTER(ip, received), COUNTER(ip, delivered), COUNTER(ip, too_short), COUNTER(ip, bad_version),
    COUNTER(ip, bad_header), COUNTER(ip, bad_length), COUNTER(ip, bad_option),
    COUNTER(ip, source_route), COUNTER(ip, bad_checksum), COUNTER(ip, fragment),
    COUNTER(ip, no_iface), COUNTER(ip, link_broadcast), COUNTER(ip, bad_source),
    COUNTER(ip, not_for_us), COUNTER(ip, sent), COUNTER(ip, fragments_sent),
    COUNTER(ip, send_failed), COUNTER(ip, no_route),
    COUNTER(ip, unknown_protocol),
};

static const struct counter ip_frag_counters[] = {
    COUNTER(ip_frag, received), COUNTER(ip_frag, reassembled), COUNTER(ip_frag, empty),
    COUNTER(ip_frag, bad_length), COUNTER(ip_frag, too_long), COUNTER(ip_frag, tiny),
    COUNTER(ip_frag, duplicate), COUNTER(ip_frag, no_memory), COUNTER(ip_frag, overlap),
    COUNTER(ip_frag, too_many), COUNTER(ip_frag, evicted), COUNTER(ip_frag, timeout),
};

static const struct counter icmp_counters[] = {
    COUNTER(icmp, received), COUNTER(icmp, delivered), COUNTER(icmp, too_short),
    COUNTER(icmp, bad_checksum), COUNTER(icmp, unknown_type), COUNTER(icmp, echo_replies),
    COUNTER(icmp, echo_broadcast), COUNTER(icmp, ignored), COUNTER(icmp, bad_quote),
    COUNTER(icmp, no_user), COUNTER(icmp, errors_sent), COUNTER(icmp, errors_limited),
    COUNTER(icmp, sent), COUNTER(icmp, send_failed),
};

static const struct counter udp_counters[] = {
    COUNTER(udp, received), COUNTER(udp, delivered), COUNTER(udp, too_short),
    COUNTER(udp, bad_length), COUNTER(udp, bad_checksum), COUNTER(udp, no_port),
    COUNTER(udp, queue_full), COUNTER(udp, no_memory), COUNTER(udp, errors),
    COUNTER(udp, error_ignored), COUNTER(udp, sent), COUNTER(udp, send_failed),
};

static const struct counter tcp_counters[] = {
    COUNTER(tcp, received), COUNTER(tcp, delivered), COUNTER(tcp, too_short),
    COUNTER(tcp, bad_offset), COUNTER(tcp, bad_checksum), COUNTER(tcp, bad_address),
    COUNTER(tcp, bad_option), COUNTER(tcp, sent), COUNTER(tcp, send_failed),
    COUNTER(tcp, no_connection), COUNTER(tcp, resets_sent), COUNTER(tcp, resets_limited),
    COUNTER(tcp, bad_flags), COUNTER(tcp, bad_ack), COUNTER(tcp, out_of_window),
    COUNTER(tcp, closed_by_user), COUNTER(tcp, out_of_order), COUNTER(tcp, trimmed),
    COUNTER(tcp, retransmitted), COUNTER(tcp, probes_sent), COUNTER(tcp, timed_out),
    COUNTER(tcp, resets_received), COUNTER(tcp, challenges_sent), COUNTER(tcp, challenges_held),
    COUNTER(tcp, no_memory), COUNTER(tcp, no_block), COUNTER(tcp, half_open_evicted),
    COUNTER(tcp, hard_errors), COUNTER(tcp, soft_errors), COUNTER(tcp, error_ignored),
    COUNTER(tcp, backlog_full),
};

/* Prints those that are not 0. */
static void counters_print(const void *stats, const struct counter *counters, size_t num)
{
    uint64_t value;
    size_t i;

    for (i = 0; i < num; i++) {
        value = *(const uint64_t *)((const char *)stats + counters[i].offset);
        if (value != 0) {
            log_text("%-24s %10llu\n", counters[i].name, (unsigned long long)value);
        }
    }
}

/* Who adds a counter to a structure, and not to its table here, hears of it from the compiler. */
#define NETSTAT_COUNTERS(layer) \
    do { \
        struct layer##_stats stats_; \
        _Static_assert(countof(layer##_counters) * sizeof(uint64_t) == sizeof(stats_), \
                       "a counter of struct " #layer "_stats is missing above"); \
        layer##_get_stats(&stats_); \
        counters_print(&stats_, layer##_counters, countof(layer##_counters)); \
    } while (0)

static void netstat_counters(void)
{
    log_text("counters\n");
    NETSTAT_COUNTERS(net);
    NETSTAT_COUNTERS(ether);
    NETSTAT_COUNTERS(arp);
    NETSTAT_COUNTERS(ip);
    NETSTAT_COUNTERS(ip_frag);
    NETSTAT_COUNTERS(icmp);
    NETSTAT_COUNTERS(udp);
    NETSTAT_COUNTERS(tcp);
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
