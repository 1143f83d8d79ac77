#ifndef EDGE_H
#define EDGE_H

/*
 * The watcher at the sender's edge. It sees the segments that one end of a connection sends, and
 * those that are handed to it, and knows nothing else: no variable of the stack, no clock of its
 * own. (How many samples of the round trip the stack takes is a counter, and compared by the caller
 * with may_sample.) It says which rule a segment breaks, or which segment is missing.
 *
 *   edge.c       windows, sequence numbers, the retransmission timer, acknowledgments
 *   edge_cwnd.c  what may be in flight: RFC 5681, 6582, 3042, 5682, 3465
 *
 * What is handed over at one instant, by the simulated clock, is one batch of the device: the
 * watcher asks for the answers when the clock has moved on. Where the order within an instant is
 * unknown, it allows both: what may be sent follows the latest acknowledgment, what must not be
 * repeated follows those of earlier instants.
 *
 * Sequence numbers are relative to the ISN of the side that sends them, and do not wrap.
 */

#include <stdint.h>

#include "tcp.h"
#if __has_include("tcp_loss.h")
#include "tcp_loss.h"
#endif

/* The rules hold for the stack of this step. The judge serves for the trees of all: it knows them
 * by what the steps bring. */
#if defined(TCP_DUP_THRESH)
#define EDGE_STEP 51
#elif __has_include("tcp_cc.h")
#define EDGE_STEP 50
#elif __has_include("tcp_rtt.h")
#define EDGE_STEP 49
#elif __has_include("tcp_reass.h")
#define EDGE_STEP 48
#elif defined(TCP_ACK_DELAY)
#define EDGE_STEP 47
#else
#define EDGE_STEP 46
#endif

enum {
    EDGE_DELAYED_ACK = 47, /* every second full segment is acknowledged; before: each segment */
    EDGE_QUEUE = 48,       /* what fills a hole is answered at once; before: nothing is held */
    EDGE_MIN_RTO = 49,     /* a retransmission after 200 ms; before: after 1 s */
    EDGE_CWND = 50,        /* a congestion window: slow start, congestion avoidance, RTO */
    EDGE_FAST = 51,        /* fast retransmit, NewReno, limited transmit */
};

#define EDGE_RTO UINT64_C(200000000) /* from step EDGE_MIN_RTO on, in nanoseconds */

#define EDGE_FIN 0x01
#define EDGE_SYN 0x02
#define EDGE_RST 0x04
#define EDGE_ACK 0x10

struct edge_segment {
    uint32_t seq, ack, wnd; /* ack is valid with EDGE_ACK */
    uint32_t len;           /* bytes of data */
    uint8_t flags;
    uint16_t mss;           /* value of the MSS option; 0: none */
};

#define EDGE_PENDING 64
#define EDGE_ACKS    4096
#define EDGE_STATES  32
#define EDGE_KEPT    1024 /* the stack keeps more; beyond, the farthest is forgotten */

struct edge_ack {
    uint32_t ack, wnd;
    int bare;            /* no data, SYN or FIN */
    enum edge_sure {
        EDGE_HARDLY,     /* perhaps it is not acceptable, */
        EDGE_PERHAPS,    /* but some take it */
        EDGE_SURE,
    } sure;
};

/* A state in which the sender may be. Its window is what RFC 5681 allows at most, in bytes. */
struct edge_state {
    int takes;           /* it takes ACKs that are perhaps not acceptable */
    unsigned int but;    /* not so with this one of the instant, from 1 on */
    unsigned int taken;  /* ACKs of this instant, in acks */
    uint32_t una;        /* SND.UNA, */
    uint64_t una_at;     /* since this time */
    uint64_t timer;      /* start of the retransmission timer */
    uint32_t cwnd;       /* 0: not open yet */
    uint32_t ssthresh;
    uint32_t beyond;     /* of cwnd: a slow start or a recovery may have ended so far above it */
    uint32_t counted;    /* acknowledged in congestion avoidance, of cwnd bytes */
    uint32_t dups;       /* duplicate ACKs in a row */
    uint32_t flight;     /* when the first of them came */
    uint64_t dup_at;     /* time of the last one */
    uint32_t wnd;        /* of the last segment in, but for old ones */
    uint32_t recover;    /* SND.NXT at the last loss */
    uint32_t recovered;  /* duplicates count from here on */
    int recovery;        /* fast recovery */
    int repairs;         /* retransmissions that its partial ACKs allow */
    unsigned int partials; /* their number */
    int back;            /* after an RTO it goes back to SND.UNA */
    uint32_t resent;     /* all below was sent again since the RTO */
    int timeout;         /* an RTO is not yet answered by new data */
    int slow;            /* slow start after an RTO */
    uint32_t answers;    /* ACKs of new data since the RTO */
    int spurious;        /* so far they may show that it was spurious */
    uint32_t old_cwnd, old_ssthresh; /* before the RTO */
    uint32_t losses;     /* that lowered ssthresh */
};

