#ifndef JUDGE_H
#define JUDGE_H

/*
 * The judge: runs the stack over a faulty wire against itself or a peer of the judge's own, and
 * decides whether the outcome is permitted. The seed determines all choices.
 *
 *   plan.c   the choices drawn from the seed
 *   ends.c   the applications on our stack
 *   peer.c   the scripted peer
 *   reno.c   its congestion control
 *   watch.c  the rules for each frame on the wire, and what it hands to edge.h
 *   trial.c  a run from its start to the verdict
 */

#include <stddef.h>
#include <stdint.h>

#include "bench.h"
#include "sim.h"

#define OURS      "192.0.2.2" /* side 0, on a loopback both sides */
#define PEERS     "192.0.2.1"
#define PORT_OPEN 5000 /* of side 0, which opens */
#define PORT      7    /* of side 1 */

#define NEVER SIZE_MAX

#define TOTAL_MAX (16 * 1024 * 1024) /* bytes that a side sends, at most */

/* Plan of one side. */
struct side {
    size_t total;          /* bytes that it sends */
    uint32_t from;         /* their offset in the pattern */
    size_t write_max;      /* bytes of one write, at most */
    size_t read_max;
    unsigned int pause_ms; /* length of its pauses, at most */
    unsigned int rest_ms;  /* before its first read */
    size_t abort_at;       /* bytes read at which it aborts, or NEVER */
    int half;              /* it shuts down its direction once all is sent */
    int closes;            /* it closes once all is received; else after end of file */
    uint32_t isn;          /* its initial sequence number */
};

struct plan {
    int peer;              /* side 1 is the scripted peer, on Ethernet; else ours, on a loopback */
    struct wire_faults faults;
    int paths;             /* the two directions have paths, as follows, beside the faults */
    struct wire_path path[2];
    unsigned int compute_us; /* computing of the stack on each packet in */
    unsigned int slow_s;   /* seconds that the transfer may take on these paths */
    unsigned int stop_ms;  /* end of the faults; 0: never */
    unsigned int mtu;
    int crossing;          /* both sides open */
    int chosen;            /* side whose ISN is the plan's, besides the peer */
    int passive;           /* the peer opens */
    struct side side[2];
    uint64_t rested;       /* pauses of both so far, in nanoseconds */
    /* the peer alone */
    uint16_t mss;
    size_t buffer;         /* bytes of its receive buffer */
    unsigned int ack_ms;   /* delay of its acknowledgments, at most */
    int keeps;             /* it keeps segments out of order */
    int shrinks;           /* it shrinks its window */
    int modern;            /* it does what steps 47 to 51 do */
};

extern struct plan plan;

void plan_draw(void);
void plan_print(char *buf, size_t size);
/* Returns how many of 1,000 frames are lost or damaged, drops at a queue aside. */
unsigned int plan_loss(void);

/*
 * An end: an application on our stack
 */
struct end {
    const struct side *plan, *other;
    int index;
    int id;            /* its socket */
    int state;         /* 0 opening, 1 open, -1 failed to open */
    int at_work;       /* its running tasks */
    int closed;
    int aborted;
    int given_up;      /* the judge has closed the socket */
    size_t sent;
    size_t given;      /* sent, and what a call in progress has */
    size_t received;
    int eof;
    int errnum;        /* the first error it got */
    uint64_t error_at; /* its time, as sim_now */
    uint64_t begun;    /* start of the open */
    struct sched_task task;
};

void end_start(struct end *end, int index);
/* The bytes that the end on this side has given to its socket. */
size_t end_given(int side);
int end_is_done(const struct end *end);
/* Closes its sockets, which lets its calls fail. */
void end_give_up(struct end *end);

/*
 * The peer
 */
struct peer_view {
    size_t received; /* bytes, in order */
    size_t acked;    /* of its own */
    int eof;
    int reset;       /* it received a RST */
    int aborted;     /* it sent a RST */
    int done;        /* both directions have ended */
};

void peer_start(void);
void peer_view(struct peer_view *view);

/*
 * The watch: checks each frame. Flow 0 is from side 0.
 */
void watch_start(void);
/* The trial ends: the last answers are due. */
void watch_end(void);
uint64_t watch_hash(void);
/* A modern peer sends a segment, or takes one: it has a watcher too, with the rules of step 51. */
void watch_peer(enum direction dir, const struct packet *p, const struct layout *lay);
/* Copies the side's initial sequence number. Returns whether it has sent its SYN. */
int watch_isn(int side, uint32_t *isn);
/* Are its checksums and lengths right? */
int watch_is_undamaged(const struct packet *p, const struct layout *lay);
/* Returns when the side last received an acknowledgment of new data, or a zero window. */
uint64_t watch_progress(int side);

/* Called at the start of the trial, to plant a fault that the judge must find. */
extern void (*trial_mistake)(void);
/* Runs the seed's trial. Returns 1 if all bytes arrived, 0 if it ended with a permitted error. */
int trial(void);

#endif
