#include "udp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "icmp.h"
#include "ip.h"
#include "platform.h"
#include "util.h"

/*
 * udp: the User Datagram Protocol, RFC 768. Carries single datagrams between endpoints: they may be
 * lost, reordered or duplicated.
 *
 *     desc = udp_cmd_open();
 *     udp_cmd_bind(desc, &local);            or udp_cmd_sendto binds a free port
 *     len = udp_cmd_recvfrom(desc, buf, sizeof(buf), &remote);
 *     udp_cmd_sendto(desc, buf, len, &remote);
 *     udp_cmd_close(desc);
 *
 * The table pcbs owns the control blocks; the number of a block is the user's descriptor. A block
 * lives from udp_cmd_open to udp_cmd_close or udp_shutdown. Its queue owns copies of the received
 * datagrams until udp_cmd_recvfrom takes them. Sent datagrams are not kept.
 *
 * udp_input checks a datagram and queues its data at the block that udp_pcb_select finds. For a
 * port without a block it sends an ICMP port unreachable. udp_error notes an error of ICMP or ARP
 * about the last datagram sent; udp_cmd_recvfrom or udp_cmd_error returns it once.
 *
 * The lock guards the table and the blocks. It is taken before ip's, and not held in ip_output and
 * icmp_error. udp_cmd_recvfrom releases it to sleep; after EBADF its block is gone.
 *
 * Limits: UDP_PCB_SIZE blocks, then udp_cmd_open fails with EMFILE. UDP_QUEUE_LIMIT datagrams and
 * UDP_QUEUE_BYTES in a queue; a datagram beyond is dropped. UDP_PAYLOAD_SIZE_MAX bytes to send, or
 * EMSGSIZE. In a child after fork all commands fail with ENETDOWN.
 */

/* The header on the wire, in network byte order */
struct udp_hdr {
    uint16_t src;
    uint16_t dst;
    uint16_t len; /* bytes of header and data */
    uint16_t sum; /* 0: the sender computed none */
} __attribute__((packed));

_Static_assert(sizeof(struct udp_hdr) == UDP_HDR_SIZE, "a UDP header has 8 bytes");

/* The control block of an endpoint */
struct udp_pcb {
    int desc;
    ip_endp_t local;         /* port 0: not bound */
    ip_endp_t last;          /* destination of the last datagram; port 0: errors are dropped */
    int errnum;              /* error of ICMP or ARP about it, or 0 */
    struct queue_head queue; /* of struct udp_queue_entry: received datagrams */
    size_t bytes;            /* their data bytes */
    struct sched_task task;  /* sleepers in udp_cmd_recvfrom */
};

struct udp_queue_entry {
    struct queue_entry link;
    ip_endp_t remote;
    size_t len;
    uint8_t data[];
};

static lock_t lock = LOCK_INITIALIZER; /* guards pcbs and started; taken before ip's */
static struct table pcbs = {.limit = UDP_PCB_SIZE}; /* of struct udp_pcb */
static int started; /* between udp_init and udp_shutdown */
static struct udp_stats stats;

/* data holds at least a header. */
static void udp_dump(const uint8_t *data, size_t len)
{
    const struct udp_hdr *hdr = (const struct udp_hdr *)data;

    if (!log_enabled(LOG_LEVEL_DEBUG)) {
        return;
    }
    log_begin();
    log_text("        src: %u\n", ntoh16(hdr->src));
    log_text("        dst: %u\n", ntoh16(hdr->dst));
    log_text("        len: %u (bytes: %zu)\n", ntoh16(hdr->len), len);
    log_text("        sum: 0x%04x\n", ntoh16(hdr->sum));
    log_end();
}

/*
 * Control blocks. The caller of the static functions must hold the lock.
 */

static struct udp_pcb *udp_pcb_get(int desc)
{
    struct udp_pcb *pcb;

    assert(lock_held(&lock));
    if (platform_is_child()) {
        errno = ENETDOWN;
        return NULL;
    }
    pcb = table_get(&pcbs, desc);
    if (!pcb) {
        errno = EBADF;
    }
    return pcb;
}

static struct udp_pcb *udp_pcb_alloc(void)
{
    struct udp_pcb *pcb;

