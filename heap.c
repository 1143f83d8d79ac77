#include "heap.h"

/*
 * The node at place n, counted from 1, has its children at 2n and 2n + 1, and no smaller key has a
 * parent above it: so place 1 has the smallest of all. A change can break this order between the
 * node and its parent, or between it and its children, but not both: it moves up, or down.
 */

static struct heap_node *heap_at(const struct heap *heap, size_t place)
{
    return heap->nodes[place - 1];
}

static void heap_put(struct heap *heap, size_t place, struct heap_node *node)
{
    heap->nodes[place - 1] = node;
    node->place = place;
}

/* Moves the node up while its parent has a larger key. */
static void heap_up(struct heap *heap, struct heap_node *node)
{
    size_t place = node->place;

    while (place > 1 && heap_at(heap, place / 2)->key > node->key) {
        heap_put(heap, place, heap_at(heap, place / 2));
        place /= 2;
    }
    heap_put(heap, place, node);
}

/* Returns the place of the child with the smaller key, or 0 if there is none. */
static size_t heap_child(const struct heap *heap, size_t place)
{
    size_t child = 2 * place;

    if (child > heap->num) {
        return 0;
    }
    if (child < heap->num && heap_at(heap, child + 1)->key < heap_at(heap, child)->key) {
        child++;
    }
    return child;
}

/* Moves the node down while a child has a smaller key. */
static void heap_down(struct heap *heap, struct heap_node *node)
{
    size_t place = node->place, child;

    while ((child = heap_child(heap, place)) > 0 && heap_at(heap, child)->key < node->key) {
        heap_put(heap, place, heap_at(heap, child));
        place = child;
    }
    heap_put(heap, place, node);
}

void heap_set(struct heap *heap, struct heap_node *node, uint64_t key)
{
    node->key = key;
    if (node->place == 0) {
        heap_put(heap, ++heap->num, node);
    }
    heap_up(heap, node);
    heap_down(heap, node);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    struct heap_node *last;

    if (node->place == 0) {
        return;
    }
    last = heap_at(heap, heap->num--);
    if (last != node) { /* it takes the free place */
        heap_put(heap, node->place, last);
        heap_up(heap, last);
        heap_down(heap, last);
    }
    node->place = 0;
}

struct heap_node *heap_first(const struct heap *heap)
{
    return heap->num > 0 ? heap_at(heap, 1) : NULL;
}
