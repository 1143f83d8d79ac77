#ifndef RING_H
#define RING_H

#include <stddef.h>
#include <stdint.h>

/*
 * ring: bytes, first in, first out, in a buffer whose end continues at its start. All zeros is a
 * ring without a buffer. The caller's lock guards it.
 */
struct ring {
    uint8_t *data;
    size_t size; /* capacity in bytes */
    size_t head; /* index of the oldest byte */
    size_t len;  /* bytes in use */
};

/* Allocates a buffer of size bytes unless there is one. Returns 0, or -1 (ENOMEM). */
int ring_alloc(struct ring *ring, size_t size);
/* Frees the buffer: all zeros again. */
void ring_free(struct ring *ring);
/* Appends len bytes. The caller checks that there is room. */
void ring_write(struct ring *ring, const uint8_t *data, size_t len);
/* Writes len bytes, offset bytes behind the newest: they are not in use before ring_extend. The
 * caller checks that there is room. */
void ring_write_at(struct ring *ring, size_t offset, const uint8_t *data, size_t len);
/* Appends the next len bytes, which ring_write_at has written. */
void ring_extend(struct ring *ring, size_t len);
/* Copies len bytes from offset on, counted from the oldest. The caller checks that they exist. */
void ring_peek(const struct ring *ring, size_t offset, uint8_t *data, size_t len);
/* Removes the oldest len bytes. The caller checks that they exist. */
void ring_drop(struct ring *ring, size_t len);
/* Moves at most size bytes, the oldest, to data. Returns their number. */
size_t ring_read(struct ring *ring, uint8_t *data, size_t size);

#endif
