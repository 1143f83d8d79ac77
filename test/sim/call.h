#ifndef CALL_H
#define CALL_H

/*
 * Calls that may sleep, each made by a task of its own:
 *
 *   static ssize_t receive(struct call *c)
 *   {
 *       return tcp_cmd_receive(c->desc, c->buf, c->len);
 *   }
 *
 *   static struct call r;
 *
 *   call_start(&r, receive, .desc = desc, .len = 100);
 *   check_sleeps(&r);
 *   inject("P. 1:11(10) ack 1");
 *   check_returned(&r, 10);
 *
 * A struct call is static and can be started again once its call has returned.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench.h"

struct call {
    /* Arguments, as far as the call has them */
    int desc;
    const char *local, *remote; /* endpoints, such as "192.0.2.2:7" */
    uint32_t from;              /* relative number of the first byte sent */
    size_t len;                 /* of buf */
    char *buf;                  /* allocated by call_start */
    /* Results */
    ssize_t ret;
    int err;                    /* errno */
    struct task *task;
    ssize_t (*func)(struct call *c);
};

/* Runs func up to its first sleep: call_start(&r, receive, .desc = desc). */
#define call_start(c, func, ...) bench_call_start((c), (func), #func, (struct call){__VA_ARGS__})
/* The call has not returned. */
#define check_sleeps(c) bench_check_sleeps((c), #c, __FILE__, __LINE__)
/* The call has returned want. */
#define check_returned(c, want) bench_check_returned((c), (want), #c, __FILE__, __LINE__)
/* The call has returned -1 with this errno. */
#define check_failed(c, err) bench_check_failed((c), (err), #c, __FILE__, __LINE__)
/* The call has returned -1 with this errno, or a number of bytes: those buffered already count as
 * sent. */
#define check_sent_or_failed(c, err) bench_check_sent((c), (err), #c, __FILE__, __LINE__)

void bench_call_start(struct call *c, ssize_t (*func)(struct call *c), const char *name,
                      struct call args);
void bench_check_sleeps(const struct call *c, const char *expr, const char *file, int line);
void bench_check_returned(const struct call *c, ssize_t want, const char *expr, const char *file,
                          int line);
void bench_check_failed(const struct call *c, int err, const char *expr, const char *file,
                        int line);
void bench_check_sent(const struct call *c, int err, const char *expr, const char *file, int line);

#endif
