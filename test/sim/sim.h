#ifndef SIM_H
#define SIM_H

/*
 * Internals of the bench. Graders include bench.h only; tests that build packets, in test/hostile
 * and test/parsers.c, use those below
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "bench.h"
#include "platform.h"

#define SIM_MS     UINT64_C(1000000)
#define SIM_SECOND (1000 * SIM_MS)
#define SIM_LIMIT  (20000 * SIM_SECOND) /* virtual time of a behaviour */

#define SIM_HELD_MAX 16

/* Is the program built with the address or thread sanitizer? */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SIM_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SIM_SANITIZED 1
#endif
#endif
#ifndef SIM_SANITIZED
#define SIM_SANITIZED 0
#endif

/*
 * Tasks (baton.c)
 */
struct task {
    struct task *next;
    char name[32];
    void (*func)(void *arg);
    void *arg;
    struct sim_thread *thread;
    int done;
    /* Blocked: the condition, and for reports the place */
    int (*ready)(const struct task *task); /* NULL: can run */
    const char *why;
    lock_t *lock;                          /* wanted, or released for the sleep */
    struct sched_task *sleeps_on;
    struct task *joins;
    struct sched_task *destroys;
    uint64_t deadline;
    uint64_t busy_until;                   /* end of its sim_compute; 0: none */
    int woken;
    int code;                              /* errno of the sleep */
    lock_t *held[SIM_HELD_MAX];
    unsigned int nheld;
};

extern struct task *sim_current; /* holds the baton */
extern struct task *sim_tasks;
extern struct task *sim_main;
extern uint64_t sim_now;
extern uint64_t sim_start;
/* A task yields at one occasion in sim_patience: fewer orders, less time. 0: at each. */
extern uint32_t sim_patience;

/* Makes the calling thread the task "main". */
void sim_baton_init(void);
/* In a child process that a behaviour has forked: drops all tasks. */
void sim_forget(void);
struct task *sim_task_create(const char *name, void (*func)(void *arg), void *arg);
/* Body of the task's thread. */
void sim_task_run(struct task *self);
/* Frees a task that has ended and whose thread is not detached. */
void sim_task_join(struct task *task);
/* Yields to any task. Does nothing in main. */
void sim_yield(void);
/* Yields until ready(self). */
void sim_block(const char *why, int (*ready)(const struct task *task));
/* The calling task computes for so long; others run meanwhile. It should hold no lock. */
void sim_compute(uint64_t ns);
/* For main only: yields until no other task can run and either enough(arg) holds or the clock has
 * reached until. enough may be NULL. */
void sim_wait(uint64_t until, int (*enough)(const void *arg), const void *arg);
/* The state of each task, one line each, at most max lines, for a report. */
void sim_describe_tasks(char *buf, size_t size, int max);

/*
 * Threads (thread.c) of tasks, one running at a time (the fuzzers have fiber.c instead)
 */
struct sim_thread *sim_thread_self(void);
/* The new thread calls sim_task_run(task) at its first turn. */
struct sim_thread *sim_thread_start(struct task *task);
/* Gives the turn to another thread and waits until it is back; if ends, does not wait: from is at
 * its end. */
void sim_thread_switch(struct sim_thread *from, struct sim_thread *to, int ends);
/* The thread will not be joined. */
void sim_thread_detach(struct sim_thread *thread);
void sim_thread_join(struct sim_thread *thread);

/*
 * The platform (platform.c)
 */
extern unsigned int sim_generation; /* successful calls of platform_init */

void sim_seed(uint64_t seed);
uint32_t sim_draw(uint32_t n); /* below n, for the bench */
uint64_t sim_next_timer(void); /* time of the next timer; UINT64_MAX: none */
void sim_fire_timers(void);    /* interrupt of the timers due at sim_now */
void sim_pend(unsigned int irq); /* intr_raise without yielding */
void sim_pend_last(unsigned int irq); /* the same, behind all that are pending or come until then */
/* While yes, locks are neither taken nor asked for: the bench may look at the stack's state in the
 * middle of a task, and changes nothing of its course. */
