#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "show.h"
#include "sim.h"
#include "util.h"

#if STEP >= 22
#include "tcp.h"
#endif

/*
 * The ladder. Packets are those that the bench remembers for a report
 */
#define WIDTH 66 /* between the verticals */

static int screen; /* standard output; that of a behaviour is shown only if it fails */
static int lost, forged;
static const char *faulty; /* the faults of the next packet in */

/* A line between the verticals, with text at the left and at the right. */
static void line(const char *left, const char *right)
{
    int width = WIDTH - 2 - (int)strlen(left);

    dprintf(screen, "          | %s%*.*s |\n", left, width, width, right);
}

void remark(const char *fmt, ...)
{
    char text[WIDTH - 1];
    va_list ap;

    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) >= (int)sizeof(text)) {
        memcpy(text + sizeof(text) - 4, "...", 4);
    }
    va_end(ap);
    line("", text);
}

static void print_packet(const struct record *r, char *text, size_t size)
{
    struct packet p = {(uint8_t *)r->data, r->len, r->net, r->type};

    if (faulty && r->dir == DIR_IN) {
        snprintf(text, size, "the same with %s", faulty);
        faulty = NULL;
    } else {
        sim_print(&p, r->dir, text, size);
    }
}

/* The end of the part of text that fits into width columns: a space, or the end of text. */
static size_t fitting(const char *text, size_t width)
{
    size_t len = strlen(text);

    if (len <= width) {
        return len;
    }
    for (len = width; len > 0 && text[len] != ' '; len--) {
        ;
    }
    return len > 0 ? len : width;
}

static void show_packet(const struct record *r)
{
    const char *begin = r->dir == DIR_IN ? "--" : lost ? " X-" : "<-";
    const char *end = r->dir == DIR_IN ? ">" : "";
    char text[512], dashes[WIDTH + 1];
    size_t len, rest;

    print_packet(r, text, sizeof(text));
    if (strlen(text) > 2 * WIDTH && strchr(text, '\'')) {
        strchr(text, '\'')[-1] = '\0'; /* the numbers of much data say enough */
    }
    len = fitting(text, WIDTH - 8);
    rest = WIDTH - 2 - strlen(begin) - len - strlen(end);
    memset(dashes, '-', sizeof(dashes));
    dprintf(screen, "%9.3f |%s %.*s %.*s%s|\n", (double)r->ms / 1000, begin, (int)len, text,
            (int)rest, dashes, end);
    if (text[len]) {
        text[len + (size_t)WIDTH - 6] = '\0';
        dprintf(screen, "          |   %-*s|\n", WIDTH - 3, text + len + 1);
    }
    lost -= lost > 0 && r->dir == DIR_OUT;
}

static void show_drops(void)
{
    static unsigned int shown;
    unsigned int num = sim_shared->ndrops;

    for (shown = num - shown > SIM_DROPS ? num - SIM_DROPS : shown; shown < num; shown++) {
        const char *text = sim_shared->drops[shown % SIM_DROPS];
        const char *end = strrchr(text, '(');

        remark("dropped: %.*s", end ? (int)(end - text) - 1 : 0, text);
    }
}

#if STEP >= 22
/*
 * The host's states, from what it sends and receives
 */
enum event { SENDS_SYN, SENDS_FIN, GETS_SYN, GETS_ACK, GETS_FIN };

static const struct {
    const char *from;
    enum event event;
    const char *to;
} transitions[] = {
    {"CLOSED", SENDS_SYN, "SYN_SENT"},        {"CLOSED", GETS_SYN, "SYN_RECEIVED"},
    {"SYN_SENT", GETS_SYN, "SYN_RECEIVED"},   {"SYN_RECEIVED", GETS_ACK, "ESTABLISHED"},
    {"ESTABLISHED", SENDS_FIN, "FIN_WAIT1"},  {"ESTABLISHED", GETS_FIN, "CLOSE_WAIT"},
    {"FIN_WAIT1", GETS_ACK, "FIN_WAIT2"},     {"FIN_WAIT1", GETS_FIN, "CLOSING"},
    {"FIN_WAIT2", GETS_FIN, "TIME_WAIT"},     {"CLOSING", GETS_ACK, "TIME_WAIT"},
    {"CLOSE_WAIT", SENDS_FIN, "LAST_ACK"},    {"LAST_ACK", GETS_ACK, "CLOSED"},
};

