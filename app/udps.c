#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "ip.h"
#include "setup.h"
#include "sock.h"
#include "util.h"

/* An echo server: sends each datagram back to where it came from. */

static void echo(int sock, size_t len, const uint8_t *data, const struct sockaddr_in *peer)
{
    char name[IP_ENDP_STR_LEN];
    ip_endp_t endp = {peer->sin_addr.s_addr, peer->sin_port};

    ip_endp_ntop(&endp, name, sizeof(name));
    if (sock_sendto(sock, data, len, (const struct sockaddr *)peer, sizeof(*peer)) == -1) {
        warnf("%s gets no answer, %s", name, strerror(errno));
    } else {
        debugf("%s, echoed=%zu bytes", name, len);
    }
}

static void *serve(void *arg)
{
    static uint8_t data[IP_PAYLOAD_SIZE_MAX];
    struct sockaddr_in peer;
    int sock = *(int *)arg;
    socklen_t len;
    ssize_t n;

    for (;;) {
        len = sizeof(peer);
        n = sock_recvfrom(sock, data, sizeof(data), (struct sockaddr *)&peer, &len);
        if (n != -1) {
            echo(sock, (size_t)n, data, &peer);
        } else if (errno == EBADF) {
            return NULL;
        } else if (errno != EINTR) {
            infof("an answer has not arrived, %s", strerror(errno)); /* others may come */
        }
    }
}

static int open_socket(const struct setup *setup)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET,
        .sin_port = setup->endp.port,
        .sin_addr.s_addr = setup->endp.addr,
    };
    int sock = sock_open(PF_INET, SOCK_DGRAM, 0);

    if (sock == -1) {
        setup_fail(1, "no socket: %s", strerror(errno));
    }
    if (sock_bind(sock, (struct sockaddr *)&addr, sizeof(addr)) == -1) {
        if (errno == EADDRNOTAVAIL) {
            setup_fail(2, "%s is not an address of this stack: leave it out, or set it with -a",
                       setup->addr);
        }
        setup_fail(1, "can't have port %u: %s", ntoh16(addr.sin_port), strerror(errno));
    }
    return sock;
}

int main(int argc, char *argv[])
{
    struct setup setup = {
        .about = "An echo server on UDP, until SIGINT or SIGTERM.",
    };
    pthread_t server;
    int sock;

    setup_start(&setup, argc, argv);
    sock = open_socket(&setup);
    if (pthread_create(&server, NULL, serve, &sock)) {
        setup_fail(1, "no thread: try again when the machine has less to do");
    }
    printf("listening on %s port %u\n", setup.addr, ntoh16(setup.endp.port));
    fflush(stdout);
    while (setup_wait(0) != SETUP_SIGNAL) {
        ;
    }
    sock_close(sock);
    pthread_join(server, NULL);
    return setup_end(0);
}
