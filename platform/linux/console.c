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
 * The console: stderr, for the log. A write does not wait for the reader of stderr: bytes that are
 * not taken at once are left to the caller, which counts them as missing. The one exception is in
 * console_write_if_ready.
 *
 *     console_acquire();
 *     console_write(text, len);   any number of times
 *     console_release();
 *
 * Locks: `mutex` is held between these. It may be taken under any lock, and none is taken under it.
 * The holder is not cancelled: the locks under which it logs would stay taken. A fork waits for the
 * mutex, so that the child can log.
 */

_Static_assert(CONSOLE_WRITE_MAX <= PIPE_BUF, "a pipe takes a write whole, or not at all");

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int cancel_state; /* the holder's, as it was before */

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

/* Writes if stderr is ready. A ready pipe has room for PIPE_BUF bytes, unless another process fills
 * it between the two calls. A terminal stopped by Ctrl-S is not ready; a ready one may lack room,
 * and then this waits. */
static ssize_t console_write_if_ready(const char *text, size_t len)
{
    struct pollfd pfd = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&pfd, 1, 0) == 1 ? write(STDERR_FILENO, text, len) : -1;
}

/* Writes to a pipe or a terminal. O_NONBLOCK on stderr itself would affect all processes that share
 * it, such as the user's shell. So stderr is opened again, for this write. That fails without
 * /proc, or when stderr belongs to another user. */
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
        n = write(STDERR_FILENO, text, len); /* a file does not block */
    }
    return n > 0 ? (size_t)n : 0;
}