    assert(lock_held(&lock));
    if (!started || platform_is_child()) {
        errno = ENETDOWN;
        return NULL;
    }
    pcb = memory_alloc(sizeof(*pcb));
    if (!pcb) {
        errno = ENOMEM;
        return NULL;
    }
    pcb->desc = table_add(&pcbs, pcb);
    if (pcb->desc == -1) {
        memory_free(pcb);
        return NULL;
    }
    queue_init(&pcb->queue);
    sched_task_init(&pcb->task);
    return pcb;
}

/* Sleepers leave with EBADF before the block is freed. */
static void udp_pcb_release(struct udp_pcb *pcb)
{
    struct udp_queue_entry *entry;

    assert(lock_held(&lock));
    table_remove(&pcbs, pcb->desc);
    sched_task_destroy(&pcb->task, &lock);
    while ((entry = queue_pop(&pcb->queue)) != NULL) {
        memory_free(entry);
    }
    memory_free(pcb);
}

/* Returns the block bound to addr and port, or else to IP_ADDR_ANY and port; or NULL. */
static struct udp_pcb *udp_pcb_select(ip_addr_t addr, uint16_t port)
{
    struct udp_pcb *pcb, *wildcard = NULL;
    size_t i = 0;

    assert(lock_held(&lock));
    while ((pcb = table_next(&pcbs, &i)) != NULL) {
        if (pcb->local.port == 0 || pcb->local.port != port) {
            continue;
        }
        if (pcb->local.addr == addr) {
            return pcb;
        }
        if (pcb->local.addr == IP_ADDR_ANY) {
            wildcard = pcb;
        }
    }
    return wildcard;
}

/* Does a bound endpoint overlap local? IP_ADDR_ANY overlaps every address. */
static int udp_is_in_use(const ip_endp_t *local)
{
    const struct udp_pcb *pcb;
    size_t i = 0;

    assert(lock_held(&lock));
    while ((pcb = table_next(&pcbs, &i)) != NULL) {
        if (pcb->local.port != local->port) {
            continue;
        }
        if (pcb->local.addr == local->addr || pcb->local.addr == IP_ADDR_ANY ||
            local->addr == IP_ADDR_ANY) {
            return 1;
        }
    }
    return 0;
}

/* Sets the port of local to the first free one from a random start (RFC 6056). Returns 0, or -1
 * (EADDRNOTAVAIL), and local is unchanged. Caller must hold the lock. */
static int udp_choose_port(ip_endp_t *local)
{
    uint32_t num = UDP_SOURCE_PORT_MAX - UDP_SOURCE_PORT_MIN + 1, start = random16(), i;
    ip_endp_t candidate = *local;

    assert(lock_held(&lock));
    for (i = 0; i < num; i++) {
        candidate.port = hton16((uint16_t)(UDP_SOURCE_PORT_MIN + (start + i) % num));
        if (!udp_is_in_use(&candidate)) {
            local->port = candidate.port;
            return 0;
        }
    }
    errno = EADDRNOTAVAIL;
    return -1;
}

/* Copies the state of pcb. Returns 0, or -1 if it is NULL. */
static int udp_pcb_view(const struct udp_pcb *pcb, struct udp_view *view)
{
    assert(lock_held(&lock));
    if (pcb) {
        *view = (struct udp_view){pcb->desc, pcb->local, pcb->queue.num, pcb->bytes};
    }
    return pcb ? 0 : -1;
}

int udp_get_view(int desc, struct udp_view *view)
{
    int ret;

    lock_acquire(&lock);
    ret = udp_pcb_view(udp_pcb_get(desc), view);
    lock_release(&lock);
    return ret;
}

int udp_get_view_at(size_t place, struct udp_view *view)
{
    int ret;

    lock_acquire(&lock);
    ret = udp_pcb_view(table_at(&pcbs, place), view);
    lock_release(&lock);
    return ret;
}

/*
 * Input
 */

