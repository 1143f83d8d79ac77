#ifndef HEAP_H
#define HEAP_H

#include <stddef.h>
#include <stdint.h>

/*
 * heap: entries in the order of their keys, of which the first is at hand: a binary heap. An entry
 * contains a node, which knows its place, so that it can be moved or removed; each takes
 * log2(num) steps at most. Equal keys come in any order. The caller's lock guards it.
 */
struct heap_node {
    uint64_t key;
    size_t place; /* number of its place, from 1 on; 0: in no heap */
};

struct heap {
    struct heap_node **nodes; /* the caller's array, with room for all */
    size_t num;               /* nodes in it */
};

/* Inserts the node, or changes the key of one that is in the heap. */
void heap_set(struct heap *heap, struct heap_node *node, uint64_t key);
/* Removes the node, if it is in the heap. */
void heap_remove(struct heap *heap, struct heap_node *node);
/* Returns the node with the smallest key, or NULL. */
struct heap_node *heap_first(const struct heap *heap);

#endif
