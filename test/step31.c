/* Step 31: the unkind wire. It loses, duplicates, delays, reorders and damages frames; the stack
 * talks to itself over it, and a capture is written. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "conn.h"
#include "ether.h"
#include "icmp.h"
#include "net.h"
#include "pcap.h"
#include "platform.h"
#include "sockets.h"
#include "tcp.h"
#include "util.h"

#define OURS       "192.0.2.2:7"
#define MINUTES(x) ((long)(x) * 60000)

#define PING(seq) "IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq " #seq " len 56"
#define PONG(seq) "IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq " #seq " len 56"

/*
 * The wire's faults, as the script sees them
 */
static void pings(unsigned int num)
{
    while (num--) {
        inject(PING(1));
    }
}

/* 70 % of the pings arrive, and 70 % of the replies to them. */
static void test_loss(void)
{
    struct wire_counts counts;
    size_t answers;

    bench_start(WIRE_RAW);
    wire_faults(&(struct wire_faults){.loss = 300});
    pings(2000);
    answers = wire_pending(1);
    check_cmp(answers, >, 880);
    check_cmp(answers, <, 1080);
    counts = wire_counts();
    check_cmp(counts.sent, >, 3300);
    check_cmp(counts.sent, <, 3500);
    check_int(counts.sent - counts.lost, counts.sent - 2000 + answers);
    wire_faults(NULL);
    pings(100);
    check_int(wire_pending(1), 100);
}

static void test_twice(void)
{
    bench_start(WIRE_RAW);
    wire_faults(&(struct wire_faults){.twice = 1000});
    check_counted(icmp, received, 2, inject(PING(1)));
    expect(PONG(1));
    expect(PONG(1));
    expect(PONG(1));
    expect(PONG(1));
    check_int(wire_counts().twice, 3);
}

/* Any one bit: a checksum detects it. */
static void test_damage(void)
{
    bench_start(WIRE_ETHER);
    inject("ARP who-has 192.0.2.2 tell 192.0.2.1");
    wire_pending(1);
    inject(PING(1));
    expect(PONG(1));
    wire_faults(&(struct wire_faults){.damage = 1000});
    check_counted(ether, delivered, 3000, pings(3000));
    check_int(wire_counts().damaged, 3000);
    check_int(wire_pending(0), 0);
    check_counted(ether, received, 0, inject("ARP who-has 192.0.2.2 tell 192.0.2.1"));
    check_int(wire_counts().lost, 1);
}

/* Both ways, and in order. */
static void test_delay(void)
{
    bench_start(WIRE_RAW);
    wire_faults(&(struct wire_faults){.delay_ms = 20});
    inject(PING(1));
    expect_nothing(39);
    check_int(expect_within(1, PONG(1)), 1);
    wire_faults(&(struct wire_faults){.delay_ms = 20, .vary_ms = 100});
    inject(PING(1));
    inject(PING(2));
    inject(PING(3));
    expect_nothing(39);
    expect_within(201, PONG(1));
    expect_within(201, PONG(2));
    expect_within(201, PONG(3));
    check_cmp(now_ms(), <=, 280);
}

/* A late frame arrives several round trips after frames that were sent later. */
static void test_late(void)
{
    uint8_t reply[100];
    unsigned int late = 0;
    uint16_t last = 0, seq;
    char faults[32];

    bench_start(WIRE_RAW);
    wire_faults(&(struct wire_faults){.delay_ms = 5, .late = 100, .late_ms = 60});
    for (uint16_t i = 1; i <= 200; i++) {
        snprintf(faults, sizeof(faults), "icmp.seq=%u", i);
        inject_with(faults, PING(1));
        advance(1);
    }
    for (int i = 0; i < 200; i++) {
        take(150, reply, sizeof(reply));
        seq = get16(reply + 26); /* of the echo, RFC 792 */
        late += seq + 20 < last;
        last = seq > last ? seq : last;
    }
    check_cmp(late, >, 5);
    check_cmp(wire_counts().late, >, 10);
    check_cmp(wire_counts().late, <, 60);
    expect_nothing(1000);
}

/*
 * The ends. A client sends and receives at the same time; the server echoes, or only reads.
 */
struct stream {
    uint32_t from; /* where its pattern begins */
    size_t total;  /* bytes to send */
    long rest;     /* milliseconds before the receiver starts */
    int ends;      /* the server closes after total bytes */
    int silent;    /* the server sends nothing */
    int id;
    struct task *sender, *receiver;
    ssize_t sent;    /* result of the last send */
    int send_errnum; /* and its errno */
    uint64_t send_end; /* milliseconds */
};

