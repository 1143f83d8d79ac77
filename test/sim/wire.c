#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "net.h"
#include "sim.h"

/*
 * The script's end of the wire: a queue of packets out
 */
struct frame {
    struct frame *next;
    struct packet p;
    uint8_t data[];
};

static struct frame *first;
static struct frame *last;
static size_t num;

size_t sim_wire_net;
const struct sim_actor *sim_actor;
void *sim_wire_now;
void (*sim_wire_send)(void *wire, const struct packet *p);
static int answer_arp;

void wire_answer_arp(int yes)
{
    answer_arp = yes;
}

static uint8_t buffer[SIM_FRAME_MAX + 64];

struct net_device *bench_start(enum wire_kind kind)
{
    struct net_device *dev = NULL;

    sim_doing("bench_start", 0, NULL);
    if (net_init() == -1) {
        sim_wrong("net_init failed");
    }
    if (kind != WIRE_NONE && !(dev = wire_init(kind))) {
        sim_wrong("the wire's device could not be added");
    }
    if (dev && sim_address(dev) == -1) {
        sim_wrong("the wire's IP interface could not be added");
    }
    if (net_run() == -1) {
        sim_wrong("net_run failed");
    }
    return dev;
}

/*
 * Packets out
 */
static void push(const struct packet *p)
{
    struct frame *frame = malloc(sizeof(*frame) + p->len);

    if (!frame) {
        sim_wrong("out of memory");
    }
    frame->next = NULL;
    frame->p = *p;
    frame->p.data = frame->data;
    memcpy(frame->data, p->data, p->len);
    if (last) {
        last->next = frame;
    } else {
        first = frame;
    }
    last = frame;
    num++;
}

static void pop(void)
{
    struct frame *frame = first;

    sim_learn(&frame->p);
    first = frame->next;
    if (!first) {
        last = NULL;
    }
    num--;
    free(frame);
}

/* Is it an ARP request that the script's end answers itself: for an address not the sender's? */
static int is_question(const struct packet *p, const struct layout *lay)
{
    uint64_t tpa;

    if (!answer_arp || lay->at[LAYER_ARP] < 0 || !p->net || p->len < 60 ||
        sim_field_get(p, lay, F_ARP_OP) != 1) {
        return 0;
    }
    tpa = sim_field_get(p, lay, F_ARP_TPA);
    return tpa != sim_field_get(p, lay, F_ARP_SPA);
}

static void answer(const struct packet *p, const struct layout *lay)
{
    uint8_t data[60];
    struct packet reply = { data, sizeof(data), p->net, p->type };
    uint64_t asker = sim_field_get(p, lay, F_ARP_SHA);

    memcpy(data, p->data, sizeof(data));
    sim_field_set(&reply, lay, F_ETHER_DST, asker);
    sim_field_set(&reply, lay, F_ETHER_SRC, SIM_MAC_SCRIPT);
    sim_field_set(&reply, lay, F_ARP_OP, 2);
    sim_field_set(&reply, lay, F_ARP_SHA, SIM_MAC_SCRIPT);
    sim_field_set(&reply, lay, F_ARP_SPA, sim_field_get(p, lay, F_ARP_TPA));
    sim_field_set(&reply, lay, F_ARP_THA, asker);
    sim_field_set(&reply, lay, F_ARP_TPA, sim_field_get(p, lay, F_ARP_SPA));
    sim_wire_send(sim_wire_now, &reply);
}

void sim_wire_sent(const struct packet *p)
{
    struct layout lay;

    sim_locate(p, &lay);
    if (!is_question(p, &lay)) {
        sim_remember(p, DIR_OUT);
    } else if (sim_watch) {
        sim_watch(DIR_OUT, p);
    }
    sim_carry(p, DIR_OUT, NULL);
}

void sim_script_takes(const struct packet *p)
{
    struct layout lay;

    sim_locate(p, &lay);
    if (is_question(p, &lay)) {
        answer(p, &lay);
    } else if (sim_actor) {
        sim_actor->frame(p);
    } else {
        push(p);
    }
}

size_t wire_pending(int flush)
{
    size_t n = num;

    while (flush && first) {
        pop();
    }
    return n;
}

const char *sim_wire_left(void)
{
    static char text[512];

    if (!first) {
        return NULL;
    }
    sim_learn(&first->p);
    sim_print(&first->p, DIR_OUT, text, sizeof(text));
    return text;
}

/*
 * Packets in
 */
static void arrive(struct packet *p)
{
    sim_note_packet();
    if (!sim_wire_now) {
        sim_wrong("there is no wire: the behaviour has not called bench_start or wire_init");
    }
    sim_carry(p, DIR_IN, sim_wire_now);
    settle();
}

/* An Ethernet frame has at least 60 bytes. */
static void pad(struct packet *p)
{
    if (p->net && p->len < 60) {
        memset(p->data + p->len, 0, 60 - p->len);
        p->len = 60;
    }
}

