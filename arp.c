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
 * Data
 *   caches         the entries, one for each neighbour; chains has them by address
 *     INCOMPLETE   needed, no answer yet: datagrams wait only here
 *     RESOLVED     learnt from an answer, or unsolicited: the neighbour asked for our address
 *     STATIC       configured: no message changes it, no timer ends it, it is not evicted
 *   waiting        copies of datagrams. The entry owns them until arp_release sends them,
 *                  arp_give_up reports them to IP, or a limit, eviction or shutdown drops them
 *   request_times  the last requests; they outlive their entries
 *
 * A typical sequence
 *   arp_resolve    INCOMPLETE: adds an entry, broadcasts a request
 *   arp_wait       keeps a copy of the datagram
 *   arp_input      the answer: RESOLVED; arp_release sends the copy
 *   arp_resolve    FOUND, until the entry ends
 *
 * Timers, checked by arp_timer every ARP_TIMER_INTERVAL
 *   request        INCOMPLETE: set by each request, cleared by an answer. At its end the next
 *                  request; after ARP_REQUEST_MAX the entry ends: its datagrams are reported to IP
 *   refresh        RESOLVED: ARP_REFRESH before the lifetime ends, a unicast request if a datagram
 *                  was sent since the last message, so that no datagram has to wait
 *   lifetime       RESOLVED: set by each message from the neighbour. At its end the entry ends
 *
 * Lock. `lock` guards the cache. TCP may hold its own when it calls. Under `lock` no layer's lock
 * is taken: it is released before a device or IP is called.
 *
 * Limits
 *   ARP_CACHE_SIZE      entries; then the one of lowest enum arp_worth is evicted, among equals the
 *                       oldest. A datagram may evict up to ARP_WORTH_CLIENT, a neighbour's request
 *                       up to ARP_WORTH_STRANGER, a static entry up to ARP_WORTH_IN_USE; if there
 *                       is none, ENOBUFS
 *   ARP_STATIC_MAX      static entries; then ENOSPC
 *   ARP_WAIT_BYTES      of one entry; then its oldest datagram is dropped
 *   ARP_WAIT_BYTES_ALL  in all; then the oldest datagram of the entry with most bytes is dropped
 *
 * Any host on the link can claim any address: so no reply adds an entry, and no message changes a
 * STATIC one.
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
    ARP_CACHE_STATE_INCOMPLETE,
    ARP_CACHE_STATE_RESOLVED,
    ARP_CACHE_STATE_STATIC,
};

struct arp_cache {
    struct arp_cache *next;  /* in its chain */
    int number;              /* in caches */
    enum arp_cache_state state;
    struct ip_iface *iface;  /* the neighbour's link */
    ip_addr_t pa;
    uint8_t ha[ETHER_ADDR_LEN];
    uint64_t timestamp;      /* its last message, or when the entry was added; by clock_now */
    uint64_t used;           /* last datagram to it; 0: never */
    uint64_t asked;          /* last request for it; 0: never */
    int stranger;            /* unsolicited: only asked for our address, never answered */
    unsigned int requests;   /* for it since timestamp, unanswered */
    struct queue_head waiting; /* INCOMPLETE: struct arp_datagram */
    size_t bytes;            /* of these, struct arp_datagram included */
};

/* A copy of a datagram that waits for the hardware address of its next hop. */
struct arp_datagram {
    struct queue_entry link;
    size_t len;
    uint8_t data[];
};

/* The last request for an address. It outlives the entry, which may be evicted. */
struct arp_request_time {
    const struct ip_iface *iface;
    ip_addr_t pa;
    uint64_t time; /* by clock_now */
};

#define ARP_REQUEST_TIMES 256 /* addresses, as in a /24; a new one overwrites */
#define ARP_REQUEST_INTERVAL 1 /* seconds between two requests for one address, RFC 1122 2.3.2.1 */
#define ARP_REQUEST_MAX 3 /* unanswered requests; then waiting datagrams are dropped */
#define ARP_REFRESH 5 /* seconds before the lifetime ends: the refresh begins */
#define ARP_ASKED_MIN 8 /* INCOMPLETE entries; with more, all are ARP_WORTH_CROWD */
#define ARP_CACHE_IN_USE 10 /* seconds for which a datagram keeps its entry in use */
#define ARP_CHAINS 256 /* of the hash table */
#define ARP_DEFEND_INTERVAL 10 /* seconds between two announcements, RFC 5227 2.4 (c) */
#define ARP_CHANGE_LOG_INTERVAL 1 /* seconds between two warnings of changed addresses */
#define ARP_TIMER_INTERVAL 1 /* seconds */

