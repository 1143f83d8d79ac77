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
 * Log: one line an event, on stderr. Lines that it does not take at once are dropped and counted.
 *     18:43:46.153 [I] net_protocol_register: registered, type=0x0806 (net.c:223)
 */
enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG, /* each event, and the fields of each header */
    LOG_LEVEL_DUMP,  /* and every byte */
};

extern int log_level; /* what is above it is not formatted; read it through log_enabled */

#define log_enabled(level) (__atomic_load_n(&log_level, __ATOMIC_RELAXED) >= (level))
#define log_at(level, mark, ...) \
    (log_enabled(level) ? log_line(mark, __FILE__, __LINE__, __func__, __VA_ARGS__) : (void)0)
#define errorf(...) log_at(LOG_LEVEL_ERROR, 'E', __VA_ARGS__)
#define warnf(...) log_at(LOG_LEVEL_WARN, 'W', __VA_ARGS__)
#define infof(...) log_at(LOG_LEVEL_INFO, 'I', __VA_ARGS__)
#define debugf(...) log_at(LOG_LEVEL_DEBUG, 'D', __VA_ARGS__)

void log_line(char mark, const char *file, int line, const char *func, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Sets the level by its name: error, warn, info, debug or dump. Returns 0, or -1 for any other
 * name. */
int log_set_level(const char *name);
/* Sends all that is printed to sink instead of stderr; NULL: back to stderr. */
void log_set_sink(void (*sink)(const char *text));

MICROPS_END

/* Prints a line of a dump as it is. Lines between log_begin and log_end stay together, and come out
 * at the end. */
void log_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_begin(void);
void log_end(void);
/* Takes the level from the variable MICROPS_LOG, unless log_set_level has been called before. */
void log_init(void);

/* Prints size bytes in hexadecimal and as text, if the level is dump. */
void hexdump(const void *data, size_t size);

/*
 * Counters: a statistics structure has fields of type uint64_t and nothing else.
 */
#define count(field) ((void)__atomic_fetch_add(&(field), 1, __ATOMIC_RELAXED))
/* A packet is dropped: counts the reason, logs it, and has the value -1, which may stay unused. */
#define drop(field, ...) (count(field), debugf(__VA_ARGS__), drop_result())
static inline int drop_result(void)
{
    return -1;
}
/* Copies counters that other threads may be counting. size in bytes. */
void counters_copy(void *dst, const void *src, size_t size);

/*
 * Time: in nanoseconds, as clock_now counts it
 */
#define MILLISECONDS(x) ((uint64_t)(x) * 1000000)
#define SECONDS(x)      ((uint64_t)(x) * 1000000000)

/*
 * Rate: limits how often something happens. All zeros is a full stock. The caller guards it.
 */
struct rate {
    uint64_t next;     /* when the stock grows again */
    unsigned int left; /* events that are allowed until then */
};

/* Takes one event from the stock, to which gain are added every interval, up to max. now and
 * interval in nanoseconds. Returns 0, or -1 if none is left. */
int rate_take(struct rate *rate, uint64_t now, uint64_t interval, unsigned int gain,
              unsigned int max);
/* Does rate_take add to the stock now? Only then it looks at interval, gain and max, which a limit
 * that must be unpredictable draws at random. */
int rate_is_due(const struct rate *rate, uint64_t now);

/*
 * Queue: first in, first out. An entry is any structure whose first field is a struct queue_entry.
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
/* Takes the oldest entry out. Returns NULL when the queue is empty. */
void *queue_pop(struct queue_head *queue);
/* The oldest entry, which stays. Returns NULL when the queue is empty. */
void *queue_peek(const struct queue_head *queue);
/* Calls func(arg, entry) for each entry, the oldest first. func may not change the queue. */
void queue_foreach(const struct queue_head *queue, void (*func)(void *arg, void *entry), void *arg);

/*
 * Table: gives entries numbers, small ones first. A number that was given back is not soon given
 * out again: its place gets another, so who still holds the old one finds nothing. Starts as
 * {.limit = N} and grows up to N places. Whoever shares it holds a lock of his own.
 */
struct table {
    struct table_slot *slots;
    size_t size;  /* slots that there are */
    size_t end;   /* behind the last place in use */
    size_t free;  /* no place below it is free */
    size_t limit; /* places that there may be */
    int round;    /* goes into new numbers; changes when one is given back */
};

/* Returns the entry's number, or -1 (EMFILE at the limit, ENOMEM). */
int table_add(struct table *table, void *entry);
/* Returns the entry, or NULL if the number is nobody's. */
void *table_get(const struct table *table, int number);
/* Returns what has a place, or NULL. Places end at the limit. */
void *table_at(const struct table *table, size_t place);
/* Returns the first entry at *place or behind it and moves *place past it; NULL at the end. */
void *table_next(const struct table *table, size_t *place);
/* The number is nobody's any more. An empty table takes no memory. */
void table_remove(struct table *table, int number);

/*
 * Keyed hash: SipHash-2-4
 */

#define SIPHASH_KEY_SIZE 16

/* A number that depends on len bytes of data, and which nobody can compute without the key. */
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
 * Checksum: the Internet's, RFC 1071
 */

/* Sums up count bytes at addr, at any alignment. init is the sum so far: 0, or ~cksum16 of what
 * comes before, which has an even length. Returns the complement, as it goes into a header. */
uint16_t cksum16(const void *addr, size_t count, uint32_t init);

MICROPS_END

#endif
