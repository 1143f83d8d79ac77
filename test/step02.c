/* Step 02: device drivers. Operations, null, loopback, and the capture hook. */
#include "bench.h"
#include "driver/loopback.h"
#include "driver/null.h"
#include "net.h"
#include "platform.h"

#define TYPE 0x88b5

/* Frames that the capture hook saw. */
static struct frame {
    const struct net_device *dev;
    enum net_direction direction;
    uint16_t type;
    size_t len;
    uint8_t data[UINT16_MAX];
} frames[2];
static size_t captured;

static void capture(const struct net_device *dev, enum net_direction direction, uint16_t type,
                    const uint8_t *data, size_t len)
{
    struct frame *frame = &frames[captured++ % countof(frames)];

    frame->dev = dev;
    frame->direction = direction;
    frame->type = type;
    frame->len = len;
    memcpy(frame->data, data, len);
}

static void check_frame(const struct frame *frame, const struct net_device *dev,
                        enum net_direction direction, size_t len)
{
    check_ptr(frame->dev, dev);
    check_int(frame->direction, direction);
    check_int(frame->type, TYPE);
    check_int(frame->len, len);
    check_pattern(frame->data, 0, len);
}

/* A driver that records its calls, one letter each. Its output fails if refuse_output is set, and
 * its close if refuse_close is. */
static char calls[16];
static const char *state_in_open, *state_in_close;
static int refuse_output, refuse_close;

static void note(char c)
{
    calls[strlen(calls)] = c;
}

static int own_open(struct net_device *dev)
{
    check_str(dev->priv, "mine");
    state_in_open = NET_DEVICE_STATE(dev);
    note('o');
    return 0;
}

static int own_close(struct net_device *dev)
{
    check_str(dev->priv, "mine");
    state_in_close = NET_DEVICE_STATE(dev);
    note('c');
    return refuse_close ? -1 : 0;
}

static int own_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                      const void *dst)
{
    check_str(dev->priv, "mine");
    check_int(type, TYPE);
    check_int(len, 40);
    check_pattern(data, 0, len);
    check_str(dst, "there");
    note('x');
    if (refuse_output) {
        errno = ENOBUFS;
        return -1;
    }
    return 0;
}

static struct net_device *add_own(void)
{
    static const struct net_device_ops ops = {own_open, own_close, own_output};
    struct net_device *dev = net_device_alloc();

    check(dev != NULL);
    dev->mtu = 1500;
    dev->ops = &ops;
    dev->priv = memory_alloc(8);
    memcpy(dev->priv, "mine", 5);
    check_int(net_device_register(dev), 0);
    return dev;
}

static int output(struct net_device *dev, size_t len, const void *dst)
{
    static uint8_t data[UINT16_MAX];
    int ret, err;

    pattern(data, 0, len);
    ret = net_device_output(dev, TYPE, data, len, dst);
    err = errno;
    memset(data, 0xee, len); /* the device may use data during the call only */
    settle();
    errno = err;
    return ret;
}

static void operations(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = add_own();
    check_str(calls, "");
    check_int(net_run(), 0);
    check_str(calls, "o");
    check_int(output(dev, 40, "there"), 0);
    check_str(calls, "ox");
    check_int(net_shutdown(), 0);
    check_str(calls, "oxc");
    check_int(memory_in_use(), 0);
}

/* No thread sends on a device that is not open yet, or closing. */
static void up_in_between(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = add_own();
    check_int(net_run(), 0);
    check_str(state_in_open, "down");
    check_str(NET_DEVICE_STATE(dev), "up");
    check_int(net_shutdown(), 0);
    check_str(state_in_close, "down");
}

static void never_opened(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = add_own();
    check_error(output(dev, 40, "there"), ENETDOWN);
    check_int(net_shutdown(), 0);
    check_str(calls, "");
}

static void not_passed_on(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = add_own();
    check_counted(net, send_failed, 1, check_error(output(dev, 40, "there"), ENETDOWN));
    check_int(dev->stats.send_failed, 1);
    check_int(net_run(), 0);
    check_counted(net, send_failed, 1, check_error(output(dev, 1501, "there"), EMSGSIZE));
    check_int(dev->stats.send_failed, 2);
    check_int(dev->stats.sent, 0);
}

static void output_refused(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = add_own();
    check_int(net_run(), 0);
    check_counted(net, sent, 1, output(dev, 40, "there"));
    refuse_output = 1;
    check_counted(net, send_failed, 1, check_error(output(dev, 40, "there"), ENOBUFS));
    check_counted(net, send_failed, 1, check_error(output(dev, 1501, "there"), EMSGSIZE));
    check_counted(net, sent, 0, output(dev, 40, "there"));
    check_str(calls, "oxxx");
}

static void open_fails(void)
{
    check_int(net_init(), 0);
    struct net_device *bad = wire_init(WIRE_RAW), *good = add_own();
    wire_fail_open(1);
    log_clear();
    check_error(net_run(), ENODEV);
    check(logged("[E]"));
    check_str(NET_DEVICE_STATE(bad), "down");
    check_error(output(bad, 40, NULL), ENETDOWN);
    check_int(output(good, 40, "there"), 0);
    check_str(calls, "ox");
    check_int(net_shutdown(), 0);
    check_str(calls, "oxc");
}

static int open_missing(struct net_device *dev)
{
    (void)dev;
    errno = ENODEV;
    return -1;
}

