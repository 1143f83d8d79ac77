/*
 * The demonstration of step 18: a UDP datagram finds its endpoint by port.
 * Port 7 is bound. Once a second a datagram for it is queued there: nothing receives it before step
 * 19. Then comes a copy for port 9, which is not bound: the log shows an ICMP error go out and come
 * in (type 3, code 3). From the host (`make tap`): nc -u 192.0.2.2 7
 * Ctrl-C ends the program.
 */

#include <signal.h>
#include <string.h>
#include <time.h>

#include "driver/ether_tap.h"
#include "driver/loopback.h"
#include "ip.h"
#include "net.h"
#include "udp.h"
#include "util.h"

/* The packet's data in a UDP datagram from port 49152 to port 7. With the IP header it has 48 bytes
 * again. */
static const uint8_t datagram[] = {
    0xc0, 0x00, 0x00, 0x07, 0x00, 0x1c, 0x93, 0xce, 0x70, 0x69, 0x6e, 0x67, 0x21, 0x70,
    0x6f, 0x6e, 0x67, 0x3f, 0x70, 0x69, 0x6e, 0x67, 0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f,
};

#define DST 3 /* offsets: the low bytes of port and checksum */
#define SUM 7

static sigset_t sigint;

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
    struct ip_iface *iface;

    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    sigprocmask(SIG_BLOCK, &sigint, NULL); /* taken by sigtimedwait alone */
    if (net_init() == -1 || !attach(loopback_init(), "127.0.0.1", "255.0.0.0")) {
        return -1;
    }
    iface = attach(ether_tap_init("tap0", "00:00:5e:00:53:01"), "192.0.2.2", "255.255.255.0");
    if (!iface || ip_route_set_default_gateway(iface, "192.0.2.1") == -1) {
        return -1;
    }
    return net_run();
}

/* Binds port 7, and sends two datagrams once a second. */
static void demonstrate(void)
{
    uint8_t other[sizeof(datagram)];
    ip_endp_t local = {IP_ADDR_ANY, hton16(7)};
    int desc = udp_cmd_open();
    ip_addr_t self;

    ip_addr_pton("127.0.0.1", &self);
    if (desc == -1 || udp_cmd_bind(desc, &local) == -1) {
        errorf("cannot bind port 7");
        return;
    }
    memcpy(other, datagram, sizeof(datagram));
    other[DST] += 2; /* port 9; */
    other[SUM] -= 2; /* the checksum is the complement of the sum */
    do {
        ip_output(IP_PROTOCOL_UDP, datagram, sizeof(datagram), self, self);
        ip_output(IP_PROTOCOL_UDP, other, sizeof(other), self, self);
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
