/*
 * server.exe addr port MODE [FILE]: servers on the kernel's TCP and UDP, until they are killed
 *
 * echo echoes a stream. bye sends "bye" and closes. hear sends "bye", half-closes, and prints how
 * many bytes it receives. say answers each HTTP request with FILE as it is, drip byte by byte.
 * reset resets the connection. udp echoes datagrams. late does so too, the first after 1.5 seconds,
 * others after 0.2.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t buf[65536];
static const char *answer; /* FILE of say and drip */

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void echo(int fd)
{
    ssize_t n;

    while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
        while (n) {
            ssize_t sent = send(fd, buf, (size_t)n, MSG_NOSIGNAL);

            if (sent == -1) {
                return;
            }
            memmove(buf, buf + sent, (size_t)(n - sent));
            n -= sent;
        }
    }
}

static void bye(int fd)
{
    send(fd, "bye\n", 4, MSG_NOSIGNAL);
}

static void hear(int fd)
{
    size_t total = 0;
    ssize_t n;

    bye(fd);
    shutdown(fd, SHUT_WR);
    usleep(300000); /* until the peer has received it */
    while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
        total += (size_t)n;
    }
    printf("received %zu bytes\n", total);
    fflush(stdout);
}

/* Reads a request to its empty line, and prints it. */
static void hear_request(int fd)
{
    size_t len = 0;
    ssize_t n = 1;

    buf[0] = '\0';
    while (n > 0 && len < sizeof(buf) - 1 && !strstr((char *)buf, "\r\n\r\n")) {
        n = recv(fd, buf + len, sizeof(buf) - 1 - len, 0);
        len += n > 0 ? (size_t)n : 0;
        buf[len] = '\0';
    }
    printf("%s", (char *)buf);
    fflush(stdout);
}

static void send_answer(int fd, size_t piece)
{
    FILE *f = fopen(answer, "r");
    int on = 1;
    size_t n;

    if (!f) {
        die(answer);
    }
    hear_request(fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    while ((n = fread(buf, 1, piece, f)) > 0 && send(fd, buf, n, MSG_NOSIGNAL) > 0) {
        continue;
    }
    fclose(f);
    shutdown(fd, SHUT_WR);
    while (recv(fd, buf, sizeof(buf), 0) > 0) { /* else late data is answered by a reset */
        continue;
    }
}

static void say(int fd)
{
    send_answer(fd, sizeof(buf));
}

static void drip(int fd)
{
    send_answer(fd, 1);
}

static void reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    usleep(300000); /* until the peer is connected */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void serve_stream(int listener, void (*body)(int fd))
{
    int fd;

    signal(SIGCHLD, SIG_IGN);
    while ((fd = accept(listener, NULL, NULL)) != -1) {
        if (fork() == 0) {
            close(listener);
            body(fd);
            close(fd);
            _exit(0);
        }
        close(fd);
    }
}

static void serve_datagrams(int fd, useconds_t late)
{
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    ssize_t n;

    while ((n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len)) != -1) {
        if (late) {
            usleep(late);
            late = 200000;
        }
        sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len);
        len = sizeof(from);
    }
}

static int bound_socket(const char *addr, const char *port, int type)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, type, 0), on = 1;

    if (inet_pton(AF_INET, addr, &local.sin_addr) != 1) {
        fprintf(stderr, "%s is not an address\n", addr);
        exit(2);
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd == -1 || bind(fd, (struct sockaddr *)&local, sizeof(local)) == -1) {
        die("bind");
    }
    if (type == SOCK_STREAM && listen(fd, 128) == -1) {
        die("listen");
    }
    printf("listening\n");
    fflush(stdout);
    return fd;
}

static void (*body_named(const char *name))(int fd)
{
    static const struct {
        const char *name;
        void (*body)(int fd);
    } bodies[] = {{"echo", echo}, {"bye", bye}, {"hear", hear}, {"say", say},
                  {"drip", drip}, {"reset", reset}};
    size_t i;

    for (i = 0; i < sizeof(bodies) / sizeof(*bodies) - 1 && strcmp(bodies[i].name, name); i++) {
        continue;
    }
    return bodies[i].body;
}

int main(int argc, char *argv[])
{
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: server.exe addr port MODE [FILE]\n"
                        "MODE: echo, bye, hear, say, drip, reset, udp or late\n");
        return 2;
    }
    answer = argv[4];
    if (!strcmp(argv[3], "udp")) {
        serve_datagrams(bound_socket(argv[1], argv[2], SOCK_DGRAM), 0);
    } else if (!strcmp(argv[3], "late")) {
        serve_datagrams(bound_socket(argv[1], argv[2], SOCK_DGRAM), 1500000);
    } else {
        serve_stream(bound_socket(argv[1], argv[2], SOCK_STREAM), body_named(argv[3]));
    }
    die("server");
}
