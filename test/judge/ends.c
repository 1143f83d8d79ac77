#include <string.h>

#include "judge.h"
#include "platform.h"
#include "ip.h"
#include "sock.h"
#include "util.h"

/* An end has two tasks: one opens, then receives; the other sends. The last to finish closes. */

#define SA(in) ((struct sockaddr *)(in))

static lock_t lock = LOCK_INITIALIZER; /* guards the ends' states */
static int listener = -1;

static struct sockaddr_in address(int port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = hton16((uint16_t)port)};

    check_int(ip_addr_pton(plan.peer && port == PORT ? PEERS : OURS, &in.sin_addr.s_addr), 0);
    return in;
}

/* Lets the calling task sleep. */
static void rest(unsigned int ms)
{
    static lock_t bed = LOCK_INITIALIZER;
    struct sched_task nobody;

    if (!ms) {
        return;
    }
    plan.rested += ms * SIM_MS;
    sched_task_init(&nobody);
    lock_acquire(&bed);
    sched_task_sleep(&nobody, &bed, clock_now() + (uint64_t)ms * SIM_MS);
    lock_release(&bed);
}

static void pause_now_and_then(const struct side *s)
{
    if (s->pause_ms && sim_draw(16) == 0) {
        rest(sim_draw(s->pause_ms));
    }
}

/* Notes an error of the end, unless the end or the judge caused it. */
static void end_failed(struct end *end, int errnum)
{
    if (end->aborted || end->given_up || end->errnum) {
        return;
    }
    end->errnum = errnum;
    end->error_at = sim_now;
}

static void end_close(struct end *end)
{
    if (!end->closed && !end->given_up && end->id != -1) {
        end->closed = 1;
        check_int(sock_close(end->id), 0);
    }
}

/* Aborts, or closes with bytes unread. Both send a RST. */
static void end_abort(struct end *end)
{
    end->aborted = end->closed = 1;
    if (sim_draw(2)) {
        check_int(sock_abort(end->id), 0);
    } else {
        check_int(sock_close(end->id), 0);
    }
}

/*
 * Opening
 */
static int bound(int port)
{
    struct sockaddr_in in = address(port);
    int id = sock_open(PF_INET, SOCK_STREAM, 0);

    in.sin_addr.s_addr = INADDR_ANY;
    check_int(sock_bind(id, SA(&in), sizeof(in)), 0);
    return id;
}

static int end_listens(const struct end *end)
{
    if (plan.crossing) {
        return 0;
    }
    return plan.peer ? plan.passive : end->index == 1;
}

static int end_open(struct end *end)
{
    struct sockaddr_in in = address(end->index == 0 ? PORT : PORT_OPEN);

    end->begun = sim_now;
    if (!end_listens(end)) {
        return sock_connect(end->id, SA(&in), sizeof(in));
    }
    end->id = sock_accept(listener, NULL, NULL);
    return end->id == -1 ? -1 : 0;
}

static void end_opened(struct end *end, int ret)
{
    if (ret == -1) {
        end_failed(end, errno);
    }
    lock_acquire(&lock);
    end->state = ret == -1 ? -1 : 1;
    sched_task_wakeup(&end->task);
    lock_release(&lock);
}

/*
 * Receiving
 */
static int has_everything(const struct end *end)
{
    return end->plan->closes && end->received == end->other->total;
}

/* Returns whether the end goes on receiving. */
static int end_receive(struct end *end)
{
    static uint8_t buf[2][1 << 15];
    size_t size = 1 + sim_draw((uint32_t)end->plan->read_max);
    ssize_t len;

    size = size < sizeof(buf[0]) ? size : sizeof(buf[0]);
    if (end->received >= end->plan->abort_at) {
        end_abort(end);
        return 0;
    }
    if (has_everything(end)) {
        return 0;
    }
    len = sock_recv(end->id, buf[end->index], size);
    if (len == -1) {
        end_failed(end, errno);
    } else if (len == 0) {
        end->eof = 1;
        len = sock_recv(end->id, buf[end->index], size); /* 0 again, unless a RST arrived */
        check_cmp(len, <=, 0);
        if (len == -1) {
            end_failed(end, errno);
        }
    } else {
        check_pattern(buf[end->index], end->other->from + (uint32_t)end->received, (size_t)len);
        end->received += (size_t)len;
        check_cmp(end->received, <=, end->other->total);
    }
    return len > 0;
}

/* Ends a task of the end; the last one closes. */
static void end_leave(struct end *end)
{
    if (--end->at_work == 0 && end->state == 1) {
        end_close(end);
    }
}

static void receiver(void *arg)
{
    struct end *end = arg;

    end_opened(end, end_open(end));
    if (end->state == 1) {
        rest(end->plan->rest_ms);
        while (end_receive(end)) {
            pause_now_and_then(end->plan);
        }
    }
    end_leave(end);
}

/*
 * Sending
 */
static int end_send(struct end *end)
{
    static uint8_t buf[2][1 << 15];
    size_t left = end->plan->total - end->sent;
    size_t len = 1 + sim_draw((uint32_t)end->plan->write_max);
    ssize_t sent;

    len = len < left ? len : left;
    len = len < sizeof(buf[0]) ? len : sizeof(buf[0]);
    pattern(buf[end->index], end->plan->from + (uint32_t)end->sent, len);
    end->given = end->sent + len;
    sent = sock_send(end->id, buf[end->index], len);
    if (sent == -1) {
        end_failed(end, errno);
        return 0;
    }
    check_cmp(sent, >, 0);
    check_cmp((size_t)sent, <=, len);
    end->sent += (size_t)sent;
    return end->sent < end->plan->total;
}

static void sender(void *arg)
{
    struct end *end = arg;

    lock_acquire(&lock);
    while (!end->state) {
        sched_task_sleep(&end->task, &lock, 0);
    }
    lock_release(&lock);
    if (end->state == 1 && end->plan->total) {
        while (end_send(end)) {
            pause_now_and_then(end->plan);
        }
    }
    if (end->plan->half && end->sent == end->plan->total && !end->closed && !end->errnum &&
        sock_shutdown(end->id, SHUT_WR) == -1) {
        end_failed(end, errno);
    }
    end_leave(end);
}

static const struct end *started[2];

size_t end_given(int side)
{
    return started[side] ? started[side]->given : 0;
}

void end_start(struct end *end, int index)
{
    started[index] = end;
    *end = (struct end){.plan = &plan.side[index], .other = &plan.side[!index], .index = index};
    sched_task_init(&end->task);
    end->id = -1;
    end->at_work = 2;
    if (end_listens(end)) {
        listener = bound(index == 0 ? PORT_OPEN : PORT);
        check_int(sock_listen(listener, 1), 0);
    } else {
        end->id = bound(index == 0 ? PORT_OPEN : PORT);
    }
    task_start(index == 0 ? "receiver 0" : "receiver 1", receiver, end);
    task_start(index == 0 ? "sender 0" : "sender 1", sender, end);
}

int end_is_done(const struct end *end)
{
    return end->at_work == 0;
}

void end_give_up(struct end *end)
{
    int left = !end->closed && !end->given_up && end->id != -1;

    end->given_up = 1;
    if (listener != -1 && end_listens(end)) {
        check_int(sock_close(listener), 0);
        listener = -1;
    }
    if (left) {
        check_int(sock_close(end->id), 0);
    }
}
