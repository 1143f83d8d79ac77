#include "tcp_reass.h"

#include <string.h>

#include "tcp.h"
#include "util.h"

/*
 * tcp_reass: the out-of-order queue.
 *
 * The ranges of a queue are a binary tree by sequence number, and a circle by arrival. The tree is
 * a splay tree (Sleator and Tarjan, 1985): each search moves what it found to the root and halves
 * the depth of its path. So it needs no balance of its own, and an expensive search has been paid
 * for by cheap ones. No path is walked without that: otherwise a peer could walk a long one again
 * and again.
 *
 *   tcp_reass_insert   split: the ranges before the text | those behind it
 *                      the part between extends the last one before, or the first one behind, or
 *                      unites both, or is a range of its own
 *                      join
 *
 * Ranges have numbers of 16 bits in place of pointers: 16 bytes for each.
 */

#define SPAN_MAX 0x40000000u /* the ranges of a queue span less: no window is larger, RFC 7323 */

/*
 * The tree. Each function takes the root of a tree or part of one, and returns the new root.
 */

/* Makes root the last range that begins at or before seq, or the first one behind: the one at which
 * the search ends. Top-down: the ranges that the search leaves, those before seq and those behind
 * it, hang from [0] meanwhile, with the last one at `edge`; in the end they hang from root. */
static uint16_t splay(struct tcp_reass_range *range, uint16_t root, uint32_t seq)
{
    uint16_t edge[2] = {0, 0}, next;
    int side;

    if (root == 0) {
        return 0;
    }
    for (;;) {
        side = seq_leq(range[root].text.start, seq);
        next = range[root].child[side];
        if (next != 0 && seq_leq(range[next].text.start, seq) == side) { /* rotate */
            range[root].child[side] = range[next].child[!side];
            range[next].child[!side] = root;
            root = next;
            next = range[root].child[side];
        }
        if (next == 0) {
            break;
        }
        range[edge[!side]].child[side] = root;
        edge[!side] = root;
        root = next;
    }
    range[edge[0]].child[1] = range[root].child[0];
    range[edge[1]].child[0] = range[root].child[1];
    range[root].child[0] = range[0].child[1];
    range[root].child[1] = range[0].child[0];
    return root;
}

/* Splits the tree at seq. *left: ranges that begin at or before it, the last one as root; *right:
 * those behind, the first one as root. */
static void split(struct tcp_reass *reass, uint32_t seq, uint16_t *left, uint16_t *right)
{
    struct tcp_reass_range *range = reass->pool->range;
    uint16_t root = splay(range, reass->root, seq);
    int side = root != 0 && seq_leq(range[root].text.start, seq);
    uint16_t other = splay(range, root != 0 ? range[root].child[side] : 0, seq);

    if (root != 0) {
        range[root].child[side] = 0;
    }
    *left = side ? root : other;
    *right = side ? other : root;
}

/* The reverse. */
static void join(struct tcp_reass *reass, uint16_t left, uint16_t right)
{
    if (left != 0) {
        reass->pool->range[left].child[1] = right;
    }
    reass->root = left != 0 ? left : right;
}

/*
 * The circle, by arrival
 */

static void circle_leave(struct tcp_reass *reass, uint16_t i)
{
    struct tcp_reass_range *range = reass->pool->range;

    range[range[i].newer].older = range[i].older;
    range[range[i].older].newer = range[i].newer;
    if (reass->newest == i) {
        reass->newest = range[i].older == i ? 0 : range[i].older;
    }
}

static void circle_enter(struct tcp_reass *reass, uint16_t i)
{
    struct tcp_reass_range *range = reass->pool->range;
    uint16_t newest = reass->newest, oldest = range[newest].newer;

    if (newest == 0) { /* [0] is in no circle */
        newest = oldest = i;
    }
    range[i].older = newest;
    range[i].newer = oldest;
    range[newest].newer = i;
    range[oldest].older = i;
    reass->newest = i;
}

