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
#define IP_MMS_R IP_PAYLOAD_SIZE_MAX /* what a transport may get in one piece, RFC 1122 3.3.2 */
#define IP_MMS_S IP_PAYLOAD_SIZE_MAX /* and send, RFC 1122 3.3.3: in fragments, if need be */
#define IP_MTU_MIN 68 /* each link carries that, RFC 791 3.2; over one that does not nothing goes */

#define IP_ROUTE_SIZE 32 /* routes; one more is refused */

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
    struct net_iface iface; /* the first field: both have one address */
    struct ip_iface *next;
    ip_addr_t unicast;
    ip_addr_t netmask;
    ip_addr_t broadcast; /* of its network; IP_ADDR_BROADCAST if that has none (/31, /32) */
    struct rate arp_defence; /* limits ARP's announcements of the address; guarded by its lock */
};

struct ip_route {
    ip_addr_t network;
    ip_addr_t netmask;
    ip_addr_t nexthop; /* the gateway, or IP_ADDR_ANY: deliver directly */
    struct ip_iface *iface; /* NULL: this place is free */
};

/* A datagram's header on the wire, all in network byte order. Its options, if any, follow. */
struct ip_hdr {
    uint8_t vhl; /* version and header length in words of 32 bits */
    uint8_t tos;
    uint16_t total; /* bytes of header and data */
    uint16_t id;
    uint16_t offset; /* flags, and the fragment's offset in units of 8 bytes */
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
    uint64_t delivered;        /* datagrams that passed every check, and are whole */
    uint64_t too_short;        /* dropped: shorter than a header, or than the header it announces */
    uint64_t bad_version;      /* dropped: not version 4 */
    uint64_t bad_header;       /* dropped: a header length below 20 */
    uint64_t bad_length;       /* dropped: total length below the header's, or above what came */
    uint64_t bad_option;       /* dropped: an option's length cannot be */
    uint64_t source_route;     /* dropped: wants a route of its own (RFC 7126 4.3, 4.4) */
    uint64_t bad_checksum;     /* dropped: damaged header */
    uint64_t fragment;         /* not whole: handed to ip_frag */
    uint64_t no_iface;         /* dropped: the device has no IP interface */
    uint64_t link_broadcast;   /* dropped: for us alone, in a frame to all stations */
    uint64_t bad_source;       /* dropped: from nobody, from many, or in our name */
    uint64_t not_for_us;       /* dropped: addressed to another host */
    uint64_t sent;             /* datagrams taken by a device, or waiting for ARP's answer */
    uint64_t fragments_sent;   /* of those that are longer than the MTU */
    uint64_t send_failed;      /* not sent: too long, no memory, or refused by the device */
    uint64_t no_route;         /* not sent: no interface leads to the destination */
    uint64_t unknown_protocol; /* dropped: no handler for the protocol number */
};

MICROPS_END

/* Registers IP with the net core. Returns 0 or -1. */
int ip_init(void);
/* Forgets interfaces, routes and protocols. */
void ip_shutdown(void);

MICROPS_BEGIN

/* Text to address, as in 192.0.2.1. Returns 0, or -1 for any other text. */
int ip_addr_pton(const char *p, ip_addr_t *n);
/* Address to text, in a buffer of size bytes. Returns p, or NULL when size is below
 * IP_ADDR_STR_LEN. */
char *ip_addr_ntop(ip_addr_t n, char *p, size_t size);
/* Text to endpoint, as in 192.0.2.1:7. Returns 0, or -1 for any other text. */
int ip_endp_pton(const char *p, ip_endp_t *n);
/* Endpoint to text, in a buffer of size bytes. Returns p, or NULL when size is below
 * IP_ENDP_STR_LEN. */
char *ip_endp_ntop(const ip_endp_t *n, char *p, size_t size);

/* Returns an interface with this address and mask, both as text, or NULL (bad text, no memory). */
struct ip_iface *ip_iface_alloc(const char *addr, const char *netmask);
/* Gives a device its IP interface, before net_run. Returns 0, or -1 (it has one already): then
 * iface stays the caller's. */