/* Checks a received datagram of len bytes. Returns 0, or -1 if it is dropped. */
static int udp_check(const uint8_t *data, size_t len, ip_addr_t src, ip_addr_t dst)
{
    const struct udp_hdr *hdr = (const struct udp_hdr *)data;

    if (len < sizeof(*hdr)) {
        return drop(stats.too_short, "shorter than a header, len=%zu", len);
    }
    if (ntoh16(hdr->len) < sizeof(*hdr) || ntoh16(hdr->len) > len) {
        return drop(stats.bad_length, "length=%u, len=%zu", ntoh16(hdr->len), len);
    }
    if (hdr->sum != 0 && ip_pseudo_cksum(IP_PROTOCOL_UDP, data, ntoh16(hdr->len), src, dst) != 0) {
        return drop(stats.bad_checksum, "sum=0x%04x, len=%zu", ntoh16(hdr->sum), len);
    }
    return 0;
}

/* Queues a copy of the data, for one sleeper. Returns 0, or -1 if it is dropped (queue_full,
 * no_memory). Caller must hold the lock. */
static int udp_pcb_push(struct udp_pcb *pcb, const ip_endp_t *remote, const uint8_t *data,
                        size_t len)
{
    struct udp_queue_entry *entry;

    assert(lock_held(&lock));
    if (pcb->queue.num >= UDP_QUEUE_LIMIT || pcb->bytes + len > UDP_QUEUE_BYTES) {
        return drop(stats.queue_full, "the queue is full, desc=%d", pcb->desc);
    }
    entry = memory_alloc(sizeof(*entry) + len);
    if (!entry) {
        return drop(stats.no_memory, "no memory, desc=%d, len=%zu", pcb->desc, len);
    }
    entry->remote = *remote;
    entry->len = len;
    memcpy(entry->data, data, len);
    queue_push(&pcb->queue, entry);
    pcb->bytes += len;
    sched_task_wakeup_one(&pcb->task);
    return 0;
}

/* Queues the data at the endpoint bound to the destination. Returns 0, also if the data is dropped
 * there; or -1 without an endpoint (no_port). Takes the lock. */
static int udp_deliver(const struct ip_hdr *iphdr, const struct udp_hdr *hdr)
{
    ip_endp_t remote = {iphdr->src, hdr->src};
    struct udp_pcb *pcb;

    lock_acquire(&lock);
    pcb = udp_pcb_select(iphdr->dst, hdr->dst);
    if (pcb) {
        udp_pcb_push(pcb, &remote, (const uint8_t *)(hdr + 1), ntoh16(hdr->len) - sizeof(*hdr));
    }
    lock_release(&lock);
    return pcb ? 0 : drop(stats.no_port, "no endpoint is bound to port %u", ntoh16(hdr->dst));
}

static void udp_input(const struct ip_hdr *iphdr, const uint8_t *data, size_t len,
                      struct ip_iface *iface)
{
    const struct udp_hdr *hdr = (const struct udp_hdr *)data;
    ip_endp_t src, dst;
    char src_text[IP_ENDP_STR_LEN], dst_text[IP_ENDP_STR_LEN];

    count(stats.received);
    if (udp_check(data, len, iphdr->src, iphdr->dst) == -1) {
        return;
    }
    src = (ip_endp_t){iphdr->src, hdr->src};
    dst = (ip_endp_t){iphdr->dst, hdr->dst};
    debugf("dev=%s, %s => %s, len=%zu", NET_IFACE(iface)->dev->name,
           ip_endp_ntop(&src, src_text, sizeof(src_text)),
           ip_endp_ntop(&dst, dst_text, sizeof(dst_text)), len);
    udp_dump(data, len);
    count(stats.delivered);
    if (udp_deliver(iphdr, hdr) == -1) {
        icmp_error(ICMP_TYPE_DEST_UNREACH, ICMP_CODE_PORT_UNREACH, iphdr, data, len, iface);
    }
}

/* Notes an error of ICMP or ARP for the user (RFC 1122 4.1.3.3), if it is about the datagram sent
 * last: an off-path attacker can hardly know its addresses and ports. */
