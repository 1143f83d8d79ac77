#include "arp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "ether.h"
#include "ip.h"
#include "net.h"
#include "platform.h"
#include "util.h"

/*
 * arp: finds the hardware address of a neighbour, RFC 826, for IP over Ethernet.
 *
 *     arp_resolve(iface, pa, ha);      adds an entry and broadcasts a request: INCOMPLETE
 *     arp_input(message, ...);         adds or updates the sender's entry: RESOLVED
 *     arp_resolve(iface, pa, ha);      FOUND, until the entry ends
 *     arp_timer();                     ARP_CACHE_TIMEOUT after its last message or request: FREE
 *
 * caches has an entry for each neighbour; lock guards it, and is released before a device is
 * called. When all ARP_CACHE_SIZE entries are taken, the oldest is evicted. A datagram to an
 * unknown address is dropped; a request is sent once in ARP_REQUEST_INTERVAL. Any host on the link
 * can claim any address.
 */

#define ARP_HARDWARE_ETHER 0x0001

#define ARP_OPERATION_REQUEST 1
#define ARP_OPERATION_REPLY   2

struct arp_hdr {
    uint16_t hrd; /* hardware type */
    uint16_t pro; /* protocol type: an EtherType */
    uint8_t hln;  /* bytes of a hardware address */
    uint8_t pln;  /* bytes of a protocol address */
    uint16_t op;
} __attribute__((packed));

/* A message on the wire, all in network byte order. */
struct arp_ether_ip {
    struct arp_hdr hdr;
    uint8_t sha[ETHER_ADDR_LEN]; /* sender's hardware address */
    ip_addr_t spa;               /* sender's protocol address */
    uint8_t tha[ETHER_ADDR_LEN]; /* target's hardware address */
    ip_addr_t tpa;               /* target's protocol address */
} __attribute__((packed));

_Static_assert(sizeof(struct arp_ether_ip) == 28, "a message for Ethernet and IP has 28 bytes");

enum arp_cache_state {
    ARP_CACHE_STATE_FREE,
    ARP_CACHE_STATE_INCOMPLETE,
    ARP_CACHE_STATE_RESOLVED,
};

struct arp_cache {
    enum arp_cache_state state;
    const struct ip_iface *iface; /* the neighbour's link */
    ip_addr_t pa;
    uint8_t ha[ETHER_ADDR_LEN];
    uint64_t timestamp; /* its last message, or the last request for it; by clock_now */
};

#define ARP_REQUEST_INTERVAL 1 /* seconds between two requests for one address, RFC 1122 2.3.2.1 */
#define ARP_TIMER_INTERVAL 1 /* seconds */

static lock_t lock = LOCK_INITIALIZER; /* guards caches; no layer's lock is taken under it */
static struct arp_cache caches[ARP_CACHE_SIZE];
static struct arp_stats stats;

static const char *arp_operation_ntoa(uint16_t op)
{
    switch (op) {
    case ARP_OPERATION_REQUEST:
        return "request";
    case ARP_OPERATION_REPLY:
        return "reply";
    default:
        return "unknown";
    }
}

static void arp_dump(const struct arp_ether_ip *message)
{
    char hw[ETHER_ADDR_STR_LEN], ip[IP_ADDR_STR_LEN];

    if (!log_enabled(LOG_LEVEL_DEBUG)) {
        return;
    }
    log_begin();
    log_text("        hrd: 0x%04x\n", ntoh16(message->hdr.hrd));
    log_text("        pro: 0x%04x\n", ntoh16(message->hdr.pro));
    log_text("        hln: %u\n", message->hdr.hln);
    log_text("        pln: %u\n", message->hdr.pln);
    log_text("         op: %u (%s)\n", ntoh16(message->hdr.op),
             arp_operation_ntoa(ntoh16(message->hdr.op)));
    log_text("        sha: %s\n", ether_addr_ntop(message->sha, hw, sizeof(hw)));
    log_text("        spa: %s\n", ip_addr_ntop(message->spa, ip, sizeof(ip)));
    log_text("        tha: %s\n", ether_addr_ntop(message->tha, hw, sizeof(hw)));
    log_text("        tpa: %s\n", ip_addr_ntop(message->tpa, ip, sizeof(ip)));
    log_end();
}

/*
 * Cache. The caller of these functions must hold the lock.
 */

static void arp_cache_delete(struct arp_cache *cache)
{
    char pa[IP_ADDR_STR_LEN], ha[ETHER_ADDR_STR_LEN];

    debugf("pa=%s, ha=%s", ip_addr_ntop(cache->pa, pa, sizeof(pa)),
           ether_addr_ntop(cache->ha, ha, sizeof(ha)));
    memset(cache, 0, sizeof(*cache));
}

/* Returns a free entry; if there is none, evicts the oldest. */
static struct arp_cache *arp_cache_alloc(const struct ip_iface *iface, ip_addr_t pa)
{
    struct arp_cache *cache, *oldest = caches;

