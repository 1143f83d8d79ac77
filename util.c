#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "platform.h"

/*
 * Log
 *
 * A thread often logs under a lock of the stack. So the log never waits: neither for the reader of
 * stderr (a full pipe, a terminal stopped by Ctrl-S), nor for stdio's lock, which the program may
 * hold. log_buf collects complete lines, which are written by one call at the end of a line or a
 * block. Lines that the console does not take at once are dropped and counted; their number is
 * written before the next line that it takes.
 *
 * Locks: log_buf and the variables below it belong to the thread that holds the console, from
 * log_begin to log_end.
 * Limits: messages and lines are cut at the sizes below; a block that exceeds log_buf is written in
 * parts.
 */

#define LOG_MESSAGE_SIZE 512      /* bytes of a message */
#define LOG_TEXT_SIZE    1024     /* bytes of a line */
#define LOG_BUF_SIZE     CONSOLE_WRITE_MAX

int log_level = LOG_LEVEL_DEBUG;
static int level_chosen;
static void (*log_sink)(const char *text);

static _Thread_local unsigned int log_depth; /* nested blocks of this thread */

/* Guarded by the console */
static char log_buf[LOG_BUF_SIZE];
static size_t log_len;
static unsigned long log_missing; /* lines dropped since the last write */
static int log_cut;               /* stderr took the beginning of a line only */

static size_t log_write(const char *text, size_t len)
{
    size_t n = console_write(text, len);

    if (n > 0) {
        log_cut = text[n - 1] != '\n';
    }
    return n;
}

/* Writes the number of missing lines. Returns 0, or -1 if that is not taken either. */
static int log_say_missing(void)
{
    char text[128];
    size_t len;

    if (log_missing == 0) {
        return 0;
    }
    snprintf(text, sizeof(text), "%s%lu lines of the log are missing: stderr did not take them\n",
             log_cut ? "\n" : "", log_missing);
    len = strlen(text);
    if (log_write(text, len) < len) {
        return -1;
    }
    log_missing = 0;
    return 0;
}

/* Writes log_buf, or passes it to the sink. Caller must be in a block. */
static void log_flush(void)
{
    int errnum = errno;
    size_t done = 0;
    const char *p;

    if (log_sink) {
        log_sink(log_buf);
        done = log_len;
    } else if (log_say_missing() == 0) {
        done = log_write(log_buf, log_len);
    }
    for (p = log_buf + done; (p = strchr(p, '\n')); p++) {
        log_missing++;
    }
    log_buf[log_len = 0] = '\0';
    errno = errnum;
}

void log_begin(void)
{
    if (log_depth++ == 0) {
        console_acquire();
    }
}

void log_end(void)
{
    if (--log_depth == 0) {
        log_flush();
        console_release();
    }
}

void log_text(const char *fmt, ...)
{
    char text[LOG_TEXT_SIZE];
    va_list ap;
    size_t len;

    va_start(ap, fmt);
    len = (size_t)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (len >= sizeof(text)) {
        len = sizeof(text) - 1;
        text[len - 1] = '\n';
    }
    log_begin();
    if (log_len + len >= sizeof(log_buf)) {
        log_flush();
    }
    memcpy(log_buf + log_len, text, len + 1);
    log_len += len;
    log_end();
}

void log_line(char mark, const char *file, int line, const char *func, const char *fmt, ...)
{
    struct timeval now = clock_wall();
    struct tm tm;
    char time[sizeof("hh:mm:ss")], message[LOG_MESSAGE_SIZE];
    int errnum = errno; /* callers log between a failure and the use of its errno */
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    log_begin();
    localtime_r(&now.tv_sec, &tm); /* in the block: forks wait, so its lock is free in a child */
    strftime(time, sizeof(time), "%H:%M:%S", &tm);
    log_text("%s.%03d [%c] %s: %s (%s:%d)\n", time, (int)(now.tv_usec / 1000), mark, func, message,
             file, line);
    log_end();
    errno = errnum;
}

int log_set_level(const char *name)
{
    static const char *const names[] = {"error", "warn", "info", "debug", "dump"};
    int i;

    for (i = 0; i < (int)countof(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            __atomic_store_n(&log_level, i, __ATOMIC_RELAXED);
            level_chosen = 1;
            return 0;
        }
    }
    return -1;
}

void log_init(void)
{
    const char *name = getenv("MICROPS_LOG");

    if (level_chosen || !name || !*name) {
        return;
    }
    if (log_set_level(name) == -1) {
        warnf("MICROPS_LOG is none of error, warn, info, debug, dump: %s", name);
    }
}