static void udp_error(const struct ip_hdr *iphdr, const uint8_t *data, int errnum, int hard)
{
    const struct udp_hdr *hdr = (const struct udp_hdr *)data;
    struct udp_pcb *pcb;

    (void)hard; /* the endpoint stays usable */
    lock_acquire(&lock);
    pcb = udp_pcb_select(iphdr->src, hdr->src);
    if (pcb && pcb->last.port != 0 && pcb->last.port == hdr->dst &&
        pcb->last.addr == iphdr->dst) {
        count(stats.errors);
        pcb->last.port = 0;
        pcb->errnum = errnum;
        sched_task_wakeup_one(&pcb->task);
    } else {
        drop(stats.error_ignored, "not about the last datagram, port=%u", ntoh16(hdr->src));
    }
    lock_release(&lock);
}

/*
 * Output
 */

/* Sends a datagram of len bytes. src holds an address of ours, which the checksum covers. Returns
 * len, or -1 with errno set (send_failed). */
static ssize_t udp_output(const ip_endp_t *src, const ip_endp_t *dst, const void *data, size_t len)
{
    size_t total = sizeof(struct udp_hdr) + len;
    uint8_t *datagram = memory_alloc(total);
    struct udp_hdr *hdr = (struct udp_hdr *)datagram;
    ssize_t ret;

    if (!datagram) {
        errno = ENOMEM;
        return drop(stats.send_failed, "memory_alloc() failure");
    }
    hdr->src = src->port;
    hdr->dst = dst->port;
    hdr->len = hton16((uint16_t)total);
    if (len > 0) {
        memcpy(hdr + 1, data, len);
    }
    hdr->sum = ip_pseudo_cksum(IP_PROTOCOL_UDP, datagram, total, src->addr, dst->addr);
    if (hdr->sum == 0) {
        hdr->sum = 0xffff; /* 0 means no checksum */
    }
    debugf("port %u => %u, len=%zu", ntoh16(src->port), ntoh16(dst->port), total);
    udp_dump(datagram, total);
    ret = ip_output(IP_PROTOCOL_UDP, datagram, total, src->addr, dst->addr);
    memory_free(datagram);
    if (ret == -1) {
        return drop(stats.send_failed, "ip_output() failure");
    }
    count(stats.sent);
    return (ssize_t)len;
}

/*
 * User commands
 */

int udp_cmd_open(void)
{
    struct udp_pcb *pcb;
    int desc;

    lock_acquire(&lock);
    pcb = udp_pcb_alloc();
    desc = pcb ? pcb->desc : -1;
    lock_release(&lock);
    return desc;
}

/* Returns 0, or -1 with the first errno that applies: EINVAL, EADDRNOTAVAIL, EADDRINUSE. Caller
 * must hold the lock. */
static int udp_pcb_bind(struct udp_pcb *pcb, ip_endp_t local)
{
    char text[IP_ENDP_STR_LEN];

    assert(lock_held(&lock));
    if (pcb->local.port != 0) {
        errno = EINVAL;
        return -1;
    }
    if (local.addr != IP_ADDR_ANY && !ip_iface_select(local.addr)) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    if (local.port == 0 && udp_choose_port(&local) == -1) {
        return -1;
    }
    if (udp_is_in_use(&local)) {
        errno = EADDRINUSE;
        return -1;
    }
    pcb->local = local;
    debugf("desc=%d, local=%s", pcb->desc, ip_endp_ntop(&local, text, sizeof(text)));
    return 0;
}

int udp_cmd_bind(int desc, const ip_endp_t *local)
{
    struct udp_pcb *pcb;
    int ret;

    lock_acquire(&lock);
    pcb = udp_pcb_get(desc);
    ret = pcb ? udp_pcb_bind(pcb, *local) : -1;
    lock_release(&lock);
    return ret;
}

int udp_cmd_getsockname(int desc, ip_endp_t *local)
{
    const struct udp_pcb *pcb;

    lock_acquire(&lock);
    pcb = udp_pcb_get(desc);
    if (pcb) {
        *local = pcb->local;
    }
    lock_release(&lock);
    return pcb ? 0 : -1;
}

/* Checks the destination port and the length. Returns 0, or -1 with errno set. */
static int udp_check_send(const ip_endp_t *remote, size_t len)
{
    if (remote->port != 0 && len <= UDP_PAYLOAD_SIZE_MAX) {
        return 0;
    }
    errno = remote->port == 0 ? EINVAL : EMSGSIZE;
    return -1;
}

