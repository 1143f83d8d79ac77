#ifndef SHOW_H
#define SHOW_H

/*
 * ./step show runs the exchange of a step, NN-name/show.c, and prints it as a ladder of 80 columns:
 * the scripted host on the left, the reader's stack on the right. It uses the bench's script, but
 * checks nothing. What the reference prints is in NN-name/ladder (`tools/ladder NN` writes it).
 *
 *   void exchange(void)
 *   {
 *       bench_start(WIRE_RAW);
 *       host("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 20");
 *       stack(icmp_output(ICMP_TYPE_ECHO, 0, hton32(0x00010001), data, 20, IP_ADDR_ANY, peer));
 *   }
 *
 * A program of one step: -DSTEP=14, which is 22 or more for the states and sequence variables of
 * TCP.
 */

#include "bench.h"

void exchange(void);

/* Ten milliseconds later the host sends a packet; with faults as in inject_with. */
void host(const char *packet);
void host_with(const char *faults, const char *packet);
/* The same from somebody else, in the host's name. */
void forger(const char *packet);
/* The stack makes a call. */
#define stack(call) ((void)(call), show_all())
/* Time goes by, until the stack sends a packet, or ms milliseconds. */
void pass(long ms);
/* The next packet that the stack sends is lost on the wire; called twice, the next two. */
void lose(void);
/* counted(ip, delivered, host(...)): prints the counter's name if the statement makes it grow. */
#define counted(module, field, statement) \
    do { \
        struct module##_stats before_, after_; \
        module##_get_stats(&before_); \
        statement; \
        module##_get_stats(&after_); \
        if (after_.field > before_.field) { \
            remark(#module "." #field); \
        } \
    } while (0)
/* A line under the last packet. */
void remark(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Prints what has happened: after calls of bench.h. */
void show_all(void);

#endif
