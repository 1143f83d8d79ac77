/* Step 46: the judge. Its trials pass, a seed repeats, and planted mistakes are found. And what the
 * bench can do on a complete stack: computing that takes time. */

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "judge/judge.h"
#include "platform.h"
#include "util.h"

#define SEEDS 60

/*
 * A trial in a process of its own, with or without a planted mistake
 */
static void (*mistake)(void);
static char output[1 << 16];
static int result[2]; /* a pipe for the hash of the frames */

static void one_trial(void)
{
    uint64_t hash;

    log_set_level("error");
    trial_mistake = mistake;
    trial();
    hash = watch_hash();
    check_int(write(result[1], &hash, sizeof(hash)), sizeof(hash));
}

/* Returns whether the trial passed; its output is in output. */
static int try(uint64_t seed)
{
    static const struct behaviour b = {"a trial", one_trial};
    static const struct bench_options options = {.step = 46, .program = "judge"};
    size_t len = 0;
    ssize_t n;
    int fds[2], status;
    pid_t pid;

    check_int(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        close(fds[0]);
        close(fds[1]);
        sim_forget();
        status = bench_run(&b, seed, &options);
        fflush(stdout);
        _exit(!status);
    }
    close(fds[1]);
    while ((n = read(fds[0], output + len, sizeof(output) - 1 - len)) > 0) {
        len += (size_t)n;
    }
    output[len] = '\0';
    close(fds[0]);
    waitpid(pid, &status, 0);
    return status == 0;
}

static uint64_t trace(uint64_t seed)
{
    uint64_t hash = 0;

    check(try(seed));
    check_int(read(result[0], &hash, sizeof(hash)), sizeof(hash));
    return hash;
}

static void test_seeds(void)
{
    time_limit(10);
    check_int(pipe(result), 0);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        if (!try(seed)) {
            fail("seed %u: %s", (unsigned int)seed, output);
        }
    }
}

static void test_repeats(void)
{
    uint64_t first;

    check_int(pipe(result), 0);
    first = trace(1);
    check_cmp(trace(2), !=, first);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        first = trace(seed);
        check(first);
        check_int(trace(seed), first);
    }
}

/*
 * Planted mistakes: the network makes them in place of the stack, with correct checksums
 */
static void (*law)(enum direction dir, const struct packet *p);
static unsigned int frames;

static void *writable(const uint8_t *p)
{
    return (void *)(uintptr_t)p;
}

/* The first byte of a segment's data, or NULL. */
static uint8_t *data_of(const struct packet *p, struct layout *lay)
{
    sim_locate(p, lay);
    if (lay->at[LAYER_TCP] < 0 || lay->payload >= lay->end) {
        return NULL;
    }
    return writable(p->data + lay->payload);
}

/* Flips a bit of a byte after the judge has seen the frame. */
static void turn_byte(enum direction dir, const struct packet *p)
{
    struct packet *frame = writable((const uint8_t *)p);
    struct layout lay;
    uint8_t *data = data_of(p, &lay);

    law(dir, p);
    if (dir == DIR_IN && data && lay.sane) {
        *data ^= 1;
        sim_fix_sums(frame, &lay);
    }
}

/* Flips a bit of a sent byte before the judge sees the frame. */
static void wrong_byte_out(enum direction dir, const struct packet *p)
{
    struct packet *frame = writable((const uint8_t *)p);
    struct layout lay;
    uint8_t *data = data_of(p, &lay);

    if (dir == DIR_OUT && data) {
        *data ^= 1;
        sim_fix_sums(frame, &lay);
    }
    law(dir, p);
}

/* Acknowledges 1000 more than was received. */
static void acknowledge_too_much(enum direction dir, const struct packet *p)
{
    struct packet *frame = writable((const uint8_t *)p);
    struct layout lay;

    sim_locate(p, &lay);
    if (dir == DIR_OUT && lay.at[LAYER_TCP] >= 0 && ++frames > 3) {
        sim_field_set(frame, &lay, F_TCP_ACK, sim_field_get(p, &lay, F_TCP_ACK) + 1000);
        sim_fix_sums(frame, &lay);
    }
    law(dir, p);
}

