/* client.exe addr port mode [number]: clients on the kernel's TCP and UDP, of an echo server. Exit
 * status 0 if all that was sent came back. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT 240 /* seconds of one call */
#define BUF_SIZE 65536
#define CLIENTS_MAX 4000

static struct sockaddr_in peer;

/*
 * Common to all modes
 */

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

static int new_socket(int type)
{
    struct timeval timeout = {.tv_sec = TIMEOUT};
    int fd = socket(AF_INET, type, 0);

    if (fd == -1) {
        die("socket");
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    return fd;
}

static int connected_socket(int type)
{
    int fd = new_socket(type);

    if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == -1) {
        die("connect");
    }
    return fd;
}

static void send_all(int fd, const void *data, size_t len)
{
    const char *p = data;
    ssize_t n;

    while (len) {
        n = send(fd, p, len, MSG_NOSIGNAL);
        if (n == -1) {
            die("send");
        }
        p += n;
        len -= (size_t)n;
    }
}

static void recv_all(int fd, void *data, size_t len)
{
    char *p = data;
    ssize_t n;

    while (len) {
        n = recv(fd, p, len, 0);
        if (n == -1) {
            die("recv");
        }
        if (n == 0) {
            fprintf(stderr, "the server closed, %zu bytes are missing\n", len);
            exit(1);
        }
        p += n;
        len -= (size_t)n;
    }
}

/* A message unlike that of any other client, there and back. */
static void exchange_send(int fd, int number)
{
    char text[64];

    send_all(fd, text, (size_t)snprintf(text, sizeof(text), "client %d says hello\n", number));
}

static void exchange_recv(int fd, int number)
{
    char text[64], back[64];
    size_t len = (size_t)snprintf(text, sizeof(text), "client %d says hello\n", number);

    recv_all(fd, back, len);
    if (memcmp(text, back, len)) {
        fprintf(stderr, "client %d got '%.*s'\n", number, (int)len, back);
        exit(1);
    }
}

/*
 * lines: standard input, line by line
 */

static int lines(int number)
{
    char line[1024];
    int fd = connected_socket(SOCK_STREAM);

    (void)number;
    while (fgets(line, sizeof(line), stdin)) {
        size_t len = strlen(line);

        printf("> %s", line);
        send_all(fd, line, len);
        recv_all(fd, line, len);
        printf("< %s", line);
    }
    return 0;
}

/*
 * many: number clients connect at once; all are connected before the first one sends
 */

static void start_connecting(int fd)
{
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == -1 && errno != EINPROGRESS) {
        die("connect");
    }
}

static void finish_connecting(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};
    int err = ETIMEDOUT;
    socklen_t len = sizeof(err);

    if (poll(&pfd, 1, TIMEOUT * 1000) == 1) {
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
    }
    if (err) {
        errno = err;
        die("connect");
    }
    fcntl(fd, F_SETFL, 0);
}

static int many(int number)
{
    static int fds[CLIENTS_MAX];
    int i;

    if (number > CLIENTS_MAX) {
        return 2;
    }
    for (i = 0; i < number; i++) {
        fds[i] = new_socket(SOCK_STREAM);
        start_connecting(fds[i]);
    }
    for (i = 0; i < number; i++) {
        finish_connecting(fds[i]);
    }
    for (i = 0; i < number; i++) {
        exchange_send(fds[i], i);
    }
    for (i = 0; i < number; i++) {
        exchange_recv(fds[i], i);
    }
    return 0;
}

/*
 * serial: number clients one after another
 */

static int serial(int number)
{
    int i, fd;

    for (i = 0; i < number; i++) {
        fd = connected_socket(SOCK_STREAM);
        exchange_send(fd, i);
        exchange_recv(fd, i);
        close(fd);
    }
    return 0;
}

/*
 * bulk: number bytes of random data, there and back
 */

static void fill(uint8_t *buf, size_t len, uint64_t *state)
{
    uint64_t x = *state;
    size_t i;

    for (i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        buf[i] = (uint8_t)(x >> 32);
    }
    *state = x;
}

static size_t next_chunk(int left)
{
    return left < BUF_SIZE ? (size_t)left : BUF_SIZE;
}

static void send_random(int fd, int number, uint64_t state)
{
    static uint8_t buf[BUF_SIZE];
    size_t len;

    for (; number; number -= (int)len) {
        len = next_chunk(number);
        fill(buf, len, &state);
        send_all(fd, buf, len);
    }
}

static int compare_random(int fd, int number, uint64_t state)
{
    static uint8_t expected[BUF_SIZE], got[BUF_SIZE];
    size_t len;

    for (; number; number -= (int)len) {
        len = next_chunk(number);
        fill(expected, len, &state);
        recv_all(fd, got, len);
        if (memcmp(expected, got, len)) {
            fprintf(stderr, "wrong bytes among the last %d\n", number);
            return 1;
        }
    }
    return 0;
}

