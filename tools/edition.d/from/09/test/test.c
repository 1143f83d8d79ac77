/*
 * The demonstration of step 09: the packet is answered.
 * Once a second the log shows the echo request go out and come in (type 8), and then the reply go
 * out and come in (type 0) with the same ID and number. Then the same data comes as protocol 253:
 * as nothing handles it, an error goes out and comes in (type 3).
 * Ctrl-C ends the program.
 */

#include <signal.h>
#include <time.h>

#include "driver/loopback.h"
#include "icmp.h"
#include "ip.h"
#include "net.h"
#include "util.h"

/* The packet's data. icmp_output and ip_output put headers of 8 and 20 bytes before it, so that the
 * datagram has its 48 bytes. */
static const uint8_t data[] = {
    0x70, 0x69, 0x6e, 0x67, 0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f,
    0x70, 0x69, 0x6e, 0x67, 0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f,
};

#define ID_AND_SEQ hton32(1 << 16 | 1) /* of the packet: both are 1 */

#define OTHER_PROTOCOL 253 /* for experiments */

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
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    sigprocmask(SIG_BLOCK, &sigint, NULL); /* taken by sigtimedwait alone */
    if (net_init() == -1 || !attach(loopback_init(), "127.0.0.1", "255.0.0.0")) {
        return -1;
    }
    return net_run();
}

/* Sends the packet once a second. */
static void demonstrate(void)
{
    ip_addr_t self;

    ip_addr_pton("127.0.0.1", &self);
    do {
        icmp_output(ICMP_TYPE_ECHO, 0, ID_AND_SEQ, data, sizeof(data), self, self);
        ip_output(OTHER_PROTOCOL, data, sizeof(data), self, self);
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
