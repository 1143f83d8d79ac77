#include "icmp.h"

#include <errno.h>
#include <string.h>

#include "ip.h"
#include "platform.h"
#include "util.h"

/*
 * icmp: the Internet Control Message Protocol, RFC 792. Answers echo requests, reports
 * undeliverable datagrams to their sources, and passes received errors to the transports.
 *
 *     icmp_input(iphdr, data, len, iface);       for each received message, from IP
 *         icmp_echo_input(iphdr, data, len);         an echo request: sends the reply
 *         icmp_error_input(iphdr, data, len);        an error: ip_error_input to its transport
 *     icmp_error(type, code, iphdr, data, ...);  for each undeliverable datagram
 *         icmp_output(type, code, 0, quote, ...);    if an error is allowed and within the limit
 *
 * A received message is borrowed for the call; icmp_output copies its data. No message is kept, and
 * none changes routes, addresses or the clock: any host can forge one. So each transport decides
 * whether to believe an error.
 *
 * The only state is the rate limit of errors: ICMP_LIMIT_BUCKETS buckets, allotted to destinations
 * by a keyed hash. Above the limit no error is sent. Echo replies have no limit.
 *
 * The lock guards the buckets. No other lock is taken under it, and it is not held in ip_output and
 * ip_error_input.
 */

/* The header on the wire, in network byte order */
struct icmp_hdr {
    uint8_t type;
    uint8_t code;
    uint16_t sum;
    uint32_t val; /* its meaning depends on the type */
} __attribute__((packed));

/* The header of an echo request or reply */
struct icmp_echo {
    uint8_t type;
    uint8_t code;
    uint16_t sum;
    uint16_t id;
    uint16_t seq;
} __attribute__((packed));

_Static_assert(sizeof(struct icmp_hdr) == ICMP_HDR_SIZE, "an ICMP header has 8 bytes");
_Static_assert(sizeof(struct icmp_echo) == ICMP_HDR_SIZE, "an echo header has 8 bytes");

#define ICMP_QUOTE_SIZE 8 /* data bytes of a datagram that an error quotes */

static lock_t lock = LOCK_INITIALIZER; /* guards buckets; no lock is taken under it */
static struct rate buckets[ICMP_LIMIT_BUCKETS]; /* rate limits; see icmp_bucket_select */
static uint64_t secret[2]; /* key of the hash; fixed once icmp_init returns */
static struct icmp_stats stats;

static const char *icmp_type_ntoa(uint8_t type)
{
    switch (type) {
    case ICMP_TYPE_ECHOREPLY:
        return "EchoReply";
    case ICMP_TYPE_DEST_UNREACH:
        return "DestinationUnreachable";
    case ICMP_TYPE_SOURCE_QUENCH:
        return "SourceQuench";
    case ICMP_TYPE_REDIRECT:
        return "Redirect";
    case ICMP_TYPE_ECHO:
        return "Echo";
    case ICMP_TYPE_TIME_EXCEEDED:
        return "TimeExceeded";
    case ICMP_TYPE_PARAM_PROBLEM:
        return "ParameterProblem";
    default:
        return "Unknown";
    }
}

/* data holds at least a header. */
static void icmp_dump(const uint8_t *data, size_t len)
{
    const struct icmp_hdr *hdr = (const struct icmp_hdr *)data;
    const struct icmp_echo *echo = (const struct icmp_echo *)data;

    if (!log_enabled(LOG_LEVEL_DEBUG)) {
        return;
    }
    log_begin();
    log_text("       type: %u (%s)\n", hdr->type, icmp_type_ntoa(hdr->type));
    log_text("       code: %u\n", hdr->code);
    log_text("        sum: 0x%04x (len: %zu)\n", ntoh16(hdr->sum), len);
    if (hdr->type == ICMP_TYPE_ECHO || hdr->type == ICMP_TYPE_ECHOREPLY) {
        log_text("         id: %u\n", ntoh16(echo->id));
        log_text("        seq: %u\n", ntoh16(echo->seq));
    } else {
        log_text("        val: 0x%08x\n", ntoh32(hdr->val));
    }
    log_end();
}

/*
 * Input
 */

/* Checks length and checksum. Returns 0, or -1 if the message is dropped. */
static int icmp_check(const uint8_t *data, size_t len)
{
    const struct icmp_hdr *hdr = (const struct icmp_hdr *)data;

    if (len < sizeof(*hdr)) {
        return drop(stats.too_short, "shorter than a header, len=%zu", len);
    }
    if (cksum16(data, len, 0) != 0) {
        return drop(stats.bad_checksum, "sum=0x%04x, len=%zu", ntoh16(hdr->sum), len);
    }
    return 0;
}

/* Answers an echo request with a reply that has its id, sequence number and data. One that is not
 * to an address of ours counts as echo_broadcast. */
