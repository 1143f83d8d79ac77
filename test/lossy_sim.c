/* The stack talks to itself over a wire that loses, repeats and reorders what it carries. Random
 * choices come from the seed: -s SEED. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "net.h"
#include "platform.h"
#include "sock.h"
#include "tcp.h"
#include "util.h"

#define OURS       "192.0.2.2"
#define PORT       7
#define DELAY      5   /* milliseconds that a frame is under way */
#define DELAY_LATE 8   /* and one that others overtake */
#define MINUTES(x) ((long)(x) * 60000)

/*
 * The wire. A device, and a task that hands what was sent to net_input when its time has come.
 */
struct frame {
    struct frame *next;
    uint64_t due; /* by clock_now */
    uint16_t type;
    size_t len;
    uint8_t data[];
};

static struct {
    lock_t lock; /* guards all of this; below every lock of the stack */
    struct net_device *dev;
    struct frame *frames; /* the next to arrive first */
    struct sched_task task;
    int stopped;
    unsigned int lost, twice, late; /* of a thousand frames */
    unsigned long cut;     /* after so many frames the wire is cut; 0: never */
    uint64_t cut_at;       /* when that was, in milliseconds */
    unsigned long num;     /* frames sent */
    unsigned long dropped; /* of these */
} wire = {.lock = LOCK_INITIALIZER};

static int wire_happens(unsigned int per_mille)
{
    return random16() % 1000u < per_mille;
}

/* Caller must hold the lock. */
static void wire_push(uint16_t type, const uint8_t *data, size_t len)
{
    unsigned int delay = wire_happens(wire.late) ? DELAY_LATE : DELAY;
    struct frame *frame = memory_alloc(sizeof(*frame) + len), **at = &wire.frames;

    check(frame != NULL);
    frame->due = clock_now() + delay * UINT64_C(1000000);
    frame->type = type;
    frame->len = len;
    memcpy(frame->data, data, len);
    while (*at && (*at)->due <= frame->due) {
        at = &(*at)->next;
    }
    frame->next = *at;
    *at = frame;
}

/* Caller must hold the lock. */
static int wire_loses(void)
{
    if (++wire.num == wire.cut) {
        wire.lost = 1000;
        wire.cut_at = now_ms();
    }
    return wire_happens(wire.lost);
}

static int wire_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                       const void *dst)
{
    (void)dev;
    (void)dst;
    lock_acquire(&wire.lock);
    if (wire_loses()) {
        wire.dropped++;
    } else {
        wire_push(type, data, len);
        if (wire_happens(wire.twice)) {
            wire_push(type, data, len);
        }
        sched_task_wakeup(&wire.task);
    }
    lock_release(&wire.lock);
    return 0;
}

static const struct net_device_ops wire_ops = {.output = wire_output};

/* Caller must hold the lock, which is free while the stack has the frame. */
static void wire_deliver(void)
{
    struct frame *frame = wire.frames;

    wire.frames = frame->next;
    lock_release(&wire.lock);
    net_input(frame->type, frame->data, frame->len, wire.dev);
    memory_free(frame);
    lock_acquire(&wire.lock);
}

static void wire_carry(void *arg)
{
    (void)arg;
    lock_acquire(&wire.lock);
    while (!wire.stopped) {
        if (wire.frames && wire.frames->due <= clock_now()) {
            wire_deliver();
        } else {
            sched_task_sleep(&wire.task, &wire.lock, wire.frames ? wire.frames->due : 0);
        }
    }
    while (wire.frames) {
        wire_deliver();
    }
    lock_release(&wire.lock);
}

static struct task *wire_start(void)
{
    struct ip_iface *iface;

