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

static void draw_peer(void)
{
    plan.passive = one_of(2);
    plan.mss = (uint16_t)(one_of(2) ? 1460 : 536 + sim_draw(925));
    plan.buffer = one_of(2) ? 65535 : plan.side[0].total / 200 + 1 + draw_size(16);
    plan.ack_ms = one_of(2) ? 0 : sim_draw(400);
    plan.keeps = one_of(2);
    plan.shrinks = one_of(8);
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
    return plan.faults.loss + plan.faults.damage;
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
    len += print_side(&plan.side[0], "ours", buf + len, size - len);
    len += (size_t)snprintf(buf + len, size - len, "\n");
    len += print_side(&plan.side[1], plan.peer ? "peer" : "ours", buf + len, size - len);
    if (plan.peer) {
        snprintf(buf + len, size - len, ", mss %u, buffer %zu, acks within %u ms%s%s",
                 plan.mss, plan.buffer, plan.ack_ms, plan.keeps ? ", keeps" : "",
                 plan.shrinks ? ", shrinks" : "");
    }
}
