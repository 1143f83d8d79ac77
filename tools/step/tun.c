/* tun.exe [-v] [PING]: pings the stack from the host, over the device tun0 of netns.exe.
 * One thread does everything: it waits for a datagram of the host and hands it to net_input, as a
 * driver does. Without Ethernet, ARP, signals and interrupts, so it works from step 04 on.
 * PING replaces the program ping. */

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ip.h"
#include "net.h"
#include "util.h"

#define TUN 3 /* the descriptor that netns.exe has opened */
#define MTU 1500
#define ADDR "192.0.2.2" /* the stack's */
#define PINGS "3"
#define SECONDS_MAX 10   /* then the stack hangs */

static int ping; /* descriptor: ping's output */
static int verbose;
static int arrived, answered; /* datagrams of the host; replies that ping has received */

/*
 * The log: without -v, no header fields, no start, and nothing of net.c but drops
 */
static void print_log(const char *text)
{
    if (verbose || strstr(text, "dropped") || strstr(text, "not written yet") ||
        (arrived && *text != ' ' && !strstr(text, "] net_"))) {
        fputs(text, stdout);
        fflush(stdout);
    }
}

/*
 * The driver
 */
static int tun_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                      const void *dst)
{
    (void)dev;
    (void)type;
    (void)dst;
    return write(TUN, data, len) == (ssize_t)len ? 0 : -1;
}

static void tun_input(struct net_device *dev)
{
    uint8_t packet[MTU];
    ssize_t len = read(TUN, packet, sizeof(packet));

    if (len > 0) {
        arrived++;
        net_input(NET_PROTOCOL_TYPE_IP, packet, (size_t)len, dev);
    }
}

static struct net_device *start(void)
{
    static const struct net_device_ops ops = {.output = tun_output};
    struct net_device *dev;

    log_set_sink(print_log);
    if (net_init() == -1 || !(dev = net_device_alloc())) {
        return NULL;
    }
    dev->type = NET_DEVICE_TYPE_NULL; /* a device without addresses */
    dev->mtu = MTU;
    dev->ops = &ops;
    if (net_device_register(dev) == -1) {
        return NULL;
    }
#if STEP >= 5
    struct ip_iface *iface = ip_iface_alloc(ADDR, "255.255.255.0");

    if (iface && ip_iface_register(dev, iface) == -1) {
        return NULL;
    }
#endif
    return net_run() == -1 ? NULL : dev;
}

/*
 * The host
 */
static pid_t start_ping(const char *program)
{
    int fds[2];
    pid_t pid = pipe(fds) == -1 ? -1 : fork();

    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        if (program) {
            execl(program, program, ADDR, PINGS, "56", "1", NULL);
        } else {
            execlp("ping", "ping", "-c", PINGS, "-W", "1", ADDR, NULL);
        }
        perror("ping");
        _exit(1);
    }
    close(fds[1]);
    ping = fds[0];
    return pid;
}

static void print_ping(const char *line)
{
    answered += strstr(line, "bytes from " ADDR) != NULL;
    if (*line) {
        printf("host: %s\n", line);
        fflush(stdout);
    }
}

/* Prints the lines that are complete. Returns 0 at the end of the output. */
static int read_ping(void)
{
    static char text[4096];
    static size_t len;
    ssize_t n = read(ping, text + len, sizeof(text) - 1 - len);
    char *line = text, *end;

    if (n <= 0) {
        return 0;
    }
    len += (size_t)n;
    text[len] = '\0';
    while ((end = strchr(line, '\n')) != NULL) {
        *end = '\0';
        print_ping(line);
        line = end + 1;
    }
    len = len < sizeof(text) - 1 ? strlen(line) : 0;
    memmove(text, line, len);
    return 1;
}

static void serve(struct net_device *dev)
{
    struct pollfd pfds[] = {{.fd = TUN, .events = POLLIN}, {.fd = ping, .events = POLLIN}};

    do {
        poll(pfds, 2, -1);
        if (pfds[0].revents) {
            tun_input(dev);
        }
    } while (!pfds[1].revents || read_ping());
}

static void print_result(void)
{
    struct ip_stats stats;

    ip_get_stats(&stats);
    if (answered > 0) {
        printf("\nThe host's ping was answered: %d of " PINGS ".\n", answered);
        return;
    }
    printf("\nOf %d datagrams from the host ip_input let %llu pass, and none was answered%s.\n",
           arrived, (unsigned long long)stats.delivered,
           STEP < 9 ? ":\nthat comes at step 09" : "");
}

int main(int argc, char *argv[])
{
    struct net_device *dev;
    pid_t pid;

    verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    dev = start();
    if (!dev) {
        printf("Your stack does not start.\n");
        return 1;
    }
    alarm(SECONDS_MAX);
    printf("host$ ping -c " PINGS " -W 1 " ADDR "\n");
    fflush(stdout);
    pid = start_ping(argc > 1 + verbose ? argv[1 + verbose] : NULL);
    serve(dev);
    waitpid(pid, NULL, 0);
    print_result();
    return net_shutdown() == -1 ? 1 : 0;
}
