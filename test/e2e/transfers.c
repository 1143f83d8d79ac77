/* transfers.exe: a server on our stack whose transfers test/bench_tap.sh times, until SIGINT or
 * SIGTERM. Each connection begins with a request of REQUEST_LEN bytes, text up to a newline:
 *
 *     give N    the client sends N bytes, and is answered by a newline
 *     take N    the client gets N bytes
 *     echo      the client gets back what it sends
 *
 * Byte i of a transfer is i % 251, and each is checked where it arrives. */

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/setup.h"
#include "sock.h"
#include "util.h"

#define BACKLOG     1024
#define REQUEST_LEN 16
#define PERIOD      251
#define PIECE       16384 /* bytes given to one call */
#define STACK_SIZE  (256 * 1024)

static uint8_t pattern[PERIOD + PIECE];

static size_t piece(size_t left)
{
    return left < PIECE ? left : PIECE;
}

/* Returns the bytes received, 0 at the end of file, or -1. EINTR does not end it. */
static ssize_t receive(int sock, void *buf, size_t size)
{
    ssize_t n;

    do {
        n = sock_recv(sock, buf, size);
    } while (n == -1 && errno == EINTR);
    return n;
}

static void give(int sock, size_t size)
{
    uint8_t *buf = malloc(PIECE);
    size_t done = 0;
    ssize_t n = 1;

    while (buf && done < size && (n = receive(sock, buf, piece(size - done))) > 0) {
        if (memcmp(buf, pattern + done % PERIOD, (size_t)n) != 0) {
            errorf("wrong bytes in %zu to %zu", done, done + (size_t)n);
            break;
        }
        done += (size_t)n;
    }
    free(buf);
    if (done == size) {
        setup_send(sock, "\n", 1);
    }
}

static void take(int sock, size_t size)
{
    size_t done = 0, len;

    for (; done < size; done += len) {
        len = piece(size - done);
        if (setup_send(sock, pattern + done % PERIOD, len) == -1) {
            return;
        }
    }
}

static void echo(int sock)
{
    uint8_t buf[1024];
    ssize_t n;

    while ((n = receive(sock, buf, sizeof(buf))) > 0 && setup_send(sock, buf, (size_t)n) == 0) {
        continue;
    }
}

static void *serve(void *arg)
{
    int sock = (int)(intptr_t)arg;
    char request[REQUEST_LEN + 1] = "";
    size_t len = 0;
    ssize_t n = 1;

    while (len < REQUEST_LEN && n > 0) {
        n = receive(sock, request + len, REQUEST_LEN - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (!strncmp(request, "give ", 5)) {
        give(sock, strtoul(request + 5, NULL, 10));
    } else if (!strncmp(request, "take ", 5)) {
        take(sock, strtoul(request + 5, NULL, 10));
    } else if (!strncmp(request, "echo", 4)) {
        echo(sock);
    }
    sock_close(sock);
    return NULL;
}

static void *accept_clients(void *arg)
{
    int listener = *(int *)arg, sock;
    pthread_attr_t attr;
    pthread_t thread;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    while ((sock = sock_accept(listener, NULL, NULL)) != -1 || errno == EINTR) {
        if (sock != -1 && pthread_create(&thread, &attr, serve, (void *)(intptr_t)sock) != 0) {
            sock_close(sock);
        }
    }
    pthread_attr_destroy(&attr);
    return NULL;
}

int main(int argc, char *argv[])
{
    struct setup setup = {.about = "Transfers to be timed, until SIGINT or SIGTERM."};
    pthread_t acceptor;
    int listener;

    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = (uint8_t)(i % PERIOD);
    }
    setup_start(&setup, argc, argv);
    listener = setup_open_server(&setup, SOCK_STREAM);
    if (sock_listen(listener, BACKLOG) == -1) {
        setup_fail(1, "can't listen: %s", strerror(errno));
    }
    setup_start_thread(&acceptor, accept_clients, &listener);
    setup_serve(&setup);
    sock_close(listener);
    pthread_join(acceptor, NULL);
    return setup_end(0);
}
