#ifndef ENDP_H
#define ENDP_H

/*
 * Addresses and endpoints from text, for graders from step 17 on
 */

#include "bench.h"
#include "ip.h"

/* Network byte order: addr("192.0.2.2"). */
static inline ip_addr_t addr(const char *text)
{
    ip_addr_t a;

    check_int(ip_addr_pton(text, &a), 0);
    return a;
}

/* Network byte order: endp("192.0.2.2:7"). */
static inline ip_endp_t endp(const char *text)
{
    ip_endp_t e;

    check_int(ip_endp_pton(text, &e), 0);
    return e;
}

#endif