static lock_t lock = LOCK_INITIALIZER; /* guards all of these but stats, and every interface's
                                          arp_defence; no layer's lock is taken under it */
static struct table caches = {.limit = ARP_CACHE_SIZE}; /* of struct arp_cache */
static struct arp_cache *chains[ARP_CHAINS]; /* the same entries by address, see arp_chain */
static uint64_t secret[2];
static size_t wait_bytes; /* of all waiting datagrams */
static unsigned int timeout = ARP_CACHE_TIMEOUT; /* seconds */
static struct arp_request_time request_times[ARP_REQUEST_TIMES]; /* by low bits of the address */
static struct rate change_log; /* limits warnings of changed addresses */
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

/* Returns the chain of an address. The hash is keyed (Dietzfelbinger's), so that an attacker cannot
 * choose addresses of one chain. */
static struct arp_cache **arp_chain(ip_addr_t pa)
{
    assert(lock_held(&lock));
    return &chains[((secret[0] * pa + secret[1]) >> 32) % ARP_CHAINS];
}

/* Returns the entry of pa on iface's link, or NULL. */
static struct arp_cache *arp_cache_select(const struct ip_iface *iface, ip_addr_t pa)
{
    struct arp_cache *cache = *arp_chain(pa);

    while (cache && (cache->iface != iface || cache->pa != pa)) {
        cache = cache->next;
    }
    return cache;
}

/* Removes the oldest waiting datagram. Returns it, or NULL. The caller frees it. */
static struct arp_datagram *arp_cache_pop(struct arp_cache *cache)
{
    struct arp_datagram *datagram = queue_pop(&cache->waiting);

    assert(lock_held(&lock));
    if (datagram) {
        cache->bytes -= sizeof(*datagram) + datagram->len;
        wait_bytes -= sizeof(*datagram) + datagram->len;
    }
    return datagram;
}

/* Moves all waiting datagrams to the caller's queue. */
static void arp_cache_take(struct arp_cache *cache, struct queue_head *waiting)
{
    struct arp_datagram *datagram;

    while ((datagram = arp_cache_pop(cache)) != NULL) {
        queue_push(waiting, datagram);
    }
}

/* Its waiting datagrams are dropped and counted in *reason. */
static void arp_cache_delete(struct arp_cache *cache, uint64_t *reason)
{
    char pa[IP_ADDR_STR_LEN], ha[ETHER_ADDR_STR_LEN];
    struct arp_cache **link = arp_chain(cache->pa);
    struct arp_datagram *datagram;

    debugf("pa=%s, ha=%s", ip_addr_ntop(cache->pa, pa, sizeof(pa)),
           ether_addr_ntop(cache->ha, ha, sizeof(ha)));
    while ((datagram = arp_cache_pop(cache)) != NULL) {
        drop(*reason, "entry deleted, pa=%s, len=%zu", pa, datagram->len);
        memory_free(datagram);
    }
    while (*link != cache) {
        link = &(*link)->next;
    }
    *link = cache->next;
    table_remove(&caches, cache->number);
    memory_free(cache);
}

static size_t arp_cache_count(enum arp_cache_state state)
{
    const struct arp_cache *cache;
    size_t num = 0, i = 0;

    assert(lock_held(&lock));
    while ((cache = table_next(&caches, &i)) != NULL) {
        num += cache->state == state;
    }
    return num;
}

/* The order of eviction, lowest worth first. "In use": a datagram was sent to it within
 * ARP_CACHE_IN_USE. */
enum arp_worth {
    ARP_WORTH_STRANGER, /* unsolicited, not in use */
    ARP_WORTH_CROWD,    /* INCOMPLETE, one of many: a flood to unused addresses */
    ARP_WORTH_IDLE,     /* has answered, not in use */
    ARP_WORTH_CLIENT,   /* unsolicited, in use */
    ARP_WORTH_ASKED,    /* INCOMPLETE, one of few: the answer may be in flight */
    ARP_WORTH_IN_USE,   /* has answered, in use */
    ARP_WORTH_STATIC,   /* never evicted */
};

