#ifndef IP_H
#define IP_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net.h"

MICROPS_BEGIN

#define IP_VERSION_IPV4 4

#define IP_HDR_SIZE_MIN 20
#define IP_HDR_SIZE_MAX 60
#define IP_TOTAL_SIZE_MAX UINT16_MAX
#define IP_PAYLOAD_SIZE_MAX (IP_TOTAL_SIZE_MAX - IP_HDR_SIZE_MIN)
#define IP_MMS_R IP_PAYLOAD_SIZE_MAX /* largest message received, RFC 1122 3.3.2 */
#define IP_MMS_S IP_PAYLOAD_SIZE_MAX /* largest message sent, if need be in fragments: 3.3.3 */
#define IP_MTU_MIN 68 /* every link carries it, RFC 791 3.2; a device with less sends nothing */

#define IP_ROUTE_SIZE 32 /* routes; further ones are refused */

#define IP_ADDR_LEN 4
#define IP_ADDR_STR_LEN 16 /* "ddd.ddd.ddd.ddd" with the NUL */
#define IP_ENDP_STR_LEN (IP_ADDR_STR_LEN + 6) /* and ":ddddd" */

#define IP_HDR_FLAG_MF 0x2000 /* more fragments */
#define IP_HDR_FLAG_DF 0x4000 /* do not fragment */
#define IP_HDR_OFFSET_MASK 0x1fff

#define IP_PROTOCOL_ICMP 0x01
#define IP_PROTOCOL_TCP  0x06
#define IP_PROTOCOL_UDP  0x11

typedef uint32_t ip_addr_t; /* in network byte order */

/* An endpoint of a transport protocol. */
typedef struct {
    ip_addr_t addr; /* in network byte order */
    uint16_t port;  /* in network byte order */
} ip_endp_t;

extern const ip_addr_t IP_ADDR_ANY;       /* 0.0.0.0 */
extern const ip_addr_t IP_ADDR_BROADCAST; /* 255.255.255.255 */

struct ip_iface {
    struct net_iface iface; /* must be first: NET_IFACE casts */
    struct ip_iface *next;
    ip_addr_t unicast;
    ip_addr_t netmask;
    ip_addr_t broadcast; /* the network's; IP_ADDR_BROADCAST if it has none (/31, /32) */
    struct rate arp_defence; /* rate of ARP's announcements; guarded by the lock of ARP */
};

struct ip_route {
    ip_addr_t network;
    ip_addr_t netmask;
    ip_addr_t nexthop; /* gateway; IP_ADDR_ANY: none, the network is on the link */
    struct ip_iface *iface; /* NULL: a free entry */
};

/* A datagram's header on the wire, in network byte order. Options may follow. */
struct ip_hdr {
    uint8_t vhl; /* version, and header length in 32-bit words */
    uint8_t tos;
    uint16_t total; /* bytes of header and data */
    uint16_t id;
    uint16_t offset; /* flags, and fragment offset in units of 8 bytes */
    uint8_t ttl;
    uint8_t protocol;
    uint16_t sum;
    ip_addr_t src;
    ip_addr_t dst;
} __attribute__((packed));

static_assert(sizeof(struct ip_hdr) == IP_HDR_SIZE_MIN, "an IP header has 20 bytes");

#define IP_HDR_SIZE(hdr) ((size_t)((hdr)->vhl & 0x0f) << 2) /* bytes, options included */
#define IP_HDR_IS_FRAGMENT(hdr) \
    ((ntoh16((hdr)->offset) & (IP_HDR_FLAG_MF | IP_HDR_OFFSET_MASK)) != 0)

struct ip_stats {
    uint64_t received;         /* datagrams handed in by the devices */
    uint64_t delivered;        /* complete datagrams that passed every check */
    uint64_t too_short;        /* dropped: shorter than 20 bytes, or than its header length */
    uint64_t bad_version;      /* dropped: not version 4 */
    uint64_t bad_header;       /* dropped: header length below 20 */
    uint64_t bad_length;       /* dropped: total below header length, or above received length */
    uint64_t bad_option;       /* dropped: bad option length */
    uint64_t source_route;     /* dropped: a source route option (RFC 7126 4.3, 4.4) */
    uint64_t bad_checksum;     /* dropped: bad header checksum */
    uint64_t fragment;         /* fragments, handed to ip_frag */
    uint64_t no_iface;         /* dropped: the device has no IP interface */
    uint64_t link_broadcast;   /* dropped: unicast in a link-layer broadcast, RFC 1122 3.3.6 */
    uint64_t bad_source;       /* dropped: source not a host's address, or one of ours */
    uint64_t not_for_us;       /* dropped: addressed to another host */
    uint64_t sent;             /* datagrams accepted by a device, or waiting for ARP */
    uint64_t fragments_sent;   /* of datagrams longer than the MTU */
    uint64_t send_failed;      /* not sent: too long, no memory, or refused by ARP or the device */
    uint64_t no_route;         /* not sent: no route, or the source is not our address */
    uint64_t unknown_protocol; /* dropped: no handler for the protocol number */
};

MICROPS_END

/* Registers IP with the net core. Returns 0 or -1. */
int ip_init(void);
/* Forgets interfaces, routes and protocols. */
void ip_shutdown(void);

