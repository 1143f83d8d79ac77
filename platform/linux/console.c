#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform.h"

/*
 * The console: stderr, to which the log goes, without ever waiting for it to be read.
 *
 * A thread that has it cannot be cancelled, for the locks of whoever logs would stay behind; and a
 * fork waits until nobody has it, so the child can log.
 */

_Static_assert(CONSOLE_WRITE_MAX <= PIPE_BUF, "so much a pipe takes whole, or not at all");

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int cancel_state; /* of the thread that has the console, as it was before */

static void console_before_fork(void)
{
    pthread_mutex_lock(&mutex);
}

static void console_after_fork(void)
{
    pthread_mutex_unlock(&mutex);
}

static void __attribute__((constructor)) console_watch_forks(void)
{
    pthread_atfork(console_before_fork, console_after_fork, console_after_fork);
}

void console_acquire(void)
{
    int state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_mutex_lock(&mutex);
    cancel_state = state;
}

void console_release(void)
{
    int state = cancel_state;

    pthread_mutex_unlock(&mutex);
    pthread_setcancelstate(state, NULL);
}

/* Where stderr can't be opened once more, poll has to do. A pipe that is ready takes PIPE_BUF
 * bytes, unless another process fills it between these two calls. A terminal that is ready, as it
 * is not after Ctrl-S, may yet have too little room: then this waits. */
static ssize_t console_write_if_ready(const char *text, size_t len)
{
    struct pollfd pfd = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&pfd, 1, 0) == 1 ? write(STDERR_FILENO, text, len) : -1;
}

/* To a pipe or a terminal. O_NONBLOCK on stderr itself would hold for all who share it, the user's
 * shell among them. So it is opened once more: then it holds for us alone. That fails without
 * /proc, or when it belongs to another user. */
static ssize_t console_write_nonblocking(const char *text, size_t len)
{
    int fd = open("/proc/thread-self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    ssize_t n;

    if (fd == -1) {
        return console_write_if_ready(text, len);
    }
    do {
        n = write(fd, text, len);
    } while (n == -1 && errno == EINTR);
    close(fd);
    return n;
}

size_t console_write(const char *text, size_t len)
{
    struct stat st;
    ssize_t n;

    assert(pthread_mutex_trylock(&mutex) == EBUSY);
    if (fstat(STDERR_FILENO, &st) == -1) {
        return 0;
    }
    if (S_ISSOCK(st.st_mode)) {
        n = send(STDERR_FILENO, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (S_ISFIFO(st.st_mode) || isatty(STDERR_FILENO)) {
        n = console_write_nonblocking(text, len);
    } else {
        n = write(STDERR_FILENO, text, len); /* a file lets nobody wait */
    }
    return n > 0 ? (size_t)n : 0;
}