struct service {
    struct stream *stream;
    int id;
    struct task *task;
    size_t done;
    ssize_t ret; /* result of the last receive */
};

/* Puts the calling task to sleep. */
static void rest(long ms)
{
    static lock_t lock = LOCK_INITIALIZER;
    struct sched_task task;
    uint64_t end = clock_now() + (uint64_t)ms * 1000000;

    sched_task_init(&task);
    lock_acquire(&lock);
    check_error(sched_task_sleep(&task, &lock, end), ETIMEDOUT);
    lock_release(&lock);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void client_connect(void *arg)
{
    struct sockaddr_in in = address(OURS);
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

/* End of file, again and again. */
static void check_stream_end(int id)
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
        check_cmp(len, >, 0);
        check_pattern(chunk, s->from + (uint32_t)done, (size_t)len);
        done += (size_t)len;
    }
    if (s->ends) {
        check_stream_end(s->id);
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
        check_stream_end(v->id);
    }
    if (v->ret != -1) {
        check_int(sock_close(v->id), 0);
    }
}

/* Starts the stack with a listener, on a wire that leads back to it. */
static int start(void)
{
    if (!getenv("MICROPS_LOG")) {
        log_set_level("error"); /* debug is too much to keep for so many segments */
    }
    bench_start(WIRE_LOOP);
    return listening(OURS);
}

static void service_accept(void *arg)
{
    struct service *v = arg;

    v->id = sock_accept(v->id, NULL, NULL);
    check_cmp(v->id, !=, -1);
}

/* Connects one stream and starts the tasks at both ends. */
static void stream_start(struct stream *s, struct service *v, int listener)
{
    struct task *connecting, *accepting;

    *v = (struct service){.stream = s, .id = listener};
    s->id = sock_open(PF_INET, SOCK_STREAM, 0);
    check_cmp(s->id, !=, -1);
    accepting = task_start("accept", service_accept, v);
    connecting = task_start("connect", client_connect, s);
    task_join(connecting, MINUTES(4));
    task_join(accepting, MINUTES(4));
    v->task = task_start("server", serve, v);
    s->sender = task_start("sender", client_send, s);
    s->receiver = s->silent ? NULL : task_start("receiver", client_receive, s);
}

/* An orderly end: both ends close, and the server has read all data. */
static void stream_end(struct stream *s, struct service *v)
{
    task_join(s->sender, MINUTES(120));
    check_cmp(s->sent, >, 0);
    if (s->receiver) {
        task_join(s->receiver, MINUTES(120));
    }
    check_int(sock_close(s->id), 0);
    task_join(v->task, MINUTES(120));
    check_int(v->done, s->total);
    check_int(v->ret == 0, !s->ends);
}

/* Waits for the last TIME-WAIT; then no block is left. */
static void finish(int listener)
{
    check_int(sock_close(listener), 0);
    for (int minutes = 0; minutes < 20 && blocks_in_use() > 0; minutes++) {
        advance(MINUTES(1));
    }
    check_int(blocks_in_use(), 0);
}

/* Runs num streams at once: all data is echoed, and no block is left. */
static void run(struct stream *streams, size_t num, const struct wire_faults *faults)
{
    static struct service services[8];
    int listener = start();

    wire_faults(faults);
    for (size_t i = 0; i < num; i++) {
        stream_start(&streams[i], &services[i], listener);
    }
    for (size_t i = 0; i < num; i++) {
        stream_end(&streams[i], &services[i]);
    }
    finish(listener);
}

/*
 * The stack on an unkind wire
 */
static void test_1_percent(void)
{
    struct stream s = {.from = 1, .total = 1 << 20};

    run(&s, 1, &(struct wire_faults){.loss = 10, .delay_ms = 5});
    check_cmp(wire_counts().lost, >, 0);
}

static void test_10_percent(void)
{
    struct stream s = {.from = 3, .total = 256 << 10, .ends = 1};

    run(&s, 1, &(struct wire_faults){.loss = 100, .delay_ms = 5});
    check_cmp(wire_counts().lost, >, 50);
}

static void test_damaged_data(void)
{
    struct stream s = {.from = 2, .total = 256 << 10};

    run(&s, 1, &(struct wire_faults){.damage = 50, .delay_ms = 5});
    check_cmp(wire_counts().damaged, >, 10);
}

static void test_disorder(void)
{
    struct stream s = {.from = 4, .total = 256 << 10, .ends = 1};

    run(&s, 1, &(struct wire_faults){.twice = 30, .late = 30, .delay_ms = 5, .late_ms = 50});
    check_cmp(wire_counts().twice, >, 10);
    check_cmp(wire_counts().late, >, 10);
}

