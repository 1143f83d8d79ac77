#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ip.h"
#include "setup.h"
#include "sock.h"
#include "util.h"

/*
 * udpc: a UDP client. One thread sends each line of input as a datagram, one prints each received
 * datagram as a line, and main waits until there are as many answers as datagrams. Datagrams may be
 * lost, so main waits at most `limit` seconds for each answer. A repeated datagram may bring an
 * answer each time; main waits for those too, but only REPEAT.
 */

#define LINE_SIZE 65507 /* bytes that a UDP datagram can carry, in fragments if need be */
#define POLL      10    /* milliseconds */
#define REPEAT    1000  /* milliseconds until the first datagram is sent again */

static int sock;
static struct sockaddr_in peer;
static unsigned int limit;         /* seconds to wait for an answer */
static atomic_uint sent, received; /* datagrams */
static atomic_uint repeated;       /* how often the first was sent again */
static atomic_int input_over;
static atomic_int send_error; /* an errno */
static atomic_int refusal;    /* the last ICMP error: an errno */

static void send_datagram(const uint8_t *line, size_t len)
{
    if (sock_sendto(sock, line, len, (struct sockaddr *)&peer, sizeof(peer)) == -1) {
        atomic_store(&send_error, errno);
    }
}

/* Sends the first datagram, and again until there is an answer: the server may not listen yet. */
static void send_first(const uint8_t *line, size_t len)
{
    unsigned int time;

    for (time = 0; time < limit * 1000; time += POLL) {
        if (time % REPEAT == 0) {
            atomic_fetch_add(&repeated, time > 0);
            send_datagram(line, len);
        }
        if (atomic_load(&received) || atomic_load(&send_error)) {
            return;
        }
        usleep(POLL * 1000);
    }
    atomic_store(&send_error, ETIMEDOUT);
}

static void send_line(const uint8_t *line, size_t len)
{
    if (atomic_fetch_add(&sent, 1) == 0) {
        send_first(line, len);
    } else {
        send_datagram(line, len);
    }
}

/* Sends the complete lines in buf and moves the rest to its front. Returns the rest's length. */
static size_t send_lines(uint8_t *buf, size_t len)
{
    uint8_t *line = buf, *end;

    while ((end = memchr(line, '\n', (size_t)(buf + len - line))) && !atomic_load(&send_error)) {
        send_line(line, (size_t)(end - line));
        line = end + 1;
    }
    len = (size_t)(buf + len - line);
    memmove(buf, line, len);
    return len;
}

static void *send_input(void *arg)
{
    static uint8_t buf[LINE_SIZE + 1];
    size_t len = 0;
    ssize_t n;

    (void)arg;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    while (!atomic_load(&send_error) && (n = setup_read(buf + len, sizeof(buf) - len)) > 0) {
        len = send_lines(buf, len + (size_t)n);
        if (len == sizeof(buf)) {
            atomic_store(&send_error, EMSGSIZE);
        }
    }
    if (len && !atomic_load(&send_error)) {
        send_line(buf, len); /* the last line, without a newline */
    }
    atomic_store(&input_over, 1);
    setup_wake();
    return NULL;
}

static void *receive(void *arg)
{
    static uint8_t buf[IP_PAYLOAD_SIZE_MAX + 1];
    ssize_t n;

    (void)arg;
    for (;;) {
        n = sock_recvfrom(sock, buf, sizeof(buf) - 1, NULL, NULL);
        if (n == -1 && errno == EBADF) {
            return NULL;
        }
        if (n == -1) {
            if (errno != EINTR) {
                atomic_store(&refusal, errno); /* the server may still start */
            }
            continue;
        }
        buf[n] = '\n';
        if (setup_write(buf, (size_t)n + 1) == -1) {
            return NULL;
        }
        atomic_fetch_add(&received, 1);
        setup_wake();
    }
}

/* Waits for further answers to the first datagram, which is no error if none come: among what was
 * received they may stand for answers that are still on their way. */
static enum setup_event wait_for_repeated(void)
{
    enum setup_event event = SETUP_WOKEN;

    while (event == SETUP_WOKEN &&
           atomic_load(&received) < atomic_load(&sent) + atomic_load(&repeated)) {
        event = setup_wait(REPEAT / 1000);
    }
    return event == SETUP_TIMEOUT ? SETUP_WOKEN : event;
}

/* Returns the event that ended the wait: SETUP_WOKEN when all is answered or sending failed. */
static enum setup_event wait_for_answers(void)
{
    enum setup_event event = SETUP_WOKEN;

    while (event == SETUP_WOKEN && !atomic_load(&input_over)) {
        event = setup_wait(0);
    }
    while (event == SETUP_WOKEN && atomic_load(&received) < atomic_load(&sent) &&
           !atomic_load(&send_error)) {
        event = setup_wait(limit);
    }
    return event == SETUP_WOKEN && !atomic_load(&send_error) ? wait_for_repeated() : event;
}

static enum setup_event talk(void)
{
    enum setup_event event;
    pthread_t sender, receiver;

    setup_start_thread(&receiver, receive, NULL);
    setup_start_thread(&sender, send_input, NULL);
    event = wait_for_answers();
    if (event == SETUP_SIGNAL) {
        atomic_store(&send_error, EINTR);
    }
    sock_close(sock);
    pthread_cancel(sender);
    pthread_join(sender, NULL);
    pthread_join(receiver, NULL);
    return event;
}

int main(int argc, char *argv[])
{
    struct setup setup = {
        .client = 1,
        .about = "Sends each line of standard input as a UDP datagram and prints each answer as a\n"
                 "line. After the end of input it ends when all are answered, or when no answer\n"
                 "comes for a while (-t). The first is sent every second until an answer comes.",
    };
    enum setup_event event;

    setup_start(&setup, argc, argv);
    limit = setup.limit;
    peer = setup_sockaddr(&setup);
    sock = setup_open_socket(SOCK_DGRAM);
    event = talk();
    if (event == SETUP_SIGNAL) {
        return setup_end(0);
    }
    if ((event == SETUP_TIMEOUT || send_error == ETIMEDOUT) && refusal) {
        setup_fail(1, "%u of %u datagrams got no answer: %s", sent - received, sent,
                   strerror(refusal));
    }
    if (event == SETUP_TIMEOUT || send_error == ETIMEDOUT) {
        setup_fail(1, "%u of %u datagrams got no answer: is a server there? -t waits longer",
                   sent - received, sent);
    }
    if (send_error) {
        setup_fail(1, "can't send to %s: %s; check the address, the lines' length, -a and -g",
                   setup.addr, strerror(send_error));
    }
    return setup_end(0);
}
