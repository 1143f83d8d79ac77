#include "fuzz.h"
#include "platform.h"
#include "sock.h"
#include "tcp.h"
#include "util.h"

/*
 * Connections under random operations. The input is a sequence of them: packets of the peer, calls
 * of the users, steps of the clock, failures of the machine. The invariants are checked after each.
 *
 * The first byte has the flags of the start, the second is the seed.
 */
#define OPERATIONS_MAX 100
#define TIME_SHORT 20000 /* milliseconds of a run, */
#define TIME_LONG 240000 /* or of one in which connections may time out */
#define TIME_END 700000  /* milliseconds after which no closed connection is left */
#define TIME_FLOOD 4000  /* milliseconds of a run after a flood */
#define FLOOD_MAX (TCP_HALF_OPEN_MAX + 100) /* SYNs without handshakes */
#define MEMORY_MAX 4096  /* allocations at once, more than any run needs */
#define MANY 240         /* a length from here on means several full segments */

#define BEGIN_ETHER 0x01   /* first byte: Ethernet, else no link header */
#define BEGIN_JOINED 0x02  /* a connection is open */
#define BEGIN_ACTIVE 0x04  /* by our connect, else by our listener */
#define BEGIN_LONG 0x08    /* TIME_LONG */
#define BEGIN_AND_END 0xff /* all is closed at the end; rare, as it is slow */

#define SEED_PEER_NEAR 0x01 /* second byte: the peer's ISN is near 2^32 */
#define SEED_NEAR 0x02      /* so is ours, if the peer connects */
#define SEED_SMALL 0x04     /* the peer's window is small */

static long time_left;
static unsigned int flood_left;

static void op_segment(unsigned int index)
{
    remote_segment(index);
}

/* Normal segments: one, or as many as fill a buffer. */
static void op_answer(unsigned int index)
{
    int how = input_u8(), num = how < MANY ? 0 : (how - MANY) * 4;

    while (num-- > 0) {
        remote_answer(index, UINT16_MAX);
        settle();
    }
    remote_answer(index, (uint16_t)(how * 6));
}

static void op_time(unsigned int index)
{
    static const long steps[] = { 1, 100, 200, 500, 1000, 3000, 10000, 61000 };
    long ms = steps[index];

    if (ms <= time_left) {
        time_left -= ms;
        advance(ms);
    }
}

static void op_open(unsigned int index)
{
    users_open(index & 1 ? SOCK_DGRAM : SOCK_STREAM);
}

static void op_bind(unsigned int index)
{
    users_bind(index, input_u8());
}

static void op_listen(unsigned int index)
{
    users_listen(index, input_u8());
}

static void op_accept(unsigned int index)
{
    users_call(CALL_ACCEPT, index, 0);
}

static void op_connect(unsigned int index)
{
    users_call(CALL_CONNECT, index, (uint16_t)(5000 + input_u8() % 16));
}

static void op_send(unsigned int index)
{
    users_call(CALL_SEND, index, (uint16_t)(input_u8() * 64));
}

static void op_recv(unsigned int index)
{
    users_call(CALL_RECV, index, (uint16_t)(input_u8() * 64));
}

static void op_close(unsigned int index)
{
    static const enum call ways[] = { CALL_CLOSE, CALL_HALF_CLOSE, CALL_ABORT };

    users_call(ways[input_u8() % 3], index, 0);
}

static void op_datagram(unsigned int index)
{
    uint8_t how = input_u8();

    if (how % 3 == 0) {
        users_call(CALL_SENDTO, index, (uint16_t)(5000 + how));
    } else if (how % 3 == 1) {
        users_call(CALL_RECVFROM, index, 0);
    } else {
        remote_datagram(index);
    }
}

static void op_icmp(unsigned int index)
{
    remote_icmp_error(index);
}

static void op_arp(unsigned int index)
{
    if (sim_wire_net) { /* else there are no hardware addresses */
        remote_arp(index);
    }
}

/* A user interrupt, which ends all present sleeps. */
static void op_interrupt(unsigned int index)
{
    (void)index;
    settle();
    intr_raise(INTR_IRQ_USER);
    settle();
    if (users_asleep()) {
        fail("%u calls still sleep after an interruption", users_asleep());
    }
}

/* Shortens the rest of the run, as a flood is slow. */
static void op_flood(unsigned int num)
{
    time_left = time_left < TIME_FLOOD ? time_left : TIME_FLOOD;
    num = num < flood_left ? num : flood_left;
    flood_left -= num;
    remote_flood(num);
}

