/*
 * The demonstration of step 02: the packet comes back through the loopback device.
 * Once a second the log shows its 48 bytes twice: in net_device_output, and again in net_input.
 * Nothing looks into them yet.
 * Ctrl-C ends the program.
 */

#include <signal.h>
#include <time.h>

#include "driver/loopback.h"
#include "net.h"
#include "util.h"

/* The packet: an IP datagram of 48 bytes with an ICMP echo request, from 127.0.0.1
 * to itself. */
static const uint8_t packet[] = {
    0x45, 0x00, 0x00, 0x30, 0x00, 0x01, 0x00, 0x00, 0x40, 0x01, 0x7c, 0xca, 0x7f, 0x00, 0x00, 0x01,
    0x7f, 0x00, 0x00, 0x01, 0x08, 0x00, 0x4a, 0x20, 0x00, 0x01, 0x00, 0x01, 0x70, 0x69, 0x6e, 0x67,
    0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f, 0x70, 0x69, 0x6e, 0x67, 0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f,
};

static sigset_t sigint;
static struct net_device *loopback;

/* Waits a second for SIGINT. Returns whether it arrived. */
static int interrupted(void)
{
    struct timespec second = {.tv_sec = 1};

    return sigtimedwait(&sigint, NULL, &second) == SIGINT;
}

static int setup(void)
{
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    sigprocmask(SIG_BLOCK, &sigint, NULL); /* taken by sigtimedwait alone */
    if (net_init() == -1) {
        return -1;
    }
    log_set_level("dump"); /* every byte */
    loopback = loopback_init();
    if (!loopback) {
        return -1;
    }
    return net_run();
}

/* Sends the packet once a second. */
static void demonstrate(void)
{
    do {
        net_device_output(loopback, 0x0800, packet, sizeof(packet), NULL);
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
