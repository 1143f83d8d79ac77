#include "driver/ether_pcap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/ether_host.h"
#include "ether.h"
#include "net.h"
#include "util.h"

/*
 * ether_pcap: an Ethernet device on any interface of Linux, beside the kernel's own stack.
 *
 * A packet socket receives the frames of an interface, as tcpdump does, and sends frames on it. The
 * kernel keeps using the interface with its own hardware address. The device has another one, so
 * the interface must accept frames to other stations: promiscuous mode, which ends with the socket.
 *
 * The kernel and the hardware leave work undone, which PACKET_VNET_HDR and PACKET_AUXDATA describe:
 *
 *     unfinished checksum      from this same machine, through a veth: completed here
 *     joined TCP segments      up to 64 KiB, above the MTU: taken as one segment (the device's MRU)
 *     joined UDP datagrams     dropped, and a warning names the remedy
 *     VLAN tag                 cut out of the frame, which is dropped
 */

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* missing in older kernel headers */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define RECEIVE_BUFFER (4 * 1024 * 1024) /* bytes that the kernel queues */

/* A received frame, and the kernel's description of it */
struct pcap_frame {
    struct virtio_net_hdr offload; /* unfinished checksum, joined segments */
    uint8_t data[ETHER_JUMBO_SIZE_MAX];
    size_t len; /* of the whole frame, also if data is too small for it */
    unsigned int pkttype;
    uint32_t status; /* TP_STATUS_: VLAN tag */
};

struct ether_pcap {
    struct ether_host host;
    int joined;              /* joined datagrams have come, and this is logged */
    struct pcap_frame frame; /* interrupt thread only, as is joined */
};

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
    if (set_option(fd, SOL_PACKET, PACKET_AUXDATA, 1) == -1 ||
        set_option(fd, SOL_PACKET, PACKET_VNET_HDR, 1) == -1) {
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

/* Sends a complete frame: nothing to finish, nothing to split. */
static int ether_pcap_write(int fd, const uint8_t *frame, size_t flen)
{
    struct virtio_net_hdr offload = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
    struct iovec iov[] = {
        {.iov_base = &offload, .iov_len = sizeof(offload)},
        {.iov_base = (void *)(uintptr_t)frame, .iov_len = flen},
    };
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = countof(iov)};

    return sendmsg(fd, &msg, MSG_NOSIGNAL) == -1 ? -1 : 0;
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
    struct iovec iov[] = {
        {.iov_base = &frame->offload, .iov_len = sizeof(frame->offload)},
        {.iov_base = frame->data, .iov_len = sizeof(frame->data)},
    };
    struct msghdr msg = {
        .msg_name = &from,
        .msg_namelen = sizeof(from),
        .msg_iov = iov,
        .msg_iovlen = countof(iov),
        .msg_control = control.buf,
        .msg_controllen = sizeof(control.buf),
    };
    ssize_t len;

    len = recvmsg(fd, &msg, MSG_TRUNC); /* returns the length of the whole frame */
    if (len == -1) {
        return -1;
    }
    frame->len = (size_t)len - sizeof(frame->offload);
    frame->pkttype = from.sll_pkttype;
    frame->status = ether_pcap_status(&msg);
    return 0;
}

/* Completes a checksum. Its field holds the sum of the pseudo-header; the kernel tells where the
 * field is, and where the data to be summed begins. */
static void complete_checksum(struct pcap_frame *frame)
{
    size_t start = frame->offload.csum_start, place = start + frame->offload.csum_offset;
    uint16_t sum;

    if (place + sizeof(sum) > frame->len) {
        return; /* TCP or UDP will drop it */
    }
    sum = cksum16(frame->data + start, frame->len - start, 0);
    if (!sum) {
        sum = 0xffff; /* in UDP zero means no checksum, RFC 768; elsewhere the two are equal */
    }
    memcpy(frame->data + place, &sum, sizeof(sum));
    count(stats.completed);
}

/* Joined TCP segments are a longer segment; joined UDP datagrams are not a longer datagram. */
static int frame_is_joined_udp(const struct pcap_frame *frame)
{
    return (frame->offload.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_UDP_L4;
}

static int ether_pcap_joined(struct net_device *dev, const struct pcap_frame *frame)
{
    struct ether_pcap *pcap = dev->priv;

    if (!pcap->joined) {
        pcap->joined = 1;
        warnf("UDP datagrams joined to a frame of %zu bytes on %s: turn off tx-udp-segmentation "
              "at the other end (ethtool -K), dev=%s",
              frame->len, pcap->host.name, dev->name);
    }
    return drop(stats.joined, "joined UDP datagrams, dev=%s, flen=%zu", dev->name, frame->len);
}

/* Checks a frame. Returns 0, or -1 when it is dropped. */
static int ether_pcap_check(struct net_device *dev, const struct pcap_frame *frame)
{
    if (frame->status & TP_STATUS_VLAN_VALID) {
        return drop(stats.tagged, "VLAN tag, dev=%s, flen=%zu", dev->name, frame->len);
    }
    if (frame->len > sizeof(frame->data)) {
        return drop(stats.too_long, "too long, dev=%s, flen=%zu", dev->name, frame->len);
    }
    if (frame_is_joined_udp(frame)) {
        return ether_pcap_joined(dev, frame);
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
    if (frame->offload.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        complete_checksum(frame);
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
    struct net_device *dev = ether_host_init(name, addr, &ether_pcap_ops,
                                             sizeof(struct ether_pcap));

    if (dev) {
        dev->mru = UINT16_MAX;
    }
    return dev;
}

void ether_pcap_get_stats(struct ether_pcap_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
