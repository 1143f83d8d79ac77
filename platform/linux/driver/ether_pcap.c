#include "driver/ether_pcap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ether.h"
#include "net.h"
#include "platform.h"
#include "util.h"

#include "intr.h"

/*
 * ether_pcap: an Ethernet device on any interface of Linux, beside the kernel's own stack.
 *
 * A packet socket sees the frames that come in on an interface, as tcpdump does, and sends frames
 * out on it. The kernel goes on using the interface with its own address; ours is another one, so
 * the interface must take what is not addressed to it (promiscuous mode, which ends with the
 * socket).
 *
 * Between the wire and us the kernel and the hardware save work, and what they have left undone
 * stands before each frame (PACKET_VNET_HDR). Frames from this same machine (through a veth) may
 * lack their checksum, which nobody would have looked at: we finish it. Several segments of TCP may
 * have been joined to one, up to 64 KiB and above the MTU: it is taken as it is. Joined datagrams
 * of UDP are dropped, and a warning names the cure. A VLAN tag has been cut out and stands beside
 * the frame: it is not for us.
 */

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* older headers of the kernel lack it */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define READ_MAX 64 /* frames that one interrupt takes; then the others have their turn */
#define RECEIVE_BUFFER (4 * 1024 * 1024) /* bytes that the kernel keeps for us */
#define ASK_INTERVAL 1 /* seconds after which a change of the interface is noticed at the latest */

/* A frame as the kernel hands it over, and what it says about it. */
struct pcap_frame {
    struct virtio_net_hdr offload; /* what is unfinished or joined */
    uint8_t data[ETHER_JUMBO_SIZE_MAX];
    size_t len; /* bytes that there were; data has no more than fit */
    unsigned int pkttype;
    uint32_t status; /* TP_STATUS_: whether it is of a VLAN */
};

struct ether_pcap {
    char name[IFNAMSIZ];
    unsigned int irq;
    unsigned int asked;  /* the tick when the kernel was asked about the interface */
    unsigned int ifindex;
    atomic_int fd;       /* -1 unless the device is open */
    lock_t lock;         /* close takes it, and waits for the write of another thread */
    atomic_int down;     /* the interface is down, which has been logged */
    atomic_int gone;     /* it has been removed, which has been logged */
    atomic_int joined;   /* joined datagrams have been seen, which has been logged */
    struct pcap_frame frame; /* the interrupt's */
};

static struct ether_pcap_stats stats;
static unsigned int ticks; /* of the timer; the interrupt thread's alone */

/*
 * Open and close
 */

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value));
}

/* Prepares the socket and then binds it: until then it receives nothing. Returns 0, or -1. */
static int ether_pcap_attach(int fd, const struct ether_pcap *pcap)
{
    struct packet_mreq mreq = {
        .mr_ifindex = (int)pcap->ifindex,
        .mr_type = PACKET_MR_PROMISC,
    };
    struct sockaddr_ll addr = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = (int)pcap->ifindex,
    };

    if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) == -1) {
        return -1;
    }
    if (set_option(fd, SOL_PACKET, PACKET_AUXDATA, 1) == -1 ||
        set_option(fd, SOL_PACKET, PACKET_VNET_HDR, 1) == -1) {
        return -1;
    }
    /* These two may fail: ether_pcap_input looks, too, and a smaller buffer will do. */
    set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER);
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == -1) {
        return -1;
    }
    return intr_watch(fd, pcap->irq);
}

/* Takes over the MTU that the host has given the interface. */
static void ether_pcap_ask_mtu(struct net_device *dev)
{
    struct ether_pcap *pcap = dev->priv;
    struct ifreq ifr = {.ifr_mtu = 0};

    memcpy(ifr.ifr_name, pcap->name, sizeof(ifr.ifr_name));
    if (ioctl(atomic_load(&pcap->fd), SIOCGIFMTU, &ifr) == 0 && ifr.ifr_mtu > 0) {
        ether_set_mtu(dev, (unsigned int)ifr.ifr_mtu);
    }
}

static int ether_pcap_open(struct net_device *dev)
{
    struct ether_pcap *pcap = dev->priv;
    int fd, err;

    pcap->ifindex = if_nametoindex(pcap->name);
    if (!pcap->ifindex) {
        errorf("there is no interface %s, dev=%s", pcap->name, dev->name);
        errno = ENODEV;
        return -1;
    }
    fd = socket(PF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd == -1) {
        err = errno;
        errorf("socket(PF_PACKET): %s, dev=%s", strerror(err), dev->name);
        errno = err;
        return -1;
    }
    atomic_store(&pcap->fd, fd);
    if (ether_pcap_attach(fd, pcap) == -1) {
        err = errno;
        errorf("%s: %s, dev=%s", pcap->name, strerror(err), dev->name);
        atomic_store(&pcap->fd, -1);
        close(fd);
        errno = err;
        return -1;
    }
    ether_pcap_ask_mtu(dev);
    return 0;
}

