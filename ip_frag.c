#include "ip_frag.h"

#include <string.h>

#include "icmp.h"
#include "ip.h"
#include "platform.h"
#include "util.h"

/*
 * ip_frag: reassembles fragmented datagrams, RFC 791 3.2.
 *
 *     whole = ip_frag_input(hdr, iface);   for each fragment; NULL until the datagram is complete
 *     memory_free(whole);                  by the caller, once delivered
 *     ip_frag_timer();                     each second: drops datagrams after IP_FRAG_TIMEOUT
 *     ip_frag_shutdown();                  frees the others
 *
 * A datagram owns copies of its fragments, in order of offset. It is freed when complete, timed out
 * or evicted, or when it has too many fragments, or overlapping ones: an attack or damage. Of two
 * identical fragments, one is dropped. Without overlaps, a datagram is complete when its fragments'
 * lengths add up to its own, known from its last fragment: RFC 815's list of holes is not needed.
 *
 * Only the interrupt thread calls ip_frag_input and ip_frag_timer; ip_frag_shutdown runs after that
 * thread has ended: no lock is needed. The limits stand in ip_frag.h.
 */

struct ip_frag {
    struct ip_frag *next;
    size_t offset; /* bytes of data before it */
    size_t len;    /* bytes of data */
    uint8_t packet[]; /* header and data, as received */
};

/* A datagram under assembly, identified by source, destination, protocol and id. */
struct ip_frag_datagram {
    struct ip_frag_datagram *next;
    ip_addr_t src;
    ip_addr_t dst;
    uint16_t id; /* in network byte order */
    uint8_t protocol;
    struct ip_iface *iface;
    uint64_t started;     /* by clock_now */
    struct ip_frag *frags; /* by offset */
    size_t num;           /* of fragments */
    size_t bytes;         /* of memory */
    size_t received;      /* bytes of data */
    size_t total;         /* bytes of data; 0 until the last fragment arrives */
};

#define IP_FRAG_TIMER_INTERVAL 1 /* seconds */
#define TCP_HDR_SIZE_MIN 20 /* as in tcp.h, which a lower layer does not include */

static struct ip_frag_datagram *datagrams; /* the oldest first */
static struct ip_frag_stats stats;

/*
 * Datagrams
 */

static struct ip_frag_datagram *ip_frag_select(const struct ip_hdr *hdr)
{
    struct ip_frag_datagram *datagram;

    for (datagram = datagrams; datagram; datagram = datagram->next) {
        if (datagram->src == hdr->src && datagram->dst == hdr->dst && datagram->id == hdr->id &&
            datagram->protocol == hdr->protocol) {
            return datagram;
        }
    }
    return NULL;
}

static struct ip_frag_datagram *ip_frag_alloc(const struct ip_hdr *hdr, struct ip_iface *iface)
{
    struct ip_frag_datagram *datagram = memory_alloc(sizeof(*datagram)), **tail = &datagrams;

    if (!datagram) {
        return NULL;
    }
    datagram->src = hdr->src;
    datagram->dst = hdr->dst;
    datagram->id = hdr->id;
    datagram->protocol = hdr->protocol;
    datagram->iface = iface;
    datagram->started = clock_now();
    datagram->bytes = sizeof(*datagram);
    while (*tail) {
        tail = &(*tail)->next;
    }
    *tail = datagram;
    return datagram;
}

static void ip_frag_free(struct ip_frag_datagram *datagram)
{
    struct ip_frag_datagram **link = &datagrams;
    struct ip_frag *frag;

    while (*link != datagram) {
        link = &(*link)->next;
    }
    *link = datagram->next;
    while ((frag = datagram->frags) != NULL) {
        datagram->frags = frag->next;
        memory_free(frag);
    }
    memory_free(datagram);
}

/* Drops the oldest datagrams of src (IP_ADDR_ANY: of all), but not keep, until at most max_num
 * datagrams and max_bytes bytes of memory are left. */
static void ip_frag_limit(ip_addr_t src, const struct ip_frag_datagram *keep, size_t max_num,
                          size_t max_bytes)
{
    struct ip_frag_datagram *datagram, *oldest;
    size_t num, bytes;

    for (;;) {
        num = bytes = 0;
        oldest = NULL;
        for (datagram = datagrams; datagram; datagram = datagram->next) {
            if (src != IP_ADDR_ANY && datagram->src != src) {
                continue;
            }
            num++;
            bytes += datagram->bytes;
            oldest = oldest || datagram == keep ? oldest : datagram;
        }
        if (!oldest || (num <= max_num && bytes <= max_bytes)) {
            return;
        }
        drop(stats.evicted, "oldest datagram evicted, id=%u", ntoh16(oldest->id));
        ip_frag_free(oldest);
    }
}

