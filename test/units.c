/*
 * The pure parts of the stack, each by a table: without a device, a clock and a lock.
 */

#include "bench.h"
#include "sim.h"
#include "heap.h"

/*
 * heap.c
 */
#define NODES 200

static struct heap_node *places[NODES];
static struct heap heap;
static struct heap_node nodes[NODES];

enum heap_op { SET, REMOVE };

static const struct {
    enum heap_op op;
    int node;
    uint64_t key;
    int first; /* the node with the smallest key afterwards; -1: none */
} heap_rows[] = {
    { REMOVE, 0, 0, -1 },       /* it is in no heap */
    { SET, 0, 50, 0 },
    { SET, 1, 40, 1 },          /* to the top */
    { SET, 2, 60, 1 },          /* at the end */
    { SET, 3, 45, 1 },
    { SET, 4, UINT64_MAX, 1 },
    { SET, 1, 55, 3 },          /* the first moves down */
    { SET, 4, 0, 4 },           /* the last moves up */
    { SET, 4, 0, 4 },           /* no change */
    { REMOVE, 4, 0, 3 },        /* the first: 45 50 55 60 are left */
    { REMOVE, 4, 0, 3 },
    { REMOVE, 0, 0, 3 },        /* one between */
    { SET, 3, 70, 1 },
    { REMOVE, 3, 0, 1 },        /* the last */
    { REMOVE, 1, 0, 2 },
    { REMOVE, 2, 0, -1 },
    { SET, 2, 7, 2 },           /* the empty heap serves again */
    { REMOVE, 2, 0, -1 },
};

static int heap_first_index(void)
{
    const struct heap_node *first = heap_first(&heap);

    return first ? (int)(first - nodes) : -1;
}

static void test_heap_rows(void)
{
    heap.nodes = places;
    for (size_t i = 0; i < sizeof(heap_rows) / sizeof(*heap_rows); i++) {
        if (heap_rows[i].op == SET) {
            heap_set(&heap, &nodes[heap_rows[i].node], heap_rows[i].key);
        } else {
            heap_remove(&heap, &nodes[heap_rows[i].node]);
        }
        if (heap_first_index() != heap_rows[i].first) {
            fail("row %zu: first is %d", i, heap_first_index());
        }
    }
}

/* Checks the first against a search of all nodes, and that each knows its place. */
static void check_heap(void)
{
    uint64_t least = UINT64_MAX;
    size_t num = 0;

    for (int i = 0; i < NODES; i++) {
        if (nodes[i].place == 0) {
            continue;
        }
        num++;
        check(places[nodes[i].place - 1] == &nodes[i]);
        least = nodes[i].key < least ? nodes[i].key : least;
    }
    check_int(heap.num, num);
    check((num > 0) == (heap_first(&heap) != NULL));
    check(num == 0 || heap_first(&heap)->key == least);
}

static void test_heap_random(void)
{
    uint64_t key = 0;
    int num;

    heap.nodes = places;
    for (int i = 0; i < 20000; i++) {
        num = (int)sim_draw(NODES);
        if (sim_draw(3) == 0) {
            heap_remove(&heap, &nodes[num]);
        } else {
            heap_set(&heap, &nodes[num], sim_draw(100)); /* often equal */
        }
        check_heap();
    }
    while (heap_first(&heap)) {
        check(heap_first(&heap)->key >= key);
        key = heap_first(&heap)->key;
        heap_remove(&heap, heap_first(&heap));
    }
    check_heap();
}

BENCH(47,
    { "the heap: the smallest key is first, as the table says", test_heap_rows },
    { "the heap: random changes keep the order, and all come out sorted", test_heap_random })