static int ether_pcap_close(struct net_device *dev)
{
    struct ether_pcap *pcap = dev->priv;
    int fd;

    lock_acquire(&pcap->lock);
    fd = atomic_exchange(&pcap->fd, -1);
    lock_release(&pcap->lock);
    return close(fd);
}

/* The interface could not be read or written: says so once, not for each frame. */
static void ether_pcap_failed(struct net_device *dev, int err)
{
    struct ether_pcap *pcap = dev->priv;
    char name[IFNAMSIZ];

    if (err != ENETDOWN && err != ENXIO && err != ENODEV) {
        debugf("%s: %s, dev=%s", pcap->name, strerror(err), dev->name);
    } else if (if_indextoname(pcap->ifindex, name)) {
        if (!atomic_exchange(&pcap->down, 1)) {
            warnf("%s is down, dev=%s", pcap->name, dev->name);
        }
    } else if (!atomic_exchange(&pcap->gone, 1)) {
        count(dev->stats.gone);
        errorf("%s is gone, dev=%s", pcap->name, dev->name);
    }
}

static void ether_pcap_works(struct net_device *dev)
{
    struct ether_pcap *pcap = dev->priv;

    if (atomic_exchange(&pcap->down, 0)) {
        infof("%s is up again, dev=%s", pcap->name, dev->name);
    }
}

/*
 * Output
 */

/* Sends a frame with nothing left undone. Returns 0, or -1 with errno. */
static int ether_pcap_send(int fd, const uint8_t *frame, size_t flen)
{
    struct virtio_net_hdr offload = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
    struct iovec iov[] = {
        {.iov_base = &offload, .iov_len = sizeof(offload)},
        {.iov_base = (void *)(uintptr_t)frame, .iov_len = flen},
    };
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = countof(iov)};

    return sendmsg(fd, &msg, MSG_NOSIGNAL) == -1 ? -1 : 0;
}

static ssize_t ether_pcap_write(struct net_device *dev, const uint8_t *frame, size_t flen)
{
    struct ether_pcap *pcap = dev->priv;
    int ret, err;

    lock_acquire(&pcap->lock);
    ret = ether_pcap_send(atomic_load(&pcap->fd), frame, flen);
    err = errno;
    lock_release(&pcap->lock);
    if (ret == -1) {
        ether_pcap_failed(dev, err);
        errno = err == ENXIO || err == ENODEV ? ENETDOWN : err;
        return -1;
    }
    ether_pcap_works(dev);
    return (ssize_t)flen;
}

static int ether_pcap_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                             const void *dst)
{
    return ether_output(dev, type, data, len, dst, ether_pcap_write);
}

/*
 * Input
 */

/* The flags that came beside a frame. */
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
static int ether_pcap_read(int fd, struct pcap_frame *frame)
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

    len = recvmsg(fd, &msg, MSG_TRUNC); /* the true length, even of what does not fit */
    if (len == -1) {
        return -1;
    }
    frame->len = (size_t)len - sizeof(frame->offload);
    frame->pkttype = from.sll_pkttype;
    frame->status = ether_pcap_status(&msg);
    return 0;
}

/* Finishes a checksum. In its place stands the sum of the pseudo-header; where that is, and what
 * else is to be summed, the kernel says. */
static void complete_checksum(struct pcap_frame *frame)
{
    size_t start = frame->offload.csum_start, place = start + frame->offload.csum_offset;
    uint16_t sum;

    if (place + sizeof(sum) > frame->len) {
        return; /* TCP or UDP will find out what is wrong with it */
    }
    sum = cksum16(frame->data + start, frame->len - start, 0);
    if (!sum) {
        sum = 0xffff; /* zero says to UDP that there is none, RFC 768; to others it is the same */
    }
    memcpy(frame->data + place, &sum, sizeof(sum));
    count(stats.completed);
}

/* Several segments of TCP in one frame are a longer segment. Datagrams of UDP are not a longer
 * datagram. */