static int bulk(int number)
{
    int fd = connected_socket(SOCK_STREAM), ret;
    double start = now(), seconds;
    uint64_t seed = 0;
    pid_t sender;

    while (!seed) {
        if (getrandom(&seed, sizeof(seed), 0) == -1) {
            die("getrandom");
        }
    }
    sender = fork();
    if (sender == 0) {
        send_random(fd, number, seed);
        _exit(0);
    }
    ret = compare_random(fd, number, seed);
    seconds = now() - start;
    waitpid(sender, NULL, 0);
    printf("%d bytes in %.1f s, %.1f MB/s\n", number, seconds, number / seconds / 1e6);
    return ret;
}

/*
 * flood: sends and never reads, until killed. hold: exchanges one message and stays connected
 */

static int flood(int number)
{
    static uint8_t buf[BUF_SIZE];
    int fd = connected_socket(SOCK_STREAM);

    printf("connected\n");
    fflush(stdout);
    while (number) {
        send_all(fd, buf, sizeof(buf));
    }
    return 0;
}

static int hold(int number)
{
    int fd = connected_socket(SOCK_STREAM);

    exchange_send(fd, number);
    exchange_recv(fd, number);
    printf("connected\n");
    fflush(stdout);
    pause();
    return 0;
}

/*
 * late, deaf: send number bytes with a small receive buffer, so that most of the echo stays at the
 * server. late reads it after 2 seconds; deaf waits until the server resets.
 */

static int stuffed_socket(int number)
{
    static uint8_t buf[BUF_SIZE];
    int fd = new_socket(SOCK_STREAM), size = 4096;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == -1) {
        die("connect");
    }
    send_all(fd, buf, (size_t)number);
    usleep(500000); /* until the server has read them */
    printf("connected\n");
    fflush(stdout);
    return fd;
}

static int late(int number)
{
    static uint8_t buf[BUF_SIZE];
    int fd = stuffed_socket(number);

    sleep(2);
    recv_all(fd, buf, (size_t)number);
    return recv(fd, buf, 1, 0) == 0 ? 0 : 1;
}

static int deaf(int number)
{
    struct pollfd pfd = {.fd = stuffed_socket(number)};

    poll(&pfd, 1, TIMEOUT * 1000);
    return pfd.revents & POLLERR ? 0 : 1;
}

/*
 * try: number clients, some of which may be turned away: prints how many were served
 */

static int served(int fd)
{
    char buf[8];

    return send(fd, "hello\n", 6, MSG_NOSIGNAL) == 6 && recv(fd, buf, 6, MSG_WAITALL) == 6;
}

static int try(int number)
{
    static int fds[CLIENTS_MAX];
    int i, count = 0;

    for (i = 0; i < number && i < CLIENTS_MAX; i++) {
        fds[i] = new_socket(SOCK_STREAM);
        if (connect(fds[i], (struct sockaddr *)&peer, sizeof(peer)) == -1) {
            close(fds[i]);
            fds[i] = -1;
        }
    }
    for (i = 0; i < number && i < CLIENTS_MAX; i++) {
        count += fds[i] != -1 && served(fds[i]);
    }
    printf("%d of %d served\n", count, number);
    return 0;
}

/*
 * udp: datagrams of 0 to number bytes, in growing steps, there and back
 */

static int next_size(int len, int number)
{
    int next = len < 8 ? len + 1 : len + 61 + len / 32;

    return len < number && next > number ? number : next;
}

static int udp(int number)
{
    static uint8_t buf[BUF_SIZE], back[BUF_SIZE];
    int fd = connected_socket(SOCK_DGRAM), len;
    uint64_t state = 1;

    for (len = 0; len <= number; len = next_size(len, number)) {
        fill(buf, (size_t)len, &state);
        if (send(fd, buf, (size_t)len, 0) != len || recv(fd, back, sizeof(back), 0) != len ||
            memcmp(buf, back, (size_t)len)) {
            fprintf(stderr, "a datagram of %d bytes: %s\n", len, strerror(errno));
            return 1;
        }
    }
    return 0;
}

static const struct {
    const char *name;
    int (*run)(int number);
} modes[] = {
    {"lines", lines}, {"many", many}, {"serial", serial}, {"bulk", bulk}, {"flood", flood},
    {"hold", hold}, {"late", late}, {"deaf", deaf}, {"try", try}, {"udp", udp},
};

int main(int argc, char *argv[])
{
    struct rlimit limit;
    size_t i;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    peer.sin_family = AF_INET;
    if (argc > 3 && inet_pton(AF_INET, argv[1], &peer.sin_addr) == 1) {
        peer.sin_port = htons((uint16_t)atoi(argv[2]));
        for (i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
            if (!strcmp(argv[3], modes[i].name)) {
                return modes[i].run(argc > 4 ? atoi(argv[4]) : 1);
            }
        }
    }
    fprintf(stderr, "usage: client.exe addr port "
                    "lines|many|serial|bulk|flood|hold|late|deaf|try|udp [n]\n");
    return 2;
}
