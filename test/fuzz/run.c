#include "fuzz.h"
#include "net.h"
#include "platform.h"
#include "util.h"

/*
 * Common to all runs: the input, the start, the end, and the checks of every packet sent
 */

static struct {
    const uint8_t *data;
    size_t left;
} input;

void input_set(const uint8_t *data, size_t len)
{
    input.data = data;
    input.left = len;
}

size_t input_left(void)
{
    return input.left;
}

uint8_t input_u8(void)
{
    if (!input.left) {
        return 0;
    }
    input.left--;
    return *input.data++;
}

uint16_t input_u16(void)
{
    uint16_t high = input_u8();

    return (uint16_t)(high << 8 | input_u8());
}

uint32_t input_u32(void)
{
    uint32_t high = input_u16();

    return high << 16 | input_u16();
}

void fuzz_start(enum wire_kind kind, uint64_t seed)
{
    sim_seed(seed);
    wire_answer_arp(0);
    wire_fail_output(0);
    wire_faults(NULL);
    sim_line_clear();
    memset(sim_shared->conns, 0, sizeof(sim_shared->conns));
    sim_shared->nhistory = 0;
    sim_fail_alloc(0);
    bench_start(kind);
}

void fuzz_arrive(const struct packet *p)
{
    static const uint8_t macs[] = { 0x00, 0x00, 0x5e, 0x00, 0x53, 0x01,
                                    0x00, 0x00, 0x5e, 0x00, 0x53, 0xfe };
    uint8_t data[SIM_RECORD_MAX];
    struct packet frame = { data, sim_wire_net + p->len, sim_wire_net, p->type };

    check(frame.len <= sizeof(data));
    if (sim_wire_net) {
        memcpy(data, macs, sizeof(macs));
        data[12] = (uint8_t)(p->type >> 8);
        data[13] = (uint8_t)p->type;
    }
    memcpy(data + sim_wire_net, p->data, p->len);
    sim_carry(&frame, DIR_IN, sim_wire_now);
}

/* Is it a broadcast or multicast address, or 0.0.0.0? */
static int is_group(uint64_t addr)
{
    return addr >> 28 >= 14 || addr == 0 || (addr & 0xff) == 255;
}

static void check_datagram(const struct packet *p, const struct layout *lay)
{
    uint8_t right[SIM_RECORD_MAX];
    struct packet fixed = { right, p->len, p->net, p->type };

    check(p->len <= sizeof(right));
    memcpy(right, p->data, p->len);
    sim_fix_sums(&fixed, lay);
    if (memcmp(right, p->data, p->len) != 0) {
        fail("a packet was sent with a bad checksum");
    }
    check(sim_field_get(p, lay, F_IP_SRC) == SIM_ADDR_OURS);
    check(sim_field_get(p, lay, F_IP_TTL) > 0);
    if (lay->at[LAYER_TCP] >= 0 || lay->at[LAYER_ICMP] >= 0) {
        check(!is_group(sim_field_get(p, lay, F_IP_DST)));
    }
}

size_t fuzz_check_sent(void (*look)(const struct packet *p, const struct layout *lay))
{
    uint8_t data[SIM_RECORD_MAX];
    struct packet p = { data, 0, sim_wire_net, 0x0800 };
    struct layout lay;
    size_t num = 0;

    for (; wire_pending(0); num++) {
        p.len = take(0, data, sizeof(data));
        if (p.net) {
            p.type = (uint16_t)(data[12] << 8 | data[13]);
        }
        sim_locate(&p, &lay);
        if (!lay.sane) {
            fail("a packet was sent with bad lengths");
        }
        if (lay.at[LAYER_IP] >= 0) {
            check_datagram(&p, &lay);
        }
        if (look) {
            look(&p, &lay);
        }
    }
    return num;
}

void fuzz_end(void)
{
    char text[512];

    sim_fail_alloc(0);
    check(net_shutdown() == 0);
    settle();
    users_end();
    check(sim_platform_state() == 0);
    check(!sim_device_open());
    wire_pending(1);
    if (memory_in_use()) {
        sim_describe_memory(text, sizeof(text));
        fail("%zu allocations are left after net_shutdown: %s", memory_in_use(), text);
    }
}