/* Range i has changed. */
static void renew(struct tcp_reass *reass, uint16_t i)
{
    if (reass->newest != i) {
        circle_leave(reass, i);
        circle_enter(reass, i);
    }
}

/*
 * The pool
 */

void tcp_reass_pool_init(struct tcp_reass_pool *pool, struct tcp_reass_range *range, uint16_t size)
{
    memset(pool, 0, sizeof(*pool));
    pool->range = range;
    pool->size = size;
}

void tcp_reass_init(struct tcp_reass *reass, struct tcp_reass_pool *pool)
{
    memset(reass, 0, sizeof(*reass));
    reass->pool = pool;
}

/* Sets the number of ranges of a queue, and moves it to the queues with so many. */
static void set_num(struct tcp_reass *reass, uint16_t num)
{
    struct tcp_reass_pool *pool = reass->pool;
    struct tcp_reass **head = &pool->with[num];

    if (reass->num > 0) {
        *reass->link = reass->next;
        if (reass->next) {
            reass->next->link = reass->link;
        }
    }
    pool->num = (uint16_t)(pool->num - reass->num + num);
    reass->num = num;
    if (num == 0) {
        return;
    }
    reass->next = *head;
    reass->link = head;
    if (reass->next) {
        reass->next->link = &reass->next;
    }
    *head = reass;
    pool->most = num > pool->most ? num : pool->most;
}

/* Returns a queue with the most ranges, or NULL if all are empty. */
static struct tcp_reass *largest(struct tcp_reass_pool *pool)
{
    while (pool->most > 0 && !pool->with[pool->most]) {
        pool->most--;
    }
    return pool->with[pool->most];
}

/* A new range, the newest of its queue, for text. The caller has seen to it that one is unused, and
 * sets its children. */
static uint16_t range_alloc(struct tcp_reass *reass, const struct tcp_range *text)
{
    struct tcp_reass_pool *pool = reass->pool;
    uint16_t i = pool->unused;

    if (i != 0) {
        pool->unused = pool->range[i].older;
    } else {
        i = ++pool->touched;
    }
    pool->range[i].text = *text;
    circle_enter(reass, i);
    set_num(reass, (uint16_t)(reass->num + 1));
    return i;
}

static void range_free(struct tcp_reass *reass, uint16_t i)
{
    circle_leave(reass, i);
    reass->pool->range[i].older = reass->pool->unused;
    reass->pool->unused = i;
    set_num(reass, (uint16_t)(reass->num - 1));
}

/* The farthest range of the queue, in the tree root, gives way. Returns the new root. */
static uint16_t evict(struct tcp_reass *reass, uint16_t root)
{
    struct tcp_reass_range *range = reass->pool->range;
    uint16_t last = splay(range, root, range[root].text.start + SPAN_MAX);

    root = range[last].child[0];
    range_free(reass, last);
    count(reass->pool->evicted);
    return root;
}

/* Makes room for a range between left, if any, and *right. Returns 0, or -1 if there is none: no
 * other range gives way, and the new one would be the farthest. */
static int make_room(struct tcp_reass *reass, uint16_t *right)
{
    struct tcp_reass_pool *pool = reass->pool;
    struct tcp_reass *from = reass;

    if (reass->num < TCP_REASS_MAX) {
        if (pool->num < pool->size) {
            return 0;
        }
        from = largest(pool);
    }
    if (from && from->num > reass->num + 1) {
        from->root = evict(from, from->root);
        return 0;
    }
    if (*right == 0) {
        return -1;
    }
    *right = evict(reass, *right);
    return 0;
}

/*
 * Text
 */

/* Frees the root of right, the first range there. Returns the others. */
static uint16_t drop_first(struct tcp_reass *reass, uint16_t right)
{
    uint16_t others = reass->pool->range[right].child[1];

    range_free(reass, right);
    return others;
}