static struct peer {
    uint16_t port;
    const char *state;
    const char *shown;
    uint32_t nxt; /* behind what it has sent */
} peers[8];

static struct peer *peer_of(uint16_t port)
{
    size_t i = 0;

    while (i < countof(peers) - 1 && peers[i].port && peers[i].port != port) {
        i++;
    }
    if (!peers[i].port) {
        peers[i] = (struct peer){port, "CLOSED", "CLOSED", 0};
    }
    return &peers[i];
}

static void happens(struct peer *peer, enum event event)
{
    for (size_t i = 0; i < countof(transitions); i++) {
        if (transitions[i].event == event && strcmp(transitions[i].from, peer->state) == 0) {
            peer->state = transitions[i].to;
            return;
        }
    }
}

#define FIN 1
#define SYN 2
#define RST 4
#define ACK 16

static void host_sends(struct peer *peer, unsigned int flags, uint32_t seq, uint32_t len)
{
    uint32_t nxt = seq + len + !!(flags & SYN) + !!(flags & FIN);

    if (flags & SYN || (int32_t)(nxt - peer->nxt) > 0) { /* not what is sent again */
        peer->nxt = nxt;
    }
    if (flags & SYN) {
        happens(peer, SENDS_SYN);
    }
    if (flags & FIN) {
        happens(peer, SENDS_FIN);
    }
}

static void host_gets(struct peer *peer, unsigned int flags, uint32_t ack)
{
    if (flags & SYN) {
        happens(peer, GETS_SYN);
    }
    if (flags & ACK && ack == peer->nxt) {
        happens(peer, GETS_ACK);
    }
    if (flags & FIN) {
        happens(peer, GETS_FIN);
    }
}

static void follow_host(const struct record *r)
{
    struct packet p = {(uint8_t *)r->data, r->len, r->net, r->type};
    int in = r->dir == DIR_IN;
    struct layout lay;
    struct peer *peer;
    unsigned int flags;

    sim_locate(&p, &lay);
    if (lay.at[LAYER_TCP] < 0 || !lay.sane) {
        return;
    }
    peer = peer_of((uint16_t)sim_field_get(&p, &lay, in ? F_TCP_SPORT : F_TCP_DPORT));
    flags = (unsigned int)sim_field_get(&p, &lay, F_TCP_FLAGS);
    if (flags & RST) {
        peer->state = "CLOSED";
    } else if (in) {
        host_sends(peer, flags, (uint32_t)sim_field_get(&p, &lay, F_TCP_SEQ),
                   (uint32_t)(lay.end - lay.payload));
    } else if (!lost) {
        host_gets(peer, flags, (uint32_t)sim_field_get(&p, &lay, F_TCP_ACK));
    }
}

/* The connection's name before a state, if there are several: "B> LISTEN". "" if state is. */
static void name_state(char *text, size_t size, uint16_t port, const char *state)
{
    const struct conn *c = sim_shared->conns;

    while (c->name && c->remote_port != port) {
        c++;
    }
    if (*state && c->name && sim_shared->conns[1].name) {
        snprintf(text, size, "%c> %s", c->name, state);
    } else {
        snprintf(text, size, "%s", state);
    }
}

/* A line with the states that are new: the host's, if it has changed, and the given one. */
static void show_change(uint16_t port, const char *state)
{
    struct peer *peer = port ? peer_of(port) : NULL;
    char left[32] = "", right[32];

    if (peer && peer->state != peer->shown) {
        name_state(left, sizeof(left), port, peer->state);
        peer->shown = peer->state;
    }
    name_state(right, sizeof(right), port, state);
    if (*left || *right) {
        line(left, right);
    }
}

static void show_host(void)
{
    for (struct peer *peer = peers; peer < peers + countof(peers) && peer->port; peer++) {
        show_change(peer->port, "");
    }
}

/*
 * The stack's states and variables: for each block what has changed since the last look
 */
static struct tcp_view last[TCP_PCB_SIZE];
static int was_there[TCP_PCB_SIZE];

