#include "icmp.h"

#include "ip.h"
#include "util.h"

/*
 * icmp: the Internet Control Message Protocol, RFC 792. Checks and logs received messages. Left
 * out: replies and errors (step 09).
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
    case ICMP_TYPE_ECHOREPLY:
    case ICMP_TYPE_DEST_UNREACH:
    case ICMP_TYPE_SOURCE_QUENCH:
    case ICMP_TYPE_REDIRECT:
    case ICMP_TYPE_TIME_EXCEEDED:
    case ICMP_TYPE_PARAM_PROBLEM:
        count(stats.delivered); /* logged only; left out: passing errors on (step 40) */
        break;
    default:
        drop(stats.unknown_type, "type=%u", hdr->type); /* RFC 1122 3.2.2 */
        break;
    }
}

/*
 * Start and stop
 */

int icmp_init(void)
{
    if (ip_protocol_register(IP_PROTOCOL_ICMP, icmp_input) == -1) {
        return -1;
    }
    return 0;
}

void icmp_get_stats(struct icmp_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
