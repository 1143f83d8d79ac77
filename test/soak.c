/* Faults that only many repetitions show: 100,000 connections opened, used and closed in every
 * order, with the real TIME-WAIT, and no object left in the end. Run by make soak, beside the
 * judge. */

#include <string.h>

#include "bench.h"
#include "platform.h"
#include "sim.h"
#include "sock.h"
#include "tcp.h"
#include "util.h"

#define OURS   "192.0.2.2"
#define CYCLES 12500 /* for each of the eight orders */
#define BATCH  500   /* cycles between two waits for TIME-WAIT */
#define BYTES  2000  /* each way, at most */

#define SA(in) ((struct sockaddr *)(in))

/* Both ends of a connection; a opened it. */
struct ends {
    int a, b;
};

static struct sockaddr_in server;
static int listener;

static void start(void)
{
    log_set_level("error");
    sim_patience = 1000;
    bench_start(WIRE_LOOP);
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = hton16(7)};
    check_int(ip_addr_pton(OURS, &server.sin_addr.s_addr), 0);
    listener = sock_open(PF_INET, SOCK_STREAM, 0);
    check_int(sock_bind(listener, SA(&server), sizeof(server)), 0);
    check_int(sock_listen(listener, 10), 0);
}

static void open_both(struct ends *e)
{
    e->a = sock_open(PF_INET, SOCK_STREAM, 0);
    check_int(sock_connect(e->a, SA(&server), sizeof(server)), 0);
    e->b = sock_accept(listener, NULL, NULL);
    check_cmp(e->b, !=, -1);
}

static void transfer(int from, int to)
{
    static uint8_t sent[BYTES], got[BYTES];
    size_t len = 1 + sim_draw(BYTES), done = 0;
    uint32_t at = sim_draw(1000000);
    ssize_t n;

    pattern(sent, at, len);
    check_int(sock_send(from, sent, len), len);
    while (done < len) {
        n = sock_recv(to, got + done, len - done);
        check_cmp(n, >, 0);
        done += (size_t)n;
    }
    check_pattern(got, at, len);
}

static void end_of_file(int id)
{
    char byte;

    check_int(sock_recv(id, &byte, 1), 0);
}

static void reset(int id)
{
    char byte;

    check_error(sock_recv(id, &byte, 1), ECONNRESET);
}

/*
 * The orders of closing
 */
static void a_first(const struct ends *e)
{
    sock_close(e->a);
    end_of_file(e->b);
    sock_close(e->b);
}

static void b_first(const struct ends *e)
{
    sock_close(e->b);
    end_of_file(e->a);
    sock_close(e->a);
}

static void at_once(const struct ends *e)
{
    sock_close(e->a);
    sock_close(e->b);
}

static void a_half(const struct ends *e)
{
    check_int(sock_shutdown(e->a, SHUT_WR), 0);
    end_of_file(e->b);
    transfer(e->b, e->a);
    sock_close(e->b);
    end_of_file(e->a);
    sock_close(e->a);
}

static void b_half(const struct ends *e)
{
    check_int(sock_shutdown(e->b, SHUT_WR), 0);
    end_of_file(e->a);
    transfer(e->a, e->b);
    sock_close(e->a);
    end_of_file(e->b);
    sock_close(e->b);
}

static void a_aborts(const struct ends *e)
{
    check_int(sock_abort(e->a), 0);
    reset(e->b);
    sock_close(e->b);
}

static void b_aborts(const struct ends *e)
{
    check_int(sock_abort(e->b), 0);
    reset(e->a);
    sock_close(e->a);
}

/* A close with bytes unread sends a RST. */
static void unread(const struct ends *e)
{
    check_int(sock_send(e->a, "x", 1), 1);
    while (sim_next_arrival() <= sim_now) {
        sim_yield();
    }
    sock_close(e->b);
    sock_close(e->a);
}

/*
 * Cycles
 */
static void batch(void *arg)
{
    void (*close_both)(const struct ends *e) = *(void (**)(const struct ends *e))arg;
    struct ends e;

    for (int i = 0; i < BATCH; i++) {
        open_both(&e);
        transfer(e.a, e.b);
        transfer(e.b, e.a);
        close_both(&e);
    }
}

static void cycle(void (*close_both)(const struct ends *e))
{
    struct tcp_view view;
    size_t before;

    time_limit(10);
    start();
    before = memory_in_use();
    for (int i = 0; i < CYCLES / BATCH; i++) {
        task_join(task_start("cycles", batch, &close_both), 600000); /* may wait for a free port */
        advance(2 * TCP_MSL + 1000);
        check_int(memory_in_use(), before);
    }
    for (size_t i = 0; i < TCP_PCB_SIZE; i++) {
        check(tcp_get_view_at(i, &view) == -1 || view.state == TCP_STATE_LISTEN);
    }
}

static void test_a_first(void)
{
    cycle(a_first);
}

static void test_b_first(void)
{
    cycle(b_first);
}

static void test_at_once(void)
{
    cycle(at_once);
}

static void test_a_half(void)
{
    cycle(a_half);
}

static void test_b_half(void)
{
    cycle(b_half);
}

static void test_a_aborts(void)
{
    cycle(a_aborts);
}

static void test_b_aborts(void)
{
    cycle(b_aborts);
}

static void test_unread(void)
{
    cycle(unread);
}

BENCH(46,
      {"12,500 cycles in which the opener closes first", test_a_first},
      {"12,500 cycles in which the other closes first", test_b_first},
      {"12,500 cycles in which both close at once", test_at_once},
      {"12,500 cycles in which the opener half-closes, and receives more", test_a_half},
      {"12,500 cycles in which the other half-closes, and receives more", test_b_half},
      {"12,500 cycles in which the opener aborts", test_a_aborts},
      {"12,500 cycles in which the other aborts", test_b_aborts},
      {"12,500 cycles in which the other closes with a byte unread", test_unread})
