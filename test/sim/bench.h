#ifndef BENCH_H
#define BENCH_H

/*
 * The bench drives the whole stack in virtual time, on one wire, without root and without a sleep.
 *
 *   static void echo(void)
 *   {
 *       bench_start(WIRE_RAW);
 *       inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 56");
 *       expect("IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 56");
 *   }
 *   BENCH(9, { "an echo comes back", echo })
 *
 * Each behaviour runs in a child process, limited in virtual and in real time. At its end the stack
 * is shut down, and the bench checks that every packet out was expected and all memory freed.
 */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

/*
 * Behaviours
 */
struct behaviour {
    const char *text; /* title: one line, a plain statement */
    void (*run)(void);
};

/* The main function of a grader. Prints one line for each behaviour, `ok 09 an echo comes back` or
 * `FAIL 09 ...` with a report, and at the end `N passed, N failed`. -h explains its options.
 * Returns the exit status: 2 for wrong usage, also if no title contains the given part. */
int bench_main(int step, const struct behaviour *list, size_t num, int argc, char **argv);

struct bench_options {
    int step;
    const char *program;
    const char *capture; /* file name, or NULL */
    int verbose;
};

/* For programs with a main function of their own: runs one behaviour with a seed and prints only
 * failures. Returns whether it has passed. */
int bench_run(const struct behaviour *b, uint64_t seed, const struct bench_options *options);
/* Reads a number, such as 1000 or 0x3e8, and nothing else. Returns 0 or -1. */
int bench_number(const char *text, uint64_t *number);
/* The behaviour may compute for this long in all, instead of 2 seconds. */
void time_limit(unsigned int seconds);
/* From now on reports contain this text, of at most four lines, and this many packets. */
void bench_context(const char *text, unsigned int packets);

#define BENCH(step, ...) \
    int main(int argc, char **argv) \
    { \
        static const struct behaviour list[] = { __VA_ARGS__ }; \
        return bench_main(step, list, sizeof(list) / sizeof(*list), argc, argv); \
    }

/*
 * Checks. The first that fails ends the behaviour, with a report of at most 12 lines
 */