void sim_peek(int yes);
void sim_describe_memory(char *buf, size_t size);
/* Fails if a freed block was written to. */
void sim_check_freed(void);
/* Fails the behaviour at the step in progress, above all for a wrong use of the platform. */
void sim_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/*
 * Packets (packet.c): a frame (net is 14), or a datagram without a link header (net is 0)
 */
#define SIM_FRAME_MAX 70000

struct packet {
    uint8_t *data;
    size_t len;
    size_t net;    /* offset of the network header */
    uint16_t type; /* EtherType */
};

enum layer { LAYER_ETHER, LAYER_ARP, LAYER_IP, LAYER_ICMP, LAYER_UDP, LAYER_TCP, LAYER_NUM };

struct layout {
    long at[LAYER_NUM]; /* -1: no such header */
    size_t payload;     /* of the innermost header */
    size_t end;         /* of the payload */
    int sane;           /* the lengths of all headers fit */
};

enum field_id {
    F_ETHER_DST, F_ETHER_SRC, F_ETHER_TYPE,
    F_ARP_HRD, F_ARP_PRO, F_ARP_HLN, F_ARP_PLN, F_ARP_OP, F_ARP_SHA, F_ARP_SPA, F_ARP_THA,
    F_ARP_TPA,
    F_IP_VERSION, F_IP_IHL, F_IP_TOS, F_IP_TOTAL, F_IP_ID, F_IP_DF, F_IP_MF, F_IP_OFFSET, F_IP_TTL,
    F_IP_PROTO, F_IP_SUM, F_IP_SRC, F_IP_DST,
    F_ICMP_TYPE, F_ICMP_CODE, F_ICMP_SUM, F_ICMP_ID, F_ICMP_SEQ,
    F_UDP_SPORT, F_UDP_DPORT, F_UDP_LEN, F_UDP_SUM,
    F_TCP_SPORT, F_TCP_DPORT, F_TCP_SEQ, F_TCP_ACK, F_TCP_OFFSET, F_TCP_FLAGS, F_TCP_WIN, F_TCP_SUM,
    F_TCP_URG,
    F_NUM
};

enum field_kind { FIELD_NUMBER, FIELD_ADDR, FIELD_MAC };

struct field {
    const char *name;
    enum layer layer;
    uint8_t off;
    uint8_t size;
    uint8_t shift;
    uint64_t mask;
    enum field_kind kind;
    int loose; /* compared only if the script writes it */
    int sum;
};

extern const struct field sim_fields[F_NUM];

uint64_t sim_field_get(const struct packet *p, const struct layout *lay, enum field_id id);
void sim_field_set(struct packet *p, const struct layout *lay, enum field_id id, uint64_t value);
void sim_locate(const struct packet *p, struct layout *lay);
/* Corrects the checksums. */
void sim_fix_sums(struct packet *p, const struct layout *lay);
uint16_t sim_sum(const uint8_t *data, size_t len, uint32_t sum);
/* Writes how got differs from want, one line each, at most three. Returns the number of
 * differences. */
int sim_compare(const struct packet *want, const struct packet *got, char *buf, size_t size);
/* Changes fields as in inject_with. Returns NULL, or the part that was not understood. */
const char *sim_apply_faults(struct packet *p, const char *faults);

/*
 * The notation (script.c)
 */
#define SIM_RECORD_MAX 2048
#define SIM_HISTORY 16

struct record {
    uint64_t ms;
    enum direction dir;
    uint16_t type;
    size_t net;
    size_t len;
    uint8_t data[SIM_RECORD_MAX];
};

struct conn {
    char name; /* 0: free */
    uint32_t local_addr, remote_addr;
    uint16_t local_port, remote_port;
    uint32_t peer_isn;
    uint32_t our_isn;
    int known; /* our_isn has been seen */
    uint64_t begun; /* time of our SYN, by clock_now */
};

