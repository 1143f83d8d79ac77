#include "pcap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * pcap: capture files for tcpdump and Wireshark. A file has a header with the link type, then
 * packets, each after a header of its own. All headers are in the writer's byte order, which
 * readers detect by the magic number.
 *
 * There is no buffer and no lock: one system call writes a packet. So packets of several threads do
 * not mix, and the file of a killed program ends with a complete packet.
 * Limits: a packet is cut at PCAP_SNAPLEN bytes. A partial write fails with ENOSPC.
 */

#define PCAP_MAGIC UINT32_C(0xa1b2c3d4) /* times are in microseconds */

struct pcap_file_hdr {
    uint32_t magic;
    uint16_t major; /* version 2.4 */
    uint16_t minor;
    int32_t zone;
    uint32_t accuracy;
    uint32_t snaplen;
    uint32_t linktype;
};

struct pcap_packet_hdr {
    uint32_t seconds;
    uint32_t microseconds;
    uint32_t len;  /* bytes kept, which follow */
    uint32_t flen; /* bytes of the whole packet */
};

_Static_assert(sizeof(struct pcap_file_hdr) == 24, "a capture file's header has 24 bytes");
_Static_assert(sizeof(struct pcap_packet_hdr) == 16, "a captured packet's header has 16 bytes");

/* Writes all parts by one call. Returns 0, or -1 with errno. */
static int pcap_write_parts(int fd, const struct iovec *parts, int num)
{
    size_t len = 0;
    ssize_t written;

    for (int i = 0; i < num; i++) {
        len += parts[i].iov_len;
    }
    do {
        written = writev(fd, parts, num);
    } while (written == -1 && errno == EINTR);
    if (written == (ssize_t)len) {
        return 0;
    }
    if (written != -1) {
        errno = ENOSPC;
    }
    return -1;
}

int pcap_open(const char *path, uint32_t linktype)
{
    struct pcap_file_hdr hdr = {PCAP_MAGIC, 2, 4, 0, 0, PCAP_SNAPLEN, linktype};
    struct iovec part = {&hdr, sizeof(hdr)};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), err;

    if (fd != -1 && pcap_write_parts(fd, &part, 1) == -1) {
        err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

int pcap_write(int fd, struct timeval time, const uint8_t *data, size_t len)
{
    uint32_t kept = len < PCAP_SNAPLEN ? (uint32_t)len : PCAP_SNAPLEN;
    struct pcap_packet_hdr hdr = {(uint32_t)time.tv_sec, (uint32_t)time.tv_usec, kept,
                                  (uint32_t)len};
    struct iovec parts[] = {{&hdr, sizeof(hdr)}, {(void *)(uintptr_t)data, kept}};

    return pcap_write_parts(fd, parts, 2);
}
