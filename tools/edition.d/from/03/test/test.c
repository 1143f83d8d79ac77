/*
 * The demonstration of step 03: the packet finds its handler.
 * Once a second it is sent as type 0x0800, and the log shows it in ip_input. Then the same bytes go
 * out as type 0x88b5, which has no handler: net_input drops them, and the log says why.
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

#define OTHER_TYPE 0x88b5 /* for experiments: no protocol has it */

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
        net_device_output(loopback, NET_PROTOCOL_TYPE_IP, packet, sizeof(packet), NULL);
        net_device_output(loopback, OTHER_TYPE, packet, sizeof(packet), NULL);
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
