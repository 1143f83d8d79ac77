/* Step 03: protocols. Each payload reaches the handler registered for its type. */
#include "bench.h"
#include "driver/loopback.h"
#include "ip.h"
#include "net.h"
#include "platform.h"

#define TYPE_A 0x88b5
#define TYPE_B 0x88b6

static struct seen {
    int calls;
    const struct net_device *dev;
    size_t len;
    uint8_t data[64];
} a, b;

static void see(struct seen *seen, const uint8_t *data, size_t len, struct net_device *dev)
{
    seen->calls++;
    seen->dev = dev;
    seen->len = len;
    memcpy(seen->data, data, len);
}

static void handle_a(const uint8_t *data, size_t len, struct net_device *dev)
{
    see(&a, data, len, dev);
}

static void handle_b(const uint8_t *data, size_t len, struct net_device *dev)
{
    see(&b, data, len, dev);
}

/* Starts with a handler for one type, or for both. */
static struct net_device *start(int both)
{
    check_int(net_init(), 0);
    struct net_device *dev = wire_init(WIRE_RAW);
    check_int(net_protocol_register(TYPE_A, handle_a), 0);
    if (both) {
        check_int(net_protocol_register(TYPE_B, handle_b), 0);
    }
    check_int(net_run(), 0);
    return dev;
}

/* Types that are the same with their bytes swapped: this is about the list alone. */
static void registered(void)
{
    check_int(net_init(), 0);
    check_int(net_protocol_register(0x8888, handle_a), 0);
    check_int(net_protocol_register(0x9999, handle_b), 0);
    check_int(net_protocol_register(0x8888, handle_a), -1);
    check_int(net_protocol_register(0x9999, handle_b), -1);
}

static void two_types(void)
{
    struct net_device *dev = start(1);

    inject_type(TYPE_A, "first", 5);
    check_int(a.calls, 1);
    check_int(b.calls, 0);
    inject_type(TYPE_B, "2nd", 3);
    check_int(a.calls, 1);
    check_int(b.calls, 1);
    check_ptr(a.dev, dev);
    check_ptr(b.dev, dev);
    check_int(a.len, 5);
    check_mem(a.data, "first", 5);
    check_int(b.len, 3);
    check_mem(b.data, "2nd", 3);
}

static void counters(void)
{
    start(1);
    check_counted(net, received, 1, inject_type(TYPE_A, "x", 1));
    check_counted(net, delivered, 1, inject_type(TYPE_B, "x", 1));
    check_counted(net, unknown_protocol, 0, inject_type(TYPE_A, "x", 1));
}

static void unknown(void)
{
    struct net_device *dev = start(0);

    check_counted(net, unknown_protocol, 1, inject_type(TYPE_B, "x", 1));
    check_counted(net, delivered, 0, inject_type(TYPE_B, "x", 1));
    check_int(net_input(TYPE_B, (const uint8_t *)"x", 1, dev), -1);
    check_counted(net, received, 1, inject_type(TYPE_B, "x", 1));
    check_int(a.calls, 0);
}

static void swapped(void)
{
    start(1);
    check_counted(net, unknown_protocol, 1, inject_type(0xb588, "x", 1));
    check_int(a.calls + b.calls, 0);
}

static void duplicate(void)
{
    check_int(net_init(), 0);
    wire_init(WIRE_RAW);
    check_int(net_protocol_register(TYPE_A, handle_a), 0);
    check_int(net_protocol_register(TYPE_A, handle_b), -1);
    check_int(net_protocol_register(TYPE_A, handle_a), -1);
    check_int(net_run(), 0);
    inject_type(TYPE_A, "x", 1);
    check_int(a.calls, 1);
    check_int(b.calls, 0);
}

static void no_memory(void)
{
    check_int(net_init(), 0);
    sim_fail_alloc(1);
    check_int(net_protocol_register(TYPE_A, handle_a), -1);
    check_int(net_protocol_register(TYPE_A, handle_a), 0);
}

/* Whichever allocation fails: net_init fails, and leaves nothing behind. */
static void init_no_memory(void)
{
    for (unsigned long k = 1; k <= 20; k++) {
        sim_fail_alloc(k);
        if (net_init() == 0) {
            sim_fail_alloc(0);
            check_int(net_shutdown(), 0);
        }
        check_int(memory_in_use(), 0);
        check_int(sim_platform_state(), 0);
    }
    sim_fail_alloc(0);
    check_int(net_init(), 0);
    check_int(net_run(), 0);
}

static void forgotten(void)
{
    start(1);
    check_int(net_shutdown(), 0);
    start(0);
    check_counted(net, unknown_protocol, 1, inject_type(TYPE_B, "x", 1));
    inject_type(TYPE_A, "x", 1);
    check_int(a.calls, 1);
    check_int(b.calls, 0);
}

static void through_loopback(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = loopback_init();
    check_int(net_protocol_register(TYPE_A, handle_a), 0);
    check_int(net_run(), 0);
    check_int(net_device_output(dev, TYPE_A, (const uint8_t *)"round", 5, NULL), 0);
    settle();
    check_int(a.calls, 1);
    check_ptr(a.dev, dev);
    check_mem(a.data, "round", 5);
}

static void ip_is_there(void)
{
    bench_start(WIRE_RAW);
    check_int(net_protocol_register(NET_PROTOCOL_TYPE_IP, handle_a), -1);
    check_counted(ip, received, 1, inject_type(NET_PROTOCOL_TYPE_IP, "junk", 4));
    check_counted(net, delivered, 1, inject_type(NET_PROTOCOL_TYPE_IP, "junk", 4));
    check_counted(ip, received, 0, inject_type(TYPE_A, "junk", 4));
}

BENCH(3,
      {"a search for one type leaves the handlers of the others registered", registered},
      {"an unregistered type counts as unknown_protocol [1122-3.1b]", unknown},
      {"a registered type with its bytes swapped is another type", swapped},
      {"payloads of two types reach their own handlers, with bytes, length and device", two_types},
      {"received and delivered payloads are counted", counters},
      {"a second handler for a type is refused, and the first stays", duplicate},
      {"without memory registration fails, and can be tried again", no_memory},
      {"net_init fails without memory, and leaves nothing allocated", init_no_memory},
      {"after a restart no handler is left", forgotten},
      {"a payload sent over loopback reaches its handler", through_loopback},
      {"net_init has registered IP", ip_is_there})
