/* Step 15: deferred work. net_input only queues; the softirq calls the handlers. */
#include "bench.h"
#include "driver/loopback.h"
#include "net.h"
#include "platform.h"

#define TYPE_A 0x88b5
#define TYPE_B 0x88b6
#define FIRST 0x12345678 /* the number of the first payload */
#define LIMIT 1024 /* NET_QUEUE_LIMIT: payloads that a queue takes */

static int calls_a, calls_b, depth, deepest;
static int in_net_input;
static struct net_device *wire;
static uint32_t next_number = FIRST;

/* Payloads are numbered, and must arrive in order. */
static void handle_a(const uint8_t *data, size_t len, struct net_device *dev)
{
    uint32_t number;

    if (in_net_input || !sim_in_interrupt()) {
        fail("the handler was called by net_input, and not by the softirq");
    }
    check_int(len, sizeof(number));
    memcpy(&number, data, sizeof(number));
    check_int(number, next_number);
    next_number++;
    calls_a++;
    check_ptr(dev, wire);
}

static void handle_b(const uint8_t *data, size_t len, struct net_device *dev)
{
    (void)data;
    (void)len;
    (void)dev;
    if (in_net_input || !sim_in_interrupt()) {
        fail("the handler was called by net_input, and not by the softirq");
    }
    calls_b++;
}

static struct net_device *start(void)
{
    check_int(net_init(), 0);
    wire = wire_init(WIRE_RAW);
    check_int(net_protocol_register(TYPE_A, handle_a), 0);
    check_int(net_protocol_register(TYPE_B, handle_b), 0);
    check_int(net_run(), 0);
    return wire;
}

static int give(struct net_device *dev, uint16_t type, uint32_t number)
{
    int ret;

    number += FIRST;
    in_net_input = 1;
    ret = net_input(type, (const uint8_t *)&number, sizeof(number), dev);
    in_net_input = 0;
    return ret;
}

static void deferred(void)
{
    struct net_device *dev = start();

    check_counted(net, delivered, 0, check_int(give(dev, TYPE_B, 0), 0));
    check_int(calls_b, 0);
    check_counted(net, delivered, 1, settle());
    check_int(calls_b, 1);
    check_cmp(sim_intr_count(INTR_IRQ_SOFT), >, 0);
}

static void from_the_wire(void)
{
    start();
    inject_type(TYPE_A, &(uint32_t){FIRST}, 4);
    check_int(calls_a, 1);
    check_cmp(sim_intr_count(INTR_IRQ_SOFT), >, 0);
}

static void copied(void)
{
    struct net_device *dev = start();
    uint32_t number = FIRST;

    check_int(net_input(TYPE_A, (const uint8_t *)&number, sizeof(number), dev), 0);
    number = 0;
    settle();
    check_int(calls_a, 1);
}

static void in_order(void)
{
    struct net_device *dev = start();

    for (uint32_t i = 0; i < 100; i++) {
        check_int(give(dev, TYPE_A, i), 0);
    }
    settle();
    check_int(calls_a, 100);
    check_int(give(dev, TYPE_A, 100), 0);
    settle();
    check_int(calls_a, 101);
}

/* Fills the queue. Returns the number of payloads it took. */
static int fill(struct net_device *dev)
{
    int taken = 0;

    while (taken < LIMIT && give(dev, TYPE_A, taken) == 0) {
        taken++;
    }
    return taken;
}

static void refused(void)
{
    struct net_device *dev = start();
    int taken = fill(dev);

    if (taken < LIMIT) {
        fail("the queue refuses payload no. %d: it takes %d (NET_QUEUE_LIMIT)", taken + 1, LIMIT);
    }
    check_counted(net, queue_full, 1, {
        if (give(dev, TYPE_A, taken) == 0) {
            fail("the queue takes payload no. %d: it takes only %d (NET_QUEUE_LIMIT)", taken + 1,
                 LIMIT);
        }
    });
}

static void overflow(void)
{
    struct net_device *dev = start();
    int taken = fill(dev);

    check_int(give(dev, TYPE_A, taken), -1);
    check_counted(net, delivered, taken, settle());
    check_int(calls_a, taken);
    check_int(give(dev, TYPE_A, taken), 0);
    settle();
    check_int(calls_a, taken + 1);
}

static void each_its_own(void)
{
    struct net_device *dev = start();

    fill(dev);
    check_int(give(dev, TYPE_B, 0), 0);
    settle();
    check_int(calls_b, 1);
}

/* As a driver's thread, which the softirq may interrupt wherever it yields, as at the raise. */
static void give_as_driver(void *dev)
{
    net_input(TYPE_B, (const uint8_t *)"driver", 6, dev);
}