static void icmp_echo_input(const struct ip_hdr *iphdr, const uint8_t *data, size_t len)
{
    const struct icmp_hdr *hdr = (const struct icmp_hdr *)data;

    if (!ip_iface_select(iphdr->dst)) {
        /* RFC 1122 3.2.2.6: may be dropped */
        drop(stats.echo_broadcast, "to a broadcast address");
        return;
    }
    count(stats.echo_replies);
    icmp_output(ICMP_TYPE_ECHOREPLY, 0, hdr->val, data + sizeof(*hdr), len - sizeof(*hdr),
                iphdr->dst, iphdr->src);
}

/* Returns the errno for the user of the quoted datagram, or 0 to ignore the error. Left out: path
 * MTU discovery, from code 4 (step 65). */
static int icmp_errno(uint8_t type, uint8_t code)
{
    static const int unreachable[] = {
        ENETUNREACH, EHOSTUNREACH, ECONNREFUSED, ECONNREFUSED, 0, EHOSTUNREACH, ENETUNREACH,
        EHOSTUNREACH, EHOSTUNREACH, ENETUNREACH, EHOSTUNREACH, ENETUNREACH, EHOSTUNREACH,
        EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH,
    };

    switch (type) {
    case ICMP_TYPE_DEST_UNREACH:
        return code < countof(unreachable) ? unreachable[code] : 0;
    case ICMP_TYPE_TIME_EXCEEDED:
        return EHOSTUNREACH;
    default:
        return EPROTO;
    }
}

/* Checks the len bytes that an error quotes: a header with our source address, and 8 bytes. Routers
 * change the header, so its checksum is not checked. Returns 0, or -1 if the error is dropped. */
static int icmp_check_quote(const struct ip_hdr *iphdr, const uint8_t *data, size_t len)
{
    const struct ip_hdr *quoted = (const struct ip_hdr *)data;

    if (len < IP_HDR_SIZE_MIN || quoted->vhl >> 4 != IP_VERSION_IPV4 ||
        IP_HDR_SIZE(quoted) < IP_HDR_SIZE_MIN || len < IP_HDR_SIZE(quoted) + ICMP_QUOTE_SIZE) {
        return drop(stats.bad_quote, "bad header, or less than 8 bytes behind it, len=%zu", len);
    }
    if (ntoh16(quoted->offset) & IP_HDR_OFFSET_MASK) {
        return drop(stats.bad_quote, "quotes a later fragment");
    }
    if (quoted->src != iphdr->dst || !ip_iface_select(quoted->src)) {
        return drop(stats.bad_quote, "the quoted source is not ours, or not the destination");
    }
    return 0;
}

/* Passes an error about one of our datagrams to its transport, which decides whether to believe it.
 * RFC 1122 3.2.2, RFC 5927 */
static void icmp_error_input(const struct ip_hdr *iphdr, const uint8_t *data, size_t len)
{
    const struct icmp_hdr *hdr = (const struct icmp_hdr *)data;
    const struct ip_hdr *quoted = (const struct ip_hdr *)(hdr + 1);
    int errnum = icmp_errno(hdr->type, hdr->code);
    int hard = errnum == ECONNREFUSED; /* codes 2 and 3 come from the destination host */

    if (icmp_check_quote(iphdr, (const uint8_t *)quoted, len - sizeof(*hdr)) == -1) {
        return;
    }
    if (errnum == 0) {
        drop(stats.ignored, "type=%u, code=%u", hdr->type, hdr->code);
        return;
    }
    count(stats.delivered);
    if (ip_error_input(quoted, (const uint8_t *)quoted + IP_HDR_SIZE(quoted), errnum, hard) == -1) {
        drop(stats.no_user, "no error handler, protocol=%u", quoted->protocol);
    }
}

/* Takes a message from IP. Its type matters only when length and checksum are right. A message of
 * unknown type is not delivered. RFC 1122 3.2.2 */
static void icmp_input(const struct ip_hdr *iphdr, const uint8_t *data, size_t len,
                       struct ip_iface *iface)
{
    const struct icmp_hdr *hdr = (const struct icmp_hdr *)data;
    char src[IP_ADDR_STR_LEN], dst[IP_ADDR_STR_LEN];

    count(stats.received);
    if (icmp_check(data, len) == -1) {
        return;
    }
    debugf("dev=%s, %s => %s, len=%zu", NET_IFACE(iface)->dev->name,
           ip_addr_ntop(iphdr->src, src, sizeof(src)),
           ip_addr_ntop(iphdr->dst, dst, sizeof(dst)), len);
    icmp_dump(data, len);
    switch (hdr->type) {
    case ICMP_TYPE_ECHO:
        count(stats.delivered);
        icmp_echo_input(iphdr, data, len);
        break;
    case ICMP_TYPE_ECHOREPLY:
        count(stats.delivered); /* logged only: sockets have no ICMP */
        break;
    case ICMP_TYPE_DEST_UNREACH:
    case ICMP_TYPE_TIME_EXCEEDED:
    case ICMP_TYPE_PARAM_PROBLEM:
        icmp_error_input(iphdr, data, len);
        break;
    case ICMP_TYPE_SOURCE_QUENCH:   /* RFC 6633 */
    case ICMP_TYPE_REDIRECT:        /* any host on the link could divert traffic */
    case ICMP_TYPE_ROUTER_ADVERT:   /* likewise */
    case ICMP_TYPE_ROUTER_SOLICIT:
    case ICMP_TYPE_TIMESTAMP:       /* would disclose our clock */
    case ICMP_TYPE_TIMESTAMPREPLY:
    case ICMP_TYPE_INFO:
    case ICMP_TYPE_INFOREPLY:
    case ICMP_TYPE_MASK:
    case ICMP_TYPE_MASKREPLY:
        drop(stats.ignored, "type=%u", hdr->type);
        break;
    default:
        drop(stats.unknown_type, "type=%u", hdr->type); /* RFC 1122 3.2.2 */
        break;
    }
}