static enum arp_worth arp_cache_worth(const struct arp_cache *cache, int crowd, uint64_t now)
{
    int in_use = cache->used && now - cache->used < SECONDS(ARP_CACHE_IN_USE);

    switch (cache->state) {
    case ARP_CACHE_STATE_INCOMPLETE:
        return crowd ? ARP_WORTH_CROWD : ARP_WORTH_ASKED;
    case ARP_CACHE_STATE_RESOLVED:
        if (cache->stranger) {
            return in_use ? ARP_WORTH_CLIENT : ARP_WORTH_STRANGER;
        }
        return in_use ? ARP_WORTH_IN_USE : ARP_WORTH_IDLE;
    default:
        return ARP_WORTH_STATIC;
    }
}

/* Returns the time of its last message or of the last datagram to it, whichever is later. */
static uint64_t arp_cache_latest(const struct arp_cache *cache)
{
    return cache->used > cache->timestamp ? cache->used : cache->timestamp;
}

/* Deletes the entry of lowest worth, among equals the oldest, unless it is worth more than limit.
 * Returns 0 or -1. */
static int arp_cache_evict(enum arp_worth limit)
{
    int crowd = arp_cache_count(ARP_CACHE_STATE_INCOMPLETE) > ARP_ASKED_MIN;
    struct arp_cache *cache, *least = NULL;
    uint64_t now = clock_now(), oldest = UINT64_MAX;
    enum arp_worth worth, lowest = limit;
    size_t i = 0;

    while ((cache = table_next(&caches, &i)) != NULL) {
        worth = arp_cache_worth(cache, crowd, now);
        if (worth < lowest || (worth == lowest && arp_cache_latest(cache) < oldest)) {
            least = cache;
            lowest = worth;
            oldest = arp_cache_latest(cache);
        }
    }
    if (!least) {
        return -1;
    }
    arp_cache_delete(least, &stats.evicted);
    return 0;
}

/* If the cache is full, evicts an entry worth at most limit. Returns 0 or -1. */
static int arp_cache_add(struct arp_cache *cache, enum arp_worth limit)
{
    struct arp_cache **chain = arp_chain(cache->pa);

    cache->number = table_add(&caches, cache);
    if (cache->number == -1 && errno == EMFILE && arp_cache_evict(limit) == 0) {
        cache->number = table_add(&caches, cache);
    }
    if (cache->number == -1) {
        return -1;
    }
    cache->next = *chain;
    *chain = cache;
    return 0;
}

/* Adds an INCOMPLETE entry; may evict one worth at most limit. Returns NULL (ENOBUFS) without room
 * or memory. */
static struct arp_cache *arp_cache_alloc(struct ip_iface *iface, ip_addr_t pa,
                                         enum arp_worth limit)
{
    struct arp_cache *cache = memory_alloc(sizeof(*cache));
    char text[IP_ADDR_STR_LEN];

    assert(lock_held(&lock));
    if (cache) {
        cache->iface = iface;
        cache->pa = pa;
        cache->timestamp = clock_now();
        queue_init(&cache->waiting);
    }
    if (!cache || arp_cache_add(cache, limit) == -1) {
        count(stats.no_room);
        debugf("no entry for pa=%s", ip_addr_ntop(pa, text, sizeof(text)));
        memory_free(cache);
        errno = ENOBUFS;
        return NULL;
    }
    return cache;
}

/* Moves the waiting datagrams to the caller's queue, for arp_release. */
static void arp_cache_set(struct arp_cache *cache, enum arp_cache_state state, const uint8_t *ha,
                          struct queue_head *waiting)
{
    char pa_text[IP_ADDR_STR_LEN], ha_text[ETHER_ADDR_STR_LEN];

    assert(lock_held(&lock));
    if (cache->requests > 0) { /* this answers our request */
        cache->stranger = 0;
        cache->requests = 0;
    }
    cache->state = state;
    memcpy(cache->ha, ha, ETHER_ADDR_LEN);
    cache->timestamp = clock_now();
    arp_cache_take(cache, waiting);
    if (waiting->num > 0) {
        cache->used = cache->timestamp;
    }
    debugf("pa=%s, ha=%s", ip_addr_ntop(cache->pa, pa_text, sizeof(pa_text)),
           ether_addr_ntop(ha, ha_text, sizeof(ha_text)));
}

