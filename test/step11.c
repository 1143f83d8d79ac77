/* Step 11: the TAP driver. The part common to Ethernet devices: framing, padding, filter. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "driver/ether_tap.h"
#include "ether.h"
#include "net.h"
#include "util.h"

/* The bench has no drivers for the host's interfaces, so they are part of this file. */
#include "platform/linux/driver/ether_host.c"
#include "platform/linux/driver/ether_tap.c"

#define TYPE 0x88b5

static const uint8_t ours[] = {0x00, 0x00, 0x5e, 0x00, 0x53, 0x01};
static const uint8_t peer[] = {0x00, 0x00, 0x5e, 0x00, 0x53, 0xfe};
static const uint8_t other[] = {0x00, 0x00, 0x5e, 0x00, 0x53, 0x02};
static const uint8_t group[] = {0x01, 0x00, 0x5e, 0x00, 0x00, 0x01};

static struct {
    int calls;
    size_t len;
    uint8_t data[ETHER_PAYLOAD_SIZE_MAX];
} seen;

static void handle(const uint8_t *data, size_t len, struct net_device *dev)
{
    (void)dev;
    seen.calls++;
    seen.len = len;
    memcpy(seen.data, data, len);
}

static struct net_device *start(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = wire_init(WIRE_ETHER);
    check_int(net_protocol_register(TYPE, handle), 0);
    check_int(net_run(), 0);
    return dev;
}

/* Injects a frame of flen bytes with the pattern as payload. */
static void inject_frame(const uint8_t *dst, const uint8_t *src, uint16_t type, size_t flen)
{
    uint8_t header[ETHER_HDR_SIZE];
    uint8_t *frame = malloc(flen + 1); /* malloc(0) may return NULL */

    check(frame != NULL);
    memcpy(header, dst, ETHER_ADDR_LEN);
    memcpy(header + 6, src, ETHER_ADDR_LEN);
    header[12] = type >> 8;
    header[13] = type & 0xff;
    memcpy(frame, header, flen < sizeof(header) ? flen : sizeof(header));
    if (flen > sizeof(header)) {
        pattern(frame + sizeof(header), 0, flen - sizeof(header));
    }
    inject_bytes(frame, flen);
    free(frame);
}

static void setup(void)
{
    struct net_device *dev = start();

    check_int(dev->type, NET_DEVICE_TYPE_ETHERNET);
    check_int(dev->mtu, 1500);
    check_int(dev->hlen, 14);
    check_int(dev->alen, 6);
    check(dev->flags & NET_DEVICE_FLAG_BROADCAST);
    check(dev->flags & NET_DEVICE_FLAG_NEED_ARP);
    check_mem(dev->broadcast, "\xff\xff\xff\xff\xff\xff", 6);
    check_mem(dev->addr, ours, 6);
}

static void framing(void)
{
    uint8_t frame[114] = {0x00, 0x00, 0x5e, 0x00, 0x53, 0xfe, 0x00, 0x00, 0x5e, 0x00, 0x53, 0x01,
                          0x88, 0xb5};
    struct net_device *dev = start();

    pattern(frame + 14, 0, 100);
    check_counted(ether, sent, 1, net_device_output(dev, TYPE, frame + 14, 100, peer));
    expect_bytes(frame, sizeof(frame));
}

/* Padding is zero, so that it does not disclose memory. */
static void padding(void)
{
    static const uint8_t zeros[46];
    uint8_t data[ETHER_PAYLOAD_SIZE_MAX], got[ETHER_FRAME_SIZE_MAX];
    struct net_device *dev = start();

    pattern(data, 0, sizeof(data));
    net_device_output(dev, TYPE, data, 1500, peer);
    take(0, got, sizeof(got));
    for (size_t len = 0; len < 46; len++) {
        check_int(net_device_output(dev, TYPE, data, len, peer), 0);
        check_int(take(0, got, sizeof(got)), 60);
        check_pattern(got + 14, 0, len);
        check_mem(got + 14 + len, zeros, 46 - len);
    }
}

static void output_sizes(void)
{
    static const size_t lengths[] = {46, 47, 59, 60, 1499, 1500};
    uint8_t data[1501], got[ETHER_FRAME_SIZE_MAX];
    struct net_device *dev = start();

    pattern(data, 0, sizeof(data));
    for (size_t i = 0; i < countof(lengths); i++) {
        check_int(net_device_output(dev, TYPE, data, lengths[i], peer), 0);
        check_int(take(0, got, sizeof(got)), 14 + lengths[i]);
        check_pattern(got + 14, 0, lengths[i]);
    }
    check_error(net_device_output(dev, TYPE, data, 1501, peer), EMSGSIZE);
    expect_nothing(0);
}

