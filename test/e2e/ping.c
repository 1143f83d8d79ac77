/* ping.exe addr [count [size [seconds]]]: ICMP echoes from the kernel, for machines without ping.
 * Waits seconds for each. Needs the privilege of raw sockets. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define DATA_MAX 65507

static uint8_t packet[sizeof(struct icmphdr) + DATA_MAX];
static uint8_t reply[65536];
static int seconds = 2;

static uint16_t checksum(const uint8_t *data, size_t len)
{
    uint32_t sum = 0;
    size_t i;

    for (i = 0; i < len; i++) {
        sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t) ~(sum + (sum >> 16)));
}

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void build(uint16_t seq, size_t size)
{
    struct icmphdr *hdr = (struct icmphdr *)packet;
    size_t i;

    memset(hdr, 0, sizeof(*hdr));
    hdr->type = ICMP_ECHO;
    hdr->un.echo.id = htons((uint16_t)getpid());
    hdr->un.echo.sequence = htons(seq);
    for (i = 0; i < size; i++) {
        packet[sizeof(*hdr) + i] = (uint8_t)(i * 7 + seq);
    }
    hdr->checksum = checksum(packet, sizeof(*hdr) + size);
}

/* Is it the reply to the packet built, to the last byte? */
static int matches(const uint8_t *ip, ssize_t n, size_t size)
{
    size_t hlen = (size_t)(ip[0] & 0x0f) * 4;
    const struct icmphdr *got = (const struct icmphdr *)(ip + hlen);
    const struct icmphdr *hdr = (const struct icmphdr *)packet;

    return n == (ssize_t)(hlen + sizeof(*hdr) + size) && got->type == ICMP_ECHOREPLY &&
           !memcmp(&got->un.echo, &hdr->un.echo, sizeof(hdr->un.echo)) &&
           !memcmp(got + 1, hdr + 1, size);
}

/* Returns 0 once the reply arrives, or -1. */
static int ping(int fd, const char *addr, uint16_t seq, size_t size)
{
    double start = now();
    ssize_t n;

    build(seq, size);
    if (send(fd, packet, sizeof(struct icmphdr) + size, 0) == -1) {
        perror("send");
        return -1;
    }
    while (now() < start + seconds * 1e3) {
        n = recv(fd, reply, sizeof(reply), 0);
        if (n > 0 && matches(reply, n, size)) {
            printf("%zu bytes from %s: icmp_seq=%u ttl=%u time=%.3f ms\n",
                   size + sizeof(struct icmphdr), addr, seq, reply[8], now() - start);
            return 0;
        }
    }
    printf("no answer from %s: icmp_seq=%u\n", addr, seq);
    return -1;
}

int main(int argc, char *argv[])
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct timeval timeout = {.tv_usec = 100000};
    int count = argc > 2 ? atoi(argv[2]) : 1, size = argc > 3 ? atoi(argv[3]) : 56, i, lost = 0;
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

    if (argc < 2 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || size < 0 ||
        size > DATA_MAX) {
        fprintf(stderr, "usage: ping.exe addr [count [size [seconds]]]\n");
        return 2;
    }
    if (fd == -1 || connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
        perror("ping.exe");
        return 1;
    }
    if (argc > 4) {
        seconds = atoi(argv[4]);
    }
    setlinebuf(stdout);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    for (i = 1; i <= count; i++) {
        lost += ping(fd, argv[1], (uint16_t)i, (size_t)size) == -1;
        if (i < count) {
            usleep(200000);
        }
    }
    return lost ? 1 : 0;
}