/* Counts a changed hardware address. Limits the warnings: an attacker can cause any number. */
static void arp_cache_note_change(const struct arp_cache *cache, const uint8_t *ha)
{
    char pa[IP_ADDR_STR_LEN], from[ETHER_ADDR_STR_LEN], to[ETHER_ADDR_STR_LEN];

    assert(lock_held(&lock));
    count(stats.changed);
    if (rate_take(&change_log, clock_now(), SECONDS(ARP_CHANGE_LOG_INTERVAL), 1, 1) == -1) {
        return;
    }
    warnf("pa=%s, ha=%s changed to %s", ip_addr_ntop(cache->pa, pa, sizeof(pa)),
          ether_addr_ntop(cache->ha, from, sizeof(from)), ether_addr_ntop(ha, to, sizeof(to)));
}

/* Updates the entry of pa. Returns whether there is one. */
static int arp_cache_update(const struct ip_iface *iface, ip_addr_t pa, const uint8_t *ha,
                            struct queue_head *waiting)
{
    struct arp_cache *cache = arp_cache_select(iface, pa);
    int same;

    if (!cache) {
        return 0;
    }
    same = memcmp(cache->ha, ha, ETHER_ADDR_LEN) == 0;
    if (cache->state == ARP_CACHE_STATE_STATIC) {
        if (!same) {
            count(stats.static_kept);
            debugf("contradicts a static entry");
        }
        return 1;
    }
    if (cache->state == ARP_CACHE_STATE_RESOLVED && !same) {
        arp_cache_note_change(cache, ha);
    }
    arp_cache_set(cache, ARP_CACHE_STATE_RESOLVED, ha, waiting);
    return 1;
}

/* Adds an unsolicited host; evicts only another that is not in use. */
static void arp_cache_insert(struct ip_iface *iface, ip_addr_t pa, const uint8_t *ha,
                             struct queue_head *waiting)
{
    struct arp_cache *cache = arp_cache_alloc(iface, pa, ARP_WORTH_STRANGER);

    if (cache) {
        cache->stranger = 1;
        arp_cache_set(cache, ARP_CACHE_STATE_RESOLVED, ha, waiting);
    }
}

/* For a RESOLVED or STATIC entry. */
static int arp_cache_use(struct arp_cache *cache, uint8_t *ha)
{
    assert(lock_held(&lock));
    memcpy(ha, cache->ha, ETHER_ADDR_LEN);
    cache->used = clock_now();
    return ARP_RESOLVE_FOUND;
}

/* Returns the entry with the most waiting bytes. At least one datagram must wait. */
static struct arp_cache *arp_cache_longest(void)
{
    struct arp_cache *cache, *longest = NULL;
    size_t i = 0;

    assert(lock_held(&lock));
    while ((cache = table_next(&caches, &i)) != NULL) {
        if (!longest || cache->bytes > longest->bytes) {
            longest = cache;
        }
    }
    return longest;
}

/* Drops the oldest waiting datagram. There must be one. */
static void arp_cache_shorten(struct arp_cache *cache)
{
    struct arp_datagram *datagram = arp_cache_pop(cache);

    drop(stats.wait_full, "too many bytes wait, len=%zu", datagram->len);
    memory_free(datagram);
}

/* Keeps a copy of a datagram; at a limit, the oldest are dropped. The latest for each address stays
 * (RFC 1122 2.3.2.2), unless many exceed 2 KiB. */
static int arp_cache_hold(struct arp_cache *cache, const uint8_t *data, size_t len)
{
    struct arp_datagram *datagram = memory_alloc(sizeof(*datagram) + len);

    if (!datagram) {
        errno = ENOMEM;
        errorf("memory_alloc() failure");
        return ARP_RESOLVE_ERROR;
    }
    datagram->len = len;
    memcpy(datagram->data, data, len);
    queue_push(&cache->waiting, datagram);
    cache->bytes += sizeof(*datagram) + len;
    wait_bytes += sizeof(*datagram) + len;
    count(stats.waited);
    while (cache->bytes > ARP_WAIT_BYTES && cache->waiting.num > 1) {
        arp_cache_shorten(cache);
    }
    while (wait_bytes > ARP_WAIT_BYTES_ALL) {
        arp_cache_shorten(arp_cache_longest());
    }
    return ARP_RESOLVE_INCOMPLETE;
}