struct edge {
    int step;
    uint32_t mss;        /* at most so many bytes in a segment */
    int over;            /* a RST: no rule holds any more */
    int held;            /* 1: what goes out waits for the next hop's address, and may be lost;
                            2: it goes out at this instant */
    uint64_t now;        /* time of the last event */
    /* what it sends */
    uint32_t una, una_was;   /* acknowledged by acceptable segments; before this instant */
    uint32_t una_most;       /* acknowledged by any segment */
    uint32_t end;            /* all below was sent */
    uint32_t edge;           /* right edge of the window, the largest ever offered */
    uint32_t given;          /* all data below was given by the user */
    uint64_t timer, timer_was; /* last start of the retransmission timer */
    uint64_t burst;          /* an instant of retransmissions */
    uint32_t again;          /* end of what was sent again */
    unsigned int may_sample; /* ACKs that Karn's algorithm allows to measure the round trip: the
                                caller sets it to 0 */
    uint8_t syn;             /* flags of its last SYN */
    uint64_t last_out;       /* of data */
    /* what it receives */
    uint32_t nxt;            /* RCV.NXT, at least */
    struct {
        uint32_t start, end;
    } kept[EDGE_KEPT];       /* from step EDGE_QUEUE on: ranges beyond nxt, in order and apart */
    unsigned int num_kept;
    uint32_t unsure;         /* text below it came in the handshake, and may be kept or not */
    uint32_t ack;            /* the last acknowledgment sent; 0: none */
    uint32_t offered;        /* right edge of the window that it offered */
    uint32_t wnd_max;        /* the largest window offered to it */
    uint32_t full;           /* bytes of the largest segment */
    unsigned int owed;       /* segments to be answered singly, at once */
    uint32_t owed_from, owed_to; /* the last of them */
    struct {
        uint32_t end;
        uint32_t len;
        uint64_t at;
    } pending[EDGE_PENDING]; /* segments whose acknowledgment may be delayed */
    unsigned int num_pending;
    struct edge_ack acks[EDGE_ACKS]; /* of this instant */
    unsigned int num_acks;
    struct edge_state states[EDGE_STATES]; /* that explain all so far */
    unsigned int num_states;
    int lost_syn;
    uint32_t ssthresh;   /* at the last look; losses so far when it was lowered */
    uint32_t losses;
    int unseen;          /* what waited for the next hop was perhaps sent again there */
};

/* mss: what its interface allows. */
void edge_start(struct edge *e, int step, uint32_t mss);
/* A segment goes out, or is handed to the stack, at this time. Return NULL, or what the stack must
 * not do, in a static buffer. */
const char *edge_out(struct edge *e, uint64_t now, const struct edge_segment *seg);
const char *edge_in(struct edge *e, uint64_t now, const struct edge_segment *seg);
/* A segment that the stack may drop for lack of room is handed to it: it only allows. */
void edge_maybe(struct edge *e, const struct edge_segment *seg);
/* A look at the ssthresh of the stack's view, when a segment goes out or all before has been
 * processed. The same. */
const char *edge_look(struct edge *e, uint32_t ssthresh);
/* The next hop's address is asked for. */
void edge_hold(struct edge *e);
/* The clock has moved on. The same. */
const char *edge_time(struct edge *e, uint64_t now);

/* Returns a static buffer with the text. */
const char *edge_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * edge_cwnd.c, called by edge.c
 */
void edge_cwnd_start(struct edge *e);
/* An ACK comes. */
void edge_cwnd_in(struct edge *e, const struct edge_segment *seg, enum edge_sure sure);
/* The clock will move on. */
void edge_cwnd_settle(struct edge *e);
/* Before edge_out moves end: data or FIN. From step EDGE_MIN_RTO on. */
const char *edge_cwnd_out(struct edge *e, const struct edge_segment *seg);

#endif