static const struct wire_faults everything = {
    .loss = 30, .twice = 30, .damage = 30, .late = 30, .delay_ms = 5, .vary_ms = 5, .late_ms = 50,
};

static void test_everything(void)
{
    struct stream s = {.from = 5, .total = 128 << 10};

    run(&s, 1, &everything);
}

static void test_at_once(void)
{
    static struct stream s[8];

    for (uint32_t i = 0; i < countof(s); i++) {
        s[i] = (struct stream){.from = i * 100000, .total = 48 << 10, .ends = i % 2};
    }
    run(s, countof(s), &everything);
}

/* The client starts to receive when all windows have long been zero. */
static void test_shut_windows(void)
{
    struct stream s = {.from = 6, .total = 256 << 10, .rest = MINUTES(10)};

    check_counted(tcp, timed_out, 0, run(&s, 1, &everything));
}

/* The server starts to read after 50 seconds, while the wire loses all frames for a second. */
static void test_lost_window_updates(void)
{
    struct stream s = {.from = 7, .total = 256 << 10, .rest = 50000, .silent = 1};
    int listener = start();
    struct service v;

    stream_start(&s, &v, listener);
    advance(49500);
    check_int(v.done, 0);
    wire_faults(&(struct wire_faults){.loss = 1000});
    advance(1000);
    check_cmp(v.done, >, 0);
    check_cmp(v.done, <, s.total);
    check_cmp(wire_counts().lost, >, 0);
    wire_faults(NULL);
    stream_end(&s, &v);
    finish(listener);
}

/* The window is full when the client closes, and the server reads long after. */
static void test_patient_end(void)
{
    struct stream s = {.from = 8, .total = TCP_RCV_BUF_SIZE, .rest = MINUTES(5), .silent = 1};

    run(&s, 1, &(struct wire_faults){.loss = 50, .delay_ms = 5});
}

/* Both windows are full when both ends close, so neither FIN has room. */
static void test_both_close(void)
{
    struct stream s = {.from = 10, .total = TCP_RCV_BUF_SIZE, .rest = MINUTES(5), .silent = 1};
    int listener = start();
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
    finish(listener);
    check_cmp(wire_counts().sent, <, 2000);
}

/* The wire is cut: an end with data in flight times out after R2, RFC 9293 3.8.3. */
static void test_cut(void)
{
    struct stream s = {.from = 9, .total = 1 << 20, .silent = 1};
    int listener = start();
    uint64_t cut_at;
    struct service v;

    wire_faults(&(struct wire_faults){.delay_ms = 5});
    stream_start(&s, &v, listener);
    advance(20);
    wire_faults(&(struct wire_faults){.loss = 1000});
    cut_at = now_ms();
    task_join(s.sender, MINUTES(10));
    check_int(s.sent, -1);
    check_int(s.send_errnum, ETIMEDOUT);
    check_cmp(s.send_end - cut_at, >=, 100000 - 10);
    check_cmp(s.send_end - cut_at, <=, 130000);
    check(!task_done(v.task)); /* the server has no data in flight */
    check_cmp(v.done, >, 0);
    check_cmp(v.done, <, s.total);
    check_int(sock_close(s.id), 0);
    check_int(sock_close(v.id), 0);
    task_join(v.task, 0);
    finish(listener);
}

/*
 * The capture
 */
static char path[] = "/tmp/step31.XXXXXX";
static uint8_t file[70000];

/* Reads the whole file and removes it. Returns its length. */
static size_t file_read(int fd)
{
    ssize_t len = read(fd, file, sizeof(file));

    check_cmp(len, >, 0);
    check_cmp((size_t)len, <, sizeof(file));
    close(fd);
    unlink(path);
    return (size_t)len;
}

/* Returns the number at an offset, in the host byte order that the magic number declares. */
static uint32_t number(size_t at)
{
    uint32_t n;

    memcpy(&n, file + at, sizeof(n));
    return n;
}

static void check_file_header(uint32_t linktype)
{
    static const uint16_t version[] = {2, 4};

    check_int(number(0), 0xa1b2c3d4);
    check_mem(file + 4, version, 4);
    check_int(number(8), 0);
    check_int(number(12), 0);
    check_int(number(16), 65535);
    check_int(number(20), linktype);
}

/* Returns the offset of the next packet. */
static size_t check_packet(size_t at, struct timeval time, const void *data, size_t len,
                           size_t flen)
{
    check_int(number(at), time.tv_sec);
    check_int(number(at + 4), time.tv_usec);
    check_int(number(at + 8), len);
    check_int(number(at + 12), flen);
    check_mem(file + at + 16, data, len);
    return at + 16 + len;
}