static int open_busy(struct net_device *dev)
{
    (void)dev;
    errno = EBUSY;
    return -1;
}

/* The first and the last of three fail, and the one between is opened all the same. */
static void two_of_three_fail(void)
{
    static const struct net_device_ops missing = {.open = open_missing}, busy = {.open = open_busy};

    for (int life = 0; life < 2; life++) {
        check_int(net_init(), 0);
        struct net_device *bad = null_init(), *good = add_own(), *worse = null_init();
        bad->ops = &missing;
        worse->ops = &busy;
        check_error(net_run(), ENODEV);
        check_str(NET_DEVICE_STATE(bad), "down");
        check_str(NET_DEVICE_STATE(good), "up");
        check_str(NET_DEVICE_STATE(worse), "down");
        check_int(output(good, 40, "there"), 0);
        check_int(net_shutdown(), 0);
        check_int(memory_in_use(), 0);
    }
}

static void close_fails(void)
{
    check_int(net_init(), 0);
    add_own();
    add_own();
    check_int(net_run(), 0);
    refuse_close = 1;
    log_clear();
    check_int(net_shutdown(), 0);
    check_str(calls, "oocc");
    check(logged("[E]"));
    check_int(memory_in_use(), 0);
}

static void null_swallows(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = null_init();
    check(dev != NULL);
    check_int(dev->type, NET_DEVICE_TYPE_NULL);
    check_int(net_run(), 0);
    check_counted(net, received, 0, check_int(output(dev, 1, NULL), 0));
    check_counted(net, sent, 1, check_int(output(dev, NULL_MTU, NULL), 0));
}

static struct net_device *start_loopback(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = loopback_init();
    check(dev != NULL);
    check_int(dev->type, NET_DEVICE_TYPE_LOOPBACK);
    check(dev->flags & NET_DEVICE_FLAG_LOOPBACK);
    check_int(net_run(), 0);
    net_set_capture(capture);
    return dev;
}

static void loopback(void)
{
    struct net_device *dev = start_loopback();

    check_counted(net, received, 1, check_int(output(dev, 40, NULL), 0));
    check_int(captured, 2);
    check_frame(&frames[0], dev, NET_OUT, 40);
    check_frame(&frames[1], dev, NET_IN, 40);
}

static void loopback_sizes(void)
{
    struct net_device *dev = start_loopback();

    for (size_t len = 1; len < LOOPBACK_MTU; len = len * 2 + 1) {
        check_int(output(dev, len, NULL), 0);
        check_frame(&frames[1], dev, NET_IN, len);
    }
    check_int(output(dev, LOOPBACK_MTU, NULL), 0);
    check_frame(&frames[1], dev, NET_IN, LOOPBACK_MTU);
}

static void counters(void)
{
    check_int(net_init(), 0);
    struct net_device *loop = loopback_init(), *other = add_own();
    output(other, 40, "there");
    check_int(net_run(), 0);
    output(loop, 40, NULL);
    output(other, 40, "there");
    output(other, 1501, "there");
    refuse_output = 1;
    output(other, 40, "there");
    check_int(loop->stats.sent, 1);
    check_int(loop->stats.received, 1);
    check_int(loop->stats.send_failed, 0);
    check_int(other->stats.sent, 1);
    check_int(other->stats.received, 0);
    check_int(other->stats.send_failed, 3);
}

static void note_capture(const struct net_device *dev, enum net_direction direction, uint16_t type,
                         const uint8_t *data, size_t len)
{
    (void)dev;
    (void)type;
    (void)data;
    (void)len;
    note(direction == NET_OUT ? '>' : '<');
}

static void capture_first(void)
{
    check_int(net_init(), 0);
    struct net_device *dev = add_own();
    check_int(net_run(), 0);
    net_set_capture(note_capture);
    check_int(output(dev, 40, "there"), 0);
    check_str(calls, "o>x");
}

static void input(void)
{
    uint8_t data[40];
    struct net_device *dev = bench_start(WIRE_RAW);

    pattern(data, 0, sizeof(data));
    net_set_capture(capture);
    check_counted(net, received, 1, inject_type(TYPE, data, sizeof(data)));
    check_int(dev->stats.received, 1);
    check_int(captured, 1);
    check_frame(&frames[0], dev, NET_IN, sizeof(data));
    net_set_capture(NULL);
    inject_type(TYPE, data, sizeof(data));
    check_int(captured, 1);
}

BENCH(2,
      {"a driver's open, output and close are called in turn, with the data given", operations},
      {"a device is down while its driver opens and closes it, and up in between", up_in_between},
      {"a device that was never opened neither sends nor closes", never_opened},
      {"a device that is down, or a payload above its MTU, counts as send_failed", not_passed_on},
      {"net_device_output fails and counts if the driver's output fails", output_refused},
      {"a device that fails to open is logged and stays down; the others open", open_fails},
      {"if two devices fail to open, net_run's errno is that of the first", two_of_three_fail},
      {"a device that fails to close is logged; the others close, and all are freed", close_fails},
      {"the null device discards everything", null_swallows},
      {"the capture hook sees a sent frame before the driver does", capture_first},
      {"loopback passes the same bytes to net_input", loopback},
      {"loopback carries every length up to its MTU", loopback_sizes},
      {"a device counts frames sent, received and refused", counters},
      {"the capture hook sees received frames until it is removed", input})
