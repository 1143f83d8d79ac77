#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "sim.h"

/*
 * The path of each direction: a link with a rate, the queue before it, and the way behind it
 */
struct waiting {
    struct waiting *next;
    uint64_t begin; /* of its transmission */
    size_t len;
};

static struct side {
    int set;
    struct wire_path path;
    uint64_t free_at;   /* the link is free from this nanosecond on, */
    uint64_t free_rest; /* and so many parts of the next one: free_rest / bits_per_s */
    struct waiting *first;
    struct waiting *last;
    size_t queued; /* bytes of those that wait */
    struct wire_path_counts counts;
} sides[2];

/* On a loop, both directions go into our end. Once one has a path, the ports tell them apart. */
static int paths;

static void name_path(enum direction dir)
{
    const struct wire_path *p = &sides[dir].path;
    enum fault_kind kind = dir == DIR_IN ? FAULT_PATH_IN : FAULT_PATH_OUT;

    if (sides[dir].set) {
        sim_fault(kind, "path %s: %llu bit/s, queue %zu, delay_us %u, jitter_us %u, loss %u",
                  dir == DIR_IN ? "in" : "out", (unsigned long long)p->bits_per_s, p->queue,
                  p->delay_us, p->jitter_us, p->loss);
    } else {
        sim_no_fault(kind);
    }
}

void wire_path(enum direction dir, const struct wire_path *path)
{
    struct side *s = &sides[dir];

    s->free_at += s->free_rest > 0;
    s->free_rest = 0;
    s->set = path != NULL;
    if (path) {
        s->path = *path;
        paths = 1;
    }
    name_path(dir);
}

struct wire_path_counts wire_path_counts(enum direction dir)
{
    return sides[dir].counts;
}

/* The first whole nanosecond at which the link is free. */
static uint64_t free_from(const struct side *s)
{
    return s->free_at + (s->free_rest > 0);
}

static void begin_waiting(struct side *s, size_t len)
{
    struct waiting *w = malloc(sizeof(*w));

    if (!w) {
        sim_wrong("out of memory");
    }
    *w = (struct waiting){ .begin = free_from(s), .len = len };
    if (s->first) {
        s->last->next = w;
    } else {
        s->first = w;
    }
    s->last = w;
    s->queued += len;
    if (s->queued > s->counts.queue_max) {
        s->counts.queue_max = s->queued;
    }
}

static void end_waiting(struct side *s)
{
    struct waiting *w = s->first;

    s->first = w->next;
    s->queued -= w->len;
    free(w);
}

/* Takes a frame into the queue, or onto the link if that is free. Returns -1 if it is dropped. */
static int enter(struct side *s, size_t len)
{
    while (s->first && s->first->begin <= sim_now) {
        end_waiting(s);
    }
    if (free_from(s) <= sim_now) {
        s->free_at = sim_now;
        s->free_rest = 0;
        return 0;
    }
    if (s->queued + len > s->path.queue) {
        s->counts.dropped++;
        s->counts.dropped_bytes += len;
        return -1;
    }
    begin_waiting(s, len);
    return 0;
}

/* The link is busy with one more frame. */
static void transmit(struct side *s, size_t len)
{
    uint64_t parts = s->free_rest + (uint64_t)len * 8 * SIM_SECOND;

    s->free_at += parts / s->path.bits_per_s;
    s->free_rest = parts % s->path.bits_per_s;
}

int sim_path_pass(enum direction dir, size_t len, uint64_t *left)
{
    struct side *s = &sides[dir];

    *left = sim_now;
    if (!s->set) {
        return 0;
    }
    s->counts.sent++;
    s->counts.sent_bytes += len;
    if (s->path.bits_per_s) {
        if (enter(s, len) == -1) {
            return -1;
        }
        transmit(s, len);
        *left = free_from(s);
    }
    if (s->path.loss && sim_draw(1000) < s->path.loss) {
        s->counts.lost++;
        return -1;
    }
    return 0;
}

uint64_t sim_path_delay(enum direction dir)
{
    const struct wire_path *path = &sides[dir].path;

    if (!sides[dir].set) {
        return 0;
    }
    return (path->delay_us + (path->jitter_us ? UINT64_C(1) * sim_draw(path->jitter_us + 1) : 0)) *
           (SIM_MS / 1000);
}

enum direction sim_path_of(const struct packet *p)
{
    struct layout lay;
    enum field_id from = F_TCP_SPORT, to = F_TCP_DPORT;

    if (!paths) {
        return DIR_IN;
    }
    sim_locate(p, &lay);
    if (lay.at[LAYER_UDP] >= 0) {
        from = F_UDP_SPORT;
        to = F_UDP_DPORT;
    } else if (lay.at[LAYER_TCP] < 0) {
        return DIR_IN;
    }
    return sim_field_get(p, &lay, from) > sim_field_get(p, &lay, to) ? DIR_OUT : DIR_IN;
}

void sim_path_clear(void)
{
    for (int dir = DIR_IN; dir <= DIR_OUT; dir++) {
        while (sides[dir].first) {
            end_waiting(&sides[dir]);
        }
    }
    memset(sides, 0, sizeof(sides));
    paths = 0;
}

void sim_path_skip(uint64_t ns)
{
    for (int dir = DIR_IN; dir <= DIR_OUT; dir++) {
        sides[dir].free_at += ns;
        for (struct waiting *w = sides[dir].first; w; w = w->next) {
            w->begin += ns;
        }
    }
}
