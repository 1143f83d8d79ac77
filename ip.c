#include "ip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arp.h"
#include "icmp.h"
#include "ip_frag.h"
#include "net.h"
#include "platform.h"
#include "util.h"

/*
 * ip: the Internet Protocol, RFC 791: carries datagrams between hosts, without a guarantee.
 *
 *     ip_iface_register(dev, iface);       before net_run: an interface, a route to its network
 *     ip_protocol_register(proto, ...);    before net_run: a protocol's handler
 *     ip_route_add(network, ...);          any thread, any time
 *     ip_output(proto, ...);               any thread: chooses the route, builds the header, cuts
 *                                          into fragments if need be, resolves by ARP, sends
 *     ip_input(data, ...);                 interrupt thread: checks, reassembles (ip_frag), calls
 *                                          the handler
 *     ip_error_input(), ip_unreachable();  for ICMP, ARP: call the error handler of a protocol
 *     ip_shutdown();
 *
 * An interface belongs to its device. Interfaces and protocols are fixed from net_run on: no
 * lock guards them. Routes are added and never removed. ip_output copies its data; a received
 * datagram is borrowed for the call. A datagram that fails a check is dropped and counted.
 *
 * lock guards routes. No lock is taken under it: it is released before ARP, a device or a handler
 * is called. A transport may call with its own lock held.
 *
 * Limits
 *     IP_ROUTE_SIZE    further routes are refused: ENOSPC
 *     IP_MMS_S         longer data is not sent: EMSGSIZE
 *     ip_frag.h        those of reassembly: the oldest datagram is dropped
 * Left out: forwarding (step 66), multicast. Received options are checked, then ignored; none is
 * sent.
 */

#define IP_TTL 64 /* RFC 1700's default */
#define IP_ID_COUNTERS 8192 /* destinations sharing one can count each other's datagrams */

#define IP_ERROR_DATA 8 /* bytes of data that an error handler gets */

#define IP_OPT_EOL  0
#define IP_OPT_NOP  1
#define IP_OPT_LSRR 131 /* loose source and record route */
#define IP_OPT_SSRR 137 /* strict */

struct ip_protocol {
    struct ip_protocol *next;
    uint8_t protocol;
    void (*handler)(const struct ip_hdr *iphdr, const uint8_t *data, size_t len,
                    struct ip_iface *iface);
    /* may be NULL */
    void (*error_handler)(const struct ip_hdr *iphdr, const uint8_t *data, int errnum, int hard);
};

const ip_addr_t IP_ADDR_ANY = 0x00000000;
const ip_addr_t IP_ADDR_BROADCAST = 0xffffffff;

static struct ip_stats stats;
static struct ip_iface *ifaces; /* for look-up; the devices own them */
static struct ip_protocol *protocols;
static lock_t lock = LOCK_INITIALIZER; /* guards routes; no lock is taken under it */
static struct ip_route routes[IP_ROUTE_SIZE];
static uint16_t ids[IP_ID_COUNTERS]; /* atomic */
static uint8_t secret[SIPHASH_KEY_SIZE]; /* key for the ids; fixed once ip_init returns */

/*
 * Addresses
 */

/* Reads one number of at most three digits, up to 255. Returns its end, or NULL. */
static const char *ip_octet_pton(const char *p, uint8_t *octet)
{
    unsigned int value = 0;
    int digits;

    for (digits = 0; digits < 3 && *p >= '0' && *p <= '9'; digits++) {
        value = value * 10 + (unsigned int)(*p++ - '0');
    }
    if (digits == 0 || value > UINT8_MAX) {
        return NULL;
    }
    *octet = (uint8_t)value;
    return p;
}

int ip_addr_pton(const char *p, ip_addr_t *n)
{
    uint8_t octets[IP_ADDR_LEN];
    size_t i;

    for (i = 0; i < countof(octets); i++) {
        p = ip_octet_pton(p, &octets[i]);
        if (!p || *p != (i < countof(octets) - 1 ? '.' : '\0')) {
            return -1;
        }
        p++;
    }
    memcpy(n, octets, sizeof(octets));
    return 0;
}

