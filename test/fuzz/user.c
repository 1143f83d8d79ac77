#include "fuzz.h"
#include "sock.h"
#include "util.h"

/*
 * The users: tasks that wait for a call to make, and make it, perhaps asleep in it. They send the
 * pattern, and check that they receive it.
 */
#define CHUNK_MAX 16384

struct sock_known {
    int id; /* -1: none */
    int type;
    int open;
    int connected; /* ever; a second connection would begin the pattern anew */
    uint32_t sent; /* bytes of the pattern */
    uint32_t received;
};

struct user {
    struct task *task;
    int busy;
    int leaving;
    enum call call;
    struct sock_known *s;
    int id; /* the socket's at the start of the call */
    uint16_t n;
    uint8_t buf[CHUNK_MAX];
};

static struct user users[USERS];
static struct sock_known socks[SOCKETS];
static int doubtful;
static unsigned int unknown; /* sockets that found no place */
static size_t total; /* bytes received by all */

static struct sockaddr_in address(uint32_t addr, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET};

    in.sin_port = hton16(port);
    in.sin_addr.s_addr = hton32(addr);
    return in;
}

/*
 * Recorded sockets
 */

static struct sock_known *sock_at(unsigned int index)
{
    struct sock_known *s = &socks[index % SOCKETS];

    return s->id == -1 ? NULL : s;
}

/* Returns the socket's place, a free one for -1, or NULL if there is none. */
static struct sock_known *sock_of(int id)
{
    size_t i;

    for (i = 0; i < SOCKETS; i++) {
        if (socks[i].id == id) {
            return &socks[i];
        }
    }
    return NULL;
}

static void sock_remember(int id, int type, int connected)
{
    struct sock_known *s = sock_of(id);

    if (!s) {
        s = sock_of(-1);
    }
    if (id == -1) {
        return;
    }
    if (!s) {
        unknown++;
    } else {
        *s = (struct sock_known){.id = id, .type = type, .open = 1, .connected = connected};
    }
}

/* Is a user in this call on the socket? Two at once would split the pattern. */
static int is_called(const struct sock_known *s, enum call call)
{
    size_t i;

    for (i = 0; i < USERS; i++) {
        if (users[i].busy && users[i].s == s && users[i].call == call) {
            return 1;
        }
    }
    return 0;
}

/*
 * Calls
 */

static void call_send(struct user *u)
{
    struct sock_known *s = u->s;
    ssize_t ret;

    pattern(u->buf, s->sent + 1, u->n);
    ret = sock_send(u->id, u->buf, u->n);
    if (ret > 0 && s->id == u->id) {
        s->sent += (uint32_t)ret;
    }
    check(ret == -1 || ret <= u->n);
}

static void call_recv(struct user *u)
{
    struct sock_known *s = u->s;
    ssize_t ret = sock_recv(u->id, u->buf, u->n);

    check(ret == -1 || ret <= u->n);
    total += ret > 0 ? (size_t)ret : 0;
    if (ret <= 0 || s->id != u->id) {
        return;
    }
    if (!doubtful) {
        check_pattern(u->buf, s->received + 1, (size_t)ret);
    }
    s->received += (uint32_t)ret;
}

static void call_connect(const struct user *u)
{
    struct sockaddr_in in = address(SIM_ADDR_PEER, u->n);

    if (u->s->connected) {
        users_doubt();
        remote_doubt();
    }
    if (sock_connect(u->id, (struct sockaddr *)&in, sizeof(in)) == 0) {
        u->s->connected = 1;
    }
}

static void call_close(enum call call, struct sock_known *s)
{
    s->open = 0;
    if (call == CALL_ABORT) {
        sock_abort(s->id);
    } else {
        sock_close(s->id);
    }
}