void bench_inject(const char *script, const char *faults, const char *file, int line)
{
    struct packet p = { buffer, 0, 0, 0 };
    const char *wrong = NULL;

    if (faults) {
        sim_fault(FAULT_PACKET, "%s, in %s", faults, script);
        sim_doing(file, line, "inject_with(\"%s\", \"%s\")", faults, script);
    } else {
        sim_no_fault(FAULT_PACKET);
        sim_doing(file, line, "inject(\"%s\")", script);
    }
    settle();
    sim_build(script, DIR_IN, sim_wire_net, &p, NULL);
    if (faults) {
        wrong = sim_apply_faults(&p, faults);
    }
    if (wrong) {
        bench_fail(file, line, "the fault cannot be read: %s", wrong);
    }
    if (!faults || !strstr(faults, "frame.len")) {
        pad(&p);
    }
    arrive(&p);
}

void bench_inject_bytes(const void *data, size_t len, const char *file, int line)
{
    struct packet p = { buffer, len, sim_wire_net, 0x0800 };

    sim_doing(file, line, "inject_bytes of %zu bytes", len);
    if (len > SIM_FRAME_MAX) {
        bench_fail(file, line, "too long");
    }
    settle();
    memcpy(buffer, data, len);
    if (sim_wire_net && len >= 14) {
        p.type = (uint16_t)(buffer[12] << 8 | buffer[13]);
    }
    arrive(&p);
}

void bench_inject_type(uint16_t type, const void *data, size_t len, const char *file, int line)
{
    struct packet p = { buffer, len, 0, type };

    sim_doing(file, line, "inject_type(0x%04x) of %zu bytes", type, len);
    if (len > SIM_FRAME_MAX || sim_wire_net) {
        bench_fail(file, line, "inject_type is for WIRE_RAW, and at most %d bytes", SIM_FRAME_MAX);
    }
    settle();
    memcpy(buffer, data, len);
    arrive(&p);
}

/*
 * Expectations
 */
static int has_sent(const void *arg)
{
    (void)arg;
    return first != NULL;
}

/* Waits for a packet. Returns the milliseconds until it came. */
static long wait_sent(long ms)
{
    uint64_t begin = sim_now;

    settle();
    if (!first && ms > 0) {
        sim_wait(sim_now + (uint64_t)ms * SIM_MS, has_sent, NULL);
    }
    return (long)((sim_now - begin) / SIM_MS);
}

/* Fails if the next packet out differs from want; otherwise removes it. */
static void compare_next(const struct packet *want, const char *file, int line)
{
    char diff[600], got[512];

    if (sim_compare(want, &first->p, diff, sizeof(diff))) {
        sim_print(&first->p, DIR_OUT, got, sizeof(got));
        bench_fail(file, line, "got      %s\n%s", got, diff);
    }
    pop();
}

long bench_expect(const char *script, long ms, const char *file, int line)
{
    struct packet want = { buffer, 0, 0, 0 };
    long took;

    if (ms) {
        sim_doing(file, line, "expect_within(%ld, \"%s\")", ms, script);
    } else {
        sim_doing(file, line, "expect(\"%s\")", script);
    }
    took = wait_sent(ms);
    if (!first && ms) {
        bench_fail(file, line, "nothing went out within %ld ms", ms);
    } else if (!first) {
        bench_fail(file, line, "nothing went out");
    }
    sim_learn(&first->p);
    sim_build(script, DIR_OUT, first->p.net, &want, &first->p);
    compare_next(&want, file, line);
    return took;
}

void bench_expect_bytes(const void *data, size_t len, const char *file, int line)
{
    struct packet want = { buffer, len, sim_wire_net, 0x0800 };

    sim_doing(file, line, "expect_bytes of %zu bytes", len);
    wait_sent(0);
    if (!first) {
        bench_fail(file, line, "nothing went out");
    }
    memcpy(buffer, data, len);
    if (sim_wire_net) {
        want.type = (uint16_t)(buffer[12] << 8 | buffer[13]);
    }
    if (first->p.len == len && memcmp(first->p.data, data, len) == 0) {
        pop();
        return;
    }
    compare_next(&want, file, line);
    bench_fail(file, line, "another packet of the same fields went out");
}

static long handshake_ms; /* between SYN-ACK and ACK */

void far_peer(void)
{
    handshake_ms = FAR_MS;
}

void bench_handshake(const char *syn, unsigned win, const char *file, int line)
{
    char text[128];

    snprintf(text, sizeof(text), "S 0:0(0) %s", syn);
    bench_inject(text, NULL, file, line);
    bench_expect("S. 0:0(0) ack 1", 0, file, line);
    advance(handshake_ms);
    snprintf(text, sizeof(text), ". 1:1(0) ack 1 win %u", win);
    bench_inject(text, NULL, file, line);
}

void bench_expect_nothing(long ms, const char *file, int line)
{
    long took;

    sim_doing(file, line, "expect_nothing(%ld)", ms);
    took = wait_sent(ms);
    if (first) {
        bench_fail(file, line, "after %ld ms a packet went out: %s", took, sim_wire_left());
    }
}

size_t bench_take(long ms, void *buf, size_t size, const char *file, int line)
{
    size_t len;

    sim_doing(file, line, "take(%ld)", ms);
    wait_sent(ms);
    if (!first) {
        bench_fail(file, line, "nothing went out within %ld ms", ms);
    }
    len = first->p.len;
    if (len > size) {
        bench_fail(file, line, "a packet of %zu bytes went out, more than %zu", len, size);
    }
    memcpy(buf, first->p.data, len);
    pop();
    return len;
}
