#include <stdio.h>

#include "judge.h"
#include "platform.h"

struct plan plan;

static int one_of(uint32_t n)
{
    return sim_draw(n) == 0;
}

/* Returns a number below 2^bits, small ones as likely as large ones. */
static uint32_t draw_size(uint32_t bits)
{
    return sim_draw(UINT32_C(1) << sim_draw(bits + 1));
}

static void draw_faults(struct wire_faults *f)
{
    unsigned int trip;

    f->delay_ms = one_of(4) ? 0 : draw_size(8);
    f->vary_ms = one_of(2) ? 0 : sim_draw(f->delay_ms + 10);
    trip = 2 * (f->delay_ms + f->vary_ms) + 2;
    f->loss = one_of(2) ? sim_draw(101) : sim_draw(301);
    f->damage = one_of(2) ? 0 : sim_draw(51);
    f->twice = one_of(2) ? 0 : sim_draw(101);
    f->late = one_of(2) ? 0 : sim_draw(101);
    f->late_ms = f->late ? trip * (1 + sim_draw(5)) : 0;
}

static void draw_side(struct side *s)
{
    size_t least;

    s->total = one_of(8) ? 0 : draw_size(17);
    if (one_of(16)) { /* more than the buffers hold */
        s->total = 60000 + sim_draw(60000);
    }
    s->from = 1 + sim_draw(1000000);
    s->write_max = 1 + draw_size(15);
    least = s->total / 400 + 1; /* bounds the number of calls */
    s->write_max = s->write_max < least ? least : s->write_max;
    s->read_max = 1 + draw_size(15);
    s->pause_ms = one_of(3) ? sim_draw(5000) : 0;
    s->rest_ms = one_of(5) ? sim_draw(150000) : 0;
    s->abort_at = NEVER;
    s->half = one_of(2);
    s->closes = one_of(2);
    s->isn = one_of(2) ? UINT32_MAX - draw_size(17) : (uint32_t)sim_draw(1 << 16) << 16;
}

/*
 * The paths
 */
#define WINDOW    65535 /* of our stack */
#define QUEUE_S   3     /* seconds that a full queue needs, at most */
#define SLOW_S    100   /* seconds that a transfer should need, at most */