/*
 * Output
 */

ssize_t icmp_output(uint8_t type, uint8_t code, uint32_t val, const uint8_t *data, size_t len,
                    ip_addr_t src, ip_addr_t dst)
{
    size_t total = sizeof(struct icmp_hdr) + len;
    uint8_t *message = memory_alloc(total);
    struct icmp_hdr *hdr = (struct icmp_hdr *)message;
    ssize_t ret;

    if (!message) {
        errno = ENOMEM;
        return drop(stats.send_failed, "memory_alloc() failure");
    }
    hdr->type = type;
    hdr->code = code;
    hdr->val = val;
    if (len > 0) {
        memcpy(hdr + 1, data, len);
    }
    hdr->sum = cksum16(message, total, 0);
    debugf("type=%u (%s), len=%zu", type, icmp_type_ntoa(type), total);
    icmp_dump(message, total);
    ret = ip_output(IP_PROTOCOL_ICMP, message, total, src, dst);
    memory_free(message);
    if (ret == -1) {
        return drop(stats.send_failed, "ip_output() failure");
    }
    count(stats.sent);
    return ret;
}

/* Returns the bucket of a destination, by a keyed hash (Dietzfelbinger): a host must not find out
 * from its own errors how many go to another host. */
static struct rate *icmp_bucket_select(ip_addr_t dst)
{
    return &buckets[((secret[0] * dst + secret[1]) >> 32) % ICMP_LIMIT_BUCKETS];
}

/* Returns nanoseconds, at random between 0.5 and 1.5 ICMP_LIMIT_INTERVAL: a predictable limit tells
 * off-path attackers which ports are open. */
static uint64_t icmp_limit_interval(void)
{
    return MILLISECONDS(ICMP_LIMIT_INTERVAL) / 2 +
           MILLISECONDS(ICMP_LIMIT_INTERVAL) * random16() / UINT16_MAX;
}

/* Takes a token for an error to dst. Returns 0, or -1 if none is left. RFC 1812 4.3.2.8 */
static int icmp_limit(ip_addr_t dst)
{
    struct rate *bucket = icmp_bucket_select(dst);
    uint64_t now = clock_now(), interval = 0;
    int ret;

    lock_acquire(&lock);
    if (rate_is_due(bucket, now)) {
        interval = icmp_limit_interval();
    }
    ret = rate_take(bucket, now, interval, 1, ICMP_LIMIT_BURST);
    lock_release(&lock);
    return ret;
}

/* May an error be sent about this datagram? RFC 1122 3.2.2. A link-layer broadcast needs no check:
 * IP drops a unicast datagram in one. */
static int icmp_error_is_allowed(const struct ip_hdr *iphdr, const uint8_t *data, size_t len,
                                 const struct ip_iface *iface)
{
    if (iphdr->protocol == IP_PROTOCOL_ICMP &&
        (len == 0 || (data[0] != ICMP_TYPE_ECHO && data[0] != ICMP_TYPE_ECHOREPLY))) {
        return 0; /* about an error, or perhaps one */
    }
    if (ntoh16(iphdr->offset) & IP_HDR_OFFSET_MASK) {
        return 0; /* about a later fragment */
    }
    return ip_iface_select(iphdr->dst) && ip_addr_is_host(iphdr->src, iface);
}

void icmp_error(uint8_t type, uint8_t code, const struct ip_hdr *iphdr, const uint8_t *data,
                size_t len, struct ip_iface *iface)
{
    uint8_t quote[IP_HDR_SIZE_MAX + ICMP_QUOTE_SIZE];
    size_t hlen = IP_HDR_SIZE(iphdr);

    if (!icmp_error_is_allowed(iphdr, data, len, iface)) {
        return;
    }
    if (icmp_limit(iphdr->src) == -1) {
        drop(stats.errors_limited, "above the rate limit, type=%u", type);
        return;
    }
    if (len > ICMP_QUOTE_SIZE) {
        len = ICMP_QUOTE_SIZE;
    }
    memcpy(quote, iphdr, hlen);
    memcpy(quote + hlen, data, len);
    count(stats.errors_sent);
    icmp_output(type, code, 0, quote, hlen + len, iphdr->dst, iphdr->src);
}

/*
 * Start and stop
 */

int icmp_init(void)
{
    if (ip_protocol_register(IP_PROTOCOL_ICMP, icmp_input) == -1) {
        return -1;
    }
    memset(buckets, 0, sizeof(buckets));
    random_bytes(secret, sizeof(secret));
    return 0;
}

void icmp_get_stats(struct icmp_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
