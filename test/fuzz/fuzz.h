#ifndef FUZZ_H
#define FUZZ_H

/*
 * The harnesses. Each input of a fuzzer is one run of the bench: any input is allowed, and the run
 * fails as a behaviour does. libfuzzer.c feeds new inputs without end (make fuzz), and
 * test/hostile/corpus.c the committed ones once, as a test.
 */

#include <stddef.h>
#include <stdint.h>

#include "bench.h"
#include "sim.h"

#define FUZZ_INPUT_MAX 2048

/* frame.c: one frame into a fresh stack. */
void fuzz_frame(const uint8_t *data, size_t len);
/* stream.c: connections whose peer, users and clock follow the input. */
void fuzz_stream(const uint8_t *data, size_t len);

/*
 * The input: read from its beginning; zeros follow its end
 */
void input_set(const uint8_t *data, size_t len);
size_t input_left(void);
uint8_t input_u8(void);
uint16_t input_u16(void);
uint32_t input_u32(void);

/*
 * A run (run.c)
 */

/* Starts a stack on a wire of this kind; seed determines all random choices. */
void fuzz_start(enum wire_kind kind, uint64_t seed);
/* Takes all packets sent, checks that each may be sent, and calls look for it, unless look is NULL.
 * Returns their number. */
size_t fuzz_check_sent(void (*look)(const struct packet *p, const struct layout *lay));
/* Shuts down. Checks that all calls have returned and nothing is left allocated. */
void fuzz_end(void);
/* Lets a packet without a link header arrive once the machine runs. */
void fuzz_arrive(const struct packet *p);

/*
 * The users (user.c): tasks that make socket calls
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

/* Forgets all sockets. Checks the bytes received until users_doubt. */
void users_start(void);
/* Stops checking bytes: damaged or mixed data is possible now. */
void users_doubt(void);
/* Opens a socket and records it. */
void users_open(int type);
void users_bind(unsigned int index, uint16_t port);
void users_listen(unsigned int index, int backlog);
/* Lets an idle user make the call on the socket with this index, with n bytes or port n. Does
 * nothing if there is no idle user or no such socket. */
void users_call(enum call call, unsigned int index, uint16_t n);
/* Closes all recorded sockets. Returns whether these are all: accepted ones may be unrecorded. */
int users_close_all(void);
/* Checks, once the machine has settled, that all calls on closed sockets have returned. */
void users_check_closed(void);
/* Returns the bytes received in this run. */
size_t users_received(void);
/* Returns the number of users asleep in a call. */
unsigned int users_asleep(void);
/* Checks that no user sleeps, and ends them. */
void users_end(void);

/*
 * The peer (remote.c): its packets are built from the input
 */

#define VIEWS_MAX 64 /* blocks looked at */

/* Sets its initial sequence number and its usual window. */
void remote_start(uint32_t isn, uint16_t win);
/* Stops checking our segments, since some may be lost before the peer sees them. */
void remote_doubt(void);
/* Sends a segment of connection index; flags, numbers, window, options, faults from the input. */
void remote_segment(unsigned int index);
/* Sends a normal next segment: acknowledges all, and carries len bytes. */
void remote_answer(unsigned int index, uint16_t len);
/* Sends num SYNs without handshakes. */
void remote_flood(unsigned int num);
void remote_datagram(unsigned int index);
void remote_icmp_error(unsigned int index);
void remote_arp(unsigned int index);
/* Checks one of our segments: its data is as sent by the users and inside the peer's window; our
 * window does not shrink, and fits the buffer. */
void remote_look(const struct packet *p, const struct layout *lay);

#endif