static void output_fails(void)
{
    struct net_device *dev = start();

    wire_fail_output(1);
    check_counted(ether, send_failed, 1,
                  check_int(net_device_output(dev, TYPE, (const uint8_t *)"x", 1, peer), -1));
    check_counted(ether, sent, 0, net_device_output(dev, TYPE, (const uint8_t *)"x", 1, peer));
    check_int(dev->stats.send_failed, 2);
}

static void output_no_dst(void)
{
    struct net_device *dev = start();

    check_counted(ether, send_failed, 1,
                  check_error(net_device_output(dev, TYPE, (const uint8_t *)"x", 1, NULL), EINVAL));
    expect_nothing(0);
}

static ssize_t write_less(struct net_device *dev, const uint8_t *frame, size_t flen)
{
    (void)dev;
    (void)frame;
    return (ssize_t)flen - 1;
}

static void output_cut(void)
{
    struct net_device *dev = start();

    check_counted(ether, send_failed, 1,
                  check_int(ether_output(dev, TYPE, seen.data, 1, peer, write_less), -1));
}

static void input(void)
{
    struct net_device *dev = start();

    check_counted(ether, received, 1, inject_frame(ours, peer, TYPE, 114));
    check_int(seen.calls, 1);
    check_int(seen.len, 100);
    check_pattern(seen.data, 0, 100);
    check_counted(ether, delivered, 1, inject_frame(ours, peer, TYPE, 60));
    check_int(seen.len, 46);
    check_int(dev->stats.received, 2);
    check_int(dev->stats.dropped, 0);
}

static void broadcast(void)
{
    start();
    check_counted(ether, delivered, 1, inject_frame(ETHER_ADDR_BROADCAST, peer, TYPE, 60));
    check_int(seen.calls, 1);
}

static void not_for_us(void)
{
    struct net_device *dev = start();
    uint8_t near[6];

    check_counted(ether, not_for_us, 1, inject_frame(other, peer, TYPE, 60));
    check_counted(ether, not_for_us, 1, inject_frame(group, peer, TYPE, 60));
    check_counted(ether, not_for_us, 1, inject_frame(ETHER_ADDR_ANY, peer, TYPE, 60));
    check_int(dev->stats.dropped, 3);
    for (size_t i = 0; i < 6; i++) {
        memcpy(near, ours, 6);
        near[i] ^= 0x80;
        check_counted(ether, not_for_us, 1, inject_frame(near, peer, TYPE, 60));
    }
    check_int(dev->stats.dropped, 9);
    check_int(dev->stats.received, 0);
    check_int(seen.calls, 0);
}

static void bad_source(void)
{
    start();
    check_counted(ether, bad_source, 1, inject_frame(ours, group, TYPE, 60));
    check_counted(ether, bad_source, 1, inject_frame(ours, ETHER_ADDR_BROADCAST, TYPE, 60));
    check_counted(ether, bad_source, 1, inject_frame(ours, ours, TYPE, 60));
    check_counted(ether, bad_source, 1, inject_frame(ETHER_ADDR_BROADCAST, ours, TYPE, 60));
    check_int(seen.calls, 0);
}

static void runts(void)
{
    start();
    for (size_t flen = 0; flen < ETHER_HDR_SIZE; flen++) {
        check_counted(ether, too_short, 1, inject_frame(ours, peer, TYPE, flen));
    }
    check_int(seen.calls, 0);
    for (size_t flen = ETHER_HDR_SIZE; flen <= 60; flen++) { /* a TAP does not pad */
        inject_frame(ours, peer, TYPE, flen);
        check_int(seen.len, flen - ETHER_HDR_SIZE);
    }
    check_int(seen.calls, 60 - ETHER_HDR_SIZE + 1);
}

static void giants(void)
{
    start();
    check_counted(ether, delivered, 1, inject_frame(ours, peer, TYPE, 1514));
    check_int(seen.len, 1500);
    check_counted(ether, too_long, 1, inject_frame(ours, peer, TYPE, 1515));
    check_counted(ether, too_long, 1, inject_frame(ours, peer, TYPE, 1518));
    check_int(seen.calls, 1);
}

static void types(void)
{
    start();
    check_counted(net, unknown_protocol, 1, inject_frame(ours, peer, 0xb588, 60)); /* swapped */
    check_counted(net, unknown_protocol, 1, inject_frame(ours, peer, 0x8100, 60)); /* VLAN */
    check_counted(net, unknown_protocol, 1, inject_frame(ours, peer, 46, 60)); /* 802.3: a length */
    check_int(seen.calls, 0);
}

/*
 * The driver. A socket takes the place of /dev/net/tun: each message is a frame
 */