static void say(char *text, size_t size, const char *name, uint32_t was, uint32_t is)
{
    size_t len = strlen(text);

    if (was != is) {
        snprintf(text + len, size - len, "%s%s=%u", len ? " " : "", name, is);
    }
}

/* Relative to the initial sequence number, as in the script. */
static void say_variables(char *text, size_t size, const struct tcp_view *was,
                          const struct tcp_view *is)
{
    if (is->state == TCP_STATE_LISTEN || is->state == TCP_STATE_CLOSED) {
        return;
    }
    say(text, size, "SND.UNA", was->snd.una - was->iss, is->snd.una - is->iss);
    say(text, size, "SND.NXT", was->snd.nxt - was->iss, is->snd.nxt - is->iss);
    say(text, size, "SND.WND", was->snd.wnd, is->snd.wnd);
    if (is->state != TCP_STATE_SYN_SENT) {
        say(text, size, "RCV.NXT", was->rcv.nxt - was->irs, is->rcv.nxt - is->irs);
        say(text, size, "RCV.WND", was->rcv.wnd, is->rcv.wnd);
    }
#if STEP >= 50
    say(text, size, "cwnd", was->cwnd, is->cwnd);
    say(text, size, "ssthresh", was->ssthresh, is->ssthresh);
#endif
}

static void show_block(size_t place, const struct tcp_view *is)
{
    static const struct tcp_view none;
    const struct tcp_view *was = was_there[place] ? &last[place] : &none;
    int same = was_there[place] && was->state == is->state;
    char text[WIDTH + 80] = "";

    show_change(ntoh16(is->remote.port), same ? "" : tcp_state_ntoa(is->state));
    say_variables(text, sizeof(text), was, is);
    if (*text) {
        line("", text);
    }
}

static void show_states(void)
{
    struct tcp_view view;

    for (size_t place = 0; place < TCP_PCB_SIZE; place++) {
        int there = tcp_get_view_at(place, &view) == 0;

        if (there) {
            show_block(place, &view);
            last[place] = view;
        } else if (was_there[place]) {
            show_change(ntoh16(last[place].remote.port), "CLOSED");
        }
        was_there[place] = there;
    }
    show_host();
}
#else
static void follow_host(const struct record *r)
{
    (void)r;
}

static void show_host(void)
{
}

static void show_states(void)
{
}
#endif

/*
 * The script's words
 */
static unsigned int shown; /* packets */

void show_all(void)
{
    settle();
    wire_pending(1);
    while (shown < sim_shared->nhistory) {
        const struct record *r = &sim_shared->history[shown++ % SIM_HISTORY];

        if (!forged) {
            follow_host(r);
        }
        show_packet(r);
        if (shown < sim_shared->nhistory) {
            show_host();
        }
    }
    show_drops();
    show_states();
}

void host(const char *packet)
{
    advance(10);
    inject(packet);
    show_all();
}

void host_with(const char *faults, const char *packet)
{
    advance(10);
    faulty = faults;
    inject_with(faults, packet);
    show_all();
}

void forger(const char *packet)
{
    forged = 1;
    host(packet);
    forged = 0;
}

void pass(long ms)
{
    while (ms > 0 && shown == sim_shared->nhistory) {
        advance(ms < 10 ? ms : 10);
        ms -= 10;
    }
    show_all();
}

void lose(void)
{
    lost++;
}

static int log_to = -1; /* standard error, with -v */

static void show(void)
{
    if (log_to != -1) {
        dup2(log_to, STDOUT_FILENO);
        dup2(log_to, STDERR_FILENO);
    }
    dprintf(screen, "  seconds  host 192.0.2.1 %42s\n", "your stack 192.0.2.2");
    exchange();
    wire_pending(1);
}

/* With -v the log of the stack goes to standard error. */
int main(int argc, char **argv)
{
    static const struct behaviour it = {"the exchange of the step", show};
    struct bench_options options = {.program = "./step show"};

    if (argc > 1 && strcmp(argv[1], "-v") == 0) {
        options.verbose = 1;
        log_to = dup(STDERR_FILENO);
    }
    screen = dup(STDOUT_FILENO);
    return !bench_run(&it, 1, &options);
}
