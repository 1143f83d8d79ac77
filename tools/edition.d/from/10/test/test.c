/*
 * The demonstration of step 10: the packet in an Ethernet frame.
 * Once a second ether_print logs the frame's header, made of two addresses given as text, and at
 * level dump its 62 bytes: the packet begins at the 15th. Nothing carries it yet (step 11).
 * Ctrl-C ends the program.
 */

#include <signal.h>
#include <string.h>
#include <time.h>

#include "ether.h"
#include "net.h"
#include "util.h"

/* The packet: an IP datagram of 48 bytes with an ICMP echo request, from 192.0.2.2
 * to 192.0.2.1, the host: addresses of the loopback device may not be on a wire. */
static const uint8_t packet[] = {
    0x45, 0x00, 0x00, 0x30, 0x00, 0x01, 0x00, 0x00, 0x40, 0x01, 0xf6, 0xc8, 0xc0, 0x00, 0x02, 0x02,
    0xc0, 0x00, 0x02, 0x01, 0x08, 0x00, 0x4a, 0x20, 0x00, 0x01, 0x00, 0x01, 0x70, 0x69, 0x6e, 0x67,
    0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f, 0x70, 0x69, 0x6e, 0x67, 0x21, 0x70, 0x6f, 0x6e, 0x67, 0x3f,
};

static sigset_t sigint;

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
    return net_run();
}

/* Prints the packet's frame once a second. */
static void demonstrate(void)
{
    uint8_t frame[ETHER_HDR_SIZE + sizeof(packet)];

    ether_addr_pton("ff:ff:ff:ff:ff:ff", frame); /* to all: we know no neighbour */
    ether_addr_pton("00:00:5e:00:53:01", frame + ETHER_ADDR_LEN);
    frame[12] = NET_PROTOCOL_TYPE_IP >> 8;
    frame[13] = NET_PROTOCOL_TYPE_IP & 0xff;
    memcpy(frame + ETHER_HDR_SIZE, packet, sizeof(packet));
    do {
        ether_print(frame, sizeof(frame));
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