MICROPS_BEGIN

/* Converts text such as 192.0.2.1 to an address. Returns 0, or -1 for any other text. */
int ip_addr_pton(const char *p, ip_addr_t *n);
/* Writes an address as text to p, size bytes. Returns p, or NULL if size is below
 * IP_ADDR_STR_LEN. */
char *ip_addr_ntop(ip_addr_t n, char *p, size_t size);
/* Converts text such as 192.0.2.1:7 to an endpoint. Returns 0, or -1 for any other text. */
int ip_endp_pton(const char *p, ip_endp_t *n);
/* Writes an endpoint as text to p, size bytes. Returns p, or NULL if size is below
 * IP_ENDP_STR_LEN. */
char *ip_endp_ntop(const ip_endp_t *n, char *p, size_t size);

/* Returns a new interface; addr and netmask are text. NULL: bad text, no memory. */
struct ip_iface *ip_iface_alloc(const char *addr, const char *netmask);
/* Gives a device its IP interface, with a route to its network. Call before net_run. Returns 0, or
 * -1 (it has one already; the route table is full): iface stays the caller's. */
int ip_iface_register(struct net_device *dev, struct ip_iface *iface);
/* Returns the interface whose unicast address is addr (network byte order), or NULL. */
struct ip_iface *ip_iface_select(ip_addr_t addr);
/* Returns whether addr (network byte order) may be one host's, seen from iface: not 0/8, multicast,
 * reserved, or a broadcast on any of our networks; 127/8 only on the loopback. */
int ip_addr_is_host(ip_addr_t addr, const struct ip_iface *iface);

/* Adds a route to network/netmask out of iface, through the gateway nexthop, or directly if that
 * is IP_ADDR_ANY; all in network byte order. network is any address in it. Of two routes to one
 * network, the one added first wins. Returns 0, or -1 (the table is full: ENOSPC). */
int ip_route_add(ip_addr_t network, ip_addr_t netmask, ip_addr_t nexthop, struct ip_iface *iface);
/* Adds a default route out of iface through gateway (text). Each interface may have one, for
 * datagrams from its address; those without a source take the first added. Returns 0, or -1 (bad
 * text; the table is full: ENOSPC). */
int ip_route_set_default_gateway(struct ip_iface *iface, const char *gateway);
/* Copies the route at index, below IP_ROUTE_SIZE. Returns 0, or -1 if there is none. */
int ip_route_get_view(size_t index, struct ip_route *view);
/* Returns the interface of the route to dst (network byte order), or of dst itself if that is our
 * address. NULL: no route. */
struct ip_iface *ip_route_get_iface(ip_addr_t dst);
/* The same for datagrams from src, one of our addresses: prefers routes out of src's interface.
 * RFC 1122 3.3.4.2 */
struct ip_iface *ip_route_get_iface_from(ip_addr_t src, ip_addr_t dst);

/* Registers the handler of an IP protocol number. Call before net_run. The handler borrows header,
 * data (without header, options and padding) and interface for the call. Returns 0, or -1
 * (registered already, no memory). */
int ip_protocol_register(uint8_t protocol,
                         void (*handler)(const struct ip_hdr *iphdr, const uint8_t *data,
                                         size_t len, struct ip_iface *iface));

/* Sets the error handler of a registered protocol. It borrows the header and first 8 data bytes of
 * the datagram that failed; a forged ICMP error may quote one that was never sent. errnum is an
 * errno; hard: the error is certain, and likely to last. RFC 9293 3.9.2.2 */
void ip_error_register(uint8_t protocol,
                       void (*handler)(const struct ip_hdr *iphdr, const uint8_t *data, int errnum,
                                       int hard));
/* For ICMP: calls the protocol's error handler. Returns 0, or -1 if there is none. */
int ip_error_input(const struct ip_hdr *iphdr, const uint8_t *data, int errnum, int hard);
/* For ARP: reports that the next hop of a datagram to send, len bytes with its header, did not
 * answer: calls the protocol's error handler with EHOSTUNREACH, hard. */
void ip_unreachable(const uint8_t *data, size_t len);

/* Sends len bytes of an IP protocol from src to dst (network byte order). src is one of our
 * addresses: routes out of its interface are preferred; or IP_ADDR_ANY: the route determines it.
 * The loopback carries datagrams to our own addresses. Returns len (also if ARP must resolve
 * first), or -1: EMSGSIZE above IP_MMS_S, ENETUNREACH, EADDRNOTAVAIL, ENOMEM, ENOBUFS (no ARP
 * entry), or the device's errno. */
ssize_t ip_output(uint8_t protocol, const uint8_t *data, size_t len, ip_addr_t src, ip_addr_t dst);
/* Returns the checksum over the pseudo-header (src and dst in network byte order) and len bytes of
 * header and data; 0 if they hold the right one. RFC 768, RFC 9293 3.1 */
uint16_t ip_pseudo_cksum(uint8_t protocol, const void *data, size_t len, ip_addr_t src,
                         ip_addr_t dst);
/* Copies the counters. */
void ip_get_stats(struct ip_stats *stats);

MICROPS_END

#endif
