/* timed.exe addr port MODE NUMBER [COUNT [ROUNDS]]: clients on the kernel's TCP, with Reno, of
 * transfers.exe, and how long they take
 *
 * give sends NUMBER bytes, take gets them, echo gets back NUMBER bytes COUNT times, crowd is COUNT
 * clients that connect at once and take NUMBER bytes each, ROUNDS times. give and take print
 * seconds, from the request to the last byte; echo the median in microseconds; crowd the 99th
 * percentile and the maximum of all clients in seconds, each from its connect to the end of file.
 * Exit status 0 if every byte was right. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_LEN 16
#define PERIOD      251
#define PIECE       65536 /* bytes of one call */
#define CLIENTS_MAX 1000
#define ECHO_MAX    1024
#define TIMES_MAX   1000000

struct client {
    double begin;
    size_t received;
    int asked; /* connected, and the request is sent */
};

static struct sockaddr_in peer;
static size_t size, count = 1, rounds = 1;
static uint8_t pattern[PERIOD + PIECE], buf[PIECE];
static double times[TIMES_MAX];
static size_t num_times;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int new_socket(int flags)
{
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0), on = 1;

    if (fd == -1) {
        die("socket");
    }
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) == -1) {
        die("reno");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static int connected_socket(void)
{
    int fd = new_socket(0);

    if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == -1) {
        die("connect");
    }
    return fd;
}

static void send_all(int fd, const void *data, size_t len)
{
    const char *p = data;
    ssize_t n;

    for (; len; p += n, len -= (size_t)n) {
        n = send(fd, p, len, MSG_NOSIGNAL);
        if (n == -1) {
            die("send");
        }
    }
}

static void request(int fd, const char *what)
{
    char text[REQUEST_LEN] = "";

    snprintf(text, sizeof(text), "%s %zu\n", what, size);
    send_all(fd, text, sizeof(text));
}

/* Receives up to len bytes, of which the first is byte `from` of a transfer. Returns their number,
 * 0 at the end of file, or -1 with EAGAIN. */
static ssize_t receive(int fd, size_t from, size_t len)
{
    ssize_t n = recv(fd, buf, len < PIECE ? len : PIECE, 0);

    if (n == -1 && errno != EAGAIN) {
        die("recv");
    }
    if (n > 0 && memcmp(buf, pattern + from % PERIOD, (size_t)n) != 0) {
        fprintf(stderr, "wrong bytes in %zu to %zu\n", from, from + (size_t)n);
        exit(1);
    }
    return n;
}

static void receive_all(int fd, size_t len)
{
    size_t done = 0;
    ssize_t n;

    for (; done < len; done += (size_t)n) {
        n = receive(fd, done, len - done);
        if (n == 0) {
            fprintf(stderr, "%zu bytes are missing\n", len - done);
            exit(1);
        }
    }
}

static void note(double time)
{
    if (num_times == TIMES_MAX) {
        fprintf(stderr, "too many\n");
        exit(2);
    }
    times[num_times++] = time;
}

static int compare(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return (a > b) - (a < b);
}

/* Returns the smallest time that is not exceeded by this share of them. */
static double percentile(size_t percent)
{
    qsort(times, num_times, sizeof(*times), compare);
    return times[(num_times * percent + 99) / 100 - 1];
}

static void give(void)
{
    int fd = connected_socket();
    size_t done = 0, len;
    double begin = now();

    request(fd, "give");
    for (; done < size; done += len) {
        len = size - done < PIECE ? size - done : PIECE;
        send_all(fd, pattern + done % PERIOD, len);
    }
    if (recv(fd, buf, 1, 0) != 1) {
        die("the answer");
    }
    printf("%.3f\n", now() - begin);
}

static void take(void)
{
    int fd = connected_socket();
    double begin = now();

    request(fd, "take");
    receive_all(fd, size);
    printf("%.3f\n", now() - begin);
}