static void call(struct user *u)
{
    struct sockaddr_in in = address(SIM_ADDR_PEER, u->n);
    socklen_t len = sizeof(in);

    switch (u->call) {
    case CALL_ACCEPT: sock_remember(sock_accept(u->id, NULL, NULL), SOCK_STREAM, 1); break;
    case CALL_CONNECT: call_connect(u); break;
    case CALL_SEND: call_send(u); break;
    case CALL_RECV: call_recv(u); break;
    case CALL_SENDTO: sock_sendto(u->id, u->buf, 100, (struct sockaddr *)&in, len); break;
    case CALL_RECVFROM:
        sock_recvfrom(u->id, u->buf, sizeof(u->buf), (struct sockaddr *)&in, &len);
        break;
    case CALL_HALF_CLOSE: sock_shutdown(u->id, SHUT_WR); break;
    case CALL_CLOSE:
    case CALL_ABORT: call_close(u->call, u->s); break;
    }
}

/*
 * Tasks
 */

static int has_call(const struct task *task)
{
    const struct user *u = task->arg;

    return u->busy || u->leaving;
}

static void user_main(void *arg)
{
    struct user *u = arg;

    for (;;) {
        sim_block("waits for a call to make", has_call);
        if (u->leaving) {
            return;
        }
        call(u);
        u->busy = 0;
    }
}

static struct user *idle_user(void)
{
    struct user *u;

    for (u = users; u < users + USERS; u++) {
        if (!u->busy) {
            if (!u->task) {
                u->task = sim_task_create("user", user_main, u);
            }
            return u;
        }
    }
    return NULL;
}

/*
 * The interface
 */

void users_start(void)
{
    size_t i;

    for (i = 0; i < SOCKETS; i++) {
        socks[i] = (struct sock_known){.id = -1};
    }
    for (i = 0; i < USERS; i++) {
        users[i].task = NULL;
        users[i].busy = 0;
        users[i].leaving = 0;
    }
    doubtful = 0;
    total = 0;
    unknown = 0;
}

void users_doubt(void)
{
    doubtful = 1;
}

void users_open(int type)
{
    if (sock_of(-1)) {
        sock_remember(sock_open(PF_INET, type, 0), type, 0);
    }
}

void users_bind(unsigned int index, uint16_t port)
{
    struct sockaddr_in in = address(0, port);

    if (sock_at(index)) {
        sock_bind(sock_at(index)->id, (struct sockaddr *)&in, sizeof(in));
    }
}

void users_listen(unsigned int index, int backlog)
{
    if (sock_at(index)) {
        sock_listen(sock_at(index)->id, backlog);
    }
}

void users_call(enum call which, unsigned int index, uint16_t n)
{
    struct sock_known *s = sock_at(index);
    struct user *u;

    if (!s || is_called(s, which) || (which == CALL_ACCEPT && !sock_of(-1))) {
        return;
    }
    u = idle_user();
    if (!u) {
        if (which == CALL_CLOSE || which == CALL_ABORT) {
            call_close(which, s);
        }
        return;
    }
    u->call = which;
    u->s = s;
    u->id = s->id;
    u->n = which == CALL_SEND || which == CALL_RECV ? n % CHUNK_MAX : n;
    u->busy = 1;
}

int users_close_all(void)
{
    unsigned int i;

    for (i = 0; i < SOCKETS; i++) {
        users_call(CALL_CLOSE, i, 0);
        settle();
    }
    return !unknown;
}

void users_check_closed(void)
{
    const struct user *u;

    for (u = users; u < users + USERS; u++) {
        if (u->busy && (!u->s->open || u->s->id != u->id)) {
            fail("a call on a closed socket (call %d) still sleeps", u->call);
        }
    }
}

size_t users_received(void)
{
    return total;
}

unsigned int users_asleep(void)
{
    unsigned int num = 0;
    const struct user *u;

    for (u = users; u < users + USERS; u++) {
        num += (unsigned int)u->busy;
    }
    return num;
}

void users_end(void)
{
    struct user *u;

    if (users_asleep()) {
        fail("after net_shutdown %u users sleep", users_asleep());
    }
    for (u = users; u < users + USERS; u++) {
        u->leaving = 1;
    }
    settle();
    for (u = users; u < users + USERS; u++) {
        if (u->task) {
            sim_task_join(u->task);
            u->task = NULL;
        }
    }
}
