/* nc.exe [-u] [-N] ADDR PORT, or nc.exe -l PORT: what nc does, for machines without it. Sends each
 * line of standard input and prints what comes back. -u: UDP; -N: closes after the last line; -l:
 * waits for a connection. Ends when the peer closes, or after the last line, when nothing has come
 * for SECONDS. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define SECONDS 3

static int udp, close_after;
static int line_open; /* what was received does not end with a newline */

static int failed(const char *what)
{
    if (line_open) {
        putc('\n', stderr);
    }
    perror(what);
    return -1;
}

static int accept_one(struct sockaddr_in *addr)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct pollfd pfd = {.fd = fd, .events = POLLIN};

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)addr, sizeof(*addr)) == -1 || listen(fd, 1) == -1) {
        return failed("nc");
    }
    if (poll(&pfd, 1, SECONDS * 1000) != 1) {
        fprintf(stderr, "nc: nobody has connected\n");
        return -1;
    }
    fprintf(stderr, "nc: connected\n");
    return accept(fd, NULL, NULL);
}

static int connect_to(struct sockaddr_in *addr)
{
    int fd = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    struct timeval timeout = {.tv_sec = SECONDS};

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)); /* of connect, too */
    if (connect(fd, (struct sockaddr *)addr, sizeof(*addr)) == -1) {
        if (errno == EINPROGRESS) {
            errno = ETIMEDOUT;
        }
        return failed("nc: connect");
    }
    if (!udp) {
        fprintf(stderr, "nc: connected\n");
    }
    return fd;
}

/* Copies what is there. Returns 0 at the end. */
static int copy(int from, int to)
{
    char buf[2048];
    ssize_t n = read(from, buf, sizeof(buf));

    if (n == -1) {
        failed("nc");
    }
    if (n > 0 && to == STDOUT_FILENO) {
        line_open = buf[n - 1] != '\n';
    }
    return n > 0 && write(to, buf, (size_t)n) == n;
}

static void exchange(int fd)
{
    struct pollfd pfds[] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};

    while (poll(pfds, 2, pfds[1].fd == -1 ? SECONDS * 1000 : -1) > 0) {
        if (pfds[0].revents && !copy(fd, STDOUT_FILENO)) {
            return;
        }
        if (pfds[1].revents && !copy(STDIN_FILENO, fd)) {
            pfds[1].fd = -1;
            if (close_after) {
                shutdown(fd, SHUT_WR);
            }
        }
    }
}

int main(int argc, char *argv[])
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    int opt, fd, server = 0;

    while ((opt = getopt(argc, argv, "uNl")) != -1) {
        udp |= opt == 'u';
        close_after |= opt == 'N';
        server |= opt == 'l';
    }
    if (argc - optind != (server ? 1 : 2)) {
        fprintf(stderr, "usage: nc.exe [-u] [-N] ADDR PORT, or nc.exe -l PORT\n");
        return 2;
    }
    addr.sin_port = htons((uint16_t)atoi(argv[argc - 1]));
    if (!server) {
        inet_pton(AF_INET, argv[optind], &addr.sin_addr);
    }
    fd = server ? accept_one(&addr) : connect_to(&addr);
    if (fd == -1) {
        return 1;
    }
    exchange(fd);
    return 0;
}
