#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ip.h"
#include "setup.h"
#include "sock.h"
#include "util.h"

/*
 * tcps: a TCP echo server. One thread accepts; a thread for each client sends received bytes back.
 *
 * Data: a struct client is in the list `clients` from accept to join. Its thread sets `finished`
 * last; then the accepting thread, or main at the end, joins it and frees the structure.
 * End: main closes the listener and all clients' sockets, and the threads' calls fail with EBADF.
 * Lock: `lock` guards the list and the flags below.
 * Limits: without memory or a thread for a new client, its connection is closed and accept pauses
 * for RETRY_DELAY.
 */

#define BACKLOG     1024
#define BUF_SIZE    8192
#define STACK_SIZE  (256 * 1024)
#define RETRY_DELAY 10000 /* microseconds from a failed accept to the next */

struct client {
    struct client *next;
    pthread_t thread;
    int sock;
    int closed;   /* guarded by lock */
    int finished; /* guarded by lock: the thread is about to end */
    char name[IP_ENDP_STR_LEN];
    uint8_t buf[BUF_SIZE];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct client *clients; /* guarded by lock */
static int stopping;           /* guarded by lock */

/* Closes the socket once: the client's thread and main both call this. Caller must hold lock. */
static void close_client(struct client *client)
{
    assert(pthread_mutex_trylock(&lock) == EBUSY);
    if (!client->closed) {
        sock_close(client->sock);
    }
    client->closed = 1;
}

static uint64_t echo(struct client *client)
{
    uint64_t total = 0;
    ssize_t n;

    for (;;) {
        n = sock_recv(client->sock, client->buf, sizeof(client->buf));
        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n == 0) {
            return total;
        }
        if (n == -1 || setup_send(client->sock, client->buf, (size_t)n) == -1) {
            break;
        }
        total += (uint64_t)n;
    }
    infof("%s failed, %s", client->name, strerror(errno));
    return total;
}

static void *serve(void *arg)
{
    struct client *client = arg;
    uint64_t total = echo(client);

    infof("%s ended, echoed=%llu bytes", client->name, (unsigned long long)total);
    pthread_mutex_lock(&lock);
    close_client(client);
    client->finished = 1;
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* Removes a finished client from the list, or any client if all is set. Returns it, or NULL. */
static struct client *take_client(int all)
{
    struct client **link, *client;

    pthread_mutex_lock(&lock);
    for (link = &clients; *link && !all && !(*link)->finished; link = &(*link)->next) {
        ;
    }
    client = *link;
    if (client) {
        *link = client->next;
    }
    pthread_mutex_unlock(&lock);
    return client;
}

static void join_clients(int all)
{
    struct client *client;

    while ((client = take_client(all))) {
        pthread_join(client->thread, NULL);
        free(client);
    }
}

static int start_thread(struct client *client)
{
    pthread_attr_t attr;
    int err;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    err = pthread_create(&client->thread, &attr, serve, client);
    pthread_attr_destroy(&attr);
    return err;
}

/* Starts a thread for the client. Returns 0, or an errno, and then the connection is closed. */
static int add_client(int sock, const struct sockaddr_in *peer)
{
    struct client *client = calloc(1, sizeof(*client));
    ip_endp_t endp = {peer->sin_addr.s_addr, peer->sin_port};
    int err = ENOMEM;

    if (client) {
        client->sock = sock;
        ip_endp_ntop(&endp, client->name, sizeof(client->name));
        pthread_mutex_lock(&lock);
        err = stopping ? EINTR : start_thread(client);
        if (!err) {
            client->next = clients;
            clients = client;
        }
        pthread_mutex_unlock(&lock);
    }
    if (err) {
        free(client);
        sock_close(sock);
    }
    return err;
}

/* Accepts a client. Returns 0, or an errno. */
static int accept_client(int listener)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    int sock = sock_accept(listener, (struct sockaddr *)&peer, &len);

    return sock == -1 ? errno : add_client(sock, &peer);
}

static void *accept_clients(void *arg)
{
    int listener = *(int *)arg, err, last = 0;

    while ((err = accept_client(listener)) != EBADF) {
        join_clients(0);
        if (err && err != EINTR) {
            if (err != last) { /* one line, not a hundred a second */
                warnf("no client accepted, %s", strerror(err));
            }
            usleep(RETRY_DELAY);
        }
        last = err;
    }
    return NULL;
}

static int open_listener(const struct setup *setup)
{
    int sock = setup_open_server(setup, SOCK_STREAM);

    if (sock_listen(sock, BACKLOG) == -1) {
        setup_fail(1, "can't listen: %s", strerror(errno));
    }
    return sock;
}

static void close_clients(void)
{
    struct client *client;

    pthread_mutex_lock(&lock);
    stopping = 1;
    for (client = clients; client; client = client->next) {
        close_client(client);
    }
    pthread_mutex_unlock(&lock);
}

int main(int argc, char *argv[])
{
    struct setup setup = {
        .about = "An echo server on TCP for any number of clients, until SIGINT or SIGTERM.",
    };
    pthread_t acceptor;
    int listener;

    setup_start(&setup, argc, argv);
    listener = open_listener(&setup);
    setup_start_thread(&acceptor, accept_clients, &listener);
    setup_serve(&setup);
    sock_close(listener);
    close_clients();
    pthread_join(acceptor, NULL);
    join_clients(1);
    return setup_end(0);
}
