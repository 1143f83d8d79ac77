#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "net.h"
#include "sim.h"

/*
 * Our end of the wire: a network device
 */
#define WIRES_MAX 4
#define ETHER_HEADER 14
#define ETHER_SHORTEST 60
#define READ_MAX 64 /* packets that one interrupt takes, if that needs time */

struct arrival {
    struct arrival *next;
    struct packet p;
};

struct wire {
    struct net_device *dev;
    enum wire_kind kind;
    int open;
    struct arrival *first;
    struct arrival *last;
    size_t num; /* of arrivals */
};

static struct wire wires[WIRES_MAX];
static size_t num_wires;
static unsigned int generation;
static unsigned int compute_us;
static size_t arrived;
static int fail_open;
static int fail_output;

static void name_fault(int yes, const char *name)
{
    if (yes) {
        sim_fault(FAULT_OTHER, "%s", name);
    } else {
        sim_no_fault(FAULT_OTHER);
    }
}

void wire_fail_open(int yes)
{
    fail_open = yes;
    name_fault(yes, "wire_fail_open");
}

void wire_fail_output(int yes)
{
    fail_output = yes;
    name_fault(yes, "wire_fail_output");
}

void wire_compute(unsigned int us)
{
    compute_us = us;
}

static struct wire *wire_of(const struct net_device *dev)
{
    return &wires[*(const size_t *)dev->priv];
}

static struct arrival *arrival_pop(struct wire *wire)
{
    struct arrival *arrival = wire->first;

    if (arrival) {
        wire->num--;
        wire->first = arrival->next;
        if (!wire->first) {
            wire->last = NULL;
        }
    }
    return arrival;
}

static void arrival_free(struct arrival *arrival)
{
    free(arrival->p.data);
    free(arrival);
}

static int wire_open(struct net_device *dev)
{
    if (fail_open) {
        errno = ENODEV;
        return -1;
    }
    wire_of(dev)->open = 1;
    return 0;
}

static int wire_close(struct net_device *dev)
{
    struct wire *wire = wire_of(dev);
    struct arrival *arrival;

    wire->open = 0;
    while ((arrival = arrival_pop(wire))) {
        arrival_free(arrival);
    }
    return 0;
}

static int wire_ready(const struct wire *wire)
{
    if (!wire->open) {
        sim_wrong("output on a device that is not open");
    }
    if (fail_output) {
        errno = EIO;
        return 0;
    }
    return 1;
}

static int wire_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                       const void *dst)
{
    struct packet p = { (uint8_t *)(uintptr_t)data, len, 0, type };

    (void)dst;
    if (!wire_ready(wire_of(dev))) {
        return -1;
    }
    if (len > dev->mtu) {
        sim_wrong("the device is given %zu bytes, more than its MTU", len);
    }
    if (wire_of(dev)->kind == WIRE_LOOP) {
        sim_remember(&p, DIR_OUT);
        sim_carry_back(&p, wire_of(dev));
    } else {
        sim_wire_sent(&p);
    }
    return 0;
}

static ssize_t wire_write(struct net_device *dev, const uint8_t *frame, size_t flen)
{
    struct packet p = { (uint8_t *)(uintptr_t)frame, flen, ETHER_HEADER, 0 };

    if (!wire_ready(wire_of(dev))) {
        return -1;
    }
    if (flen < ETHER_HEADER || (flen > ETHER_SHORTEST && flen > ETHER_HEADER + (size_t)dev->mtu)) {
        sim_wrong("the device is given a frame of %zu bytes", flen);
    }
    p.type = (uint16_t)(frame[12] << 8 | frame[13]);
    sim_wire_sent(&p);
    return (ssize_t)flen;
}

static int ether_wire_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                             const void *dst)
{
    return sim_ether_output(dev, type, data, len, dst, wire_write);
}

/* Hands over all that has arrived. While that takes time, READ_MAX packets, and then others get
 * their turn, as on platform/linux. */