#define SIM_CONNS 128

#define SIM_FRAMES 24
#define SIM_DROPS  2
#define SIM_NAMES  16

enum outcome { UNKNOWN, PASSED, FAILED };
enum fault_kind {
    FAULT_PACKET, FAULT_WIRE, FAULT_PATH_IN, FAULT_PATH_OUT, FAULT_OTHER, FAULT_NUM
};

/* In memory shared with the parent, which writes the report. */
struct shared {
    const char *file; /* the step in progress, or the one that failed */
    int line;
    char what[256];
    char message[2048];   /* why the behaviour has failed */
    char context[1024];   /* printed in addition */
    unsigned int packets; /* to be printed */
    char fault[FAULT_NUM][160]; /* injected last, of each kind */
    char drops[SIM_DROPS][160]; /* the stack's last ones */
    unsigned int ndrops;
    unsigned int ndrops_before; /* those before the last packet in */
    char log[160];              /* last line */
    char unwritten[SIM_NAMES][48]; /* functions called but not written yet */
    unsigned int nunwritten;
    int signal;                 /* of a crash; SIGPROF: the behaviour hangs */
    const void *address;        /* of the access that crashed */
    uintptr_t frames[SIM_FRAMES]; /* of the code that crashed or hangs, innermost first; 0: end */
    unsigned long allocation;   /* number of the one that frames[0] made; 0: none */
    uintptr_t callers[SIM_FRAMES]; /* of main, if that is another task's code */
    unsigned int seconds;       /* limit of computing */
    unsigned int hangs;         /* seconds */
    char task[32];
    uint64_t ms;
    struct conn conns[SIM_CONNS];
    char conn_now;
    struct record history[SIM_HISTORY];
    unsigned int nhistory;
    enum outcome outcome;
    int captured; /* the file of -w has a packet */
};

extern struct shared *sim_shared;

/* Reads a line and builds its packet. got, if not NULL, is the packet compared with it, and gives
 * the fields that the line leaves open. A malformed line fails the behaviour. */
void sim_build(const char *script, enum direction dir, size_t net, struct packet *p,
               const struct packet *got);
/* Prints a packet in the same notation. */
void sim_print(const struct packet *p, enum direction dir, char *buf, size_t size);
void sim_remember(const struct packet *p, enum direction dir);
void sim_capture(const struct packet *p); /* with -w (bench.c) */
struct conn *sim_conn_now(void); /* the connection named last */
/* Completes a connection from our SYN: our ISN, and our port if it was not given. */
void sim_learn(const struct packet *p);
/* Read an address and move *s on. Return 0 or -1. */
int sim_read_addr(const char **s, uint32_t *addr);
int sim_read_mac(const char **s, uint64_t *mac);

#define SIM_MAC_OURS   UINT64_C(0x00005e005301)
#define SIM_MAC_SCRIPT UINT64_C(0x00005e0053fe)
#define SIM_MAC_ALL    UINT64_C(0xffffffffffff)
#define SIM_ADDR_OURS  UINT32_C(0xc0000202)
#define SIM_ADDR_PEER  UINT32_C(0xc0000201)

/*
 * The wire (wire.c), and the device at our end of it (device.c)
 */
extern size_t sim_wire_net; /* 14 on Ethernet, else 0 */
extern void *sim_wire_now;  /* destination of the script's packets; NULL: there is no wire */
/* Hands a frame to our end of a wire, without time or yielding. */
extern void (*sim_wire_send)(void *wire, const struct packet *p);
/* Takes a frame from our end. */
void sim_wire_sent(const struct packet *p);
/* The script's end gets a frame. */
void sim_script_takes(const struct packet *p);
/* Drops the packets out at the end of a behaviour. Returns the text of the first one, or NULL. */
const char *sim_wire_left(void);

/* An active script's end, without a task: act() is called at the time next(), frame() for each
 * frame. None of them may wait. */