    for (cache = caches; cache < tailof(caches); cache++) {
        if (cache->timestamp < oldest->timestamp) {
            oldest = cache; /* the timestamp of a free one is 0 */
        }
    }
    if (oldest->state != ARP_CACHE_STATE_FREE) {
        arp_cache_delete(oldest);
    }
    oldest->iface = iface;
    oldest->pa = pa;
    return oldest;
}

/* Returns the entry of pa on iface's link, or NULL. */
static struct arp_cache *arp_cache_select(const struct ip_iface *iface, ip_addr_t pa)
{
    struct arp_cache *cache;

    assert(lock_held(&lock));
    for (cache = caches; cache < tailof(caches); cache++) {
        if (cache->state != ARP_CACHE_STATE_FREE && cache->iface == iface && cache->pa == pa) {
            return cache;
        }
    }
    return NULL;
}

static void arp_cache_set(struct arp_cache *cache, const uint8_t *ha)
{
    char pa_text[IP_ADDR_STR_LEN], ha_text[ETHER_ADDR_STR_LEN];

    cache->state = ARP_CACHE_STATE_RESOLVED;
    memcpy(cache->ha, ha, ETHER_ADDR_LEN);
    cache->timestamp = clock_now();
    debugf("pa=%s, ha=%s", ip_addr_ntop(cache->pa, pa_text, sizeof(pa_text)),
           ether_addr_ntop(ha, ha_text, sizeof(ha_text)));
}

/* Updates the entry of pa. Returns whether there is one. */
static int arp_cache_update(const struct ip_iface *iface, ip_addr_t pa, const uint8_t *ha)
{
    struct arp_cache *cache = arp_cache_select(iface, pa);

    if (!cache) {
        return 0;
    }
    arp_cache_set(cache, ha);
    return 1;
}

static void arp_cache_insert(const struct ip_iface *iface, ip_addr_t pa, const uint8_t *ha)
{
    arp_cache_set(arp_cache_alloc(iface, pa), ha);
}

static void arp_timer(void)
{
    uint64_t now = clock_now();
    struct arp_cache *cache;

    lock_acquire(&lock);
    for (cache = caches; cache < tailof(caches); cache++) {
        if (cache->state != ARP_CACHE_STATE_FREE &&
            now - cache->timestamp >= SECONDS(ARP_CACHE_TIMEOUT)) {
            arp_cache_delete(cache);
        }
    }
    lock_release(&lock);
}

/*
 * Messages
 */

/* Sends a message of iface's addresses to the hardware address dst. Returns 0 or -1. */
static int arp_output(struct ip_iface *iface, uint16_t op, const uint8_t *tha, ip_addr_t tpa,
                      const uint8_t *dst)
{
    struct net_device *dev = NET_IFACE(iface)->dev;
    struct arp_ether_ip message;

    message.hdr.hrd = hton16(ARP_HARDWARE_ETHER);
    message.hdr.pro = hton16(NET_PROTOCOL_TYPE_IP);
    message.hdr.hln = ETHER_ADDR_LEN;
    message.hdr.pln = IP_ADDR_LEN;
    message.hdr.op = hton16(op);
    memcpy(message.sha, dev->addr, ETHER_ADDR_LEN);
    message.spa = iface->unicast;
    memcpy(message.tha, tha, ETHER_ADDR_LEN);
    message.tpa = tpa;
    debugf("dev=%s, op=%s, len=%zu", dev->name, arp_operation_ntoa(op), sizeof(message));
    arp_dump(&message);
    return net_device_output(dev, NET_PROTOCOL_TYPE_ARP, (const uint8_t *)&message, sizeof(message),
                             dst);
}

/* Broadcasts a request for the hardware address of tpa. The message has ETHER_ADDR_ANY in its place. */
static int arp_request(struct ip_iface *iface, ip_addr_t tpa)
{
    count(stats.requests_sent);
    return arp_output(iface, ARP_OPERATION_REQUEST, ETHER_ADDR_ANY, tpa,
                      NET_IFACE(iface)->dev->broadcast);
}

/* Answers a request for our address. */
static int arp_reply(struct ip_iface *iface, const uint8_t *tha, ip_addr_t tpa, const uint8_t *dst)
{
    count(stats.replies_sent);
    return arp_output(iface, ARP_OPERATION_REPLY, tha, tpa, dst);
}