/* platform.h: only a call that begins after the raise is sure. An earlier one may find nothing. */
static void raised_after(void)
{
    struct net_device *dev = start();

    for (int i = 1; i <= 32; i++) {
        task_start("driver", give_as_driver, dev);
        if (calls_b != i) {
            fail("no softirq comes for payload no. %d\n"
                 "one came before it was in the queue: raise the interrupt after that", i);
        }
    }
}

/* One task runs at a time here, so that a missing lock breaks nothing: ask for it. */
static void locked(void)
{
    struct net_device *dev = start();
    unsigned long before = sim_locks_taken("net.c");

    check_int(give(dev, TYPE_B, 0), 0);
    if (sim_locks_taken("net.c") == before) {
        fail("net_input queues a payload without queue_lock");
    }
    before = sim_locks_taken("net.c");
    settle();
    check_int(calls_b, 1);
    if (sim_locks_taken("net.c") == before) {
        fail("the softirq takes the queue's payloads without queue_lock");
    }
}

static void unknown(void)
{
    struct net_device *dev = start();

    check_counted(net, unknown_protocol, 1, check_int(give(dev, 0xb588, 0), -1));
}

/* If an allocation fails, the payload is delivered all the same, or counted. */
static void no_memory(void)
{
    struct net_device *dev = start();
    struct net_stats stats;

    sim_fail_alloc(1);
    int taken = give(dev, TYPE_A, 0) == 0;
    settle();
    net_get_stats(&stats);
    check_int(calls_a, taken);
    check_int(stats.no_memory, !taken);
    sim_fail_alloc(0);
    check_int(give(dev, TYPE_A, taken), 0);
    settle();
    check_int(calls_a, taken + 1);
}

static void nothing_queued(void)
{
    struct net_device *dev = start();

    check_counted(net, delivered, 0, intr_raise(INTR_IRQ_SOFT));
    check_counted(net, delivered, 0, settle());
    check_int(give(dev, TYPE_A, 0), 0);
    settle();
    check_int(calls_a, 1);
}

static void shut_down(void)
{
    struct net_device *dev = start();

    give(dev, TYPE_A, 0);
    give(dev, TYPE_B, 0);
    check_int(net_shutdown(), 0);
    check_int(memory_in_use(), 0);
    check_int(calls_b, 0);
    start();
    settle();
    check_int(calls_a, 0);
}

/* Sends the payload again over loopback, up to the thousandth call. */
static void handle_again(const uint8_t *data, size_t len, struct net_device *dev)
{
    depth++;
    deepest = depth > deepest ? depth : deepest;
    if (++calls_a < 1000) {
        check_int(net_device_output(dev, TYPE_A, data, len, NULL), 0);
    }
    depth--;
}

static void not_nested(void)
{
    check_int(net_init(), 0);
    struct net_device *loop = loopback_init();
    check_int(net_protocol_register(TYPE_A, handle_again), 0);
    check_int(net_run(), 0);
    check_int(net_device_output(loop, TYPE_A, (const uint8_t *)"again", 5, NULL), 0);
    settle();
    check_int(calls_a, 1000);
    check_int(deepest, 1);
}

/* Otherwise handlers that send to each other would keep the interrupt thread for ever. */
static void later_ones_wait(void)
{
    check_int(net_init(), 0);
    struct net_device *loop = loopback_init();
    check_int(net_protocol_register(TYPE_A, handle_again), 0);
    check_int(net_run(), 0);
    check_int(net_device_output(loop, TYPE_A, (const uint8_t *)"again", 5, NULL), 0);
    settle();
    if (sim_intr_count(INTR_IRQ_SOFT) == 0) {
        fail("the handler was called by net_input, and not by the softirq");
    }
    if (calls_a == 1000 && sim_intr_count(INTR_IRQ_SOFT) < 1000) {
        fail("a handler's own payload was delivered in the same softirq\n"
             "1000 payloads, each queued by the handler of the one before, in %u softirqs",
             sim_intr_count(INTR_IRQ_SOFT));
    }
    check_int(calls_a, 1000);
}

BENCH(15,
      {"net_input returns before the softirq calls the handler", deferred},
      {"net_input queues a copy: the driver may reuse its buffer", copied},
      {"the softirq delivers received frames", from_the_wire},
      {"the interrupt is raised after the payload is queued", raised_after},
      {"the queue is changed under its lock", locked},
      {"a hundred payloads keep their order", in_order},
      {"a full queue refuses a payload and counts it", refused},
      {"a full queue drops and counts payloads, delivers those it holds, and accepts again",
       overflow},
      {"each protocol has a queue of its own", each_its_own},
      {"an unknown type is counted, not queued", unknown},
      {"without memory a payload is delivered or counted, and the next is delivered", no_memory},
      {"a softirq with empty queues delivers nothing", nothing_queued},
      {"payloads queued at shutdown are freed, not delivered", shut_down},
      {"a handler that sends over loopback is not called recursively", not_nested},
      {"a payload queued by a handler waits for the next softirq", later_ones_wait})
