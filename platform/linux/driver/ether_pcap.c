#include "driver/ether_pcap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/ether_host.h"
#include "ether.h"
#include "ip.h"
#include "net.h"
#include "util.h"

/*
 * ether_pcap: an Ethernet device on any interface of Linux, beside the kernel's own stack.
 *
 * A packet socket receives the frames of an interface, as tcpdump does, and sends frames on it. The
 * kernel keeps using the interface with its own hardware address. The device has another one, so
 * the interface must accept frames to other stations: promiscuous mode, which ends with the socket.
 *
 * The kernel and the hardware leave work undone, which PACKET_AUXDATA describes in part:
 *
 *     missing checksum         from this same machine, through a veth: computed here
 *     joined segments          a frame above the MTU: dropped, and a warning names the remedy
 *     VLAN tag                 cut out of the frame, which is dropped
 */

#define RECEIVE_BUFFER (4 * 1024 * 1024) /* bytes that the kernel queues */

/* A received frame, and the kernel's description of it */
struct pcap_frame {
    uint8_t data[ETHER_JUMBO_SIZE_MAX];
    size_t len; /* of the whole frame, also if data is too small for it */
    unsigned int pkttype;
    uint32_t status; /* TP_STATUS_ */
};

struct ether_pcap {
    struct ether_host host;
    int too_long;            /* a frame above the MTU has come, and this is logged */
    struct pcap_frame frame; /* interrupt thread only, as is too_long */
};

struct pseudo_hdr {
    ip_addr_t src;
    ip_addr_t dst;
    uint8_t zero;
    uint8_t protocol;
    uint16_t len; /* in network byte order */
} __attribute__((packed));

static struct ether_pcap_stats stats;

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value));
}

/* Sets the options before bind, since the socket receives frames from then on. Returns 0 or -1. */
static int ether_pcap_attach(int fd, int ifindex)
{
    struct packet_mreq mreq = {
        .mr_ifindex = ifindex,
        .mr_type = PACKET_MR_PROMISC,
    };
    struct sockaddr_ll addr = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = ifindex,
    };

    if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) == -1) {
        return -1;
    }
    if (set_option(fd, SOL_PACKET, PACKET_AUXDATA, 1) == -1) {
        return -1;
    }
    /* These two may fail: ether_pcap_input checks as well, and a smaller buffer will do. */
    set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER);
    return bind(fd, (struct sockaddr *)&addr, sizeof(addr));
}

