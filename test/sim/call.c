#include <stdlib.h>

#include "call.h"
#include "sim.h"

static void run(void *arg)
{
    struct call *c = arg;

    errno = 0;
    c->ret = c->func(c);
    c->err = errno;
}

void bench_call_start(struct call *c, ssize_t (*func)(struct call *c), const char *name,
                      struct call args)
{
    if (c->task && !task_done(c->task)) {
        sim_wrong("call %s is started again before it has returned", name);
    }
    free(c->buf);
    *c = args;
    c->func = func;
    c->buf = calloc(1, c->len ? c->len : 1);
    if (!c->buf) {
        sim_wrong("out of memory");
    }
    c->task = task_start(name, run, c);
}

void bench_check_sleeps(const struct call *c, const char *expr, const char *file, int line)
{
    if (task_done(c->task)) {
        bench_fail(file, line, "call %s does not sleep: it has returned %zd", expr, c->ret);
    }
}

static void check_done(const struct call *c, const char *expr, const char *file, int line)
{
    if (!task_done(c->task)) {
        bench_fail(file, line, "call %s has not returned", expr);
    }
    errno = c->err;
}

void bench_check_returned(const struct call *c, ssize_t want, const char *expr, const char *file,
                          int line)
{
    check_done(c, expr, file, line);
    bench_check_int(c->ret, want, expr, file, line);
}

void bench_check_failed(const struct call *c, int err, const char *expr, const char *file,
                        int line)
{
    check_done(c, expr, file, line);
    bench_check_error(c->ret, err, expr, file, line);
}

void bench_check_sent(const struct call *c, int err, const char *expr, const char *file, int line)
{
    check_done(c, expr, file, line);
    if (c->ret <= 0) {
        bench_check_error(c->ret, err, expr, file, line);
    }
}