char *ip_addr_ntop(ip_addr_t n, char *p, size_t size)
{
    uint8_t octets[IP_ADDR_LEN];

    if (size < IP_ADDR_STR_LEN) {
        return NULL;
    }
    memcpy(octets, &n, sizeof(octets));
    snprintf(p, size, "%u.%u.%u.%u", octets[0], octets[1], octets[2], octets[3]);
    return p;
}

int ip_endp_pton(const char *p, ip_endp_t *n)
{
    const char *colon = strchr(p, ':');
    char addr[IP_ADDR_STR_LEN];
    char *end;
    long port;

    if (!colon || (size_t)(colon - p) >= sizeof(addr) || colon[1] < '0' || colon[1] > '9') {
        return -1;
    }
    memcpy(addr, p, (size_t)(colon - p));
    addr[colon - p] = '\0';
    port = strtol(colon + 1, &end, 10);
    if (*end != '\0' || port > UINT16_MAX || ip_addr_pton(addr, &n->addr) == -1) {
        return -1;
    }
    n->port = hton16((uint16_t)port);
    return 0;
}

char *ip_endp_ntop(const ip_endp_t *n, char *p, size_t size)
{
    size_t len;

    if (size < IP_ENDP_STR_LEN) {
        return NULL;
    }
    ip_addr_ntop(n->addr, p, size);
    len = strlen(p);
    snprintf(p + len, size - len, ":%u", ntoh16(n->port));
    return p;
}

/* data must hold a header. */
static void ip_dump(const uint8_t *data, size_t len)
{
    const struct ip_hdr *hdr = (const struct ip_hdr *)data;
    char addr[IP_ADDR_STR_LEN];
    uint16_t offset;

    if (!log_enabled(LOG_LEVEL_DEBUG)) {
        return;
    }
    offset = ntoh16(hdr->offset);
    log_begin();
    log_text("        vhl: 0x%02x [v: %u, hl: %u (%zu)]\n", hdr->vhl, hdr->vhl >> 4,
             hdr->vhl & 0x0f, IP_HDR_SIZE(hdr));
    log_text("        tos: 0x%02x\n", hdr->tos);
    log_text("      total: %u (len: %zu)\n", ntoh16(hdr->total), len);
    log_text("         id: %u\n", ntoh16(hdr->id));
    log_text("     offset: 0x%04x [flags=%x, offset=%u]\n", offset, offset >> 13,
             offset & IP_HDR_OFFSET_MASK);
    log_text("        ttl: %u\n", hdr->ttl);
    log_text("   protocol: %u\n", hdr->protocol);
    log_text("        sum: 0x%04x\n", ntoh16(hdr->sum));
    log_text("        src: %s\n", ip_addr_ntop(hdr->src, addr, sizeof(addr)));
    log_text("        dst: %s\n", ip_addr_ntop(hdr->dst, addr, sizeof(addr)));
    log_end();
}

/*
 * Pseudo-header
 */

/* Covered by a transport's checksum before its own header; not sent. In network byte order. */
struct ip_pseudo_hdr {
    ip_addr_t src;
    ip_addr_t dst;
    uint8_t zero;
    uint8_t protocol;
    uint16_t len;
} __attribute__((packed));

_Static_assert(sizeof(struct ip_pseudo_hdr) == 12, "a pseudo-header has 12 bytes");

uint16_t ip_pseudo_cksum(uint8_t protocol, const void *data, size_t len, ip_addr_t src,
                         ip_addr_t dst)
{
    struct ip_pseudo_hdr pseudo = {src, dst, 0, protocol, hton16((uint16_t)len)};

    return cksum16(data, len, (uint16_t)~cksum16(&pseudo, sizeof(pseudo), 0));
}

/*
 * Interfaces
 */

struct ip_iface *ip_iface_alloc(const char *addr, const char *netmask)
{
    struct ip_iface *iface = memory_alloc(sizeof(*iface));