struct sim_actor {
    uint64_t (*next)(void);
    void (*act)(void);
    void (*frame)(const struct packet *p);
};

extern const struct sim_actor *sim_actor;
/* Called for each frame that leaves our stack or reaches it. */
extern void (*sim_watch)(enum direction dir, const struct packet *p);
/* Frames that have ever reached our devices; those of them that no longer wait there. */
size_t sim_arrived(void);
size_t sim_handed(void);
/* Called when the softirq begins: it processes all frames that do not wait any more, a batch. */
extern void (*sim_watch_batch)(void);

/* The line (line.c). Carries a frame to the script's end, or in to our end of wire. */
void sim_carry(const struct packet *p, enum direction dir, void *wire);
/* On a loop: to our own end, on the path of its direction. */
void sim_carry_back(const struct packet *p, void *wire);
void sim_line_clear(void); /* drops frames in flight: for another run in this process */
uint64_t sim_next_arrival(void); /* time of the next arrival; UINT64_MAX: none */
void sim_deliver(void);          /* delivers the frames due at sim_now */
void sim_line_skip(uint64_t ns); /* delays all frames in flight */

/* The path of a direction (path.c). A frame passes the queue and the link: sets the time at which
 * it has left the link. Returns -1 if it is dropped or lost. */
int sim_path_pass(enum direction dir, size_t len, uint64_t *left);
uint64_t sim_path_delay(enum direction dir); /* behind the link: drawn for each frame */
enum direction sim_path_of(const struct packet *p); /* on a loop */
void sim_path_clear(void);
void sim_path_skip(uint64_t ns);

/* Is a device of ours open? */
int sim_device_open(void);

/* Parts of the stack at our end: an address (device_ip.c) and Ethernet's framing (device_ether.c).
 * sim_address adds 192.0.2.2/24. Returns 0 or -1. */
struct net_device;
typedef ssize_t sim_ether_write(struct net_device *dev, const uint8_t *frame, size_t flen);

int sim_address(struct net_device *dev);
void sim_ether_setup(struct net_device *dev);
int sim_ether_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                     const void *dst, sim_ether_write *write);
void sim_ether_input(struct net_device *dev, const uint8_t *frame, size_t len);

/*
 * Notes of what happens, for the report (notes.c)
 */
/* A fault is injected, or the one of this kind has ended. */
void sim_fault(enum fault_kind kind, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_no_fault(enum fault_kind kind);
/* A packet comes in: drops from now on are its own. */
void sim_note_packet(void);
/* The stack has logged these lines. */
void sim_note_log(const char *text);

/*
 * Crashes and hangs (crash.c)
 */
/* The child records signals of crashes, and of hangs after so many seconds of computing. */
void sim_catch(unsigned int seconds);
/* The same for crashes of this thread by an overflow of its stack. */
void sim_catch_overflow(void);
/* Writes where the recorded code is, "in ip_input, ip.c:88", or "" if unknown. */
void sim_where(char *buf, size_t size);
/* The step in progress is the grader's line that was running, if known from the stack. */
void sim_find_step(void);
/* Reads a sanitizer's report into buf: what, and where. Returns whether there is one. */
int sim_read_sanitizer(FILE *output, char *buf, size_t size);
void sim_thread_kill(const struct sim_thread *thread, int sig); /* thread.c */
int sim_thread_is_self(const struct sim_thread *thread);

/*
 * Reports (report.c)
 */
extern struct sim_run {
    int step;
    const char *program;
    uint64_t seed;
    int verbose;
    int alone;        /* for bench_run */
    const char *text; /* of the running behaviour */
} sim_run;

/* Returns the length of the beginning of a title that selects this behaviour. */
int sim_part(const char *text);
/* Prints why the behaviour has failed, of which the child has written output. */
void sim_report(FILE *output);
/* The step of the script in progress, for reports; fmt may be NULL. */
void sim_doing(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
