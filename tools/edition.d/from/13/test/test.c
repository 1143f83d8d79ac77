/*
 * The demonstration of step 13: the ARP cache holds the neighbour.
 * At first the packet goes to all stations, as in step 12. The host asks for our address, and the
 * log shows the host's in arp_cache_set. From then on ip_output finds it in the cache: ether_output
 * sends the packet to the host alone. Without an entry ip_output fails. Needs `make tap`.
 * Ctrl-C ends the program.
 */

#include <signal.h>
#include <time.h>

#include "driver/ether_tap.h"
#include "ether.h"
#include "ip.h"
#include "net.h"
#include "util.h"

/* The packet: an IP datagram of 48 bytes with an ICMP echo request, from 192.0.2.2
 * to 192.0.2.1, the host: addresses of the loopback device may not be on a wire. */
static const uint8_t packet[] = {
    0x45, 0x00, 0x00, 0x30, 0x00, 0x01, 0x00, 0x00, 0x40, 0x01, 0xf6, 0xc8, 0xc0, 0x00, 0x02, 0x02,
    0xc0, 0x00, 0x02, 0x01, 0x08, 0x00, 0x4a, 0x20, 0x00, 0x01, 0x00, 0x01, 0x70, 0x69, 0x6e, 0x67,
    0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f, 0x70, 0x69, 0x6e, 0x67, 0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f,
};

#define HDR_SIZE IP_HDR_SIZE_MIN /* before the ICMP message */

static sigset_t sigint;
static struct net_device *tap;

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
    tap = ether_tap_init("tap0", "00:00:5e:00:53:01");
    if (!attach(tap, "192.0.2.2", "255.255.255.0")) {
        return -1;
    }
    return net_run();
}

/* Sends the packet once a second. */
static void demonstrate(void)
{
    ip_addr_t host;

    ip_addr_pton("192.0.2.1", &host);
    do {
        if (ip_output(IP_PROTOCOL_ICMP, packet + HDR_SIZE, sizeof(packet) - HDR_SIZE, IP_ADDR_ANY,
                      host) == -1) {
            net_device_output(tap, NET_PROTOCOL_TYPE_IP, packet, sizeof(packet),
                              ETHER_ADDR_BROADCAST);
        }
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