    if (!iface) {
        errorf("memory_alloc() failure");
        return NULL;
    }
    NET_IFACE(iface)->family = NET_IFACE_FAMILY_IP;
    if (ip_addr_pton(addr, &iface->unicast) == -1 || ip_addr_pton(netmask, &iface->netmask) == -1) {
        errorf("bad address or netmask, addr=%s, netmask=%s", addr, netmask);
        memory_free(iface);
        return NULL;
    }
    iface->broadcast = iface->unicast | ~iface->netmask;
    if (ntoh32(~iface->netmask) <= 1) { /* /31, /32: no broadcast address, RFC 3021 */
        iface->broadcast = IP_ADDR_BROADCAST;
    }
    return iface;
}

int ip_iface_register(struct net_device *dev, struct ip_iface *iface)
{
    char unicast[IP_ADDR_STR_LEN], netmask[IP_ADDR_STR_LEN];

    if (net_device_get_iface(dev, NET_IFACE_FAMILY_IP)) {
        errorf("already exists, dev=%s", dev->name);
        return -1;
    }
    if (ip_route_add(iface->unicast & iface->netmask, iface->netmask, IP_ADDR_ANY, iface) == -1) {
        return -1;
    }
    if (net_device_add_iface(dev, NET_IFACE(iface)) == -1) {
        return -1;
    }
    iface->next = ifaces;
    ifaces = iface;
    infof("registered, dev=%s, unicast=%s, netmask=%s", dev->name,
          ip_addr_ntop(iface->unicast, unicast, sizeof(unicast)),
          ip_addr_ntop(iface->netmask, netmask, sizeof(netmask)));
    return 0;
}

struct ip_iface *ip_iface_select(ip_addr_t addr)
{
    struct ip_iface *iface;

    for (iface = ifaces; iface; iface = iface->next) {
        if (iface->unicast == addr) {
            return iface;
        }
    }
    return NULL;
}

static int ip_iface_is_loopback(const struct ip_iface *iface)
{
    return (NET_IFACE(iface)->dev->flags & NET_DEVICE_FLAG_LOOPBACK) != 0;
}

/* Returns the loopback device's interface, or NULL. */
static struct ip_iface *ip_iface_loopback(void)
{
    struct ip_iface *iface = ifaces;

    while (iface && !ip_iface_is_loopback(iface)) {
        iface = iface->next;
    }
    return iface;
}

/* Is addr a broadcast on the interface's network, in the standard form (ones) or 4.2BSD's (zeros)?
 * RFC 1122 3.3.6 */
static int ip_iface_is_broadcast(const struct ip_iface *iface, ip_addr_t addr)
{
    if (addr == IP_ADDR_BROADCAST || addr == iface->broadcast || addr == IP_ADDR_ANY) {
        return 1;
    }
    return iface->broadcast != IP_ADDR_BROADCAST && addr == (iface->unicast & iface->netmask);
}

/* Is a datagram to dst, received on iface, for this host? The loopback receives datagrams to all
 * our addresses. */
static int ip_is_for_us(const struct ip_iface *iface, ip_addr_t dst)
{
    if (ip_iface_is_loopback(iface) && ip_iface_select(dst)) {
        return 1;
    }
    return dst == iface->unicast || ip_iface_is_broadcast(iface, dst);
}

int ip_addr_is_host(ip_addr_t addr, const struct ip_iface *iface)
{
    const struct ip_iface *other;
    uint8_t first;

    memcpy(&first, &addr, sizeof(first));
    if (first == 0 || first >= 224 || (first == 127 && !ip_iface_is_loopback(iface))) {
        return 0;
    }
    for (other = ifaces; other; other = other->next) {
        if (ip_iface_is_broadcast(other, addr)) {
            return 0;
        }
    }
    return 1;
}

/*
 * Routes
 */

/* Clears the host bits of network. Of two routes to one network, the one added first wins. iface
 * has no device yet when ip_iface_register calls it. */
