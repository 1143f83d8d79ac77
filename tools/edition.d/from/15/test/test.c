/*
 * The demonstration of step 15: input waits in a queue until the softirq.
 * Once a second the handler of an interrupt sends the packet through the loopback device. In step
 * 14 ip_input and the reply would come before icmp_output returns. Now net_input queues the packet:
 * the log shows "returned" first, then ip_input, since the softirq runs after the handler, on the
 * same thread. On tap0 (`make tap`) the stack answers ping 192.0.2.2.
 * Ctrl-C ends the program.
 */

#include <signal.h>
#include <time.h>

#include "driver/ether_tap.h"
#include "driver/loopback.h"
#include "icmp.h"
#include "ip.h"
#include "net.h"
#include "platform.h"
#include "util.h"

/* The packet's data. icmp_output and ip_output put headers of 8 and 20 bytes before it, so that the
 * datagram has its 48 bytes. */
static const uint8_t data[] = {
    0x70, 0x69, 0x6e, 0x67, 0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f,
    0x70, 0x69, 0x6e, 0x67, 0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f,
};

#define ID_AND_SEQ hton32(1 << 16 | 1) /* of the packet: both are 1 */

#define IRQ (INTR_IRQ_BASE + 1) /* another than that of tap0 */

static sigset_t sigint;

/* Waits a second for SIGINT. Returns whether it arrived. */
static int interrupted(void)
{
    struct timespec second = {.tv_sec = 1};

    return sigtimedwait(&sigint, NULL, &second) == SIGINT;
}

/* On the interrupt thread: sends the packet. */
static int send_packet(unsigned int irq, void *arg)
{
    ip_addr_t self;

    (void)irq;
    (void)arg;
    ip_addr_pton("127.0.0.1", &self);
    icmp_output(ICMP_TYPE_ECHO, 0, ID_AND_SEQ, data, sizeof(data), self, self);
    infof("icmp_output has returned");
    return 0;
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
    if (net_init() == -1 || !attach(loopback_init(), "127.0.0.1", "255.0.0.0") ||
        !attach(ether_tap_init("tap0", "00:00:5e:00:53:01"), "192.0.2.2", "255.255.255.0") ||
        intr_register(IRQ, send_packet, 0, NULL) == -1) {
        return -1;
    }
    return net_run();
}

/* Raises the interrupt once a second. */
static void demonstrate(void)
{
    do {
        intr_raise(IRQ);
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