/* Checks a message before any other use of it. Returns 0 or -1. */
static int arp_check(const uint8_t *data, size_t len)
{
    const struct arp_ether_ip *message = (const struct arp_ether_ip *)data;

    if (len < sizeof(*message)) {
        return drop(stats.too_short, "shorter than a message, len=%zu", len);
    }
    if (ntoh16(message->hdr.hrd) != ARP_HARDWARE_ETHER || message->hdr.hln != ETHER_ADDR_LEN) {
        return drop(stats.bad_hardware, "hrd=0x%04x, hln=%u", ntoh16(message->hdr.hrd),
                    message->hdr.hln);
    }
    if (ntoh16(message->hdr.pro) != NET_PROTOCOL_TYPE_IP || message->hdr.pln != IP_ADDR_LEN) {
        return drop(stats.bad_protocol, "pro=0x%04x, pln=%u", ntoh16(message->hdr.pro),
                    message->hdr.pln);
    }
    if (ntoh16(message->hdr.op) != ARP_OPERATION_REQUEST &&
        ntoh16(message->hdr.op) != ARP_OPERATION_REPLY) {
        return drop(stats.bad_operation, "op=%u", ntoh16(message->hdr.op));
    }
    if (message->sha[0] & 0x01 || memcmp(message->sha, ETHER_ADDR_ANY, ETHER_ADDR_LEN) == 0) {
        return drop(stats.bad_sender, "bad hardware address of the sender");
    }
    return 0;
}

/* Can a neighbour have this address? No other is learnt. */
static int arp_is_neighbour(const struct ip_iface *iface, ip_addr_t pa)
{
    return pa != iface->unicast && ip_addr_is_host(pa, iface);
}

/* RFC 826, Packet Reception: updates a known sender, adds another if the target is our address.
 * Takes the lock. */
static void arp_learn(const struct ip_iface *iface, const struct arp_ether_ip *message, int for_us)
{
    if (!arp_is_neighbour(iface, message->spa)) {
        return;
    }
    lock_acquire(&lock);
    if (!arp_cache_update(iface, message->spa, message->sha) && for_us) {
        arp_cache_insert(iface, message->spa, message->sha);
    }
    lock_release(&lock);
}

static void arp_input(const uint8_t *data, size_t len, struct net_device *dev)
{
    const struct arp_ether_ip *message = (const struct arp_ether_ip *)data;
    struct ip_iface *iface;

    count(stats.received);
    if (arp_check(data, len) == -1) {
        return;
    }
    debugf("dev=%s, len=%zu", dev->name, len);
    arp_dump(message);
    iface = (struct ip_iface *)net_device_get_iface(dev, NET_IFACE_FAMILY_IP);
    if (!iface) {
        drop(stats.no_iface, "the device has no IP interface, dev=%s", dev->name);
        return;
    }
    arp_learn(iface, message, message->tpa == iface->unicast);
    if (message->tpa != iface->unicast) {
        drop(stats.not_for_us, "the target is another host, dev=%s", dev->name);
        return;
    }
    if (ntoh16(message->hdr.op) == ARP_OPERATION_REQUEST) {
        arp_reply(iface, message->sha, message->spa, message->sha);
    }
}

/*
 * Resolution
 */

/* Returns whether a request for pa may be sent: at most one in ARP_REQUEST_INTERVAL. The entry's
 * timestamp is that of the last request. If cache is NULL, adds an entry, INCOMPLETE. Caller must
 * hold the lock. */
static int arp_cache_may_ask(struct arp_cache *cache, const struct ip_iface *iface, ip_addr_t pa)
{
    uint64_t now = clock_now();

    if (!cache) {
        cache = arp_cache_alloc(iface, pa);
        cache->state = ARP_CACHE_STATE_INCOMPLETE;
    } else if (now - cache->timestamp < SECONDS(ARP_REQUEST_INTERVAL)) {
        return 0;
    }
    cache->timestamp = now;
    return 1;
}

/* An address that is not found is counted as unresolved. The request goes out without the lock; if
 * its device refuses it, that is ARP_RESOLVE_ERROR with the device's errno. */
int arp_resolve(struct ip_iface *iface, ip_addr_t pa, uint8_t *ha)
{
    struct arp_cache *cache;
    int found = 0, ask = 0;

    lock_acquire(&lock);
    cache = arp_cache_select(iface, pa);
    if (cache && cache->state == ARP_CACHE_STATE_RESOLVED) {
        memcpy(ha, cache->ha, ETHER_ADDR_LEN);
        found = 1;
    } else {
        ask = arp_cache_may_ask(cache, iface, pa);
    }
    lock_release(&lock);
    if (found) {
        return ARP_RESOLVE_FOUND;
    }
    drop(stats.unresolved, "not in the cache, dev=%s", NET_IFACE(iface)->dev->name);
    if (ask && arp_request(iface, pa) == -1) {
        return ARP_RESOLVE_ERROR;
    }
    return ARP_RESOLVE_INCOMPLETE;
}

/*
 * Start and stop
 */

int arp_init(void)
{
    struct timeval interval = {.tv_sec = ARP_TIMER_INTERVAL};

    if (net_protocol_register(NET_PROTOCOL_TYPE_ARP, arp_input) == -1) {
        return -1;
    }
    if (timer_register(interval, arp_timer) == -1) {
        return -1;
    }
    return 0;
}

void arp_shutdown(void)
{
    lock_acquire(&lock);
    memset(caches, 0, sizeof(caches));
    lock_release(&lock);
}

void arp_get_stats(struct arp_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