int ip_route_add(ip_addr_t network, ip_addr_t netmask, ip_addr_t nexthop, struct ip_iface *iface)
{
    char addr[4][IP_ADDR_STR_LEN];
    struct ip_route *route;

    lock_acquire(&lock);
    for (route = routes; route < tailof(routes) && route->iface; route++) {
        continue;
    }
    if (route < tailof(routes)) {
        *route = (struct ip_route){network & netmask, netmask, nexthop, iface};
    }
    lock_release(&lock);
    if (route == tailof(routes)) {
        errorf("table full");
        errno = ENOSPC;
        return -1;
    }
    infof("network=%s, netmask=%s, nexthop=%s, iface=%s",
          ip_addr_ntop(network, addr[0], sizeof(addr[0])),
          ip_addr_ntop(netmask, addr[1], sizeof(addr[1])),
          ip_addr_ntop(nexthop, addr[2], sizeof(addr[2])),
          ip_addr_ntop(iface->unicast, addr[3], sizeof(addr[3])));
    return 0;
}

int ip_route_get_view(size_t index, struct ip_route *view)
{
    int ret = -1;

    lock_acquire(&lock);
    if (index < countof(routes) && routes[index].iface) {
        *view = routes[index];
        ret = 0;
    }
    lock_release(&lock);
    return ret;
}

/* Finds the route to dst with the longest prefix, of equals the one added first, only out of iface
 * unless that is NULL. Returns 0, or -1 if there is none. */
static int ip_route_lookup(ip_addr_t dst, const struct ip_iface *iface, struct ip_route *found)
{
    const struct ip_route *route, *best = NULL;

    lock_acquire(&lock);
    for (route = routes; route < tailof(routes); route++) {
        if (!route->iface || (iface && route->iface != iface) ||
            (dst & route->netmask) != route->network) {
            continue;
        }
        if (!best || ntoh32(route->netmask) > ntoh32(best->netmask)) {
            best = route;
        }
    }
    if (best) {
        *found = *best;
    }
    lock_release(&lock);
    return best ? 0 : -1;
}

/* Finds the route to dst for a datagram from own's address (NULL: from any). Routes out of own come
 * first: their gateways accept its address. Otherwise any route serves (Weak ES Model,
 * RFC 1122 3.3.4.2), but none between the loopback and other interfaces. Returns 0 or -1. */
static int ip_route_select(const struct ip_iface *own, ip_addr_t dst, struct ip_route *found)
{
    if (ip_route_lookup(dst, own, found) == 0) {
        return 0;
    }
    if (!own || ip_iface_is_loopback(own) || ip_route_lookup(dst, NULL, found) == -1) {
        return -1;
    }
    return ip_iface_is_loopback(found->iface) ? -1 : 0;
}

int ip_route_set_default_gateway(struct ip_iface *iface, const char *gateway)
{
    ip_addr_t nexthop;

    if (ip_addr_pton(gateway, &nexthop) == -1) {
        errorf("bad address, gateway=%s", gateway);
        return -1;
    }
    return ip_route_add(IP_ADDR_ANY, IP_ADDR_ANY, nexthop, iface);
}

struct ip_iface *ip_route_get_iface_from(ip_addr_t src, ip_addr_t dst)
{
    struct ip_iface *own = ip_iface_select(dst);
    struct ip_route route;

    if (own) {
        return ip_iface_loopback() ? own : NULL;
    }
    return ip_route_select(ip_iface_select(src), dst, &route) == 0 ? route.iface : NULL;
}

struct ip_iface *ip_route_get_iface(ip_addr_t dst)
{
    return ip_route_get_iface_from(IP_ADDR_ANY, dst);
}

/*
 * Protocols
 */

/* Returns the protocol of a number, or NULL. */
static struct ip_protocol *ip_protocol_select(uint8_t protocol)
{
    struct ip_protocol *entry;

    for (entry = protocols; entry; entry = entry->next) {
        if (entry->protocol == protocol) {
            return entry;
        }
    }
    return NULL;
}