static void echo(void)
{
    int fd = connected_socket();
    double begin;

    if (size > ECHO_MAX) {
        fprintf(stderr, "at most %d bytes\n", ECHO_MAX);
        exit(2);
    }
    request(fd, "echo");
    for (size_t i = 0; i < count; i++) {
        begin = now();
        send_all(fd, pattern, size);
        receive_all(fd, size);
        note(now() - begin);
    }
    printf("%.2f\n", percentile(50) * 1e6);
}

/*
 * crowd
 */

static void come(struct client *client, struct pollfd *pfd)
{
    *client = (struct client){.begin = now()};
    *pfd = (struct pollfd){.fd = new_socket(SOCK_NONBLOCK), .events = POLLOUT};
    if (connect(pfd->fd, (struct sockaddr *)&peer, sizeof(peer)) == -1 && errno != EINPROGRESS) {
        die("connect");
    }
}

static void ask(struct client *client, struct pollfd *pfd)
{
    int err = 0;
    socklen_t len = sizeof(err);

    getsockopt(pfd->fd, SOL_SOCKET, SO_ERROR, &err, &len);
    if (err) {
        errno = err;
        die("connect");
    }
    request(pfd->fd, "take");
    client->asked = 1;
    pfd->events = POLLIN;
}

/* Returns whether the download is over. */
static int hear(struct client *client, struct pollfd *pfd)
{
    ssize_t n = receive(pfd->fd, client->received, PIECE);

    client->received += n > 0 ? (size_t)n : 0;
    if (n != 0) {
        return 0;
    }
    if (client->received != size) {
        fprintf(stderr, "%zu bytes instead of %zu\n", client->received, size);
        exit(1);
    }
    note(now() - client->begin);
    close(pfd->fd);
    pfd->fd = -1;
    return 1;
}

static void round_of_clients(void)
{
    static struct client clients[CLIENTS_MAX];
    static struct pollfd pfds[CLIENTS_MAX];
    size_t i, left = count;

    for (i = 0; i < count; i++) {
        come(&clients[i], &pfds[i]);
    }
    while (left) {
        poll(pfds, (nfds_t)count, -1);
        for (i = 0; i < count; i++) {
            if (pfds[i].fd == -1 || !pfds[i].revents) {
                continue;
            }
            if (clients[i].asked) {
                left -= (size_t)hear(&clients[i], &pfds[i]);
            } else {
                ask(&clients[i], &pfds[i]);
            }
        }
    }
}

static void crowd(void)
{
    if (count > CLIENTS_MAX) {
        fprintf(stderr, "at most %d clients\n", CLIENTS_MAX);
        exit(2);
    }
    for (size_t i = 0; i < rounds; i++) {
        round_of_clients();
    }
    printf("%.3f %.3f\n", percentile(99), percentile(100));
}

static const struct {
    const char *name;
    void (*run)(void);
} modes[] = {{"give", give}, {"take", take}, {"echo", echo}, {"crowd", crowd}};

int main(int argc, char *argv[])
{
    size_t i;

    for (i = 0; i < sizeof(pattern); i++) {
        pattern[i] = (uint8_t)(i % PERIOD);
    }
    peer.sin_family = AF_INET;
    if (argc > 4 && inet_pton(AF_INET, argv[1], &peer.sin_addr) == 1) {
        peer.sin_port = htons((uint16_t)atoi(argv[2]));
        size = strtoul(argv[4], NULL, 10);
        count = argc > 5 ? strtoul(argv[5], NULL, 10) : 1;
        rounds = argc > 6 ? strtoul(argv[6], NULL, 10) : 1;
        for (i = 0; count && i < sizeof(modes) / sizeof(*modes); i++) {
            if (!strcmp(argv[3], modes[i].name)) {
                modes[i].run();
                return 0;
            }
        }
    }
    fprintf(stderr, "usage: timed.exe addr port give|take|echo|crowd NUMBER [COUNT [ROUNDS]]\n");
    return 2;
}
