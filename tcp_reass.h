#ifndef TCP_REASS_H
#define TCP_REASS_H

#include <stddef.h>
#include <stdint.h>

/*
 * tcp_reass: which text the peer has sent beyond RCV.NXT, as ranges of sequence numbers. "Segments
 * with higher beginning sequence numbers SHOULD be held for later processing", RFC 9293 3.10.7.4.
 * The bytes lie in the receive buffer already, each at its place. Pure: no lock, no clock, no
 * control block; a segment allocates nothing.
 *
 *     struct tcp_range text = {seq, seq + len}, part;        trimmed to the window
 *     while ((ret = tcp_reass_insert(reass, nxt, &text, &part)) == 1)
 *         ring_write_at(buf, part.start - nxt, data + (part.start - seq), part.end - part.start);
 *     len = tcp_reass_contiguous(reass);                     may be 0
 *     ring_extend(buf, len), nxt += len;
 *
 * What came first stays: a segment fills holes, and never replaces what is held.
 *
 * Limits. All connections share a pool. Text at RCV.NXT, or next to a range, needs no range of its
 * own and is always taken, so a transfer goes on in any case. Other text may find no range left:
 *   - its connection has TCP_REASS_MAX: the farthest of these ranges gives way. The user would get
 *     it last, and the peer repeats it last. New text that is still farther is refused.
 *   - the pool is empty: the connection with the most ranges gives its farthest one, if it has at
 *     least two more than this one, which otherwise is treated as above. So k greedy peers, however
 *     fast, leave a share of 1 / (k + 1) to any other connection.
 * To the peer, what gave way or was refused is lost, as if on the wire, and it sends it again. If a
 * SACK has reported it: "reneging", which RFC 2018 8 permits.
 *
 * Cost. A call of tcp_reass_insert among n ranges takes O(log n) steps, amortized: m calls take at
 * most O((m + n) log n), in whatever order text arrives. tcp_reass_clear takes O(1).
 */

#define TCP_REASS_MAX 2048   /* ranges of a connection; beyond: the farthest gives way */
#define TCP_REASS_POOL 65535 /* ranges of all, 1 MiB; beyond: the largest queue gives one */

/* Sequence numbers from start to end - 1. The numbers in use at one time span less than 2^30. */
struct tcp_range {
    uint32_t start;
    uint32_t end;
};

/* A range of a queue, or an unused one of the pool. 0 as the number of a range: none. */
struct tcp_reass_range {
    struct tcp_range text;
    uint16_t child[2]; /* ranges before it and behind it, in the queue's tree */
    uint16_t newer;    /* in the circle of arrival; the newest is followed by the oldest */
    uint16_t older;    /* unused: the next unused one */
};

_Static_assert(sizeof(struct tcp_reass_range) == 16, "TCP_REASS_POOL states the memory");

struct tcp_reass;

/* Set by tcp_reass_pool_init; or by an initializer, of range and size alone. */
struct tcp_reass_pool {
    struct tcp_reass_range *range; /* the caller's array; [0] is for splay */
    uint16_t size;     /* numbers of ranges: 1 to size */
    uint16_t touched;  /* 1 to touched have been used */
    uint16_t unused;   /* of these, first of those given back */
    uint16_t num;      /* in use */
    uint16_t most;     /* no queue has more ranges */
    struct tcp_reass *with[TCP_REASS_MAX + 1]; /* the queues with so many ranges */
    uint64_t evicted;  /* ranges that gave way */
};

/* The queue of a connection. */
struct tcp_reass {
    struct tcp_reass_pool *pool;
    uint32_t ready;    /* bytes at RCV.NXT without a hole, not yet taken by tcp_reass_contiguous */
    int has_fin;       /* the peer's FIN is held */
    uint32_t fin;      /* its sequence number */
    uint16_t root;     /* of the tree of ranges. They do not touch each other or `ready` */
    uint16_t newest;   /* range that has changed last */
    uint16_t num;      /* ranges */
    struct tcp_reass *next, **link; /* among those with so many ranges, if any */
};

/* range: an array of size + 1, which is the pool's from now on; size is at most 65,535. */
void tcp_reass_pool_init(struct tcp_reass_pool *pool, struct tcp_reass_range *range, uint16_t size);
/* An empty queue. The pool refers to a queue that holds ranges: it does not move, and ends with
 * tcp_reass_clear. */
void tcp_reass_init(struct tcp_reass *reass, struct tcp_reass_pool *pool);

/* Holds the first part of *text that is new, cuts it off *text, with the old before it, and sets
 * *part. Text before RCV.NXT (nxt), or behind a FIN that is held, is old. Returns 1; 0: nothing is
 * new any more; or -1: *text is refused, no range is left for it. */
int tcp_reass_insert(struct tcp_reass *reass, uint32_t nxt, struct tcp_range *text,
                     struct tcp_range *part);
/* Returns by how many bytes RCV.NXT advances: the caller does so now. */
uint32_t tcp_reass_contiguous(struct tcp_reass *reass);

/* Holds a FIN with sequence number fin, unless text behind it or another FIN is held: what came
 * first stays. It needs no range, and no room in the buffer. Returns 0 or -1. */
int tcp_reass_insert_fin(struct tcp_reass *reass, uint32_t nxt, uint32_t fin);
/* Is a FIN held, and its turn at RCV.NXT? */
int tcp_reass_is_fin_due(const struct tcp_reass *reass, uint32_t nxt);

/* Is neither text beyond RCV.NXT held nor a FIN? Otherwise there is a hole, if no FIN is due. */
int tcp_reass_is_empty(const struct tcp_reass *reass);
/* Copies at most max ranges, the one that has changed last first, as the SACK option reports them:
 * RFC 2018 4. Returns their number. */
size_t tcp_reass_recent(const struct tcp_reass *reass, struct tcp_range *range, size_t max);
/* Empties the queue, of its FIN too. */
void tcp_reass_clear(struct tcp_reass *reass);

#endif