int ip_protocol_register(uint8_t protocol,
                         void (*handler)(const struct ip_hdr *iphdr, const uint8_t *data,
                                         size_t len, struct ip_iface *iface))
{
    struct ip_protocol *entry;

    if (ip_protocol_select(protocol)) {
        errorf("already registered, protocol=%u", protocol);
        return -1;
    }
    entry = memory_alloc(sizeof(*entry));
    if (!entry) {
        errorf("memory_alloc() failure");
        return -1;
    }
    entry->protocol = protocol;
    entry->handler = handler;
    entry->next = protocols;
    protocols = entry;
    infof("registered, protocol=%u", protocol);
    return 0;
}

void ip_error_register(uint8_t protocol,
                       void (*handler)(const struct ip_hdr *iphdr, const uint8_t *data, int errnum,
                                       int hard))
{
    ip_protocol_select(protocol)->error_handler = handler;
}

int ip_error_input(const struct ip_hdr *iphdr, const uint8_t *data, int errnum, int hard)
{
    const struct ip_protocol *entry = ip_protocol_select(iphdr->protocol);

    if (!entry || !entry->error_handler) {
        return -1;
    }
    entry->error_handler(iphdr, data, errnum, hard);
    return 0;
}

/* Later fragments and very short datagrams hold no transport header: they are not reported. */
void ip_unreachable(const uint8_t *data, size_t len)
{
    const struct ip_hdr *hdr = (const struct ip_hdr *)data;
    size_t hlen = IP_HDR_SIZE(hdr);

    if (len >= hlen + IP_ERROR_DATA && !(ntoh16(hdr->offset) & IP_HDR_OFFSET_MASK)) {
        ip_error_input(hdr, data + hlen, EHOSTUNREACH, 1);
    }
}

/*
 * Input
 */

/* Checks the header of len received bytes, before any other use of it. Returns 0 or -1. */
static int ip_check_hdr(const uint8_t *data, size_t len)
{
    const struct ip_hdr *hdr = (const struct ip_hdr *)data;
    size_t hlen;

    if (len < IP_HDR_SIZE_MIN) {
        return drop(stats.too_short, "shorter than a header, len=%zu", len);
    }
    if (hdr->vhl >> 4 != IP_VERSION_IPV4) {
        return drop(stats.bad_version, "version=%u", hdr->vhl >> 4);
    }
    hlen = IP_HDR_SIZE(hdr);
    if (hlen < IP_HDR_SIZE_MIN) {
        return drop(stats.bad_header, "header length=%zu", hlen);
    }
    if (len < hlen) {
        return drop(stats.too_short, "shorter than its header, len=%zu, header length=%zu", len,
                    hlen);
    }
    if (ntoh16(hdr->total) < hlen || ntoh16(hdr->total) > len) {
        return drop(stats.bad_length, "total=%u, header length=%zu, len=%zu", ntoh16(hdr->total),
                    hlen, len);
    }
    if (cksum16(data, hlen, 0) != 0) {
        return drop(stats.bad_checksum, "sum=0x%04x", ntoh16(hdr->sum));
    }
    return 0;
}

/* Checks the options: valid lengths, no source route. Others are ignored. Returns 0 or -1. */
static int ip_check_options(const struct ip_hdr *hdr)
{
    const uint8_t *opt = (const uint8_t *)(hdr + 1);
    size_t len = IP_HDR_SIZE(hdr) - IP_HDR_SIZE_MIN, i = 0;

    while (i < len && opt[i] != IP_OPT_EOL) {
        if (opt[i] == IP_OPT_NOP) {
            i++;
            continue;
        }
        if (i + 1 == len || opt[i + 1] < 2 || opt[i + 1] > len - i) {
            return drop(stats.bad_option, "bad option length, option=%u", opt[i]);
        }
        if (opt[i] == IP_OPT_LSRR || opt[i] == IP_OPT_SSRR) {
            return drop(stats.source_route, "source route, option=%u", opt[i]);
        }
        i += opt[i + 1];
    }
    return 0;
}

