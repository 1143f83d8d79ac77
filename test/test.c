/*
 * The demonstration: sets up the stack, runs the example of the step's chapter, and ends at SIGINT
 * (Ctrl-C).
 */

#include <signal.h>
#include <time.h>

#include "driver/loopback.h"
#include "icmp.h"
#include "ip.h"
#include "net.h"
#include "util.h"

#define LOOPBACK_IP_ADDR "127.0.0.1"
#define LOOPBACK_NETMASK "255.0.0.0"

/* A datagram: an ICMP echo from 127.0.0.1 to itself. */
static const uint8_t test_data[] = {
    0x45, 0x00, 0x00, 0x30, 0x00, 0x01, 0x00, 0x00, 0x40, 0x01, 0x7c, 0xca,
    0x7f, 0x00, 0x00, 0x01, 0x7f, 0x00, 0x00, 0x01, 0x08, 0x00, 0x4a, 0x20,
    0x00, 0x01, 0x00, 0x01, 0x70, 0x69, 0x6e, 0x67, 0x21, 0x70, 0x6f, 0x6e,
    0x67, 0x3f, 0x70, 0x69, 0x6e, 0x67, 0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f,
};

#define TEST_IP_HDR_SIZE 20
#define TEST_ICMP_HDR_SIZE 8

static sigset_t sigint;

/* Waits for SIGINT, at most seconds (-1: without limit). Returns whether it arrived. */
static int wait_for_sigint(int seconds)
{
    struct timespec timeout = {.tv_sec = seconds};

    if (seconds == -1) {
        return sigwaitinfo(&sigint, NULL) == SIGINT;
    }
    return sigtimedwait(&sigint, NULL, &timeout) == SIGINT;
}

static int setup_loopback(void)
{
    struct net_device *dev = loopback_init();
    struct ip_iface *iface;

    if (!dev) {
        errorf("loopback_init() failure");
        return -1;
    }
    iface = ip_iface_alloc(LOOPBACK_IP_ADDR, LOOPBACK_NETMASK);
    if (!iface || ip_iface_register(dev, iface) == -1) {
        errorf("no interface for the loopback device");
        return -1;
    }
    return 0;
}

static int setup(void)
{
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    sigprocmask(SIG_BLOCK, &sigint, NULL); /* taken by wait_for_sigint alone */
    if (net_init() == -1) {
        errorf("net_init() failure");
        return -1;
    }
    if (setup_loopback() == -1) {
        return -1;
    }
    if (net_run() == -1) {
        errorf("net_run() failure");
        return -1;
    }
    return 0;
}

/* Pings our own address once a second. */
static void demonstrate(void)
{
    const uint8_t *data = test_data + TEST_IP_HDR_SIZE + TEST_ICMP_HDR_SIZE;
    size_t len = sizeof(test_data) - TEST_IP_HDR_SIZE - TEST_ICMP_HDR_SIZE;
    uint32_t id = 1, seq = 1;
    ip_addr_t self;

    ip_addr_pton(LOOPBACK_IP_ADDR, &self);
    do {
        if (icmp_output(ICMP_TYPE_ECHO, 0, hton32(id << 16 | seq++), data, len, self, self) == -1) {
            errorf("icmp_output() failure");
        }
    } while (!wait_for_sigint(1));
}

int main(void)
{
    if (setup() == -1) {
        return 1;
    }
    demonstrate();
    return net_shutdown() == -1 ? 1 : 0;
}
