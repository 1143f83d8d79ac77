/* crowd.exe addr port clients seconds: so many clients at a time on the kernel's TCP. Each connects
 * to an echo server, sends a few texts of random length, and closes, in order or not; then the next
 * one begins. Exit status 0 if every echo was right, and no client was turned away. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 4000
#define TEXT_MAX 4000
#define TEXTS_MAX 6    /* of one client */
#define THINK_MAX 1.0  /* seconds between two texts, and from one client to the next */
#define PATIENCE 30.0  /* seconds without an answer: a failure */

struct client {
    int fd;           /* -1: none */
    double when;      /* of its next action, or of the failure */
    int waiting;      /* for an answer, else for its next action */
    int texts;        /* left to send */
    unsigned int tag; /* determines the text */
    size_t len, sent, received;
};

static struct client clients[CLIENTS_MAX];
static struct pollfd pfds[CLIENTS_MAX];
static struct sockaddr_in peer;
static unsigned long came, finished, reset, failed, bytes;

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double think(void)
{
    return now() + THINK_MAX * (double)random() / RAND_MAX;
}

static uint8_t text_byte(const struct client *client, size_t i)
{
    return (uint8_t)((client->tag + i * 2654435761u) >> 16);
}

/* Closes; another client begins later. */
static void leave(struct client *client)
{
    close(client->fd);
    client->fd = -1;
    client->waiting = 0;
    client->when = think();
}

static void fail(struct client *client, const char *what)
{
    if (failed++ < 10) {
        fprintf(stderr, "client %u: %s: %s\n", client->tag, what, strerror(errno));
    }
    leave(client);
}

/* Closes early: with a RST, or with unread data, which is a RST too. */
static void break_off(struct client *client)
{
    struct linger linger = {.l_onoff = 1};

    if (random() % 2) {
        setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
    reset++;
    leave(client);
}

static void begin_text(struct client *client)
{
    client->len = 1 + (size_t)random() % TEXT_MAX;
    client->sent = client->received = 0;
    client->tag = (unsigned int)random();
    client->waiting = 1;
    client->when = now() + PATIENCE;
}

static void come(struct client *client)
{
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client->fd == -1 || (connect(client->fd, (struct sockaddr *)&peer, sizeof(peer)) == -1 &&
                             errno != EINPROGRESS)) {
        fail(client, "connect");
        return;
    }
    came++;
    client->texts = 1 + (int)random() % TEXTS_MAX;
    begin_text(client);
}

/* Acts at the client's time. */
static void act(struct client *client)
{
    if (client->waiting) {
        errno = ETIMEDOUT;
        fail(client, "no answer");
    } else if (client->fd == -1) {
        come(client);
    } else {
        begin_text(client);
    }
}

static void say(struct client *client)
{
    uint8_t buf[TEXT_MAX];
    size_t i, len = client->len - client->sent;
    ssize_t n;

    for (i = 0; i < len; i++) {
        buf[i] = text_byte(client, client->sent + i);
    }
    n = send(client->fd, buf, len, MSG_NOSIGNAL);
    if (n == -1 && errno != EAGAIN) {
        fail(client, "send");
    } else if (n > 0) {
        client->sent += (size_t)n;
        client->when = now() + PATIENCE;
    }
}

/* The echo is complete. */
static void answered(struct client *client)
{
    client->waiting = 0;
    client->when = think();
    if (--client->texts == 0) {
        finished++;
        leave(client);
    } else if (random() % 16 == 0) {
        break_off(client);
    }
}

static void hear(struct client *client)
{
    uint8_t buf[TEXT_MAX];
    ssize_t n = recv(client->fd, buf, sizeof(buf), 0), i;

    if (n <= 0) {
        fail(client, n ? "recv" : "the server closed");
        return;
    }
    for (i = 0; i < n && buf[i] == text_byte(client, client->received); i++) {
        client->received++;
    }
    bytes += (unsigned long)n;
    client->when = now() + PATIENCE;
    if (i < n) {
        errno = EBADMSG;
        fail(client, "wrong bytes");
    } else if (client->received == client->len) {
        answered(client);
    } else if (random() % 64 == 0) {
        break_off(client);
    }
}

/* Runs the clients until the end, and until all have closed. */
static void run(int number, double end)
{
    int i, there = 0;

    while (now() < end || there > 0) {
        there = 0;
        for (i = 0; i < number; i++) {
            if (now() >= clients[i].when && (clients[i].fd != -1 || now() < end)) {
                act(&clients[i]);
            }
            there += clients[i].fd != -1;
            pfds[i].fd = clients[i].waiting ? clients[i].fd : -1;
            pfds[i].events = POLLIN | (clients[i].sent < clients[i].len ? POLLOUT : 0);
        }
        poll(pfds, (nfds_t)number, 10);
        for (i = 0; i < number; i++) {
            if (pfds[i].fd != -1 && pfds[i].revents & (POLLIN | POLLERR | POLLHUP)) {
                hear(&clients[i]);
            } else if (pfds[i].fd != -1 && pfds[i].revents & POLLOUT) {
                say(&clients[i]);
            }
        }
    }
}

int main(int argc, char *argv[])
{
    int number = argc > 4 ? atoi(argv[3]) : 0, i;
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    peer.sin_family = AF_INET;
    if (number < 1 || number > CLIENTS_MAX || inet_pton(AF_INET, argv[1], &peer.sin_addr) != 1) {
        fprintf(stderr, "usage: crowd.exe addr port clients seconds\n");
        return 2;
    }
    peer.sin_port = htons((uint16_t)atoi(argv[2]));
    srandom((unsigned int)getpid());
    for (i = 0; i < number; i++) {
        clients[i].fd = -1;
        clients[i].when = think() + 5 * (think() - now()); /* spread over some seconds */
    }
    run(number, now() + atof(argv[4]));
    printf("%lu clients, %lu finished, %lu reset, %lu failed, %.1f MB\n", came, finished,
           reset, failed, (double)bytes / 1e6);
    return failed > 0;
}