static int ip_check_dst(const struct ip_hdr *hdr, const struct ip_iface *iface)
{
    const char *name = NET_IFACE(iface)->dev->name;

    if (!ip_is_for_us(iface, hdr->dst)) {
        /* left out: forwarding (step 66) */
        return drop(stats.not_for_us, "for another host, dev=%s", name);
    }
    if (net_is_link_broadcast() && !ip_iface_is_broadcast(iface, hdr->dst)) {
        return drop(stats.link_broadcast, "unicast in a link broadcast, dev=%s", name);
    }
    return 0;
}

/* RFC 1122 3.2.1.3. Datagrams from hosts without an address yet (0.0.0.0) are dropped too: only a
 * DHCP server needs them. */
static int ip_check_src(const struct ip_hdr *hdr, const struct ip_iface *iface)
{
    if (!ip_addr_is_host(hdr->src, iface) ||
        (!ip_iface_is_loopback(iface) && ip_iface_select(hdr->src))) {
        return drop(stats.bad_source, "bad source address, dev=%s",
                    NET_IFACE(iface)->dev->name);
    }
    return 0;
}

/* Hands a checked datagram's data to the handler of its protocol: the bytes behind the options, up
 * to the total length. Without a handler it counts as unknown_protocol, and its source gets an
 * ICMP error. */
static void ip_deliver(const struct ip_hdr *hdr, struct ip_iface *iface)
{
    const uint8_t *payload = (const uint8_t *)hdr + IP_HDR_SIZE(hdr);
    size_t len = ntoh16(hdr->total) - IP_HDR_SIZE(hdr); /* without the link's padding */
    struct ip_protocol *proto = ip_protocol_select(hdr->protocol);

    if (!proto) {
        drop(stats.unknown_protocol, "unknown protocol, protocol=%u", hdr->protocol);
        icmp_error(ICMP_TYPE_DEST_UNREACH, ICMP_CODE_PROTO_UNREACH, hdr, payload, len, iface);
        return;
    }
    proto->handler(hdr, payload, len, iface);
}

/* Takes a datagram that dev has received. Its header is checked before its addresses. A datagram
 * that passes every check is delivered. */
static void ip_input(const uint8_t *data, size_t len, struct net_device *dev)
{
    const struct ip_hdr *hdr = (const struct ip_hdr *)data;
    struct ip_hdr *whole = NULL; /* reassembled from fragments */
    struct ip_iface *iface;

    count(stats.received);
    if (ip_check_hdr(data, len) == -1 || ip_check_options(hdr) == -1) {
        return;
    }
    iface = (struct ip_iface *)net_device_get_iface(dev, NET_IFACE_FAMILY_IP);
    if (!iface) {
        drop(stats.no_iface, "the device has no IP interface, dev=%s", dev->name);
        return;
    }
    if (ip_check_dst(hdr, iface) == -1 || ip_check_src(hdr, iface) == -1) {
        return;
    }
    debugf("dev=%s, len=%zu", dev->name, len);
    ip_dump(data, len);
    if (IP_HDR_IS_FRAGMENT(hdr)) {
        count(stats.fragment);
        whole = ip_frag_input(hdr, iface);
        if (!whole) {
            return;
        }
        hdr = whole;
    }
    count(stats.delivered);
    ip_deliver(hdr, iface);
    memory_free(whole);
}

/*
 * Output
 */

/* Copies the hardware address of the neighbour dst to hwaddr. Returns ARP_RESOLVE_FOUND, or
 * _INCOMPLETE (ARP keeps a copy of the datagram until dst answers), or _ERROR. */
static int ip_resolve(struct ip_iface *iface, const uint8_t *data, size_t len, ip_addr_t dst,
                      uint8_t *hwaddr)
{
    struct net_device *dev = NET_IFACE(iface)->dev;
    int ret;

    if (!(dev->flags & NET_DEVICE_FLAG_NEED_ARP)) {
        return ARP_RESOLVE_FOUND;
    }
    if (dst == iface->broadcast || dst == IP_ADDR_BROADCAST) {
        memcpy(hwaddr, dev->broadcast, dev->alen);
        return ARP_RESOLVE_FOUND;
    }
    ret = arp_resolve(iface, dst, hwaddr);
    if (ret == ARP_RESOLVE_INCOMPLETE) {
        ret = arp_wait(iface, dst, data, len, hwaddr);
    }
    return ret;
}

