#ifndef UTIL_H
#define UTIL_H

#include <stddef.h>
#include <stdint.h>

#include "api.h"

MICROPS_BEGIN

/*
 * Arrays
 */
#define countof(x) (sizeof(x) / sizeof(*(x)))
#define tailof(x) ((x) + countof(x))
#define indexof(x, y) ((size_t)((y) - (x)))

/*
 * Log: a line for each event, on stderr. Lines that stderr does not take at once are dropped and
 * counted.
 *     18:43:46.153 [I] net_protocol_register: registered, type=0x0806 (net.c:223)
 */
enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG, /* each event, and the fields of each header */
    LOG_LEVEL_DUMP,  /* and every byte */
};

extern int log_level; /* lines above it are not formatted; read it by log_enabled */

#define log_enabled(level) (__atomic_load_n(&log_level, __ATOMIC_RELAXED) >= (level))
#define log_at(level, mark, ...) \
    (log_enabled(level) ? log_line(mark, __FILE__, __LINE__, __func__, __VA_ARGS__) : (void)0)
#define errorf(...) log_at(LOG_LEVEL_ERROR, 'E', __VA_ARGS__)
#define warnf(...) log_at(LOG_LEVEL_WARN, 'W', __VA_ARGS__)
#define infof(...) log_at(LOG_LEVEL_INFO, 'I', __VA_ARGS__)
#define debugf(...) log_at(LOG_LEVEL_DEBUG, 'D', __VA_ARGS__)
/* The body of a function that a reader of the course has yet to write: logs its first call. */
#define not_written(step)                                                                          \
    do {                                                                                           \
        static int logged;                                                                         \
        if (!__atomic_exchange_n(&logged, 1, __ATOMIC_RELAXED)) {                                  \
            errorf("not written yet (step " step ")");                                             \
        }                                                                                          \
    } while (0)

void log_line(char mark, const char *file, int line, const char *func, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Sets the level: error, warn, info, debug or dump. Returns 0, or -1 for another name. */
int log_set_level(const char *name);
/* Passes the log to sink instead of stderr; NULL: back to stderr. sink must not log. */
void log_set_sink(void (*sink)(const char *text));

MICROPS_END

/* Logs complete lines, at any level and without a prefix. Lines between log_begin and log_end are
 * written together at the end; such blocks nest. */
void log_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_begin(void);
void log_end(void);
/* Sets the level from the variable MICROPS_LOG, unless log_set_level was called before. */
void log_init(void);

/* Logs size bytes in hexadecimal and as text, if the level is dump. */
void hexdump(const void *data, size_t size);

/*
 * Counters: all fields of a statistics structure are uint64_t.
 */
#define count(field) ((void)__atomic_fetch_add(&(field), 1, __ATOMIC_RELAXED))
/* Counts and logs the reason to drop a packet. Its value is -1, which may be ignored. */
#define drop(field, ...) (count(field), debugf("dropped, " #field ": " __VA_ARGS__), drop_result())
static inline int drop_result(void)
{
    return -1;
}
/* Copies size bytes of counters, which other threads may increment meanwhile. */
void counters_copy(void *dst, const void *src, size_t size);

/*
 * Time: in nanoseconds, as clock_now counts it
 */
#define MILLISECONDS(x) ((uint64_t)(x) * 1000000)
#define SECONDS(x)      ((uint64_t)(x) * 1000000000)

/*
 * Rate limit: a token bucket. All zeros is a full one. The caller's lock guards it.
 */

MICROPS_BEGIN

struct rate {
    uint64_t next;     /* time of the next refill */
    unsigned int left; /* tokens */
};

MICROPS_END

/* Takes a token. Every interval, gain tokens are added, up to max. now and interval in nanoseconds.
 * Returns 0, or -1 if there is no token. */
int rate_take(struct rate *rate, uint64_t now, uint64_t interval, unsigned int gain,
              unsigned int max);
/* Is a refill due? Only then does rate_take use interval, gain and max: they may be drawn at random
 * for each refill. */
int rate_is_due(const struct rate *rate, uint64_t now);

/*
 * Queue: first in, first out. An entry is any structure whose first field is a struct queue_entry.
 * The caller's lock guards it.
 */
struct queue_entry {
    struct queue_entry *next;
};

struct queue_head {
    struct queue_entry *head;
    struct queue_entry *tail;
    size_t num;
};

void queue_init(struct queue_head *queue);
void queue_push(struct queue_head *queue, void *entry);
/* Removes and returns the oldest entry, or NULL when the queue is empty. */
void *queue_pop(struct queue_head *queue);
/* Returns the oldest entry, which stays in the queue, or NULL when it is empty. */
void *queue_peek(const struct queue_head *queue);
/* Calls func(arg, entry) for each entry, the oldest first. func may not change the queue. */
void queue_foreach(const struct queue_head *queue, void (*func)(void *arg, void *entry), void *arg);

/*
 * Table: gives numbers to entries. A new entry takes the lowest free place. A removed number is not
 * used again soon, so a stale one finds no entry. Starts as {.limit = N} and grows to N places. The
 * caller's lock guards it.
 */
struct table {
    struct table_slot *slots;
    size_t size;  /* allocated slots */
    size_t end;   /* one past the last place in use */
    size_t free;  /* no place below it is free */
    size_t limit; /* slots at most */
    int round;    /* part of new numbers; changes at each removal */
};

/* Returns the entry's number, or -1 (EMFILE at the limit, ENOMEM). */
int table_add(struct table *table, void *entry);
/* Returns the entry, or NULL if no entry has the number. */
void *table_get(const struct table *table, int number);
/* Returns the entry at a place, from 0 to limit - 1, or NULL. */
void *table_at(const struct table *table, size_t place);
/* Returns the first entry at or after *place and moves *place past it; NULL at the end. */
void *table_next(const struct table *table, size_t *place);
/* Removes the entry with this number, if any. An empty table takes no memory. */
void table_remove(struct table *table, int number);

/*
 * Keyed hash: SipHash-2-4
 */

#define SIPHASH_KEY_SIZE 16

/* Returns the keyed hash of len bytes of data: unpredictable without the key. */
uint64_t siphash(const uint8_t key[SIPHASH_KEY_SIZE], const void *data, size_t len);

MICROPS_BEGIN

/*
 * Byte order: host to network and back
 */
uint16_t hton16(uint16_t h);
uint16_t ntoh16(uint16_t n);
uint32_t hton32(uint32_t h);
uint32_t ntoh32(uint32_t n);

/*
 * Checksum: the Internet checksum, RFC 1071
 */

/* Returns the checksum of count bytes at addr, at any alignment, in network byte order. init is 0,
 * or ~cksum16 of preceding bytes, an even number of them. */
uint16_t cksum16(const void *addr, size_t count, uint32_t init);

MICROPS_END

#endif
