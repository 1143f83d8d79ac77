#include "ring.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "platform.h"
#include "util.h"

int ring_alloc(struct ring *ring, size_t size)
{
    if (ring->data) {
        return 0;
    }
    ring->data = memory_alloc(size);
    if (!ring->data) {
        errorf("memory_alloc() failure");
        errno = ENOMEM;
        return -1;
    }
    ring->size = size;
    return 0;
}

void ring_free(struct ring *ring)
{
    memory_free(ring->data);
    memset(ring, 0, sizeof(*ring));
}

void ring_write(struct ring *ring, const uint8_t *data, size_t len)
{
    ring_write_at(ring, 0, data, len);
    ring_extend(ring, len);
}

void ring_write_at(struct ring *ring, size_t offset, const uint8_t *data, size_t len)
{
    size_t at = (ring->head + ring->len + offset) % ring->size;
    size_t first = len < ring->size - at ? len : ring->size - at;

    assert(offset + len <= ring->size - ring->len);
    memcpy(ring->data + at, data, first);
    memcpy(ring->data, data + first, len - first);
}

void ring_extend(struct ring *ring, size_t len)
{
    assert(len <= ring->size - ring->len);
    ring->len += len;
}

void ring_peek(const struct ring *ring, size_t offset, uint8_t *data, size_t len)
{
    size_t from = (ring->head + offset) % ring->size;
    size_t first = len < ring->size - from ? len : ring->size - from;

    assert(offset + len <= ring->len);
    memcpy(data, ring->data + from, first);
    memcpy(data + first, ring->data, len - first);
}

void ring_drop(struct ring *ring, size_t len)
{
    assert(len <= ring->len);
    ring->head = (ring->head + len) % ring->size;
    ring->len -= len;
}

size_t ring_read(struct ring *ring, uint8_t *data, size_t size)
{
    size_t len = size < ring->len ? size : ring->len;

    ring_peek(ring, 0, data, len);
    ring_drop(ring, len);
    return len;
}