/* Sends a datagram out of iface to the neighbour dst. Returns 0 or -1. */
static int ip_output_device(struct ip_iface *iface, const uint8_t *data, size_t len, ip_addr_t dst)
{
    uint8_t hwaddr[NET_DEVICE_ADDR_LEN] = {0};

    debugf("dev=%s, len=%zu", NET_IFACE(iface)->dev->name, len);
    ip_dump(data, len);
    switch (ip_resolve(iface, data, len, dst, hwaddr)) {
    case ARP_RESOLVE_FOUND:
        return net_device_output(NET_IFACE(iface)->dev, NET_PROTOCOL_TYPE_IP, data, len, hwaddr);
    case ARP_RESOLVE_INCOMPLETE:
        return 0;
    default:
        return -1;
    }
}

/* Returns the id of the next datagram from src to dst. A counter repeats an id only after 65,536
 * datagrams (RFC 6864 4.3). A keyed hash selects the counter and an offset: the ids that one
 * destination receives do not reveal those of others (RFC 7739). */
static uint16_t ip_generate_id(uint8_t protocol, ip_addr_t src, ip_addr_t dst)
{
    uint32_t whose[] = {src, dst, protocol};
    uint64_t hash = siphash(secret, whose, sizeof(whose));
    uint16_t *counter = &ids[(hash >> 16) % IP_ID_COUNTERS];

    return (uint16_t)(hash + __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED));
}

/* Writes the fields that all fragments share; ip_build_packet writes the others. */
static void ip_build_hdr(struct ip_hdr *hdr, uint8_t protocol, ip_addr_t src, ip_addr_t dst)
{
    hdr->vhl = (IP_VERSION_IPV4 << 4) | (IP_HDR_SIZE_MIN >> 2);
    hdr->tos = 0;
    hdr->id = hton16(ip_generate_id(protocol, src, dst));
    hdr->ttl = IP_TTL;
    hdr->protocol = protocol;
    hdr->src = src;
    hdr->dst = dst;
}

/* Completes a header and copies len bytes of data, from offset on, behind it: the caller has left
 * room there. more: a further fragment follows. Returns the length of header and data. */
static size_t ip_build_packet(struct ip_hdr *hdr, const uint8_t *data, size_t offset, size_t len,
                              int more)
{
    hdr->total = hton16((uint16_t)(IP_HDR_SIZE_MIN + len));
    hdr->offset = hton16((uint16_t)(offset >> 3 | (more ? IP_HDR_FLAG_MF : 0)));
    hdr->sum = 0;
    hdr->sum = cksum16(hdr, IP_HDR_SIZE_MIN, 0);
    if (len > 0) {
        memcpy(hdr + 1, data + offset, len);
    }
    return IP_HDR_SIZE_MIN + len;
}

/* Sends the data out of iface via nexthop: whole if the MTU allows, or in fragments, each with as
 * many units of 8 bytes as fit. RFC 791 3.2. Left out: DF, for path MTU discovery (step 65). Stops
 * at the first fragment that cannot be sent: the others would be useless. Returns 0 or -1. */
static int ip_output_fragments(struct ip_iface *iface, struct ip_hdr *hdr, const uint8_t *data,
                               size_t len, size_t mtu, ip_addr_t nexthop)
{
    size_t room = mtu - IP_HDR_SIZE_MIN, offset = 0, num, total;
    int more;

    do {
        more = len - offset > room;
        num = more ? room & ~(size_t)7 : len - offset;
        total = ip_build_packet(hdr, data, offset, num, more);
        if (ip_output_device(iface, (const uint8_t *)hdr, total, nexthop) == -1) {
            return -1;
        }
        if (IP_HDR_IS_FRAGMENT(hdr)) {
            count(stats.fragments_sent);
        }
        offset += num;
    } while (more);
    return 0;
}

/* Sends a datagram out of iface via nexthop. Returns 0, or -1 with errno: then it counts as
 * send_failed. */
