#include "ether.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "util.h"

/*
 * ether: Ethernet frames. Left out: sending and receiving them (step 11).
 */

/* The header on the wire */
struct ether_hdr {
    uint8_t dst[ETHER_ADDR_LEN];
    uint8_t src[ETHER_ADDR_LEN];
    uint16_t type; /* in network byte order */
} __attribute__((packed));

_Static_assert(sizeof(struct ether_hdr) == ETHER_HDR_SIZE, "an Ethernet header has 14 bytes");

const uint8_t ETHER_ADDR_ANY[ETHER_ADDR_LEN] = {0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
const uint8_t ETHER_ADDR_BROADCAST[ETHER_ADDR_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

int ether_addr_pton(const char *p, uint8_t *n)
{
    uint8_t addr[ETHER_ADDR_LEN];
    size_t i;

    for (i = 0; i < ETHER_ADDR_LEN; i++, p += 3) {
        char digits[3] = {p[0], p[0] ? p[1] : '\0', '\0'};

        if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1])) {
            return -1;
        }
        if (p[2] != (i < ETHER_ADDR_LEN - 1 ? ':' : '\0')) {
            return -1;
        }
        addr[i] = (uint8_t)strtol(digits, NULL, 16);
    }
    for (i = 0; i < ETHER_ADDR_LEN; i++) {
        n[i] = addr[i];
    }
    return 0;
}

char *ether_addr_ntop(const uint8_t *n, char *p, size_t size)
{
    if (size < ETHER_ADDR_STR_LEN) {
        return NULL;
    }
    snprintf(p, size, "%02x:%02x:%02x:%02x:%02x:%02x", n[0], n[1], n[2], n[3], n[4], n[5]);
    return p;
}

void ether_print(const uint8_t *frame, size_t flen)
{
    const struct ether_hdr *hdr = (const struct ether_hdr *)frame;
    char addr[ETHER_ADDR_STR_LEN];

    log_begin();
    if (flen < sizeof(*hdr)) {
        log_text("      frame: %zu bytes, shorter than a header\n", flen);
    } else {
        log_text("        src: %s\n", ether_addr_ntop(hdr->src, addr, sizeof(addr)));
        log_text("        dst: %s\n", ether_addr_ntop(hdr->dst, addr, sizeof(addr)));
        log_text("       type: 0x%04x\n", ntoh16(hdr->type));
    }
    log_end();
    hexdump(frame, flen);
}