static void test_file(void)
{
    static uint8_t data[65537];
    struct timeval early = {1700000000, 999999}, late = {1700000001, 0};
    int in = mkstemp(path), out = pcap_open(path, PCAP_LINKTYPE_RAW);
    size_t at;

    check_cmp(in, !=, -1);
    check_cmp(out, !=, -1);
    pattern(data, 0, sizeof(data));
    check_int(pcap_write(out, early, data, 60), 0);
    check_int(pcap_write(out, late, data, 0), 0);
    check_int(pcap_write(out, late, data, sizeof(data)), 0);
    at = file_read(in);
    check_int(at, 24 + 3 * 16 + 60 + 65535);
    check_file_header(101);
    at = check_packet(24, early, data, 60, 60);
    at = check_packet(at, late, data, 0, 0);
    check_packet(at, late, data, 65535, 65537);
    close(out);
}

static void test_no_file(void)
{
    struct timeval time = {0, 0};
    int full = pcap_open("/dev/null", PCAP_LINKTYPE_RAW);

    check_cmp(full, !=, -1);
    close(full);
    check_error(pcap_write(full, time, file, 60), EBADF);
    check_error(pcap_open("/nonexistent/file", PCAP_LINKTYPE_RAW), ENOENT);
    check_error(pcap_open("/dev/full", PCAP_LINKTYPE_RAW), ENOSPC);
}

static int capture_fd;
static struct timeval capture_time;
static enum net_direction directions[8];
static size_t num_captured;

static void capture(const struct net_device *dev, enum net_direction direction,
                    const uint8_t *frame, size_t flen)
{
    check_str(dev->name, "net0");
    check_cmp(num_captured, <, countof(directions));
    directions[num_captured++] = direction;
    check_int(pcap_write(capture_fd, capture_time, frame, flen), 0);
}

/* Whole frames as on the wire, dropped ones included. */
static void test_frames(void)
{
    static const uint8_t runt[] = {1, 2, 3};
    uint8_t reply[60];
    size_t at;
    int in = mkstemp(path);

    check_cmp((capture_fd = pcap_open(path, PCAP_LINKTYPE_ETHERNET)), !=, -1);
    ether_set_capture(capture);
    bench_start(WIRE_ETHER);
    inject("ARP who-has 192.0.2.2 tell 192.0.2.1");
    check_int(take(0, reply, sizeof(reply)), 60);
    inject("ether 00:00:5e:00:53:fe > 00:00:5e:00:53:77 type 0x0800 len 50");
    inject_bytes(runt, sizeof(runt));
    ether_set_capture(NULL);
    inject_bytes(runt, sizeof(runt));
    close(capture_fd);
    check_int(num_captured, 4);
    check_int(directions[0], NET_IN);
    check_int(directions[1], NET_OUT);
    check_int(directions[2], NET_IN);
    at = file_read(in);
    check_int(at, 24 + 4 * 16 + 60 + 60 + 64 + 3);
    check_file_header(1);
    check_int(number(24 + 8), 60);
    check_packet(24 + 16 + 60, capture_time, reply, 60, 60);
    check_packet(at - 16 - 3, capture_time, runt, 3, 3);
}

BENCH(31,
      {"the wire loses the given share of frames, both ways", test_loss},
      {"a duplicated request is answered twice", test_twice},
      {"a checksum detects every flipped bit of a datagram", test_damage},
      {"frames arrive after the given delay, in order", test_delay},
      {"late frames are overtaken by others", test_late},
      {"1 MiB is echoed with 1 % loss both ways", test_1_percent},
      {"256 KiB are echoed with 10 % loss", test_10_percent},
      {"256 KiB are echoed with 5 % of the frames damaged", test_damaged_data},
      {"256 KiB are echoed with duplicates and reordering", test_disorder},
      {"128 KiB are echoed with loss, damage, duplicates and reordering", test_everything},
      {"eight simultaneous connections keep their data apart", test_at_once},
      {"a receiver that starts ten minutes late gets all data", test_shut_windows},
      {"a probe recovers from a lost window update", test_lost_window_updates},
      {"a FIN waits minutes for a zero window to open", test_patient_end},
      {"a simultaneous close with both windows zero completes", test_both_close},
      {"a sender on a cut wire fails with ETIMEDOUT", test_cut},
      {"a capture file has a header, and each packet's time and lengths", test_file},
      {"a capture file that cannot be created or written is an error", test_no_file},
      {"the capture has every frame in and out, whole", test_frames})
