#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "ip.h"
#include "setup.h"
#include "sock.h"
#include "util.h"

/* udps: a UDP echo server. One thread sends each datagram back to its sender. */

static void echo(int sock, size_t len, const uint8_t *data, const struct sockaddr_in *peer)
{
    char name[IP_ENDP_STR_LEN];
    ip_endp_t endp = {peer->sin_addr.s_addr, peer->sin_port};

    ip_endp_ntop(&endp, name, sizeof(name));
    if (sock_sendto(sock, data, len, (const struct sockaddr *)peer, sizeof(*peer)) == -1) {
        warnf("%s, not echoed: %s", name, strerror(errno));
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
            infof("an answer was refused, %s", strerror(errno)); /* by ICMP; go on */
        }
    }
}

int main(int argc, char *argv[])
{
    struct setup setup = {
        .about = "An echo server on UDP, until SIGINT or SIGTERM.",
    };
    pthread_t server;
    int sock;

    setup_start(&setup, argc, argv);
    sock = setup_open_server(&setup, SOCK_DGRAM);
    setup_start_thread(&server, serve, &sock);
    setup_serve(&setup);
    sock_close(sock);
    pthread_join(server, NULL);
    return setup_end(0);
}
