#ifndef JUDGE_H
#define JUDGE_H

/*
 * The judge: lets the stack talk, over a wire that misbehaves, to itself or to a peer of the
 * judge's own, and decides whether what happened may happen. All choices are the seed's.
 *
 *   plan.c   what is drawn from the seed
 *   ends.c   the applications at the ends of our stack
 *   peer.c   the other end, where it is not ours
 *   watch.c  what each frame on the wire must be like
 *   trial.c  a run from its start to the verdict
 */

#include <stddef.h>
#include <stdint.h>

#include "bench.h"
#include "sim.h"

#define OURS      "192.0.2.2" /* side 0, and on a loopback both */
#define PEERS     "192.0.2.1"
#define PORT_OPEN 5000 /* of side 0, which opens */
#define PORT      7    /* of side 1 */

#define NEVER SIZE_MAX

/* What one side does. */
struct side {
    size_t total;          /* bytes that it sends */
    uint32_t from;         /* where in the pattern they begin */
    size_t write_max;      /* bytes that it sends at once, at most */
    size_t read_max;
    unsigned int pause_ms; /* it pauses now and then for so long, at most */
    unsigned int rest_ms;  /* before it reads first */
    size_t abort_at;       /* it breaks off when it has read so many, without reading the rest */
    int half;              /* it ends its direction as soon as everything is sent */
    int closes;            /* it closes when it has everything; else after the end of file */
    uint32_t isn;          /* its first sequence number */
};

struct plan {
    int peer;              /* side 1 is the scripted peer, on Ethernet; else ours, on a loopback */
    struct wire_faults faults;
    unsigned int stop_ms;  /* the faults end so late; 0: never */
    unsigned int mtu;
    int crossing;          /* both sides open */
    int chosen;            /* whose first sequence number is the plan's, besides the peer's */
    int passive;           /* with a peer: it opens */
    struct side side[2];
    uint64_t rested;       /* how long both have paused so far, in nanoseconds */
    /* the peer alone */
    uint16_t mss;
    size_t buffer;         /* bytes of its window */
    unsigned int ack_ms;   /* it acknowledges so late, at most */
    int keeps;             /* it keeps what comes out of order */
    int shrinks;           /* it takes back room that it has offered */
};

extern struct plan plan;

void plan_draw(void);
void plan_print(char *buf, size_t size);
/* Frames of a thousand that do not arrive, or not whole. */
unsigned int plan_loss(void);

/*
 * An end: an application on our stack
 */
struct end {
    const struct side *plan, *other;
    int index;
    int id;            /* its socket */
    int state;         /* 0 opening, 1 open, -1 it did not get open */
    int at_work;       /* tasks */
    int closed;
    int aborted;
    int given_up;      /* the judge has closed the socket */
    size_t sent;
    size_t received;
    int eof;
    int errnum;        /* the first error that it was told */
    uint64_t error_at; /* and when, as sim_now */
    uint64_t begun;    /* when it began to open */
    struct sched_task task;
};

void end_start(struct end *end, int index);
int end_is_done(const struct end *end);
/* Closes what it has, and lets its calls fail. */
void end_give_up(struct end *end);

/*
 * The peer
 */
struct peer_view {
    size_t received; /* bytes, in order */
    size_t acked;    /* of its own */
    int eof;
    int reset;       /* it was sent a RST */
    int aborted;     /* it has sent one */
    int done;        /* both directions are over */
};

void peer_start(void);
void peer_view(struct peer_view *view);

/*
 * The watch: looks at each frame. Flow 0 is what side 0 sends.
 */
void watch_start(void);
uint64_t watch_hash(void);
/* Returns 1 if a side has sent its SYN. */
int watch_isn(int side, uint32_t *isn);
/* Are its checksums and lengths right? */
int watch_is_undamaged(const struct packet *p, const struct layout *lay);
/* When a side was last told that something of it has arrived. */
uint64_t watch_progress(int side);

/* Called when the trial begins: to make a mistake that the judge has to find. */
extern void (*trial_mistake)(void);
/* Runs the seed's trial. Returns 1 when all bytes came, 0 when it ended otherwise but rightly. */
int trial(void);

#endif