/* Returns whether a request may be sent, and notes it: at most ARP_REQUEST_MAX for the entry, and
 * one in ARP_REQUEST_INTERVAL for the address, even if the entry was evicted and added again. */
static int arp_cache_may_ask(struct arp_cache *cache)
{
    struct arp_request_time *last = &request_times[ntoh32(cache->pa) % ARP_REQUEST_TIMES];
    uint64_t now = clock_now();

    assert(lock_held(&lock));
    if (cache->requests == ARP_REQUEST_MAX ||
        (last->iface == cache->iface && last->pa == cache->pa &&
         now - last->time < SECONDS(ARP_REQUEST_INTERVAL))) {
        return 0;
    }
    *last = (struct arp_request_time){cache->iface, cache->pa, now};
    cache->requests++;
    cache->asked = now;
    return 1;
}

/* Deletes the entry when its last request has timed out, and moves its datagrams to waiting.
 * Returns whether to send the next request, or to report waiting to IP. */
static int arp_cache_tick_incomplete(struct arp_cache *cache, struct queue_head *waiting)
{
    if (clock_now() - cache->asked < SECONDS(ARP_REQUEST_INTERVAL)) {
        return 0;
    }
    if (cache->requests < ARP_REQUEST_MAX) {
        return arp_cache_may_ask(cache);
    }
    arp_cache_take(cache, waiting);
    arp_cache_delete(cache, &stats.unresolved);
    return waiting->num > 0;
}

/* RFC 1122 2.3.2.1 (1) and (2): an entry ends even if it is in use, but is refreshed first.
 * Returns whether to send a request. */
static int arp_cache_tick_resolved(struct arp_cache *cache)
{
    uint64_t age = clock_now() - cache->timestamp;

    if (age >= SECONDS(timeout)) {
        arp_cache_delete(cache, &stats.unresolved);
        return 0;
    }
    return age + SECONDS(ARP_REFRESH) >= SECONDS(timeout) && cache->used >= cache->timestamp &&
           arp_cache_may_ask(cache);
}

