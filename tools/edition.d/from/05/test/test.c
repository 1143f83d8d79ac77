/*
 * The demonstration of step 05: the packet is addressed to us.
 * Once a second ip_input logs the fields of the packet, since 127.0.0.1 is our address. Then a copy
 * comes to 127.0.0.2, with the right checksum: it is not for us, and ip_input drops it.
 * Ctrl-C ends the program.
 */

#include <signal.h>
#include <string.h>
#include <time.h>

#include "driver/loopback.h"
#include "ip.h"
#include "net.h"
#include "util.h"

/* The packet: an IP datagram of 48 bytes with an ICMP echo request, from 127.0.0.1
 * to itself. */
static const uint8_t packet[] = {
    0x45, 0x00, 0x00, 0x30, 0x00, 0x01, 0x00, 0x00, 0x40, 0x01, 0x7c, 0xca, 0x7f, 0x00, 0x00, 0x01,
    0x7f, 0x00, 0x00, 0x01, 0x08, 0x00, 0x4a, 0x20, 0x00, 0x01, 0x00, 0x01, 0x70, 0x69, 0x6e, 0x67,
    0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f, 0x70, 0x69, 0x6e, 0x67, 0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f,
};

#define SUM 10 /* offsets in the header */
#define DST 16

static sigset_t sigint;
static struct net_device *loopback;

/* Waits a second for SIGINT. Returns whether it arrived. */
static int interrupted(void)
{
    struct timespec second = {.tv_sec = 1};

    return sigtimedwait(&sigint, NULL, &second) == SIGINT;
}

/* Gives a device its IP interface. Returns the interface, or NULL. */
static struct ip_iface *attach(struct net_device *dev, const char *addr, const char *netmask)
{
    struct ip_iface *iface = dev ? ip_iface_alloc(addr, netmask) : NULL;

    return iface && ip_iface_register(dev, iface) != -1 ? iface : NULL;
}

static int setup(void)
{
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    sigprocmask(SIG_BLOCK, &sigint, NULL); /* taken by sigtimedwait alone */
    if (net_init() == -1) {
        return -1;
    }
    loopback = loopback_init();
    if (!attach(loopback, "127.0.0.1", "255.0.0.0")) {
        return -1;
    }
    return net_run();
}

/* Sends the packet once a second. */
static void demonstrate(void)
{
    uint8_t stray[sizeof(packet)];

    memcpy(stray, packet, sizeof(packet));
    stray[DST + 3]++; /* the last byte of the address; */
    stray[SUM + 1]--; /* the checksum is the complement of the sum */
    do {
        net_device_output(loopback, NET_PROTOCOL_TYPE_IP, packet, sizeof(packet), NULL);
        net_device_output(loopback, NET_PROTOCOL_TYPE_IP, stray, sizeof(stray), NULL);
    } while (!interrupted());
}

int main(void)
{
    if (setup() == -1) {
        errorf("setup failed");
        return 1;
    }
    demonstrate();
    return net_shutdown() == -1 ? 1 : 0;
}
