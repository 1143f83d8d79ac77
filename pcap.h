#ifndef PCAP_H
#define PCAP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#include "api.h"

MICROPS_BEGIN

#define PCAP_LINKTYPE_ETHERNET 1
#define PCAP_LINKTYPE_RAW 101 /* datagrams without a link header */
#define PCAP_SNAPLEN 65535    /* bytes kept of a packet, at most */

/* Creates or empties a capture file and writes its header. linktype: PCAP_LINKTYPE_*. Returns its
 * descriptor, for pcap_write and close, or -1 with errno. */
int pcap_open(const char *path, uint32_t linktype);
/* Appends a packet of len bytes, from any thread. Returns 0, or -1 with errno. */
int pcap_write(int fd, struct timeval time, const uint8_t *data, size_t len);

MICROPS_END

#endif