static int wire_isr(unsigned int irq, void *arg)
{
    struct wire *wire = arg;
    struct arrival *arrival;
    unsigned int n = 0;

    while ((compute_us == 0 || n++ < READ_MAX) && (arrival = arrival_pop(wire))) {
        sim_compute(compute_us * (SIM_MS / 1000));
        if (wire->kind == WIRE_ETHER) {
            sim_ether_input(wire->dev, arrival->p.data, arrival->p.len);
            arrival_free(arrival);
            continue;
        }
        net_input(arrival->p.type, arrival->p.data, arrival->p.len, wire->dev);
        arrival_free(arrival);
    }
    if (wire->num > 0) {
        sim_pend_last(irq);
    }
    return 0;
}

size_t sim_arrived(void)
{
    return arrived;
}

size_t sim_handed(void)
{
    size_t waiting = 0;

    for (size_t i = 0; i < num_wires; i++) {
        waiting += wires[i].num;
    }
    return arrived - waiting;
}

/* Takes a packet from the line, into a block of its exact size so that a sanitizer finds reads past
 * its end. */
static void wire_send(void *to, const struct packet *p)
{
    struct wire *wire = to;
    struct arrival *arrival;

    if (!wire->open) {
        return;
    }
    arrival = malloc(sizeof(*arrival));
    if (!arrival || !(arrival->p.data = malloc(p->len ? p->len : 1))) {
        sim_wrong("out of memory");
    }
    memcpy(arrival->p.data, p->data, p->len);
    arrival->p.len = p->len;
    arrival->p.type = p->type;
    arrival->next = NULL;
    if (wire->last) {
        wire->last->next = arrival;
    } else {
        wire->first = arrival;
    }
    wire->last = arrival;
    wire->num++;
    arrived++;
    sim_pend((unsigned int)INTR_IRQ_BASE);
}

static const struct net_device_ops raw_ops = {
    .open = wire_open,
    .close = wire_close,
    .output = wire_output,
};
static const struct net_device_ops ether_ops = {
    .open = wire_open,
    .close = wire_close,
    .output = ether_wire_output,
};

static void wire_setup(struct net_device *dev, enum wire_kind kind)
{
    dev->type = NET_DEVICE_TYPE_NULL;
    dev->mtu = 1500;
    dev->flags = NET_DEVICE_FLAG_BROADCAST;
    dev->ops = &raw_ops;
    if (kind == WIRE_ETHER) {
        sim_ether_setup(dev);
        dev->ops = &ether_ops;
        return;
    }
    if (kind == WIRE_LOOP) {
        dev->type = NET_DEVICE_TYPE_LOOPBACK;
        dev->flags = NET_DEVICE_FLAG_LOOPBACK;
        return;
    }
}

void wire_use(struct net_device *dev)
{
    sim_wire_now = wire_of(dev);
    sim_wire_net = wire_of(dev)->kind == WIRE_ETHER ? 14 : 0;
}

static int wire_attach(struct net_device *dev, enum wire_kind kind)
{
    size_t *index;

    if (generation != sim_generation) {
        generation = sim_generation;
        num_wires = 0;
    }
    if (num_wires == WIRES_MAX || !(dev->priv = memory_alloc(sizeof(*index)))) {
        return -1;
    }
    index = dev->priv;
    *index = num_wires;
    wires[num_wires] = (struct wire){ .dev = dev, .kind = kind };
    wire_setup(dev, kind);
    if (net_device_register(dev) == -1) {
        memory_free(dev->priv);
        return -1;
    }
    return intr_register((unsigned int)INTR_IRQ_BASE, wire_isr, INTR_IRQ_SHARED,
                         &wires[num_wires++]);
}

struct net_device *wire_init(enum wire_kind kind)
{
    struct net_device *dev = net_device_alloc();

    if (!dev) {
        return NULL;
    }
    if (wire_attach(dev, kind) == -1) {
        memory_free(dev);
        return NULL;
    }
    sim_wire_send = wire_send;
    wire_use(dev);
    return dev;
}

int sim_device_open(void)
{
    size_t i;

    for (i = 0; i < num_wires; i++) {
        if (wires[i].open) {
            return 1;
        }
    }
    return 0;
}