static int ends[2]; /* the driver's, and the host's */

unsigned int intr_free_irq(void)
{
    return INTR_IRQ_BASE + 1;
}

int intr_watch(int fd, unsigned int irq)
{
    (void)fd;
    (void)irq;
    return 0;
}

static int connect_socket(const struct ether_host *host)
{
    (void)host;
    check_int(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    return ends[0];
}

static struct net_device *start_tap(void)
{
    static struct ether_host_ops ops;
    struct net_device *dev;
    struct ether_host *host;

    check_int(net_init(), 0);
    dev = ether_tap_init("lo", "00:00:5e:00:53:01"); /* the name of an interface that exists */
    check(dev != NULL);
    host = dev->priv;
    ops = *host->ops;
    ops.connect = connect_socket;
    host->ops = &ops;
    check_int(net_protocol_register(TYPE, handle), 0);
    check_int(net_run(), 0);
    return dev;
}

/* The host sends a frame of flen bytes to our station. */
static void send_frame(size_t flen)
{
    uint8_t frame[ETHER_FRAME_SIZE_MAX] = {0};

    memcpy(frame, ours, ETHER_ADDR_LEN);
    memcpy(frame + 6, peer, ETHER_ADDR_LEN);
    frame[12] = TYPE >> 8;
    frame[13] = TYPE & 0xff;
    pattern(frame + ETHER_HDR_SIZE, 0, flen - ETHER_HDR_SIZE);
    check_int(write(ends[1], frame, flen), flen);
}

static void tap_read(void)
{
    struct net_device *dev = start_tap();
    const struct ether_host *host = dev->priv;

    send_frame(60);
    send_frame(1514);
    check_int(host->ops->read(dev, ends[0]), 0);
    settle();
    check_int(seen.calls, 1);
    check_int(seen.len, 46);
    check_int(host->ops->read(dev, ends[0]), 0);
    settle();
    check_int(seen.calls, 2);
    check_int(seen.len, 1500);
    check_pattern(seen.data, 0, 1500);
    check_error(host->ops->read(dev, ends[0]), EAGAIN);
    close(ends[1]);
}

/* The kernel signals a frame only when it arrives: what an interrupt leaves, the next must take. */
static void tap_interrupt(void)
{
    static const int bursts[] = {1, 2, 64, 65, 150};
    struct net_device *dev = start_tap();
    const struct ether_host *host = dev->priv;

    for (size_t i = 0; i < countof(bursts); i++) {
        seen.calls = 0;
        for (int n = 0; n < bursts[i]; n++) {
            send_frame(60);
        }
        intr_raise(host->irq);
        settle();
        check_int(seen.calls, bursts[i]);
    }
    check_int(dev->stats.gone, 0);
    close(ends[1]);
}

static int read_fails(struct net_device *dev, int fd)
{
    (void)dev;
    (void)fd;
    errno = EIO; /* what a TAP interface that is down says */
    return -1;
}

static void tap_read_fails(void)
{
    struct net_device *dev = start_tap();
    struct ether_host *host = dev->priv;
    static struct ether_host_ops ops;

    ops = *host->ops;
    ops.read = read_fails;
    host->ops = &ops;
    for (int i = 0; i < 3; i++) {
        intr_raise(host->irq);
        settle();
    }
    check_int(logged_times("lo is down"), 1);
    close(ends[1]);
}

BENCH(11,
      {"an Ethernet device has type, MTU, header and address length, flags, addresses", setup},
      {"a frame begins with destination, source and type [1122-2.3.3a 1122-2.3.3c 1122-2.3.1]",
       framing},
      {"a frame with a short payload is padded to 60 bytes, with zeros", padding},
      {"payloads of 46 to 1500 bytes are not padded; longer ones fail with EMSGSIZE", output_sizes},
      {"a frame that the driver fails to send is counted", output_fails},
      {"without a destination a frame is not sent, and the error is EINVAL", output_no_dst},
      {"a frame that the driver writes in part is counted as not sent", output_cut},
      {"a frame to our address reaches the handler once, without its header", input},
      {"a broadcast frame reaches the handler", broadcast},
      {"frames to other stations and to groups are dropped and counted", not_for_us},
      {"frames from a group or from our own address are dropped and counted", bad_source},
      {"frames shorter than a header are dropped and counted", runts},
      {"frames longer than the MTU allows are dropped and counted", giants},
      {"a frame of unregistered type is dropped and counted", types},
      {"ether_tap_read takes one frame, whole, and fails with EAGAIN when there is none",
       tap_read},
      {"an interrupt leaves no frame that has arrived, be there 1 or 150", tap_interrupt},
      {"an interrupt that cannot read reports the interface once", tap_read_fails})