static int ip_output_via(struct ip_iface *iface, uint8_t protocol, const uint8_t *data, size_t len,
                         ip_addr_t src, ip_addr_t dst, ip_addr_t nexthop)
{
    size_t total = IP_HDR_SIZE_MIN + len, mtu = NET_IFACE(iface)->dev->mtu;
    struct ip_hdr *hdr;
    int ret;

    if (len > IP_MMS_S || mtu < IP_MTU_MIN) {
        errno = EMSGSIZE;
        return drop(stats.send_failed, "too long, len=%zu, mtu=%zu", len, mtu);
    }
    hdr = memory_alloc(total < mtu ? total : mtu); /* left out: headroom (step 59) */
    if (!hdr) {
        errno = ENOMEM;
        return drop(stats.send_failed, "memory_alloc() failure");
    }
    ip_build_hdr(hdr, protocol, src, dst);
    ret = ip_output_fragments(iface, hdr, data, len, mtu, nexthop);
    memory_free(hdr);
    if (ret == -1) {
        return drop(stats.send_failed, "output failed, dev=%s, len=%zu",
                    NET_IFACE(iface)->dev->name, len);
    }
    count(stats.sent);
    return 0;
}

/* May a datagram to dst leave through iface? Yes for its network's broadcast address, and for one
 * host: not 0/8, not 127/8 except on the loopback; left out: multicast. RFC 1122 3.2.1.3 */
static int ip_may_leave(ip_addr_t dst, const struct ip_iface *iface)
{
    return dst == iface->broadcast || ip_addr_is_host(dst, iface);
}

/* Finds a datagram's interface and next hop. 255.255.255.255 matches no route, not even the
 * default: src names its interface. Returns 0, or -1 with errno: EADDRNOTAVAIL if src is not ours,
 * ENETUNREACH without a route. */
static int ip_output_route(ip_addr_t src, ip_addr_t dst, struct ip_iface **iface,
                           ip_addr_t *nexthop)
{
    struct ip_route route;

    *iface = NULL;
    *nexthop = dst;
    if (src != IP_ADDR_ANY) {
        *iface = ip_iface_select(src);
        if (!*iface) {
            errno = EADDRNOTAVAIL;
            return -1;
        }
        if (dst == IP_ADDR_BROADCAST) {
            return 0; /* on src's link: no route is needed */
        }
    }
    if (ip_iface_select(dst)) {
        *iface = ip_iface_loopback();
        errno = ENETUNREACH; /* if there is no loopback */
        return *iface ? 0 : -1;
    }
    if (dst == IP_ADDR_BROADCAST || ip_route_select(*iface, dst, &route) == -1 ||
        !ip_may_leave(dst, route.iface)) {
        errno = ENETUNREACH;
        return -1;
    }
    *iface = route.iface;
    if (route.nexthop != IP_ADDR_ANY) {
        *nexthop = route.nexthop;
    }
    return 0;
}

ssize_t ip_output(uint8_t protocol, const uint8_t *data, size_t len, ip_addr_t src, ip_addr_t dst)
{
    struct ip_iface *iface;
    ip_addr_t nexthop;

    if (ip_output_route(src, dst, &iface, &nexthop) == -1) {
        return drop(stats.no_route, "no route, protocol=%u, len=%zu", protocol, len);
    }
    if (src == IP_ADDR_ANY) {
        src = ip_iface_select(dst) ? dst : iface->unicast;
    }
    return ip_output_via(iface, protocol, data, len, src, dst, nexthop) == -1 ? -1 : (ssize_t)len;
}

/*
 * Start and stop
 */

int ip_init(void)
{
    if (net_protocol_register(NET_PROTOCOL_TYPE_IP, ip_input) == -1) {
        return -1;
    }
    random_bytes(secret, sizeof(secret));
    return 0;
}

void ip_shutdown(void)
{
    struct ip_protocol *entry;

    while ((entry = protocols) != NULL) {
        protocols = entry->next;
        memory_free(entry);
    }
    memset(routes, 0, sizeof(routes));
    ifaces = NULL;
}

void ip_get_stats(struct ip_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
