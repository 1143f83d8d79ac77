/* Step 01: network devices. The registry, up and down, and the checks before a device sends. */
#include "bench.h"
#include "net.h"
#include "platform.h"

#define MTU 100
#define TYPE 0x88b5 /* for experiments, IEEE 802 */

static int dummy_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                        const void *dst)
{
    (void)dev;
    (void)type;
    (void)data;
    (void)len;
    (void)dst;
    return 0;
}

static struct net_device *add_dummy(void)
{
    static const struct net_device_ops ops = {.output = dummy_output};
    struct net_device *dev = net_device_alloc();

    check(dev != NULL);
    dev->ops = &ops;
    dev->mtu = MTU;
    check_int(net_device_register(dev), 0);
    return dev;
}

static void names(void)
{
    check_int(net_init(), 0);
    check_str(add_dummy()->name, "net0");
    check_str(add_dummy()->name, "net1");
    check_str(add_dummy()->name, "net2");
}

static void eleven(void)
{
    struct net_device *dev = NULL;

    check_int(net_init(), 0);
    for (unsigned i = 0; i < 11; i++) {
        dev = add_dummy();
        check_int(dev->index, i);
    }
    check_str(dev->name, "net10");
}

static void up(void)
{
    check_int(net_init(), 0);
    struct net_device *devs[] = {add_dummy(), add_dummy(), add_dummy()};
    for (size_t i = 0; i < countof(devs); i++) {
        check_str(NET_DEVICE_STATE(devs[i]), "down");
    }
    check_int(net_run(), 0);
    for (size_t i = 0; i < countof(devs); i++) {
        check_str(NET_DEVICE_STATE(devs[i]), "up");
    }
}

static void down(void)
{
    check_int(net_init(), 0);
    add_dummy();
    add_dummy();
    check_int(net_run(), 0);
    log_clear();
    check_int(net_shutdown(), 0);
    check_int(logged_times("state=up"), 0);
    check(logged("dev=net0, state=down"));
    check(logged("dev=net1, state=down"));
    check_int(memory_in_use(), 0);
}

static void afresh(void)
{
    for (int life = 0; life < 2; life++) {
        check_int(net_init(), 0);
        struct net_device *dev = add_dummy();
        check_str(dev->name, "net0");
        check_int(net_run(), 0);
        check_str(NET_DEVICE_STATE(dev), "up");
        check_int(net_shutdown(), 0);
    }
}

static void run_twice(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = add_dummy();
    check_int(net_run(), 0);
    check_int(net_run(), -1);
    check_str(NET_DEVICE_STATE(dev), "up");
    check_int(net_device_output(dev, TYPE, (const uint8_t *)"x", 1, NULL), 0);
}

/* The up flag is set by hand: nothing else makes net_run open an open device. */
static void one_fails(void)
{
    check_int(net_init(), 0);
    add_dummy()->flags |= NET_DEVICE_FLAG_UP;
    check_int(net_run(), -1);
    check_int(sim_platform_state(), 2);
}

static void open_twice(void)
{
    check_int(net_init(), 0);
    struct net_device *odd = add_dummy(), *good = add_dummy();
    odd->flags |= NET_DEVICE_FLAG_UP;
    log_clear();
    check_error(net_run(), EALREADY);
    check(logged("[E]"));
    check_str(NET_DEVICE_STATE(good), "up");
}

/* net_run has failed, but the devices that did open need net_shutdown. */
static void runs_all_the_same(void)
{
    check_int(net_init(), 0);
    struct net_device *odd = add_dummy(), *good = add_dummy();
    odd->flags |= NET_DEVICE_FLAG_UP;
    check_error(net_run(), EALREADY);
    check_int(sim_platform_state(), 2);
    check_error(net_run(), EALREADY);
    check_str(NET_DEVICE_STATE(good), "up");
    check_int(net_shutdown(), 0);
}

static void no_platform(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = add_dummy();
    sim_fail_run(1);
    check_error(net_run(), EAGAIN);
    check_str(NET_DEVICE_STATE(dev), "down");
    sim_fail_run(0);
    check_int(net_run(), 0);
    check_str(NET_DEVICE_STATE(dev), "up");
}

static void other_flags(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = add_dummy();
    dev->flags |= NET_DEVICE_FLAG_BROADCAST | NET_DEVICE_FLAG_NEED_ARP;
    check_int(net_run(), 0);
    check_int(dev->flags, NET_DEVICE_FLAG_BROADCAST | NET_DEVICE_FLAG_NEED_ARP |
                              NET_DEVICE_FLAG_UP);
}

static void output(void)
{
    uint8_t data[MTU + 1];

    check_int(net_init(), 0);
    struct net_device *dev = add_dummy();
    check_int(net_run(), 0);
    pattern(data, 0, sizeof(data));
    check_int(net_device_output(dev, TYPE, data, 1, NULL), 0);
    check_int(net_device_output(dev, TYPE, data, MTU, NULL), 0);
}

static void output_down(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = add_dummy();
    check_error(net_device_output(dev, TYPE, (const uint8_t *)"x", 1, NULL), ENETDOWN);
}

static void output_too_long(void)
{
    static uint8_t data[65536 + 1]; /* a length that 16 bits would cut to 1 */

    check_int(net_init(), 0);
    struct net_device *dev = add_dummy();
    check_int(net_run(), 0);
    check_error(net_device_output(dev, TYPE, data, MTU + 1, NULL), EMSGSIZE);
    check_error(net_device_output(dev, TYPE, data, sizeof(data), NULL), EMSGSIZE);
}

static void no_memory(void)
{
    check_int(net_init(), 0);
    sim_fail_alloc(1);
    check(!net_device_alloc());
    check_str(add_dummy()->name, "net0");
}

BENCH(1,
      {"devices are named net0, net1, net2 in order of registration", names},
      {"the eleventh device is net10", eleven},
      {"all devices are down before net_run and up after it", up},
      {"a device that goes up keeps its other flags", other_flags},
      {"all devices are down after net_shutdown, and freed", down},
      {"after a restart names begin with net0", afresh},
      {"a second net_run is refused, and the device stays up", run_twice},
      {"opening an open device fails with EALREADY, and the others open", open_twice},
      {"net_run fails if a device does not open", one_fails},
      {"after a device has failed to open, the stack runs until net_shutdown", runs_all_the_same},
      {"devices stay down if platform_run fails, and open with the next net_run", no_platform},
      {"a device sends up to its MTU", output},
      {"output on a device that is down fails with ENETDOWN", output_down},
      {"output above the MTU fails with EMSGSIZE", output_too_long},
      {"without memory no device is allocated, and the next one is net0", no_memory})
