#ifndef SHOW_IP_H
#define SHOW_IP_H

/*
 * Words for exchanges from step 06 on
 */

#include "ip.h"
#include "show.h"

static inline ip_addr_t address(const char *text)
{
    ip_addr_t addr;

    ip_addr_pton(text, &addr);
    return addr;
}

#if STEP >= 9
#include "icmp.h"
#include "util.h"

/* The stack sends an echo request: the packet of 48 bytes. */
static inline void ping(const char *dst)
{
    uint8_t data[20];

    pattern(data, 0, sizeof(data));
    stack(icmp_output(ICMP_TYPE_ECHO, 0, hton32(0x00010001), data, sizeof(data), IP_ADDR_ANY,
                      address(dst)));
}
#endif

#endif