static int are_datagrams(const struct pcap_frame *frame)
{
    return (frame->offload.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_UDP_L4;
}

static int ether_pcap_joined(struct net_device *dev, const struct pcap_frame *frame)
{
    struct ether_pcap *pcap = dev->priv;

    if (!atomic_exchange(&pcap->joined, 1)) {
        warnf("datagrams of UDP joined to a frame of %zu bytes: try `ethtool -K %s "
              "tx-udp-segmentation off` at the other end, dev=%s",
              frame->len, pcap->name, dev->name);
    }
    return drop(stats.joined, "joined datagrams, dev=%s, flen=%zu", dev->name, frame->len);
}

/* The gate for a frame. Returns 0, or -1 when it is dropped. */
static int ether_pcap_check(struct net_device *dev, const struct pcap_frame *frame)
{
    if (frame->status & TP_STATUS_VLAN_VALID) {
        return drop(stats.tagged, "of a VLAN, dev=%s, flen=%zu", dev->name, frame->len);
    }
    if (frame->len > sizeof(frame->data)) {
        return drop(stats.too_long, "too long, dev=%s, flen=%zu", dev->name, frame->len);
    }
    if (are_datagrams(frame)) {
        return ether_pcap_joined(dev, frame);
    }
    return 0;
}

static int ether_pcap_input(struct net_device *dev, struct pcap_frame *frame)
{
    if (frame->pkttype == PACKET_OUTGOING) {
        return 0; /* the kernel's own, on its way out */
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

/* What the kernel tells by no signal is asked at each tick. */
static void ether_pcap_ask(struct net_device *dev)
{
    struct ether_pcap *pcap = dev->priv;

    if (pcap->asked != ticks) {
        pcap->asked = ticks;
        ether_pcap_ask_mtu(dev);
    }
}

/* The interrupt: frames have come, or the timer wants the kernel asked. */
static int ether_pcap_isr(unsigned int irq, void *arg)
{
    struct net_device *dev = arg;
    struct ether_pcap *pcap = dev->priv;
    int n, fd = atomic_load(&pcap->fd);

    if (fd == -1) { /* not open yet */
        return 0;
    }
    ether_pcap_ask(dev);
    for (n = 0; n < READ_MAX; n++) {
        if (ether_pcap_read(fd, &pcap->frame) == 0) {
            ether_pcap_works(dev);
            ether_pcap_input(dev, &pcap->frame);
        } else if (errno != EAGAIN) {
            ether_pcap_failed(dev, errno); /* said once; frames may still wait */
        } else {
            return 0; /* that was all */
        }
    }
    return intr_raise(irq); /* there may be more */
}

/* The timer: all devices are asked. */
static void ether_pcap_timer(void)
{
    ticks++;
    intr_raise(SIGIO);
}

static const struct net_device_ops ether_pcap_ops = {
    .open = ether_pcap_open,
    .close = ether_pcap_close,
    .output = ether_pcap_output,
};

/*
 * Setting up, as in ether_tap.c
 */

/* Sets dev->addr. Returns 0, or -1 for a bad text. */
static int ether_pcap_set_addr(struct net_device *dev, const char *addr)
{
    if (addr) {
        return ether_addr_pton(addr, dev->addr);
    }
    random_bytes(dev->addr, ETHER_ADDR_LEN);
    dev->addr[0] = (dev->addr[0] & 0xfc) | 0x02; /* one station's, and locally administered */
    return 0;
}

static struct ether_pcap *ether_pcap_alloc(const char *name)
{
    struct ether_pcap *pcap;

    if (strlen(name) >= sizeof(pcap->name)) {
        errorf("too long for the name of an interface: %s", name);
        return NULL;
    }
    pcap = memory_alloc(sizeof(*pcap));
    if (!pcap) {
        errorf("memory_alloc() failure");
        return NULL;
    }
    strcpy(pcap->name, name);
    atomic_init(&pcap->fd, -1);
    lock_init(&pcap->lock);
    return pcap;
}

/* Makes a device of dev, whose priv has been allocated. Returns 0 or -1. */
static int ether_pcap_setup(struct net_device *dev, const char *addr)
{
    struct ether_pcap *pcap = dev->priv;

    ether_setup_helper(dev);
    dev->mru = UINT16_MAX;
    dev->ops = &ether_pcap_ops;
    if (ether_pcap_set_addr(dev, addr) == -1) {
        errorf("not a hardware address: %s", addr);
        return -1;
    }
    pcap->irq = intr_free_irq();
    if (!pcap->irq) {
        return -1;
    }
    if (net_device_register(dev) == -1) {
        return -1;
    }
    return 0;
}

struct net_device *ether_pcap_init(const char *name, const char *addr)
{
    struct ether_pcap *pcap = ether_pcap_alloc(name);
    struct net_device *dev = pcap ? net_device_alloc() : NULL;

    if (dev) {
        dev->priv = pcap;
    }
    if (!dev || ether_pcap_setup(dev, addr) == -1) {
        memory_free(dev);
        memory_free(pcap);
        return NULL;
    }
    if (intr_register(pcap->irq, ether_pcap_isr, 0, dev) == -1 ||
        timer_register((struct timeval){.tv_sec = ASK_INTERVAL}, ether_pcap_timer) == -1) {
        return NULL;
    }
    infof("ethernet device initialized, dev=%s", dev->name);
    return dev;
}

void ether_pcap_get_stats(struct ether_pcap_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