static void draw_path(struct wire_path *p)
{
    size_t frame = plan.mtu + 14u, room;

    p->bits_per_s = one_of(8) ? 0 : UINT64_C(64000) << sim_draw(11);
    if (p->bits_per_s && p->bits_per_s < 32 * frame) {
        p->bits_per_s = 32 * frame; /* a quarter of a second for a frame */
    }
    room = QUEUE_S * (size_t)p->bits_per_s / 8;
    p->queue = frame * (1 + sim_draw(4)) + draw_size(18);
    p->queue = p->queue < room ? p->queue : room;
    p->delay_us = draw_size(18);
    p->jitter_us = one_of(2) ? 0 : sim_draw(p->delay_us + 1000);
    p->loss = one_of(2) ? 0 : sim_draw(31);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Returns the bytes per second that a stack without congestion control moves at least: it sends
 * whole windows, and loses of each what the queue does not hold, until a timeout of a second. */
static uint64_t pace(const struct wire_path *p, const struct wire_path *back)
{
    const struct wire_faults *f = &plan.faults;
    uint64_t mss = plan.mtu - 40, rate = p->bits_per_s ? p->bits_per_s / 32 : UINT64_MAX;
    uint64_t trip = 2 * (f->delay_ms + f->vary_ms) + (p->delay_us + p->jitter_us) / 1000 +
                    (back->delay_us + back->jitter_us) / 1000 + 1;
    uint64_t lost = p->loss + f->loss + f->damage;

    rate = least(rate, WINDOW * UINT64_C(500) / trip);
    if (p->bits_per_s && p->queue < WINDOW / 4 * 5) {
        rate = least(rate, p->queue / 2);
    }
    if (lost) {
        rate = least(rate, mss * 500 / lost);
    }
    if (plan.compute_us) {
        rate = least(rate, mss * 250000 / plan.compute_us);
    }
    return rate + 1;
}

/* A long transfer needs a wire that loses little. */
static void draw_long(struct side *s)
{
    plan.faults.loss = plan.faults.damage = plan.faults.twice = plan.faults.late = 0;
    plan.path[0].loss = plan.path[1].loss = one_of(2) ? 0 : 1 + sim_draw(5);
    s->total = TOTAL_MAX >> sim_draw(6);
    s->total -= sim_draw((uint32_t)s->total / 4);
    s->write_max = s->total / 400 + 1;
}

static void draw_paths(void)
{
    draw_path(&plan.path[DIR_OUT]);
    plan.path[DIR_IN] = plan.path[DIR_OUT];
    if (one_of(2)) {
        draw_path(&plan.path[DIR_IN]);
    }
    plan.paths = 1;
    plan.compute_us = one_of(2) ? 0 : (unsigned int)least(draw_size(11), 3 * (plan.mtu - 40));
    if (!one_of(3)) { /* the path alone */
        plan.faults = (struct wire_faults){ .delay_ms = (unsigned int)plan.crossing };
    }
    if (one_of(4)) {
        draw_long(&plan.side[sim_draw(2)]);
    }
    for (int i = 0; i < 2; i++) {
        struct side *s = &plan.side[i];
        uint64_t most = pace(&plan.path[i ? DIR_IN : DIR_OUT], &plan.path[i ? DIR_OUT : DIR_IN]);

        s->total = (size_t)least(s->total, most * SLOW_S);
        plan.slow_s += (unsigned int)(s->total / most);
    }
}

static void draw_peer(void)
{
    plan.passive = one_of(2);
    plan.mss = (uint16_t)(one_of(2) ? 1460 : 536 + sim_draw(925));
    plan.buffer = one_of(2) ? 65535 : plan.side[0].total / 200 + 1 + draw_size(16);
    plan.ack_ms = one_of(2) ? 0 : sim_draw(400);
    plan.keeps = one_of(2);
    plan.shrinks = one_of(8);
    if (plan.paths && !one_of(4)) {
        plan.modern = plan.keeps = 1;
        plan.shrinks = 0;
    }
}

void plan_draw(void)
{
    size_t least;

    sim_patience = UINT32_C(1) << (one_of(8) ? 0 : 3 + sim_draw(6));
    plan.peer = one_of(2);
    draw_faults(&plan.faults);
    plan.stop_ms = one_of(3) ? 1 + sim_draw(120000) : 0;
    plan.mtu = one_of(2) ? 1500 : one_of(2) ? 576 + sim_draw(925) : 128 + sim_draw(448);
    if (!plan.peer && one_of(8)) { /* a loopback may have a large MTU */
        plan.mtu += sim_draw(64000);
    }
    plan.chosen = plan.peer ? 0 : one_of(2);
    plan.crossing = one_of(8);
    plan.faults.delay_ms += plan.crossing; /* else a SYN arrives before the other side opens */
    draw_side(&plan.side[0]);
    draw_side(&plan.side[1]);
    if (sim_run.seed % 2) { /* even seeds repeat what they did before there were paths */
        draw_paths();
    }
    plan.side[0].from = 1; /* as in a script: reports omit the pattern's bytes */
    for (int i = 0; i < 2; i++) {
        least = plan.side[!i].total / 400 + 1;
        plan.side[i].read_max += plan.side[i].read_max < least ? least : 0;
        if (plan.side[!i].total && one_of(16)) {
            plan.side[i].abort_at = sim_draw((uint32_t)plan.side[!i].total);
        }
    }
    if (plan.peer) {
        draw_peer();
    }
    if (!plan.peer) { /* only one of two can be chosen: half of all are near 2^32 */
        plan.side[plan.chosen].isn = UINT32_MAX - draw_size(17);
    }
    /* one side must end first */
    if (!plan.side[0].half && !plan.side[1].half && !plan.side[1].closes) {
        plan.side[0].closes = 1;
    }
}

unsigned int plan_loss(void)
{
    unsigned int in = plan.path[DIR_IN].loss, out = plan.path[DIR_OUT].loss;

    return plan.faults.loss + plan.faults.damage + (in > out ? in : out);
}

static size_t print_side(const struct side *s, const char *name, char *buf, size_t size)
{
    int len = snprintf(buf, size, "%s sends %zu, writes %zu, reads %zu, pauses %u ms, rests %u ms, "
                       "%s%s", name, s->total, s->write_max, s->read_max, s->pause_ms,
                       s->rest_ms, s->half ? "half-closes, " : "", s->closes ? "closes, " : "");

    if ((plan.peer || s == &plan.side[plan.chosen]) && (size_t)len < size) {
        len += snprintf(buf + len, size - (size_t)len, "first number %u", s->isn);
    } else if ((size_t)len < size) {
        len += snprintf(buf + len, size - (size_t)len, "any first number");
    }
    if (s->abort_at != NEVER && (size_t)len < size) {
        len += snprintf(buf + len, size - (size_t)len, ", aborts at %zu", s->abort_at);
    }
    return (size_t)len;
}

static size_t print_path(const char *name, const struct wire_path *p, char *buf, size_t size)
{
    return (size_t)snprintf(buf, size, "%s %llu bit/s, queue %zu, %u+%u us, loss %u; ", name,
                            (unsigned long long)p->bits_per_s, p->queue, p->delay_us, p->jitter_us,
                            p->loss);
}

void plan_print(char *buf, size_t size)
{
    const struct wire_faults *f = &plan.faults;
    size_t len;

    len = (size_t)snprintf(
        buf, size, "of 1000 frames %u lost, %u damaged, %u twice, %u late by %u ms; ", f->loss,
        f->damage, f->twice, f->late, f->late_ms);
    len += (size_t)snprintf(
        buf + len, size - len, "delay %u+%u ms, mtu %u%s%s", f->delay_ms, f->vary_ms, plan.mtu,
        plan.crossing ? ", both open" : plan.passive ? ", the peer opens" : "",
        plan.stop_ms ? "" : ", for ever");
    if (plan.stop_ms) {
        len += (size_t)snprintf(buf + len, size - len, ", for %u ms", plan.stop_ms);
    }
    len += (size_t)snprintf(buf + len, size - len, "\n");
    if (plan.paths) {
        len += print_path("path out", &plan.path[DIR_OUT], buf + len, size - len);
        len += print_path("in", &plan.path[DIR_IN], buf + len, size - len);
        len += (size_t)snprintf(buf + len, size - len, "computes %u us\n", plan.compute_us);
    }
    len += print_side(&plan.side[0], "ours", buf + len, size - len);
    len += (size_t)snprintf(buf + len, size - len, "\n");
    len += print_side(&plan.side[1], plan.peer ? "peer" : "ours", buf + len, size - len);
    if (plan.peer) {
        snprintf(buf + len, size - len, ", %smss %u, buffer %zu, acks within %u ms%s%s",
                 plan.modern ? "modern, " : "", plan.mss, plan.buffer, plan.ack_ms,
                 plan.keeps ? ", keeps" : "", plan.shrinks ? ", shrinks" : "");
    }
}