    if (!getenv("MICROPS_LOG")) {
        log_set_level("error"); /* debug is for the steps; here it is too much to keep */
    }
    check_int(net_init(), 0);
    wire.dev = net_device_alloc();
    check(wire.dev != NULL);
    wire.dev->type = NET_DEVICE_TYPE_LOOPBACK;
    wire.dev->flags = NET_DEVICE_FLAG_LOOPBACK; /* what comes in is from ourselves */
    wire.dev->mtu = 1500;
    wire.dev->ops = &wire_ops;
    check_int(net_device_register(wire.dev), 0);
    iface = ip_iface_alloc(OURS, "255.255.255.0");
    check(iface != NULL);
    check_int(ip_iface_register(wire.dev, iface), 0);
    check_int(net_run(), 0);
    sched_task_init(&wire.task);
    return task_start("wire", wire_carry, NULL);
}

static void wire_stop(struct task *carrier)
{
    lock_acquire(&wire.lock);
    wire.stopped = 1;
    sched_task_wakeup(&wire.task);
    lock_release(&wire.lock);
    task_join(carrier, 0);
}

/*
 * The ends. A client sends and receives at the same time; the server echoes, or only reads.
 */
struct stream {
    uint32_t from; /* where its pattern begins */
    size_t total;  /* bytes that it sends */
    long rest;     /* milliseconds that the receiver waits before it begins */
    int ends;      /* the server ends the connection, after total bytes */
    int silent;    /* the server sends nothing back */
    int id;
    struct task *sender, *receiver;
    ssize_t sent;    /* what the last send returned */
    int send_errnum; /* and its errno */
    uint64_t send_end; /* in milliseconds */
};

struct service {
    struct stream *stream;
    int id;
    struct task *task;
    size_t done;
    ssize_t ret; /* what the last receive returned */
};

#define SA(in) ((struct sockaddr *)(in))

static struct sockaddr_in address(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = hton16(PORT)};

    check_int(ip_addr_pton(OURS, &in.sin_addr), 0);
    return in;
}

