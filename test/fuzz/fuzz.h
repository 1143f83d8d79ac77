#ifndef FUZZ_H
#define FUZZ_H

/*
 * The harnesses. A fuzzer makes inputs, and each is one run of the bench: any input is allowed, and
 * the run fails as a behaviour does. libfuzzer.c feeds them for ever (make fuzz), and
 * test/hostile/corpus.c the committed ones once, as a test.
 */

#include <stddef.h>
#include <stdint.h>

#include "bench.h"
#include "sim.h"

#define FUZZ_INPUT_MAX 2048

/* frame.c: one frame into a fresh stack. */
void fuzz_frame(const uint8_t *data, size_t len);
/* stream.c: connections whose peer, user and clock do what the input says. */
void fuzz_stream(const uint8_t *data, size_t len);

/*
 * The input: read from its beginning; after its end all is zero
 */
void input_set(const uint8_t *data, size_t len);
size_t input_left(void);
uint8_t input_u8(void);
uint16_t input_u16(void);
uint32_t input_u32(void);

/*
 * A run (run.c)
 */

/* A stack on a wire of this kind; all random choices come from seed. */
void fuzz_start(enum wire_kind kind, uint64_t seed);
/* Takes what went out, each packet of which must be one that we may send; also to look at each,
 * unless it is NULL. Returns their number. */
size_t fuzz_check_sent(void (*look)(const struct packet *p, const struct layout *lay));
/* The end: nothing is left. Sleepers have returned by then. */
void fuzz_end(void);
/* The packet, which has no link header, arrives as soon as the machine runs. */
void fuzz_arrive(const struct packet *p);

/*
 * The users (user.c): a few tasks that call sockets
 */
#define USERS 4
#define SOCKETS 16

enum call {
    CALL_ACCEPT,
    CALL_CONNECT,
    CALL_SEND,
    CALL_RECV,
    CALL_SENDTO,
    CALL_RECVFROM,
    CALL_HALF_CLOSE,
    CALL_CLOSE,
    CALL_ABORT,
};

/* Forgets all sockets, and expects bytes to arrive as they were sent until users_doubt. */
void users_start(void);
/* From now on the streams may carry anything. */
void users_doubt(void);
/* Opens a socket and remembers it. */
void users_open(int type);
void users_bind(unsigned int index, uint16_t port);
void users_listen(unsigned int index, int backlog);
/* A user who has nothing to do calls this for the socket with this index; n bytes, or to or from
 * port n. Does nothing if there is no such user or socket. */
void users_call(enum call call, unsigned int index, uint16_t n);
/* Closes what is open. Returns whether that is all: more may have been accepted than is known. */
int users_close_all(void);
/* When the machine has settled: whoever called a socket that is closed has returned. */
void users_check_closed(void);
/* How many bytes they have received in this run. */
size_t users_received(void);
/* How many sleep in a call. */
unsigned int users_asleep(void);
/* Nobody sleeps any more, and the users leave. */
void users_end(void);

/*
 * The peer (remote.c): what it sends is made of the input
 */

#define VIEWS_MAX 64 /* connections that are looked at, of all that a run may have */

/* Its first sequence number, and the window that it gives when it is friendly. */
void remote_start(uint32_t isn, uint16_t win);
/* From now on segments of ours may be lost before the peer sees them. */
void remote_doubt(void);
/* A segment of connection index, with flags, numbers, window, options and faults from the input. */
void remote_segment(unsigned int index);
/* The next segment that a friendly peer would send: acknowledges all, and carries len bytes. */
void remote_answer(unsigned int index, uint16_t len);
/* So many SYNs that nothing follows. */
void remote_flood(unsigned int num);
void remote_datagram(unsigned int index);
void remote_icmp_error(unsigned int index);
void remote_arp(unsigned int index);
/* Looks at a segment of ours: its data is what the users sent, inside the window that the peer
 * gave; and our window does not shrink, and fits the buffer. */
void remote_look(const struct packet *p, const struct layout *lay);

#endif