static void cut(enum direction dir, const struct packet *p)
{
    law(dir, p);
    if (++frames == 9) {
        wire_faults(&(struct wire_faults){.loss = 1000});
    }
}

static void with(void (*what)(enum direction dir, const struct packet *p))
{
    law = sim_watch;
    sim_watch = what;
}

static void plant_turned_byte(void)
{
    with(turn_byte);
}

static void plant_wrong_byte_out(void)
{
    with(wrong_byte_out);
}

static void plant_ack(void)
{
    with(acknowledge_too_much);
}

static void plant_cut(void)
{
    with(cut);
}

static void plant_leak(void)
{
    check(memory_alloc(77) != NULL);
}

/* Some of the first seeds find the mistake, and report it with the faults of the network. */
static void check_found(void (*plant)(void), const char *words)
{
    int found = 0;

    check_int(pipe(result), 0);
    mistake = plant;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        found += !try(seed) && strstr(output, words) && strstr(output, "of 1000 frames ") &&
                 strstr(output, "again: judge -s ");
    }
    if (found < 3) {
        fail("%d of 20 seeds say: %s\nthe last one said: %.400s", found, words, output);
    }
}

static void test_turned_byte(void)
{
    check_found(plant_turned_byte, "the pattern from");
}

static void test_wrong_byte_out(void)
{
    check_found(plant_wrong_byte_out, "must not: send wrong bytes");
}

static void test_ack(void)
{
    check_found(plant_ack, "must not: acknowledge up to");
}

static void test_cut(void)
{
    check_found(plant_cut, "the connection broke with no more than 10 % of the frames lost");
}

static void test_leak(void)
{
    check_found(plant_leak, "1 objects are left allocated");
}

/* Three pings at once: the replies go out at the given time. So many interrupts of the device hand
 * the pings over in so many batches. */
static void ping(long us, unsigned int interrupts, unsigned int batches)
{
    unsigned int device = sim_intr_count(INTR_IRQ_BASE), soft = sim_intr_count(INTR_IRQ_SOFT);
    uint64_t begin = sim_now;

    for (int i = 0; i < 3; i++) {
        inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 56");
    }
    for (int i = 0; i < 3; i++) {
        expect_within(1, "IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 56");
        check_int(sim_now - begin, us * 1000);
    }
    check_int(sim_intr_count(INTR_IRQ_BASE) - device, interrupts);
    check_int(sim_intr_count(INTR_IRQ_SOFT) - soft, batches);
}

/* While the stack computes for 300 us on the first packet, the others arrive, and raise an
 * interrupt that finds nothing left. */
static void test_compute(void)
{
    bench_start(WIRE_RAW);
    ping(0, 3, 3);
    wire_compute(300);
    ping(900, 2, 1);
    wire_compute(0);
    ping(0, 3, 3);
}

/* Those behind 64 packets wait until these are answered: a flood must not stop the timers. */
static void test_turns(void)
{
    uint64_t begin;

    bench_start(WIRE_RAW);
    wire_compute(1000);
    begin = sim_now;
    for (int i = 0; i < 130; i++) {
        inject("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 56");
    }
    for (int i = 0; i < 130; i++) {
        expect_within(64, "IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 56");
        check_int((sim_now - begin) / SIM_MS, i < 64 ? 64 : i < 128 ? 128 : 130);
    }
}

BENCH(46,
      {"sixty trials deliver every byte or a permitted error", test_seeds},
      {"a seed repeats a trial bit for bit", test_repeats},
      {"a corrupted byte received is found", test_turned_byte},
      {"a corrupted byte sent is found", test_wrong_byte_out},
      {"an acknowledgment of data not received is found", test_ack},
      {"a connection that breaks without cause is found", test_cut},
      {"a memory leak is found", test_leak},
      {"packets that arrive while the stack computes form a batch", test_compute},
      {"a batch has 64 packets at most", test_turns})
