/* Step 00: the ground. Start and stop, and what is given: log, queue, byte order, checksum. */
#include "bench.h"
#include "net.h"
#include "platform.h"
#include "util.h"

static void in_order(void)
{
    check_int(sim_platform_state(), 0);
    check_int(net_init(), 0);
    check_int(sim_platform_state(), 1);
    check_int(net_run(), 0);
    check_int(sim_platform_state(), 2);
    check_int(net_shutdown(), 0);
    check_int(sim_platform_state(), 0);
    check_int(memory_in_use(), 0);
}

static void not_started(void)
{
    check_int(net_run(), -1);
    check_int(net_shutdown(), -1);
    check_int(sim_platform_state(), 0);
    check_int(net_init(), 0);
    check_int(net_shutdown(), 0);
    check_int(sim_platform_state(), 0);
}

static void twice(void)
{
    check_int(net_init(), 0);
    check_int(net_init(), -1);
    check_int(sim_platform_state(), 1);
    check_int(net_run(), 0);
    check_int(net_run(), -1);
    check_int(net_init(), -1);
    check_int(sim_platform_state(), 2);
    check_int(net_shutdown(), 0);
    check_int(net_shutdown(), -1);
}

static void afresh(void)
{
    for (int life = 0; life < 3; life++) {
        check_int(net_init(), 0);
        check_int(net_run(), 0);
        check_int(net_shutdown(), 0);
        check_int(memory_in_use(), 0);
    }
}

static void init_fails(void)
{
    sim_fail_init(1);
    check_int(net_init(), -1);
    check_int(sim_platform_state(), 0);
    check_int(net_run(), -1);
    check(logged("[E]"));
    sim_fail_init(0);
    check_int(net_init(), 0);
    check_int(net_run(), 0);
}

static void run_fails(void)
{
    check_int(net_init(), 0);
    sim_fail_run(1);
    check_int(net_run(), -1);
    check(logged("[E]"));
    check_int(sim_platform_state(), 1);
    check_int(net_shutdown(), 0);
    check_int(sim_platform_state(), 0);
}

static void byte_order(void)
{
    uint16_t n16 = hton16(0x1234);
    uint32_t n32 = hton32(0x12345678);

    check_mem(&n16, "\x12\x34", 2);
    check_mem(&n32, "\x12\x34\x56\x78", 4);
    check_int(ntoh16(n16), 0x1234);
    check_int(ntoh32(n32), 0x12345678);
}

/* The example of RFC 1071 section 3: the words add up to ddf2. */
static const uint8_t rfc1071[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

static void checksum(void)
{
    static uint8_t ones[65536];
    uint16_t sum = hton16(0x220d); /* the complement of ddf2 */

    check_mem(&(uint16_t){cksum16(rfc1071, sizeof(rfc1071), 0)}, &sum, 2);
    check_int(cksum16(rfc1071, 0, 0), 0xffff);
    memset(ones, 0xff, sizeof(ones));
    check_int(cksum16(ones, sizeof(ones), 0), 0);
    memcpy(ones, rfc1071, sizeof(rfc1071));
    memcpy(ones + sizeof(rfc1071), &sum, 2);
    check_int(cksum16(ones, sizeof(rfc1071) + 2, 0), 0);
}

/* A last byte without a partner counts as if a zero followed it, whatever does follow. */
static void checksum_odd(void)
{
    uint8_t buf[16];

    for (size_t align = 0; align < 4; align++) {
        for (size_t len = 1; len <= sizeof(rfc1071); len++) {
            memset(buf, 0xff, sizeof(buf));
            memcpy(buf + align, rfc1071, len);
            uint16_t sum = cksum16(buf + align, len, 0);
            buf[align + len] = 0;
            check_int(sum, cksum16(buf + align, len + len % 2, 0));
        }
    }
    check_int(cksum16("\xab", 1, 0), (uint16_t)~hton16(0xab00));
}

static void checksum_chained(void)
{
    uint8_t buf[101];

    pattern(buf, 0, sizeof(buf));
    for (size_t cut = 0; cut <= sizeof(buf); cut += 2) {
        uint16_t first = ~cksum16(buf, cut, 0);
        uint16_t both = cksum16(buf + cut, sizeof(buf) - cut, first);
        check_int(both, cksum16(buf, sizeof(buf), 0));
    }
}

struct item {
    struct queue_entry entry;
    int n;
};

static void take_note(void *arg, void *entry)
{
    int *sum = arg;

    *sum = *sum * 10 + ((struct item *)entry)->n;
}

static void queue_order(void)
{
    struct item items[] = {{.n = 1}, {.n = 2}, {.n = 3}};
    struct queue_head queue;
    int seen = 0;

    queue_init(&queue);
    for (size_t i = 0; i < countof(items); i++) {
        queue_push(&queue, &items[i]);
    }
    check_int(queue.num, 3);
    queue_foreach(&queue, take_note, &seen);
    check_int(seen, 123);
    check(queue_peek(&queue) == &items[0]);
    for (size_t i = 0; i < countof(items); i++) {
        check(queue_pop(&queue) == &items[i]);
    }
    check_int(queue.num, 0);
}

static void queue_empty(void)
{
    struct item item = {.n = 1};
    struct queue_head queue;

    queue_init(&queue);
    for (int round = 0; round < 2; round++) {
        check(!queue_pop(&queue));
        check(!queue_peek(&queue));
        queue_push(&queue, &item);
        check(queue_pop(&queue) == &item);
    }
    check(!queue_pop(&queue));
    check_int(queue.num, 0);
}

static void log_lines(void)
{
    int evaluated = 0;

    infof("answer=%d", 42);
    check(logged(" [I] log_lines: answer=42 ("));
    check(logged("step00.c:"));
    check_int(log_set_level("warn"), 0);
    log_clear();
    infof("evaluated=%d", ++evaluated);
    warnf("this one is");
    check(logged(" [W] log_lines: this one is ("));
    check_int(logged_times("log_lines"), 1);
    check_int(evaluated, 0);
    check_int(log_set_level("loud"), -1);
}

static void dumps(void)
{
    check_int(log_set_level("debug"), 0);
    log_clear();
    hexdump("ABCDEFGH", 8);
    check_str(log_all(), "");
    check_int(log_set_level("dump"), 0);
    hexdump("ABCDEFGH", 8);
    check(logged("41 42 43 44"));
    check(logged("ABCDEFGH"));
}

BENCH(0,
      {"net_init starts the platform, net_run lets it run, net_shutdown stops it", in_order},
      {"what was not started neither runs nor stops; what did not run can be stopped", not_started},
      {"what is started, running or stopped already is not so again", twice},
      {"after the stop all can start afresh, three times", afresh},
      {"a platform that does not start makes net_init fail", init_fails},
      {"a platform that does not run makes net_run fail", run_fails},
      {"the byte order of the network puts the highest byte first", byte_order},
      {"the checksum of the example in RFC 1071 is 220d, and with it the sum is zero", checksum},
      {"the checksum of odd lengths, at any alignment", checksum_odd},
      {"a checksum computed in two parts is that of the whole", checksum_chained},
      {"a queue gives back what came first, first", queue_order},
      {"an empty queue gives nothing, and can be used again", queue_empty},
      {"a log line has level, function, text, place; a level that is off costs nothing", log_lines},
      {"bytes are dumped at the level dump alone", dumps})