/*
 * Fragments
 */

/* Checks a fragment before it is kept. Returns 0 or -1. */
static int ip_frag_check(const struct ip_hdr *hdr, size_t offset, size_t len, int last)
{
    if (len == 0) {
        return drop(stats.empty, "no data, offset=%zu", offset);
    }
    if (!last && len % 8 != 0) {
        return drop(stats.bad_length, "not a multiple of 8, offset=%zu, len=%zu", offset, len);
    }
    if (IP_HDR_SIZE(hdr) + offset + len > IP_TOTAL_SIZE_MAX) {
        return drop(stats.too_long, "too long, offset=%zu, len=%zu", offset, len);
    }
    if (hdr->protocol == IP_PROTOCOL_TCP &&
        (offset == 0 ? len < TCP_HDR_SIZE_MIN : offset < TCP_HDR_SIZE_MIN)) {
        return drop(stats.tiny, "TCP header split, offset=%zu, len=%zu", offset, len);
    }
    return 0;
}

/* Returns a copy of a fragment, or NULL (no memory). */
static struct ip_frag *ip_frag_copy(const struct ip_hdr *hdr, size_t offset, size_t len)
{
    size_t total = IP_HDR_SIZE(hdr) + len;
    struct ip_frag *frag = memory_alloc(sizeof(*frag) + total);

    if (frag) {
        frag->offset = offset;
        frag->len = len;
        memcpy(frag->packet, hdr, total);
    }
    return frag;
}

static const uint8_t *ip_frag_data(const struct ip_frag *frag)
{
    return frag->packet + IP_HDR_SIZE((const struct ip_hdr *)frag->packet);
}

static int ip_frag_is_same(const struct ip_frag *a, const struct ip_frag *b)
{
    const struct ip_hdr *x = (const struct ip_hdr *)a->packet;
    const struct ip_hdr *y = (const struct ip_hdr *)b->packet;

    return x->offset == y->offset && a->len == b->len &&
           memcmp(ip_frag_data(a), ip_frag_data(b), a->len) == 0;
}

/* Does a fragment that ends at end agree with the end of the datagram, as far as known? */
static int ip_frag_is_within(const struct ip_frag_datagram *datagram, size_t end, int last)
{
    const struct ip_frag *frag;

    if (!last) {
        return datagram->total == 0 || end < datagram->total;
    }
    for (frag = datagram->frags; frag; frag = frag->next) {
        if (frag->offset + frag->len > end) {
            return 0;
        }
    }
    return datagram->total == 0 || end == datagram->total;
}

enum ip_frag_fit { IP_FRAG_FITS, IP_FRAG_SAME, IP_FRAG_OVERLAPS };

/* Inserts a fragment by its offset, unless it overlaps another. */
static enum ip_frag_fit ip_frag_insert(struct ip_frag_datagram *datagram, struct ip_frag *frag,
                                       int last)
{
    struct ip_frag **link = &datagram->frags;

    if (!ip_frag_is_within(datagram, frag->offset + frag->len, last)) {
        return IP_FRAG_OVERLAPS;
    }
    while (*link && (*link)->offset + (*link)->len <= frag->offset) {
        link = &(*link)->next;
    }
    if (*link && (*link)->offset < frag->offset + frag->len) {
        return ip_frag_is_same(*link, frag) ? IP_FRAG_SAME : IP_FRAG_OVERLAPS;
    }
    frag->next = *link;
    *link = frag;
    datagram->num++;
    datagram->bytes += sizeof(*frag) + (size_t)(ip_frag_data(frag) - frag->packet) + frag->len;
    datagram->received += frag->len;
    if (last) {
        datagram->total = frag->offset + frag->len;
    }
    return IP_FRAG_FITS;
}

/*
 * Input
 */

/* Returns the whole datagram, with the first fragment's header, or NULL (too long, no memory). */
static struct ip_hdr *ip_frag_assemble(const struct ip_frag_datagram *datagram)
{
    const struct ip_frag *frag = datagram->frags;
    size_t hlen = IP_HDR_SIZE((const struct ip_hdr *)frag->packet);
    struct ip_hdr *hdr;