/* Adds a part between two halves of the queue, and joins them. Returns 0, or -1 without room. */
static int add(struct tcp_reass *reass, uint16_t left, uint16_t right, struct tcp_range part,
               uint32_t ready_end)
{
    struct tcp_reass_range *range = reass->pool->range;
    int touches_right = right != 0 && range[right].text.start == part.end;
    uint16_t mid;

    if (part.start == (left != 0 ? range[left].text.end : ready_end)) {
        if (touches_right) { /* the hole is filled */
            part.end = range[right].text.end;
            right = drop_first(reass, right);
        }
        if (left != 0) {
            range[left].text.end = part.end;
            renew(reass, left);
        } else {
            reass->ready += part.end - part.start;
        }
    } else if (touches_right) {
        range[right].text.start = part.start;
        renew(reass, right);
    } else {
        if (make_room(reass, &right) == -1) {
            join(reass, left, right);
            return -1;
        }
        mid = range_alloc(reass, &part);
        range[mid].child[0] = left;
        left = mid;
    }
    join(reass, left, right);
    return 0;
}

int tcp_reass_insert(struct tcp_reass *reass, uint32_t nxt, struct tcp_range *text,
                     struct tcp_range *part)
{
    struct tcp_reass_range *range = reass->pool->range;
    uint32_t ready_end = nxt + reass->ready;
    uint16_t left, right;

    if (reass->has_fin && seq_lt(reass->fin, text->end)) {
        text->end = reass->fin;
    }
    if (seq_lt(text->start, ready_end)) {
        text->start = ready_end;
    }
    if (!seq_lt(text->start, text->end)) {
        return 0;
    }
    split(reass, text->start, &left, &right);
    if (left != 0 && seq_lt(text->start, range[left].text.end)) {
        text->start = range[left].text.end;
    }
    if (!seq_lt(text->start, text->end)) { /* all of it was held, by left */
        renew(reass, left);
        join(reass, left, right);
        return 0;
    }
    *part = *text;
    if (right != 0 && seq_lt(range[right].text.start, text->end)) {
        part->end = range[right].text.start;
    }
    text->start = part->end;
    return add(reass, left, right, *part, ready_end) == -1 ? -1 : 1;
}

uint32_t tcp_reass_contiguous(struct tcp_reass *reass)
{
    uint32_t len = reass->ready;

    reass->ready = 0;
    return len;
}

/*
 * FIN
 */

int tcp_reass_insert_fin(struct tcp_reass *reass, uint32_t nxt, uint32_t fin)
{
    uint16_t left, right;
    int beyond;

    if (reass->has_fin || seq_lt(fin, nxt + reass->ready)) {
        return reass->has_fin && reass->fin == fin ? 0 : -1;
    }
    split(reass, fin, &left, &right);
    beyond = right != 0 || (left != 0 && seq_lt(fin, reass->pool->range[left].text.end));
    join(reass, left, right);
    if (beyond) {
        return -1;
    }
    reass->has_fin = 1;
    reass->fin = fin;
    return 0;
}

int tcp_reass_is_fin_due(const struct tcp_reass *reass, uint32_t nxt)
{
    return reass->has_fin && reass->ready == 0 && reass->fin == nxt;
}

/*
 * The queue as a whole
 */

int tcp_reass_is_empty(const struct tcp_reass *reass)
{
    return reass->num == 0 && !reass->has_fin;
}

size_t tcp_reass_recent(const struct tcp_reass *reass, struct tcp_range *range, size_t max)
{
    uint16_t at = reass->newest;
    size_t num = reass->num < max ? reass->num : max;

    for (size_t i = 0; i < num; i++) {
        range[i] = reass->pool->range[at].text;
        at = reass->pool->range[at].older;
    }
    return num;
}

void tcp_reass_clear(struct tcp_reass *reass)
{
    struct tcp_reass_pool *pool = reass->pool;
    uint16_t oldest;

    if (reass->num > 0) { /* the circle becomes the first of the unused */
        oldest = pool->range[reass->newest].newer;
        pool->range[oldest].older = pool->unused;
        pool->unused = reass->newest;
        set_num(reass, 0);
    }
    tcp_reass_init(reass, pool);
}