void log_set_sink(void (*sink)(const char *text))
{
    log_sink = sink;
}

#define HEXDUMP_WIDTH 16

/* Logs a line: the offset, bytes in hexadecimal, the same bytes as text. */
static void hexdump_line(const uint8_t *bytes, size_t offset, size_t num)
{
    char hex[HEXDUMP_WIDTH * 3 + 1] = "", text[HEXDUMP_WIDTH + 1] = "";
    size_t i;

    for (i = 0; i < num; i++) {
        sprintf(hex + i * 3, "%02x ", bytes[i]);
        text[i] = isprint(bytes[i]) ? (char)bytes[i] : '.';
    }
    log_text("| %04zx | %-*s| %-*s |\n", offset, HEXDUMP_WIDTH * 3, hex, HEXDUMP_WIDTH, text);
}

void hexdump(const void *data, size_t size)
{
    static const char rule[] =
        "+------+-------------------------------------------------+------------------+\n";
    const uint8_t *bytes = data;
    size_t offset;

    if (!log_enabled(LOG_LEVEL_DUMP)) {
        return;
    }
    log_begin();
    log_text("%s", rule);
    for (offset = 0; offset < size; offset += HEXDUMP_WIDTH) {
        size_t left = size - offset;

        hexdump_line(bytes + offset, offset, left < HEXDUMP_WIDTH ? left : HEXDUMP_WIDTH);
    }
    log_text("%s", rule);
    log_end();
}

/*
 * Counters
 */

void counters_copy(void *dst, const void *src, size_t size)
{
    uint64_t *to = dst;
    const uint64_t *from = src;
    size_t i;

    for (i = 0; i < size / sizeof(*to); i++) {
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    }
}

/*
 * Rate
 */

int rate_is_due(const struct rate *rate, uint64_t now)
{
    return now >= rate->next;
}

int rate_take(struct rate *rate, uint64_t now, uint64_t interval, unsigned int gain,
              unsigned int max)
{
    uint64_t times;

    if (rate_is_due(rate, now)) {
        times = 1 + (now - rate->next) / interval;
        if (rate->next == 0 || rate->left + times * gain >= max) {
            rate->left = max;
            rate->next = now + interval;
        } else {
            rate->left += (unsigned int)(times * gain);
            rate->next += times * interval;
        }
    }
    if (rate->left == 0) {
        return -1;
    }
    rate->left--;
    return 0;
}

/*
 * Queue
 */

void queue_init(struct queue_head *queue)
{
    queue->head = queue->tail = NULL;
    queue->num = 0;
}

void queue_push(struct queue_head *queue, void *entry)
{
    struct queue_entry *link = entry;

    link->next = NULL;
    if (queue->tail) {
        queue->tail->next = link;
    } else {
        queue->head = link;
    }
    queue->tail = link;
    queue->num++;
}

void *queue_pop(struct queue_head *queue)
{
    struct queue_entry *link = queue->head;

    if (!link) {
        return NULL;
    }
    queue->head = link->next;
    if (!queue->head) {
        queue->tail = NULL;
    }
    queue->num--;
    link->next = NULL;
    return link;
}

void *queue_peek(const struct queue_head *queue)
{
    return queue->head;
}

void queue_foreach(const struct queue_head *queue, void (*func)(void *arg, void *entry), void *arg)
{
    struct queue_entry *link;

    for (link = queue->head; link; link = link->next) {
        func(arg, link);
    }
}

/*
 * Table. A number is its place plus a multiple of the limit, so number % limit is the place.
 */

#define TABLE_SIZE_MIN 16

struct table_slot {
    void *entry; /* NULL: the place is free */
    int number;
};

static int table_grow(struct table *table)
{
    size_t size = table->size ? 2 * table->size : TABLE_SIZE_MIN;
    struct table_slot *slots;

    if (table->size == table->limit) {
        errno = EMFILE;
        return -1;
    }
    size = size < table->limit ? size : table->limit;
    slots = memory_alloc(size * sizeof(*slots));
    if (!slots) {
        errno = ENOMEM;
        return -1;
    }
    if (table->size > 0) {
        memcpy(slots, table->slots, table->size * sizeof(*slots));
    }
    memory_free(table->slots);
    table->slots = slots;
    table->size = size;
    return 0;
}