/* Prepares to send len bytes to remote: copies the local endpoint, after binding a free port if
 * none is bound, and notes remote for udp_error. Returns 0, or -1 with errno set. */
static int udp_local(int desc, ip_endp_t *local, const ip_endp_t *remote, size_t len)
{
    struct udp_pcb *pcb;
    int ret = -1;

    lock_acquire(&lock);
    pcb = udp_pcb_get(desc);
    if (pcb && udp_check_send(remote, len) == 0) {
        *local = pcb->local;
        ret = local->port != 0 ? 0 : udp_choose_port(local);
        pcb->local = *local;
        pcb->last = *remote;
    }
    lock_release(&lock);
    return ret;
}

ssize_t udp_cmd_sendto(int desc, const void *data, size_t len, const ip_endp_t *remote)
{
    struct ip_iface *iface;
    ip_endp_t local;

    if (udp_local(desc, &local, remote, len) == -1) {
        return -1;
    }
    if (local.addr == IP_ADDR_ANY) { /* the checksum needs the source address */
        iface = ip_route_get_iface(remote->addr);
        if (!iface) {
            errno = ENETUNREACH;
            return drop(stats.send_failed, "no route");
        }
        local.addr = iface->unicast;
    }
    return udp_output(&local, remote, data, len);
}

/* Returns and clears the noted error; 0 for none. Caller must hold the lock. */
static int udp_pcb_take_error(struct udp_pcb *pcb)
{
    int errnum = pcb->errnum;

    assert(lock_held(&lock));
    pcb->errnum = 0;
    return errnum;
}

/* Sleeps until a datagram or an error arrives. Returns the datagram, or NULL with errno set; after
 * EBADF pcb is gone. Caller must hold the lock. */
static struct udp_queue_entry *udp_pcb_pop(struct udp_pcb *pcb)
{
    struct udp_queue_entry *entry;

    assert(lock_held(&lock));
    while (pcb->errnum == 0) {
        entry = queue_pop(&pcb->queue);
        if (entry || sched_task_sleep(&pcb->task, &lock, 0) == -1) {
            return entry;
        }
    }
    errno = udp_pcb_take_error(pcb);
    return NULL;
}

ssize_t udp_cmd_recvfrom(int desc, void *buf, size_t size, ip_endp_t *remote)
{
    struct udp_queue_entry *entry = NULL;
    struct udp_pcb *pcb;
    ssize_t ret = -1;

    lock_acquire(&lock);
    pcb = udp_pcb_get(desc);
    if (pcb) {
        entry = udp_pcb_pop(pcb);
    }
    if (entry) {
        pcb->bytes -= entry->len;
    }
    lock_release(&lock);
    if (entry) {
        ret = (ssize_t)(entry->len < size ? entry->len : size);
        if (ret > 0) {
            memcpy(buf, entry->data, (size_t)ret);
        }
        if (remote) {
            *remote = entry->remote;
        }
        memory_free(entry);
    }
    return ret;
}

int udp_cmd_error(int desc)
{
    struct udp_pcb *pcb;
    int errnum = -1;

    lock_acquire(&lock);
    pcb = udp_pcb_get(desc);
    if (pcb) {
        errnum = udp_pcb_take_error(pcb);
    }
    lock_release(&lock);
    return errnum;
}

int udp_cmd_close(int desc)
{
    struct udp_pcb *pcb;

    lock_acquire(&lock);
    pcb = udp_pcb_get(desc);
    if (pcb) {
        udp_pcb_release(pcb);
    }
    lock_release(&lock);
    return pcb ? 0 : -1;
}

/*
 * Start and stop
 */

int udp_init(void)
{
    if (ip_protocol_register(IP_PROTOCOL_UDP, udp_input) == -1) {
        return -1;
    }
    ip_error_register(IP_PROTOCOL_UDP, udp_error);
    lock_acquire(&lock);
    started = 1;
    lock_release(&lock);
    return 0;
}

void udp_shutdown(void)
{
    struct udp_pcb *pcb;
    size_t i = 0;

    lock_acquire(&lock);
    started = 0;
    while ((pcb = table_next(&pcbs, &i)) != NULL) {
        udp_pcb_release(pcb);
    }
    lock_release(&lock);
}

void udp_get_stats(struct udp_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