    if (hlen + datagram->total > IP_TOTAL_SIZE_MAX) {
        drop(stats.too_long, "too long with its options, len=%zu", datagram->total);
        return NULL;
    }
    hdr = memory_alloc(hlen + datagram->total);
    if (!hdr) {
        drop(stats.no_memory, "memory_alloc() failure");
        return NULL;
    }
    memcpy(hdr, frag->packet, hlen);
    for (; frag; frag = frag->next) {
        memcpy((uint8_t *)hdr + hlen + frag->offset, ip_frag_data(frag), frag->len);
    }
    hdr->total = hton16((uint16_t)(hlen + datagram->total));
    hdr->offset = 0;
    hdr->sum = 0;
    hdr->sum = cksum16(hdr, hlen, 0);
    count(stats.reassembled);
    return hdr;
}

/* Adds a fragment to the datagram, or frees it. Returns 0, or -1: the datagram must be dropped. */
static int ip_frag_add(struct ip_frag_datagram *datagram, struct ip_frag *frag, int last)
{
    switch (ip_frag_insert(datagram, frag, last)) {
    case IP_FRAG_FITS:
        if (datagram->num > IP_FRAG_FRAGMENTS) {
            return drop(stats.too_many, "too many fragments, id=%u", ntoh16(datagram->id));
        }
        return 0;
    case IP_FRAG_SAME:
        drop(stats.duplicate, "duplicate, id=%u", ntoh16(datagram->id));
        memory_free(frag);
        return 0;
    default:
        memory_free(frag);
        return drop(stats.overlap, "overlap, id=%u", ntoh16(datagram->id));
    }
}

struct ip_hdr *ip_frag_input(const struct ip_hdr *hdr, struct ip_iface *iface)
{
    size_t offset = (size_t)(ntoh16(hdr->offset) & IP_HDR_OFFSET_MASK) << 3;
    size_t len = ntoh16(hdr->total) - IP_HDR_SIZE(hdr);
    int last = !(ntoh16(hdr->offset) & IP_HDR_FLAG_MF);
    struct ip_frag_datagram *datagram;
    struct ip_hdr *whole = NULL;
    struct ip_frag *frag;

    count(stats.received);
    if (ip_frag_check(hdr, offset, len, last) == -1) {
        return NULL;
    }
    frag = ip_frag_copy(hdr, offset, len);
    datagram = ip_frag_select(hdr);
    if (frag && !datagram) {
        datagram = ip_frag_alloc(hdr, iface);
    }
    if (!frag || !datagram) {
        drop(stats.no_memory, "memory_alloc() failure");
        memory_free(frag);
        return NULL;
    }
    if (ip_frag_add(datagram, frag, last) == -1) {
        ip_frag_free(datagram);
        return NULL;
    }
    if (datagram->received == datagram->total) {
        whole = ip_frag_assemble(datagram);
        ip_frag_free(datagram);
        return whole;
    }
    ip_frag_limit(hdr->src, datagram, IP_FRAG_DATAGRAMS_OF_SOURCE, IP_FRAG_BYTES_OF_SOURCE);
    ip_frag_limit(IP_ADDR_ANY, datagram, IP_FRAG_DATAGRAMS, IP_FRAG_BYTES);
    return NULL;
}

/*
 * Time
 */

/* Drops a datagram. RFC 1122 3.3.2: reports it to the sender if the first fragment has arrived. */
static void ip_frag_expire(struct ip_frag_datagram *datagram)
{
    const struct ip_frag *first = datagram->frags;

    drop(stats.timeout, "timed out, id=%u, fragments=%zu", ntoh16(datagram->id),
         datagram->num);
    if (first->offset == 0) {
        icmp_error(ICMP_TYPE_TIME_EXCEEDED, ICMP_CODE_REASSEMBLY,
                   (const struct ip_hdr *)first->packet, ip_frag_data(first), first->len,
                   datagram->iface);
    }
    ip_frag_free(datagram);
}

static void ip_frag_timer(void)
{
    uint64_t now = clock_now();

    while (datagrams && now - datagrams->started >= SECONDS(IP_FRAG_TIMEOUT)) {
        ip_frag_expire(datagrams);
    }
}

/*
 * Start and stop
 */

int ip_frag_init(void)
{
    struct timeval interval = {.tv_sec = IP_FRAG_TIMER_INTERVAL};

    return timer_register(interval, ip_frag_timer);
}

void ip_frag_shutdown(void)
{
    while (datagrams) {
        ip_frag_free(datagrams);
    }
}

void ip_frag_get_stats(struct ip_frag_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