int table_add(struct table *table, void *entry)
{
    struct table_slot *slot;

    while (table_at(table, table->free)) {
        table->free++;
    }
    if (table->free == table->size && table_grow(table) == -1) {
        return -1;
    }
    slot = &table->slots[table->free];
    slot->entry = entry;
    slot->number = (int)(table->free + table->limit * (size_t)table->round);
    table->free++;
    table->end = table->free > table->end ? table->free : table->end;
    return slot->number;
}

/* Returns the slot with this number, or NULL. */
static struct table_slot *table_find(const struct table *table, int number)
{
    size_t place = (size_t)number % table->limit;

    if (number < 0 || !table_at(table, place) || table->slots[place].number != number) {
        return NULL;
    }
    return &table->slots[place];
}

void *table_get(const struct table *table, int number)
{
    const struct table_slot *slot = table_find(table, number);

    return slot ? slot->entry : NULL;
}

void *table_at(const struct table *table, size_t place)
{
    return place < table->end ? table->slots[place].entry : NULL;
}

void *table_next(const struct table *table, size_t *place)
{
    void *entry = NULL;

    while (!entry && *place < table->end) {
        entry = table_at(table, (*place)++);
    }
    return entry;
}

void table_remove(struct table *table, int number)
{
    struct table_slot *slot = table_find(table, number);
    size_t place;

    if (!slot) {
        return;
    }
    slot->entry = NULL;
    place = indexof(table->slots, slot);
    table->free = place < table->free ? place : table->free;
    while (table->end > 0 && !table_at(table, table->end - 1)) {
        table->end--;
    }
    table->round = (table->round + 1) % (INT_MAX / (int)table->limit);
    if (table->end == 0) {
        memory_free(table->slots);
        table->slots = NULL;
        table->size = 0;
    }
}

/*
 * Byte order: the first byte of network byte order is the most significant one.
 */

uint16_t ntoh16(uint16_t n)
{
    uint8_t b[sizeof(n)];

    memcpy(b, &n, sizeof(n));
    return (uint16_t)(b[0] << 8 | b[1]);
}

uint16_t hton16(uint16_t h)
{
    return ntoh16(h); /* its own inverse */
}

uint32_t ntoh32(uint32_t n)
{
    uint8_t b[sizeof(n)];

    memcpy(b, &n, sizeof(n));
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

uint32_t hton32(uint32_t h)
{
    return ntoh32(h);
}

/*
 * Checksum. RFC 1071 2 (B): words may be loaded and added in host byte order; the sum, stored in
 * the same order, is in network byte order.
 */

uint16_t cksum16(const void *addr, size_t count, uint32_t init)
{
    const uint8_t *p = addr;
    uint64_t sum = init;
    uint16_t word;

    for (; count > 1; count -= 2, p += 2) {
        memcpy(&word, p, sizeof(word));
        sum += word;
    }
    if (count > 0) {
        word = 0;
        memcpy(&word, p, 1); /* the odd byte is followed by a zero */
        sum += word;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

/*
 * Keyed hash, by J.-P. Aumasson and D. J. Bernstein
 */

static uint64_t rotate_left(uint64_t x, unsigned int bits)
{
    return x << bits | x >> (64 - bits);
}

static void siphash_rounds(uint64_t v[4], int num)
{
    while (num-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate_left(v[1], 13) ^ v[0];
        v[3] = rotate_left(v[3], 16) ^ v[2];
        v[0] = rotate_left(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate_left(v[1], 17) ^ v[2];
        v[3] = rotate_left(v[3], 21) ^ v[0];
        v[2] = rotate_left(v[2], 32);
    }
}

/* Returns at most 8 bytes as a number, the first byte lowest. */
static uint64_t little_endian(const uint8_t *p, size_t len)
{
    uint64_t word = 0;

    while (len-- > 0) {
        word = word << 8 | p[len];
    }
    return word;
}

static void siphash_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    siphash_rounds(v, 2);
    v[0] ^= word;
}

uint64_t siphash(const uint8_t key[SIPHASH_KEY_SIZE], const void *data, size_t len)
{
    uint64_t k0 = little_endian(key, 8), k1 = little_endian(key + 8, 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573}; /* "somepseudorandomlygeneratedbytes" */
    const uint8_t *p = data;
    size_t left;

    for (left = len; left >= 8; left -= 8, p += 8) {
        siphash_word(v, little_endian(p, 8));
    }
    siphash_word(v, little_endian(p, left) | (uint64_t)len << 56);
    v[2] ^= 0xff;
    siphash_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