/* Runs the timers of an entry. Returns whether to send a request, or to report waiting to IP. */
static int arp_cache_tick(struct arp_cache *cache, struct queue_head *waiting)
{
    assert(lock_held(&lock));
    switch (cache->state) {
    case ARP_CACHE_STATE_INCOMPLETE:
        return arp_cache_tick_incomplete(cache, waiting);
    case ARP_CACHE_STATE_RESOLVED:
        return arp_cache_tick_resolved(cache);
    default:
        return 0;
    }
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

/* Asks for the hardware address of tpa. dst: broadcast, or the address to refresh. */
static int arp_request(struct ip_iface *iface, ip_addr_t tpa, const uint8_t *dst)
{
    count(stats.requests_sent);
    return arp_output(iface, ARP_OPERATION_REQUEST, ETHER_ADDR_ANY, tpa, dst);
}

/* Announces our address. RFC 5227 2.3 */
static int arp_announce(struct ip_iface *iface)
{
    count(stats.announcements_sent);
    return arp_output(iface, ARP_OPERATION_REQUEST, ETHER_ADDR_ANY, iface->unicast,
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

/* Defends our address with an announcement, once in ARP_DEFEND_INTERVAL. RFC 5227 2.4 (c) */
static void arp_defend(struct ip_iface *iface, const uint8_t *sha)
{
    char pa[IP_ADDR_STR_LEN], ha[ETHER_ADDR_STR_LEN];
    int ret;

    lock_acquire(&lock);
    ret = rate_take(&iface->arp_defence, clock_now(), SECONDS(ARP_DEFEND_INTERVAL), 1, 1);
    lock_release(&lock);
    if (ret == 0) {
        warnf("address conflict, pa=%s, ha=%s",
              ip_addr_ntop(iface->unicast, pa, sizeof(pa)), ether_addr_ntop(sha, ha, sizeof(ha)));
        arp_announce(iface);
    }
}

/* Checks the sender's addresses. A probe's IP address is 0.0.0.0 (RFC 5227). Returns 0 or -1. */
static int arp_check_sender(struct ip_iface *iface, const struct arp_ether_ip *message)
{
    if (memcmp(message->sha, NET_IFACE(iface)->dev->addr, ETHER_ADDR_LEN) == 0) {
        return drop(stats.bad_sender, "the sender has our hardware address");
    }
    if (message->spa != IP_ADDR_ANY && !ip_addr_is_host(message->spa, iface)) {
        return drop(stats.bad_sender, "bad IP address of the sender");
    }
    if (message->spa == iface->unicast) {
        arp_defend(iface, message->sha);
        return drop(stats.conflict, "the sender has our IP address");
    }
    return 0;
}

/* Sends and frees waiting datagrams. Called without the lock: a device may be slow. */
static void arp_release(struct ip_iface *iface, const uint8_t *ha, struct queue_head *waiting)
{
    struct net_device *dev = NET_IFACE(iface)->dev;
    struct arp_datagram *datagram;

    while ((datagram = queue_pop(waiting)) != NULL) {
        count(stats.released);
        net_device_output(dev, NET_PROTOCOL_TYPE_IP, datagram->data, datagram->len, ha);
        memory_free(datagram);
    }
}

/* RFC 826, Packet Reception: updates a known sender, adds another if it asks for our address. */
static void arp_learn(struct ip_iface *iface, const struct arp_ether_ip *message, int for_us)
{
    struct queue_head waiting;

    if (message->spa == IP_ADDR_ANY) {
        return;
    }
    queue_init(&waiting);
    lock_acquire(&lock);
    if (!arp_cache_update(iface, message->spa, message->sha, &waiting) && for_us) {
        if (ntoh16(message->hdr.op) == ARP_OPERATION_REQUEST) {
            arp_cache_insert(iface, message->spa, message->sha, &waiting);
        } else {
            drop(stats.unsolicited, "unsolicited reply");
        }
    }
    lock_release(&lock);
    arp_release(iface, message->sha, &waiting);
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
    if (arp_check_sender(iface, message) == -1) {
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

/* Returns the entry of pa. Adds one if there is none; may then evict one worth at most limit.
 * Returns NULL (ENOBUFS) without room or memory. Caller must hold the lock. */
static struct arp_cache *arp_cache_need(struct ip_iface *iface, ip_addr_t pa, enum arp_worth limit)
{
    struct arp_cache *cache = arp_cache_select(iface, pa);

    assert(lock_held(&lock));
    return cache ? cache : arp_cache_alloc(iface, pa, limit);
}

int arp_resolve(struct ip_iface *iface, ip_addr_t pa, uint8_t *ha)
{
    int ret = ARP_RESOLVE_INCOMPLETE, ask = 0;
    struct arp_cache *cache;

    lock_acquire(&lock);
    cache = arp_cache_need(iface, pa, ARP_WORTH_CLIENT);
    if (!cache) {
        ret = ARP_RESOLVE_ERROR;
    } else if (cache->state == ARP_CACHE_STATE_INCOMPLETE) {
        ask = arp_cache_may_ask(cache);
    } else {
        ret = arp_cache_use(cache, ha);
    }
    lock_release(&lock);
    if (ask && arp_request(iface, pa, NET_IFACE(iface)->dev->broadcast) == -1) {
        return ARP_RESOLVE_ERROR;
    }
    return ret;
}

int arp_wait(struct ip_iface *iface, ip_addr_t pa, const uint8_t *data, size_t len, uint8_t *ha)
{
    int ret = ARP_RESOLVE_ERROR;
    struct arp_cache *cache;

    lock_acquire(&lock);
    cache = arp_cache_need(iface, pa, ARP_WORTH_CLIENT); /* adds it again if deleted meanwhile */
    if (cache && cache->state == ARP_CACHE_STATE_INCOMPLETE) {
        ret = arp_cache_hold(cache, data, len);
    } else if (cache) {
        ret = arp_cache_use(cache, ha);
    }
    lock_release(&lock);
    return ret;
}

/* Work to do without the lock: send a request for pa to dst, or report waiting to IP. */
struct arp_due {
    struct ip_iface *iface;
    ip_addr_t pa;
    uint8_t dst[ETHER_ADDR_LEN];
    struct queue_head waiting; /* if not empty, no request is due */
};

/* Runs the timers of the entries from *place on, up to one with work for the caller; moves *place
 * past it. Returns whether there is one. */
static int arp_next_due(size_t *place, struct arp_due *due)
{
    struct arp_cache *cache;
    const uint8_t *dst;
    int found = 0;

    lock_acquire(&lock);
    while (!found && (cache = table_next(&caches, place)) != NULL) {
        dst = cache->state == ARP_CACHE_STATE_RESOLVED ? cache->ha
                                                       : NET_IFACE(cache->iface)->dev->broadcast;
        *due = (struct arp_due){.iface = cache->iface, .pa = cache->pa};
        memcpy(due->dst, dst, sizeof(due->dst));
        found = arp_cache_tick(cache, &due->waiting);
    }
    lock_release(&lock);
    return found;
}

/* Reports each datagram to IP. RFC 1122 2.4 forbids that for a missing entry, not for a missing
 * answer. */
static void arp_give_up(struct queue_head *waiting)
{
    struct arp_datagram *datagram;

    while ((datagram = queue_pop(waiting)) != NULL) {
        drop(stats.unresolved, "unresolved, len=%zu", datagram->len);
        ip_unreachable(datagram->data, datagram->len);
        memory_free(datagram);
    }
}

/* Runs without the lock: a device may be slow, and the locks of the layers above come first. */
static void arp_timer(void)
{
    struct arp_due due;
    size_t place = 0;

    while (arp_next_due(&place, &due)) {
        if (due.waiting.num > 0) {
            arp_give_up(&due.waiting);
        } else {
            arp_request(due.iface, due.pa, due.dst);
        }
    }
}

/*
 * Settings
 */

/* Is pa static, or is there room for one more? Caller must hold the lock. */
static int arp_cache_may_be_static(const struct ip_iface *iface, ip_addr_t pa)
{
    const struct arp_cache *cache = arp_cache_select(iface, pa);

    assert(lock_held(&lock));
    return (cache && cache->state == ARP_CACHE_STATE_STATIC) ||
           arp_cache_count(ARP_CACHE_STATE_STATIC) < ARP_STATIC_MAX;
}

int arp_cache_add_static(struct ip_iface *iface, ip_addr_t pa, const uint8_t *ha)
{
    struct arp_cache *cache = NULL;
    struct queue_head waiting;

    queue_init(&waiting);
    lock_acquire(&lock);
    if (arp_cache_may_be_static(iface, pa)) {
        cache = arp_cache_need(iface, pa, ARP_WORTH_IN_USE);
    } else {
        errorf("too many static entries");
        errno = ENOSPC;
    }
    if (cache) {
        arp_cache_set(cache, ARP_CACHE_STATE_STATIC, ha, &waiting);
    }
    lock_release(&lock);
    arp_release(iface, ha, &waiting);
    return cache ? 0 : -1;
}

void arp_set_timeout(unsigned int seconds)
{
    lock_acquire(&lock);
    timeout = seconds;
    lock_release(&lock);
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
    random_bytes(secret, sizeof(secret));
    return 0;
}

void arp_shutdown(void)
{
    struct arp_cache *cache;
    size_t i = 0;

    lock_acquire(&lock);
    while ((cache = table_next(&caches, &i)) != NULL) {
        arp_cache_delete(cache, &stats.unresolved);
    }
    memset(request_times, 0, sizeof(request_times));
    change_log = (struct rate){0};
    timeout = ARP_CACHE_TIMEOUT;
    lock_release(&lock);
}

int arp_get_view(size_t index, struct arp_view *view)
{
    static const char *const states[] = {"incomplete", "resolved", "static"};
    const struct arp_cache *cache;

    lock_acquire(&lock);
    cache = table_at(&caches, index);
    if (cache) {
        *view = (struct arp_view){NET_IFACE(cache->iface), cache->pa, {0}, states[cache->state],
                                  clock_now() - cache->timestamp};
        memcpy(view->ha, cache->ha, sizeof(view->ha));
    }
    lock_release(&lock);
    return cache ? 0 : -1;
}

void arp_get_stats(struct arp_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