static int ether_pcap_connect(const struct ether_host *host)
{
    int fd = socket(PF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), err;

    if (fd == -1) {
        return -1;
    }
    if (ether_pcap_attach(fd, (int)atomic_load(&host->ifindex)) == -1) {
        err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

static int ether_pcap_write(int fd, const uint8_t *frame, size_t flen)
{
    return send(fd, frame, flen, MSG_NOSIGNAL) == -1 ? -1 : 0;
}

/*
 * Input
 */

/* Returns the TP_STATUS_ flags of a received frame. */
static uint32_t ether_pcap_status(struct msghdr *msg)
{
    struct tpacket_auxdata aux;
    struct cmsghdr *cmsg;

    for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
        if (cmsg->cmsg_level == SOL_PACKET && cmsg->cmsg_type == PACKET_AUXDATA) {
            memcpy(&aux, CMSG_DATA(cmsg), sizeof(aux));
            return aux.tp_status;
        }
    }
    return 0;
}

/* Takes the next frame. Returns 0, or -1 with errno. */
static int ether_pcap_receive(int fd, struct pcap_frame *frame)
{
    union {
        struct cmsghdr align;
        uint8_t buf[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    } control;
    struct sockaddr_ll from;
    struct iovec iov = {.iov_base = frame->data, .iov_len = sizeof(frame->data)};
    struct msghdr msg = {
        .msg_name = &from,
        .msg_namelen = sizeof(from),
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.buf,
        .msg_controllen = sizeof(control.buf),
    };
    ssize_t len;

    len = recvmsg(fd, &msg, MSG_TRUNC); /* returns the length of the whole frame */
    if (len == -1) {
        return -1;
    }
    frame->len = (size_t)len;
    frame->pkttype = from.sll_pkttype;
    frame->status = ether_pcap_status(&msg);
    return 0;
}

/* Returns the offset of the checksum in a header of this protocol, or 0. */
static size_t checksum_offset(uint8_t protocol)
{
    switch (protocol) {
    case IP_PROTOCOL_TCP:
        return 16;
    case IP_PROTOCOL_UDP:
        return 6;
    default:
        return 0;
    }
}

/* Computes the checksum of the TCP segment or UDP datagram in a whole IP datagram. Leaves fragments
 * and bad datagrams to IP. */
static void complete_checksum(uint8_t *data, size_t len)
{
    const struct ip_hdr *hdr = (const struct ip_hdr *)data;
    struct pseudo_hdr pseudo = {0};
    size_t hlen, total, offset;
    uint16_t sum;

    if (len < sizeof(*hdr)) {
        return;
    }
    hlen = IP_HDR_SIZE(hdr);
    total = ntoh16(hdr->total);
    offset = checksum_offset(hdr->protocol);
    if (hlen < sizeof(*hdr) || !offset || total < hlen + offset + sizeof(sum) || total > len) {
        return;
    }
    if (ntoh16(hdr->offset) & (IP_HDR_FLAG_MF | IP_HDR_OFFSET_MASK)) {
        return;
    }
    pseudo.src = hdr->src;
    pseudo.dst = hdr->dst;
    pseudo.protocol = hdr->protocol;
    pseudo.len = hton16((uint16_t)(total - hlen));
    memset(data + hlen + offset, 0, sizeof(sum));
    sum = (uint16_t)~cksum16(&pseudo, sizeof(pseudo), 0);
    sum = cksum16(data + hlen, total - hlen, sum);
    if (!sum && hdr->protocol == IP_PROTOCOL_UDP) {
        sum = 0xffff; /* zero means no checksum, RFC 768 */
    }
    memcpy(data + hlen + offset, &sum, sizeof(sum));
    count(stats.completed);
}

static int frame_is_ip(const struct pcap_frame *frame)
{
    const uint8_t *type = frame->data + ETHER_HDR_SIZE - 2; /* after the addresses */

    return frame->len >= ETHER_HDR_SIZE && (type[0] << 8 | type[1]) == NET_PROTOCOL_TYPE_IP;
}

static int ether_pcap_too_long(struct net_device *dev, const struct pcap_frame *frame)
{
    struct ether_pcap *pcap = dev->priv;

    if (!pcap->too_long) {
        pcap->too_long = 1;
        warnf("a frame of %zu bytes, perhaps joined from several: try "
              "`ethtool -K %s gro off gso off tso off` at both ends, dev=%s",
              frame->len, pcap->host.name, dev->name);
    }
    return drop(stats.too_long, "too long, dev=%s, flen=%zu", dev->name, frame->len);
}

/* Checks a frame. Returns 0, or -1 when it is dropped. */
static int ether_pcap_check(struct net_device *dev, const struct pcap_frame *frame)
{
    if (frame->status & TP_STATUS_VLAN_VALID) {
        return drop(stats.tagged, "VLAN tag, dev=%s, flen=%zu", dev->name, frame->len);
    }
    if (frame->len > ETHER_HDR_SIZE + (size_t)dev->mtu) {
        return ether_pcap_too_long(dev, frame);
    }
    return 0;
}

static int ether_pcap_input(struct net_device *dev, struct pcap_frame *frame)
{
    if (frame->pkttype == PACKET_OUTGOING) {
        return 0; /* sent by this host */
    }
    if (ether_pcap_check(dev, frame) == -1) {
        count(dev->stats.dropped);
        return -1;
    }
    if ((frame->status & TP_STATUS_CSUMNOTREADY) && frame_is_ip(frame)) {
        complete_checksum(frame->data + ETHER_HDR_SIZE, frame->len - ETHER_HDR_SIZE);
    }
    return ether_input(dev, frame->data, frame->len);
}

static int ether_pcap_read(struct net_device *dev, int fd)
{
    struct ether_pcap *pcap = dev->priv;

    if (ether_pcap_receive(fd, &pcap->frame) == -1) {
        return -1;
    }
    ether_pcap_input(dev, &pcap->frame);
    return 0;
}

static const struct ether_host_ops ether_pcap_ops = {
    .by = "PF_PACKET",
    .connect = ether_pcap_connect,
    .write = ether_pcap_write,
    .read = ether_pcap_read,
};

struct net_device *ether_pcap_init(const char *name, const char *addr)
{
    return ether_host_init(name, addr, &ether_pcap_ops, sizeof(struct ether_pcap));
}

void ether_pcap_get_stats(struct ether_pcap_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