#define check(cond) bench_check(!!(cond), #cond, __FILE__, __LINE__)
#define check_int(expr, want) \
    bench_check_int((long long)(expr), (long long)(want), #expr, __FILE__, __LINE__)
/* check_cmp(len, >=, 20), for integers: a failure shows both values. */
#define check_cmp(expr, op, limit) \
    bench_check_cmp((long long)(expr), #op, (long long)(limit), #expr, #limit, __FILE__, __LINE__)
#define check_range(expr, min, max) \
    bench_check_range((long long)(expr), (long long)(min), (long long)(max), #expr, __FILE__, \
                      __LINE__)
/* The pointers are equal. */
#define check_ptr(expr, want) bench_check_ptr((expr), (want), #expr, #want, __FILE__, __LINE__)
#define check_str(expr, want) bench_check_str((expr), (want), #expr, __FILE__, __LINE__)
#define check_mem(got, want, len) bench_check_mem((got), (want), (len), #got, __FILE__, __LINE__)
/* The call returns -1 with this errno: check_error(ip_output(...), EMSGSIZE). */
#define check_error(expr, err) \
    (errno = 0, bench_check_error((long long)(expr), (err), #expr, __FILE__, __LINE__))
/* Ends the behaviour as failed. */
#define fail(...) bench_fail(__FILE__, __LINE__, __VA_ARGS__)
/* A counter that grows by n while the statement runs:
 *   check_counted(ip, bad_checksum, 1, inject_with("ip.sum=0", good));
 * uses ip_get_stats and struct ip_stats. */
#define check_counted(module, field, n, statement) \
    do { \
        struct module##_stats before_, after_; \
        module##_get_stats(&before_); \
        statement; \
        module##_get_stats(&after_); \
        bench_check_int((long long)(after_.field - before_.field), (n), #module "." #field, \
                        __FILE__, __LINE__); \
    } while (0)

void bench_check(int cond, const char *expr, const char *file, int line);
void bench_check_int(long long got, long long want, const char *expr, const char *file, int line);
void bench_check_cmp(long long got, const char *op, long long limit, const char *expr,
                     const char *limit_expr, const char *file, int line);
void bench_check_range(long long got, long long min, long long max, const char *expr,
                       const char *file, int line);
void bench_check_ptr(const void *got, const void *want, const char *expr, const char *want_expr,
                     const char *file, int line);
void bench_check_str(const char *got, const char *want, const char *expr, const char *file,
                     int line);
void bench_check_mem(const void *got, const void *want, size_t len, const char *expr,
                     const char *file, int line);
void bench_check_error(long long got, int err, const char *expr, const char *file, int line);
void bench_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), noreturn));

/*
 * The wire. At one end is our stack (net_device named by the stack, MTU 1500), at the other the
 * script
 */
enum wire_kind {
    WIRE_NONE,  /* no device */
    WIRE_RAW,   /* no link header: datagrams (steps 02 to 09, and wherever ARP is noise) */
    WIRE_ETHER, /* Ethernet: ours is 00:00:5e:00:53:01, the script's 00:00:5e:00:53:fe (step 11) */
    WIRE_LOOP,  /* packets out come in again: both ends are our stack (step 31) */
};

struct net_device;
struct ip_iface;

/* Calls net_init, wire_init, wire_address(192.0.2.2/24) and net_run, as far as the step has
 * them. */
struct net_device *bench_start(enum wire_kind kind);
/* Adds the device only, between net_init and net_run: for behaviours that register something. Step
 * 02. */
struct net_device *wire_init(enum wire_kind kind);
/* Gives it an IP interface: wire_address(dev, "192.0.2.2", "255.255.255.0"). Step 05. */
struct ip_iface *wire_address(struct net_device *dev, const char *addr, const char *netmask);
/* A behaviour may add up to four wires. Packets out of all of them are expected in one order;
 * packets in arrive on the one added last, or the one named here. */
void wire_use(struct net_device *dev);
/* From now on the wire's open or output fails, or works again. */
void wire_fail_open(int yes);
void wire_fail_output(int yes);
/* From now on the script's end answers ARP requests for any other address by itself (WIRE_ETHER),
 * outside the script. */
void wire_answer_arp(int yes);

/*
 * The unkind wire: faults from now on, on all wires and in both directions. Step 31:
 *   wire_faults(&(struct wire_faults){ .loss = 100, .delay_ms = 5 });
 */
struct wire_faults {
    unsigned int loss;     /* frames lost, of a thousand */
    unsigned int twice;    /* duplicated */
    unsigned int damage;   /* with one bit of the IP datagram flipped (other frames are lost) */
    unsigned int late;     /* delayed so that others overtake them */
    unsigned int delay_ms; /* delay of each frame, */
    unsigned int vary_ms;  /* plus up to this much, in order, */
    unsigned int late_ms;  /* plus up to this much for late frames */
};
struct wire_counts {
    unsigned long sent, lost, twice, damaged, late; /* frames */
};

/* NULL: no faults. Frames in flight arrive. */
void wire_faults(const struct wire_faults *faults);
/* Since the behaviour began. */
struct wire_counts wire_counts(void);

/*
 * The path: what each direction is like from now on, on all wires together. Congestion needs a rate
 * and a queue:
 *   wire_path(DIR_OUT, &(struct wire_path){ .bits_per_s = 20000000, .queue = 50000,
 *                                           .delay_us = 10000 });
 * A frame waits in the queue, is transmitted, is in flight for the delay, and meets the faults
 * above there: so a frame that is lost or damaged takes its share of the rate, and the copy of one
 * that is duplicated takes none.
 *
 * Transmission of n bytes takes exactly 8 n / bits_per_s: a fraction of a nanosecond is carried
 * over to the next frame, and only the arrival is rounded up. n is the length as in inject_bytes:
 * of the datagram on WIRE_RAW and WIRE_LOOP, and on WIRE_ETHER of the frame, with its header and
 * padded to 60 bytes, without preamble, FCS and gap.
 *
 * The frame in transmission is not in the queue any more. A frame that comes while another is in
 * transmission, and with which the queue would exceed its limit, is dropped; one that comes at the
 * very end of a transmission finds the next one begun.
 *
 * On WIRE_LOOP, DIR_OUT is what goes from a higher port to a lower one, from a client to its
 * server; DIR_IN is all else.
 */
enum direction { DIR_IN, DIR_OUT }; /* as the stack sees it */

struct wire_path {
    uint64_t bits_per_s;    /* 0: no limit, and no queue */
    size_t queue;           /* bytes that may wait */
    unsigned int delay_us;  /* delay of each frame, */
    unsigned int jitter_us; /* plus up to this much, in order unless a frame is `late`, above */
    unsigned int loss;      /* frames lost after transmission, of a thousand: in this direction */
};
struct wire_path_counts {
    unsigned long sent, dropped, lost; /* frames: all that came, dropped at the queue, lost */
    uint64_t sent_bytes, dropped_bytes;
    size_t queue_max;                  /* most bytes that waited at once */
};

/* NULL: none, as at the beginning. Frames in the queue and in flight arrive as they would have. */
void wire_path(enum direction dir, const struct wire_path *path);
/* Since the behaviour began, while the direction had a path. */
struct wire_path_counts wire_path_counts(enum direction dir);

/* From now on the stack computes for so long on each packet in, on all wires: until then the next
 * one waits in the device. The packets that arrive meanwhile form a batch, which the device hands
 * over in one interrupt: 64 at most, and then other interrupts get their turn. All other computing
 * takes no time, and so does this with 0. */
void wire_compute(unsigned int us);

/*
 * The script: one packet a line, in the notation that a failure prints. Steps 00 to 19 and all but
 * TCP:
 *   ARP who-has 192.0.2.2 tell 192.0.2.1            ARP reply 192.0.2.2 is-at 00:00:5e:00:53:01
 *   IP 192.0.2.1 > 192.0.2.2 proto 253 len 4        IP 192.0.2.1 > 192.0.2.2 proto 253 'abcd'
 *   IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 56          ICMP echo-reply ... likewise
 *   IP 192.0.2.2 > 192.0.2.1 ICMP unreachable proto quote 28      ICMP unreachable port quote 28
 *   UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'        UDP 192.0.2.1.5000 > 192.0.2.2.7 len 100
 * `len n` means n bytes of a fixed pattern (see pattern); 'text' knows \n \r \t \0 \\ \' and \xHH;
 * `hex 00ff` is bytes, too. ttl N, tos N, id N, df, mf and offset N may follow the addresses; #
 * begins a comment. A leading `ether SRC > DST` gives the hardware addresses. `type 0x88b5 len 10`
 * is a payload of that EtherType.
 *
 * TCP from step 20 is packetdrill's: FLAGS SEQ:END(LEN) [ack N] [win N] [urg N] [<options>]
 * ['text'] with flags out of S F R P . (U E W), `.` for ACK. Sequence numbers are relative to each
 * side's first, `=N` is an absolute number. A line may begin with `A>` to name the connection.
 * Flags, sequence, length and ack are exact; win and options are compared only if written. The data
 * of both sides is pattern by relative sequence number unless 'text' is given. `TCP 192.0.2.1.5000
 * > 192.0.2.2.7 S 9:9(0)` names the endpoints, and all its numbers are absolute.
 *   S 0:0(0) win 65535 <mss 1460,nop,nop,sackOK>     S. 0:0(0) ack 1
 *   P. 1:11(10) ack 1                               F. 11:11(0) ack 1
 *
 * Fields that inject_with can change: ether.dst src type; arp.hrd pro hln pln op sha spa tha tpa;
 * ip.version ihl tos total id df mf offset ttl proto sum src dst; ip.options (hex, zero padded; ihl
 * and total grow); icmp.type code sum id seq; udp.sport dport len sum; tcp.sport dport seq ack
 * offset flags win sum urg; frame.len (from the network header on; cuts, or pads with 0xaa, after
 * all other faults).
 */

/* A packet arrives; then everything happens that needs no time. */
#define inject(script) bench_inject((script), NULL, __FILE__, __LINE__)
/* The same with faults, each a field and a value: "ip.total=12, ip.sum=+1". A value is a number, an
 * address, or +N or -N, added to the right one. Checksums not named are corrected. */
#define inject_with(faults, script) bench_inject((script), (faults), __FILE__, __LINE__)
/* Raw bytes: of a datagram (WIRE_RAW) or of a whole frame (WIRE_ETHER). */
#define inject_bytes(data, len) bench_inject_bytes((data), (len), __FILE__, __LINE__)
/* On WIRE_RAW: a payload of any EtherType. */
#define inject_type(type, data, len) bench_inject_type((type), (data), (len), __FILE__, __LINE__)
/* The next packet out is this one; the clock does not move. */
#define expect(script) bench_expect((script), 0, __FILE__, __LINE__)
/* The same, and the clock moves up to the packet, by at most ms milliseconds. Returns by how
 * many. */
#define expect_within(ms, script) bench_expect((script), (ms), __FILE__, __LINE__)
/* The next packet out has these bytes, as in inject_bytes. A failure names the field. */
#define expect_bytes(data, len) bench_expect_bytes((data), (len), __FILE__, __LINE__)
/* No packet goes out within ms milliseconds (0: right now). */
#define expect_nothing(ms) bench_expect_nothing((ms), __FILE__, __LINE__)
/* Takes the next packet out, within ms milliseconds: its bytes from the network header on (from the
 * link header on with WIRE_ETHER). Returns its length. Fails if there is none. */
#define take(ms, buf, size) bench_take((ms), (buf), (size), __FILE__, __LINE__)
/* Returns the number of packets out not taken yet; drops them if flush is set. */
size_t wire_pending(int flush);

void bench_inject(const char *script, const char *faults, const char *file, int line);
void bench_inject_bytes(const void *data, size_t len, const char *file, int line);
void bench_inject_type(uint16_t type, const void *data, size_t len, const char *file, int line);
long bench_expect(const char *script, long ms, const char *file, int line);
void bench_expect_bytes(const void *data, size_t len, const char *file, int line);
void bench_expect_nothing(long ms, const char *file, int line);
size_t bench_take(long ms, void *buf, size_t size, const char *file, int line);

/* Numbers in a packet, in network byte order. */
static inline uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* Defines connection c ('A' is 192.0.2.2:7 and 192.0.2.1:5000 by default) for lines that begin with
 * `c>`; lines without a name mean the one named last. peer_isn is the script's initial sequence
 * number. */
void connection(char c, const char *local, const char *remote, uint32_t peer_isn);
/* Defines client c of port 7, at 192.0.2.1: port 5000 for 'A', 5001 for 'B'. */
void client(char c, uint32_t peer_isn);
/* The peer opens the connection named last: SYN, SYN-ACK, and an ACK with window win. syn is the
 * rest of the SYN's line, "win 1000 <mss 1460>", or "". */
#define handshake(syn, win) bench_handshake((syn), (win), __FILE__, __LINE__)
void bench_handshake(const char *syn, unsigned win, const char *file, int line);
/* From now on the peer is far away: its ACK in handshake comes after FAR_MS. Then the first
 * retransmission timeout is a second in each step: 3 FAR_MS, once the stack measures the round trip
 * (step 49). RFC 6298 2.2 */
#define FAR_MS 334
void far_peer(void);
/* Makes isn the next ISN of our side, for the connection named last. From step 41 on this moves the
 * clock to where the stack chooses it; for a new connection there must be a listener, which gets a
 * SYN and a RST. */
#define next_isn(isn) bench_next_isn((isn), __FILE__, __LINE__)
void bench_next_isn(uint32_t isn, const char *file, int line);
/* Fills buf with the pattern; its first byte has relative sequence number (or offset) from. */
void pattern(void *buf, uint32_t from, size_t len);
/* Fails unless buf holds that pattern. */
#define check_pattern(buf, from, len) bench_check_pattern((buf), (from), (len), __FILE__, __LINE__)
void bench_check_pattern(const void *buf, uint32_t from, size_t len, const char *file, int line);

/*
 * Time: virtual, from a start drawn from the seed
 */
void advance(long ms);   /* moves the clock; everything due happens in order */
void settle(void);       /* everything happens that needs no time */
uint64_t now_ms(void);   /* milliseconds since the behaviour began */
/* Moves the stack's clock only, as after a suspend: no interval of a timer passes, but one-shot
 * timers become due. */
void sim_clock_skip(uint64_t ns);

/*
 * Application threads. They run only while the bench waits: in advance, settle, inject, expect,
 * task_join.
 */
struct task;
/* Starts a task, which runs up to its first sleep. */
struct task *task_start(const char *name, void (*func)(void *arg), void *arg);
int task_done(const struct task *task);
/* Moves the clock by at most ms until the task has ended; fails if it has not. */
#define task_join(task, ms) bench_task_join((task), (ms), __FILE__, __LINE__)
void bench_task_join(struct task *task, long ms, const char *file, int line);

/*
 * Faults and views of the platform
 */
void sim_fail_init(int yes);             /* platform_init fails */
void sim_fail_run(int yes);              /* platform_run fails */
void sim_be_child(int yes);              /* as in a child after fork */
/* the k-th memory_alloc from now on fails, once; 0: none */
void sim_fail_alloc(unsigned long k);
unsigned long sim_allocs(void);          /* calls of memory_alloc */
void sim_random_next(const void *bytes, size_t len); /* next output of random_bytes and random16 */
int sim_in_interrupt(void);              /* is this the interrupt thread? */
unsigned sim_platform_state(void);       /* 0 off, 1 initialised, 2 running */
unsigned sim_intr_count(unsigned irq);   /* how often interrupt irq was taken */
/* How often locks that a file declares were taken: sim_locks_taken("net.c"). */
unsigned long sim_locks_taken(const char *file);
unsigned long sim_wakeups(void);         /* sleepers woken, not timed out or interrupted */
size_t memory_peak(void);                /* most allocations at once */
size_t memory_peak_bytes(int restart);   /* most bytes at once; restart: from now on */

/*
 * The log since the behaviour began, or since log_clear
 */
int logged(const char *part);            /* does a line contain part? */
size_t logged_times(const char *part);   /* lines that contain part */
/* A line contains part. A failure shows the line that begins like it, up to the colon. */
#define check_logged(part) bench_check_logged((part), __FILE__, __LINE__)
void bench_check_logged(const char *part, const char *file, int line);
const char *log_all(void);
void log_clear(void);

#endif
