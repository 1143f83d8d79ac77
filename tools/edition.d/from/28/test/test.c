#define _GNU_SOURCE /* pthread_tryjoin_np */
/*
 * The demonstration of step 28: two SYNs cross, and a RST ends the attempt.
 * We connect from 127.0.0.1:7 to 127.0.0.9:10007, an address of nobody, so that our SYN is lost.
 * A second later its SYN comes, made here: the log shows SYN_SENT, then SYN_RECEIVED and a SYN with
 * ACK. Another second later, its RST: "Connection refused".
 * Ctrl-C ends the program.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "driver/loopback.h"
#include "ip.h"
#include "net.h"
#include "platform.h"
#include "tcp.h"
#include "util.h"

#define FLG_SYN 0x02
#define FLG_RST 0x04

static struct net_device *loopback;
static ip_endp_t self, peer;
static sigset_t sigint;
static atomic_int terminate;

static int setup(void)
{
    struct ip_iface *iface;

    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    sigprocmask(SIG_BLOCK, &sigint, NULL); /* taken by sigtimedwait alone */
    ip_endp_pton("127.0.0.1:7", &self);
    ip_endp_pton("127.0.0.9:10007", &peer);
    if (net_init() == -1 || !(loopback = loopback_init()) ||
        !(iface = ip_iface_alloc("127.0.0.1", "255.0.0.0")) ||
        ip_iface_register(loopback, iface) == -1) {
        return -1;
    }
    return net_run();
}

/* Lets a segment with the flags come from the peer. */
static void peer_sends(uint8_t flags, uint8_t seq)
{
    uint8_t segment[] = {0x27, 0x17, 0,    7,     0,    0, 0, seq, 0, 0,
                         0,    0,    0x50, flags, 0x10, 0, 0, 0,   0, 0};
    uint8_t packet[IP_HDR_SIZE_MIN + sizeof(segment)];
    struct ip_hdr *hdr = (struct ip_hdr *)packet;
    uint16_t sum = ip_pseudo_cksum(IP_PROTOCOL_TCP, segment, sizeof(segment), peer.addr, self.addr);

    memcpy(segment + 16, &sum, sizeof(sum));
    *hdr = (struct ip_hdr){
        0x45, 0, hton16(sizeof(packet)), 0, 0, 64, IP_PROTOCOL_TCP, 0, peer.addr, self.addr};
    hdr->sum = cksum16(hdr, sizeof(*hdr), 0);
    memcpy(hdr + 1, segment, sizeof(segment));
    net_device_output(loopback, NET_PROTOCOL_TYPE_IP, packet, sizeof(packet), NULL);
}

/* Connects to the peer again and again. */
static void *exchange(void *arg)
{
    while (!terminate && tcp_cmd_open(&self, &peer, 1) == -1 && errno != EINTR) {
        infof("no connection: %s", strerror(errno));
    }
    return arg;
}

int main(void)
{
    struct timespec second = {.tv_sec = 1};
    pthread_t thread;
    int n = 0;

    if (setup() == -1 || pthread_create(&thread, NULL, exchange, NULL) != 0) {
        errorf("setup failed");
        return 1;
    }
    while (sigtimedwait(&sigint, NULL, &second) != SIGINT) {
        n++ % 2 == 0 ? peer_sends(FLG_SYN, 0) : peer_sends(FLG_RST, 1);
    }
    terminate = 1;
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        intr_raise(INTR_IRQ_USER); /* repeated: one may arrive just before the sleep */
        usleep(10000);
    }
    return net_shutdown() == -1 ? 1 : 0;
}
