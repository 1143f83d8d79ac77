#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "sim.h"

/*
 * The line between the two ends of a wire, and its faults
 */
struct transit {
    struct transit *next;
    uint64_t due;
    enum direction dir;
    void *wire; /* destination of a frame to our end */
    struct packet p;
    uint8_t data[];
};

static struct transit *transits; /* in the order of arrival */
static uint64_t last_due[2];     /* last arrival of frames that keep their order, each path */
static struct wire_faults faults;
static struct wire_counts counts;

/* For the report: the settings that are not zero. */
static void name_faults(const struct wire_faults *f)
{
    const struct {
        const char *name;
        unsigned int value;
    } settings[] = {
        { "loss", f->loss }, { "twice", f->twice }, { "damage", f->damage }, { "late", f->late },
        { "delay_ms", f->delay_ms }, { "vary_ms", f->vary_ms }, { "late_ms", f->late_ms },
    };
    char text[128] = "";
    size_t len = 0;

    for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
        if (settings[i].value) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s %u", len ? "," : "wire:",
                                    settings[i].name, settings[i].value);
        }
    }
    sim_fault(FAULT_WIRE, "%s", text);
}

void wire_faults(const struct wire_faults *f)
{
    static const struct wire_faults none;

    faults = f ? *f : none;
    name_faults(&faults);
}

struct wire_counts wire_counts(void)
{
    return counts;
}

static int happens(unsigned int per_mille)
{
    return per_mille && sim_draw(1000) < per_mille;
}

static uint64_t draw_up_to(unsigned int ms)
{
    return ms ? sim_draw(ms * 1000 + 1) * (SIM_MS / 1000) : 0;
}

/* The arrival of a frame that leaves its path's link at the time given. */
static uint64_t draw_due(enum direction path, uint64_t left)
{
    uint64_t due = left + sim_path_delay(path) + faults.delay_ms * SIM_MS;

    due += draw_up_to(faults.vary_ms);

    if (happens(faults.late)) {
        counts.late++;
        return due + draw_up_to(faults.late_ms);
    }
    if (due < last_due[path]) {
        due = last_due[path];
    }
    last_due[path] = due;
    return due;
}

/* Flips one bit of the datagram. Returns -1 if there is none: a link's FCS would find that. */
static int damage(struct packet *p)
{
    size_t len = p->len - p->net, total;
    uint32_t bit;

    if (p->type != 0x0800 || len < 20) {
        return -1;
    }
    total = (size_t)(p->data[p->net + 2] << 8 | p->data[p->net + 3]);
    bit = sim_draw((uint32_t)(total && total < len ? total : len) * 8);
    p->data[p->net + bit / 8] ^= (uint8_t)(1 << bit % 8);
    counts.damaged++;
    return 0;
}

static void insert(struct transit *t)
{
    struct transit **at = &transits;

    while (*at && (*at)->due <= t->due) {
        at = &(*at)->next;
    }
    t->next = *at;
    *at = t;
}

static void launch(const struct packet *p, enum direction dir, void *wire, enum direction path,
                   uint64_t left)
{
    struct transit *t = malloc(sizeof(*t) + p->len);

    if (!t) {
        sim_wrong("out of memory");
    }
    t->due = draw_due(path, left);
    t->dir = dir;
    t->wire = wire;
    t->p = *p;
    t->p.data = t->data;
    memcpy(t->data, p->data, p->len);
    if (happens(faults.damage) && damage(&t->p) == -1) {
        counts.lost++;
        free(t);
        return;
    }
    insert(t);
}

static void carry(const struct packet *p, enum direction dir, void *wire, enum direction path)
{
    uint64_t left;

    counts.sent++;
    if (sim_path_pass(path, p->len, &left) == -1) {
        return;
    }
    if (happens(faults.loss)) {
        counts.lost++;
        return;
    }
    launch(p, dir, wire, path, left);
    if (happens(faults.twice)) {
        counts.twice++;
        launch(p, dir, wire, path, left);
    }
    sim_deliver();
}

void sim_carry(const struct packet *p, enum direction dir, void *wire)
{
    carry(p, dir, wire, dir);
}

void sim_carry_back(const struct packet *p, void *wire)
{
    carry(p, DIR_IN, wire, sim_path_of(p));
}

void sim_line_clear(void)
{
    struct transit *t;

    while ((t = transits)) {
        transits = t->next;
        free(t);
    }
    memset(last_due, 0, sizeof(last_due));
    sim_path_clear();
}

uint64_t sim_next_arrival(void)
{
    return transits ? transits->due : UINT64_MAX;
}

void sim_line_skip(uint64_t ns)
{
    struct transit *t;

    for (t = transits; t; t = t->next) {
        t->due += ns;
    }
    last_due[DIR_IN] += ns;
    last_due[DIR_OUT] += ns;
    sim_path_skip(ns);
}

void sim_deliver(void)
{
    struct transit *t;

    while ((t = transits) && t->due <= sim_now) {
        transits = t->next;
        if (t->dir == DIR_OUT) {
            sim_script_takes(&t->p);
        } else {
            sim_remember(&t->p, DIR_IN);
            sim_wire_send(t->wire, &t->p);
        }
        free(t);
    }
}