/* The calling task does nothing for so long. */
static void rest(long ms)
{
    static lock_t lock = LOCK_INITIALIZER;
    struct sched_task nobody;
    uint64_t end = clock_now() + (uint64_t)ms * 1000000;

    sched_task_init(&nobody);
    lock_acquire(&lock);
    check_error(sched_task_sleep(&nobody, &lock, end), ETIMEDOUT);
    lock_release(&lock);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void client_connect(void *arg)
{
    struct sockaddr_in in = address();
    struct stream *s = arg;

    check_int(sock_connect(s->id, SA(&in), sizeof(in)), 0);
}

static void client_send(void *arg)
{
    uint8_t chunk[1500];
    struct stream *s = arg;
    size_t done = 0, len;

    do {
        len = least(sizeof(chunk), s->total - done);
        pattern(chunk, s->from + (uint32_t)done, len);
        s->sent = sock_send(s->id, chunk, len);
        s->send_errnum = errno;
        done += s->sent > 0 ? (size_t)s->sent : 0;
    } while (s->sent > 0 && done < s->total);
    s->send_end = now_ms();
}

/* At the end of file a second look finds the same. */
static void check_end_of_file(int id)
{
    char byte;

    check_int(sock_recv(id, &byte, 1), 0);
    check_int(sock_recv(id, &byte, 1), 0);
}

static void client_receive(void *arg)
{
    uint8_t chunk[2000];
    struct stream *s = arg;
    size_t done = 0;
    ssize_t len;

    rest(s->rest);
    while (done < s->total) {
        len = sock_recv(s->id, chunk, least(sizeof(chunk), s->total - done));
        check(len > 0);
        check_pattern(chunk, s->from + (uint32_t)done, (size_t)len);
        done += (size_t)len;
    }
    if (s->ends) {
        check_end_of_file(s->id);
    }
}

static void serve(void *arg)
{
    uint8_t chunk[1024];
    struct service *v = arg;
    const struct stream *s = v->stream;

    rest(s->silent ? s->rest : 0);
    do {
        v->ret = sock_recv(v->id, chunk, sizeof(chunk));
        if (v->ret > 0) {
            check_pattern(chunk, s->from + (uint32_t)v->done, (size_t)v->ret);
            v->done += (size_t)v->ret;
        }
        if (v->ret > 0 && !s->silent) {
            check_int(sock_send(v->id, chunk, (size_t)v->ret), v->ret);
        }
    } while (v->ret > 0 && !(s->ends && v->done == s->total));
    if (v->ret == 0) {
        check_int(v->done, s->total);
        check_end_of_file(v->id);
    }
    if (v->ret != -1) {
        check_int(sock_close(v->id), 0);
    }
}

static int listening(void)
{
    struct sockaddr_in in = address();
    int id = sock_open(PF_INET, SOCK_STREAM, 0);

    check_int(sock_bind(id, SA(&in), sizeof(in)), 0);
    check_int(sock_listen(id, 10), 0);
    return id;
}

static void service_accept(void *arg)
{
    struct service *v = arg;

    v->id = sock_accept(v->id, NULL, NULL);
    check(v->id != -1);
}

/* Connects one stream and starts the tasks at both of its ends. */
static void stream_start(struct stream *s, struct service *v, int listener)
{
    struct task *connecting, *accepting;

    *v = (struct service){.stream = s, .id = listener};
    s->id = sock_open(PF_INET, SOCK_STREAM, 0);
    check(s->id != -1);
    accepting = task_start("accept", service_accept, v);
    connecting = task_start("connect", client_connect, s);
    task_join(connecting, MINUTES(4));
    task_join(accepting, MINUTES(4));
    v->task = task_start("server", serve, v);
    s->sender = task_start("sender", client_send, s);
    s->receiver = s->silent ? NULL : task_start("receiver", client_receive, s);
}

/* Both ends come to their end in order. */
static void stream_end(struct stream *s, struct service *v)
{
    task_join(s->sender, MINUTES(120));
    check(s->sent > 0);
    if (s->receiver) {
        task_join(s->receiver, MINUTES(120));
    }
    check_int(sock_close(s->id), 0);
    task_join(v->task, MINUTES(120));
    check_int(v->done, s->total);
    check_int(v->ret == 0, !s->ends);
}

static size_t blocks_in_use(void)
{
    struct tcp_view view;
    size_t num = 0;

    for (int desc = 0; desc < TCP_PCB_SIZE; desc++) {
        num += tcp_get_view(desc, &view) == 0;
    }
    return num;
}

/* After the last TIME-WAIT no block is left. */
static void finish(struct task *carrier, int listener)
{
    check_int(sock_close(listener), 0);
    for (int minutes = 0; minutes < 20 && blocks_in_use() > 0; minutes++) {
        advance(MINUTES(1));
    }
    check_int(blocks_in_use(), 0);
    check((wire.lost == 0) == (wire.dropped == 0));
    wire_stop(carrier);
}

/* What num streams send at once comes back, and nothing is left of it. */
static void run(struct stream *streams, size_t num)
{
    static struct service services[8];
    struct task *carrier = wire_start();
    int listener = listening();

    for (size_t i = 0; i < num; i++) {
        stream_start(&streams[i], &services[i], listener);
    }
    for (size_t i = 0; i < num; i++) {
        stream_end(&streams[i], &services[i]);
    }
    finish(carrier, listener);
}

/*
 * Behaviours
 */
static void test_1_percent(void)
{
    struct stream s = {.from = 1, .total = 1 << 20};

    wire.lost = 10;
    run(&s, 1);
}

static void test_5_percent(void)
{
    struct stream s = {.from = 2, .total = 256 << 10, .ends = 1};

    wire.lost = 50;
    run(&s, 1);
}

static void test_10_percent(void)
{
    struct stream s = {.from = 3, .total = 256 << 10};

    wire.lost = 100;
    run(&s, 1);
}

static void test_disorder(void)
{
    struct stream s = {.from = 4, .total = 256 << 10, .ends = 1};

    wire.twice = 30;
    wire.late = 30;
    run(&s, 1);
}

static void test_everything(void)
{
    struct stream s = {.from = 5, .total = 128 << 10};

    wire.lost = wire.twice = wire.late = 50;
    run(&s, 1);
}

static void test_at_once(void)
{
    static struct stream s[8];

    wire.lost = wire.twice = wire.late = 20;
    for (uint32_t i = 0; i < countof(s); i++) {
        s[i] = (struct stream){.from = i * 100000, .total = 48 << 10, .ends = i % 2};
    }
    run(s, countof(s));
}

/* The client receives nothing until all windows have long been shut. */
static void test_shut_windows(void)
{
    struct stream s = {.from = 6, .total = 256 << 10, .rest = MINUTES(10)};

    wire.lost = wire.twice = wire.late = 50;
    check_counted(tcp, timed_out, 0, run(&s, 1));
}

/* The server reads 50 seconds after the connection, and for a second nothing gets through. */
static void test_lost_window_updates(void)
{
    struct stream s = {.from = 7, .total = 256 << 10, .rest = 50000, .silent = 1};
    struct task *carrier = wire_start();
    int listener = listening();
    struct service v;

    stream_start(&s, &v, listener);
    advance(49500);
    check_int(v.done, 0);
    wire.lost = 1000;
    advance(1000);
    check(v.done > 60000 && v.done < s.total);
    check(wire.dropped > 0);
    wire.lost = 0;
    stream_end(&s, &v);
    wire.dropped = 0;
    finish(carrier, listener);
}

/* The window is full when the client closes, and the server reads long after. */
static void test_patient_end(void)
{
    struct stream s = {.from = 8, .total = TCP_RCV_BUF_SIZE, .rest = MINUTES(5), .silent = 1};

    wire.lost = 50;
    run(&s, 1);
}

/* Both windows are full when both ends close, so that neither FIN has room. */
static void test_both_close(void)
{
    struct stream s = {.from = 10, .total = TCP_RCV_BUF_SIZE, .rest = MINUTES(5), .silent = 1};
    struct task *carrier = wire_start();
    int listener = listening();
    struct stream back = s;
    struct service v;

    stream_start(&s, &v, listener);
    back.id = v.id;
    back.sender = task_start("back", client_send, &back);
    task_join(s.sender, MINUTES(1));
    task_join(back.sender, MINUTES(1));
    check_int(sock_close(s.id), 0);
    check_int(sock_close(v.id), 0);
    task_join(v.task, MINUTES(5));
    finish(carrier, listener);
    check(wire.num < 2000);
}

/* The wire is cut: who has data in flight learns of it, and not too early. RFC 9293 3.8.3 */
static void test_cut(void)
{
    struct stream s = {.from = 9, .total = 1 << 20, .silent = 1};
    struct task *carrier = wire_start();
    int listener = listening();
    struct service v;

    wire.cut = 1000 + random16() % 500u;
    stream_start(&s, &v, listener);
    task_join(s.sender, MINUTES(10));
    check_int(s.sent, -1);
    check_int(s.send_errnum, ETIMEDOUT);
    check(s.send_end - wire.cut_at >= 100000 - 2 * DELAY);
    check(s.send_end - wire.cut_at <= 130000);
    check(!task_done(v.task)); /* it has nothing in flight */
    check(v.done > 0 && v.done < s.total);
    check_int(sock_close(s.id), 0);
    check_int(sock_close(v.id), 0);
    task_join(v.task, 0);
    finish(carrier, listener);
}

BENCH(30,
      {"1 MiB comes back over a wire that loses 1 % both ways", test_1_percent},
      {"256 KiB come back when 5 % are lost", test_5_percent},
      {"256 KiB come back when 10 % are lost", test_10_percent},
      {"256 KiB come back when frames come twice and overtake each other", test_disorder},
      {"128 KiB come back when 5 % each are lost, repeated and late", test_everything},
      {"eight connections at once keep their bytes apart", test_at_once},
      {"a receiver that begins ten minutes late gets everything", test_shut_windows},
      {"a lost window update is made good by a probe", test_lost_window_updates},
      {"a FIN waits for a window that stays shut for minutes", test_patient_end},
      {"two ends that close when both windows are shut come to an end", test_both_close},
      {"a wire that is cut ends in ETIMEDOUT", test_cut})