static void op_mood(unsigned int index)
{
    static const struct wire_faults faults = { 100, 100, 0, 200, 10, 10, 2000 };

    if (index & 4) {
        remote_doubt();
        wire_answer_arp(index & 1);
        wire_faults(index & 2 ? &faults : NULL);
    } else if (index & 1) {
        remote_doubt();
        wire_fail_output(index & 2);
    } else if (index & 2) {
        op_flood(input_u8() * 8U);
    } else {
        sim_fail_alloc(input_u8());
    }
}

static void (*const operations[])(unsigned int index) = {
    op_segment, op_answer, op_time, op_open, op_bind, op_listen, op_accept, op_connect, op_send,
    op_recv, op_close, op_datagram, op_icmp, op_interrupt, op_mood, op_arp,
};

#define NO_WAIT 0x80 /* no settling before the next operation */

/*
 * Invariants
 */

static void check_view(const struct tcp_view *v)
{
    check(v->state <= TCP_STATE_LAST_ACK);
    check(v->rcv.wnd <= TCP_RCV_BUF_SIZE);
    if (v->state > TCP_STATE_LISTEN) {
        check(seq_leq(v->snd.una, v->snd.nxt));
        check(v->snd.nxt - v->snd.una <= UINT16_MAX + 2U);
    }
}

static void check_all(void)
{
    struct tcp_view v;
    size_t i;

    settle();
    users_check_closed();
    fuzz_check_sent(remote_look);
    for (i = 0; i < VIEWS_MAX; i++) {
        if (tcp_get_view_at(i, &v) == 0) {
            check_view(&v);
        }
    }
    check(memory_in_use() < MEMORY_MAX);
}

/*
 * A run
 */

static void operate(void)
{
    uint8_t op = input_u8();

    operations[op & 15](op >> 4 & 7);
    if (!(op & NO_WAIT)) {
        check_all();
    }
}

/* Starts with a listener and an accepted connection; our ISN is near 2^32 if near. */
static void begin_passive(int near)
{
    users_open(SOCK_STREAM);
    users_bind(0, 7);
    users_listen(0, 4);
    if (near) {
        connection('A', "192.0.2.2:7", "192.0.2.1:5000", 1);
        next_isn(UINT32_MAX - 2000);
    }
    users_call(CALL_ACCEPT, 0, 0);
    remote_answer(0, 0);
    settle();
    remote_answer(0, 0);
    check_all();
}

/* Starts with a connection that our stack opens. */
static void begin_active(void)
{
    users_open(SOCK_STREAM);
    users_call(CALL_CONNECT, 0, 5000);
    settle();
    remote_answer(0, 0);
    check_all();
}

static void begin_all(uint8_t begin, uint8_t seed)
{
    fuzz_start(begin & BEGIN_ETHER ? WIRE_ETHER : WIRE_RAW, seed);
    if (begin & BEGIN_ETHER) {
        wire_answer_arp(1);
        inject("ARP who-has 192.0.2.2 tell 192.0.2.1");
        fuzz_check_sent(NULL);
    }
    if (!(begin & BEGIN_JOINED)) {
        return;
    }
    if (begin & BEGIN_ACTIVE) {
        begin_active();
    } else {
        begin_passive(seed & SEED_NEAR);
    }
    users_open(SOCK_DGRAM);
    users_bind(begin & BEGIN_ACTIVE ? 1 : 2, 7);
}

/* Closes all sockets. Checks that every block is freed, with a silent peer. */
static void end_slowly(void)
{
    struct tcp_view v;
    size_t i;
    int all;

    sim_fail_alloc(0);
    wire_fail_output(0);
    wire_faults(NULL);
    all = users_close_all();
    advance(TIME_END);
    check_all();
    for (i = 0; all && i < VIEWS_MAX; i++) {
        check(tcp_get_view_at(i, &v) == -1);
    }
}

void fuzz_stream(const uint8_t *data, size_t len)
{
    int num = OPERATIONS_MAX;
    uint8_t begin, seed;

    if (len > FUZZ_INPUT_MAX) {
        return;
    }
    input_set(data, len);
    begin = input_u8();
    seed = input_u8();
    time_left = begin & BEGIN_LONG ? TIME_LONG : TIME_SHORT;
    flood_left = FLOOD_MAX;
    users_start();
    remote_start(seed & SEED_PEER_NEAR ? UINT32_MAX - seed * 8U : seed * 1000U,
               seed & SEED_SMALL ? 2000 : UINT16_MAX);
    begin_all(begin, seed);
    while (input_left() && num--) {
        operate();
    }
    check_all();
    if (begin == BEGIN_AND_END) {
        end_slowly();
    }
    fuzz_end();
}
