#ifndef ETHER_H
#define ETHER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net.h"

#define ETHER_ADDR_LEN 6
#define ETHER_ADDR_STR_LEN 18 /* "xx:xx:xx:xx:xx:xx" with the NUL */

#define ETHER_HDR_SIZE 14
#define ETHER_FRAME_SIZE_MIN 60   /* without the FCS */
#define ETHER_FRAME_SIZE_MAX 1514 /* without the FCS */
#define ETHER_PAYLOAD_SIZE_MIN (ETHER_FRAME_SIZE_MIN - ETHER_HDR_SIZE)
#define ETHER_PAYLOAD_SIZE_MAX (ETHER_FRAME_SIZE_MAX - ETHER_HDR_SIZE)

extern const uint8_t ETHER_ADDR_ANY[ETHER_ADDR_LEN];       /* 00:00:00:00:00:00 */
extern const uint8_t ETHER_ADDR_BROADCAST[ETHER_ADDR_LEN]; /* ff:ff:ff:ff:ff:ff */

/* Text to address: 00:00:5e:00:53:01. Returns 0, or -1 for any other text. */
int ether_addr_pton(const char *p, uint8_t *n);
/* Address to text, in a buffer of size bytes. Returns p, or NULL when size is below
 * ETHER_ADDR_STR_LEN. */
char *ether_addr_ntop(const uint8_t *n, char *p, size_t size);
/* Logs a frame of flen bytes at any level: its fields, in lines such as `src: 00:00:5e:00:53:01`,
 * `dst: ...` and `type: 0x0806`, unless it is shorter than a header, and at level dump all its
 * bytes. */
void ether_print(const uint8_t *frame, size_t flen);

#endif