int ip_iface_register(struct net_device *dev, struct ip_iface *iface);
/* Returns the interface whose unicast address is addr (network byte order), or NULL. */
struct ip_iface *ip_iface_select(ip_addr_t addr);
/* Can addr (network byte order) be one host's, seen from iface? Not 0/8, not multicast or reserved,
 * not a broadcast on any of our networks; 127/8 only on the loopback. */
int ip_addr_is_host(ip_addr_t addr, const struct ip_iface *iface);

/* Adds a route to network/netmask (network byte order) through the gateway nexthop, or directly out
 * of iface when nexthop is IP_ADDR_ANY. Returns 0, or -1 (the table is full: ENOSPC). */
int ip_route_add(ip_addr_t network, ip_addr_t netmask, ip_addr_t nexthop, struct ip_iface *iface);
/* Sends what no other route covers to gateway (as text), reached through iface. Each interface may
 * have one, for what has its address; what has none yet goes to the first that was given. Returns
 * 0, or -1 (bad text; the table is full: ENOSPC). */
int ip_route_set_default_gateway(struct ip_iface *iface, const char *gateway);
/* Copies the route at index, which ends at IP_ROUTE_SIZE. Returns 0, or -1 if there is none. */
int ip_route_get_view(size_t index, struct ip_route *view);
/* Returns the interface that leads to dst (network byte order), for one of our own addresses that
 * which has it; or NULL when there is no route. */
struct ip_iface *ip_route_get_iface(ip_addr_t dst);
/* The same for what comes from src, an address of ours: of the routes to dst, one out of the
 * interface that has src, or else any. RFC 1122 3.3.4.2 */
struct ip_iface *ip_route_get_iface_from(ip_addr_t src, ip_addr_t dst);

/* Registers the handler of an IP protocol number, before net_run. The handler gets the header, the
 * data without header, options and padding, and the interface; all are borrowed for the call.
 * Returns 0, or -1. */
int ip_protocol_register(uint8_t protocol,
                         void (*handler)(const struct ip_hdr *iphdr, const uint8_t *data,
                                         size_t len, struct ip_iface *iface));

/* Names who is told of errors about datagrams of ours of a registered protocol: gets the header and
 * the 8 bytes behind it, as far as they can be believed, what has happened as an errno, and whether
 * it is hard: sure, and likely to stay so. RFC 9293 3.9.2.2 */
void ip_error_register(uint8_t protocol,
                       void (*handler)(const struct ip_hdr *iphdr, const uint8_t *data, int errnum,
                                       int hard));
/* Tells him. ICMP calls it. Returns 0, or -1 when there is nobody. */
int ip_error_input(const struct ip_hdr *iphdr, const uint8_t *data, int errnum, int hard);
/* The same for a datagram of ours, len bytes in all, whose next hop has not answered ARP: that is
 * EHOSTUNREACH, and hard. ARP calls it. */
void ip_unreachable(const uint8_t *data, size_t len);

/* Sends len bytes of an IP protocol from src to dst (network byte order). src is one of our
 * addresses, whose interface's routes come first, or IP_ADDR_ANY: then the route chooses. What is
 * for us goes over the loopback device. Returns len (also when the datagram waits for ARP's
 * answer), or -1: EMSGSIZE above IP_MMS_S, ENETUNREACH, EADDRNOTAVAIL, ENOMEM, or the device's. */
ssize_t ip_output(uint8_t protocol, const uint8_t *data, size_t len, ip_addr_t src, ip_addr_t dst);
/* Returns the checksum over the pseudo-header (src and dst in network byte order) and len bytes of
 * header and data; 0 if they hold the right one. RFC 768, RFC 9293 3.1 */
uint16_t ip_pseudo_cksum(uint8_t protocol, const void *data, size_t len, ip_addr_t src,
                         ip_addr_t dst);
/* Copies the counters. */
void ip_get_stats(struct ip_stats *stats);

MICROPS_END

#endif
