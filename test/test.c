/*
 * The demonstration: sets up the stack, runs the example of the step's chapter, and ends at SIGINT
 * (Ctrl-C).
 */

#include <signal.h>
#include <time.h>

#include "net.h"
#include "util.h"

static sigset_t sigint;

/* Waits for SIGINT, at most seconds (-1: without limit). Returns whether it arrived. */
static int wait_for_sigint(int seconds)
{
    struct timespec timeout = {.tv_sec = seconds};

    if (seconds == -1) {
        return sigwaitinfo(&sigint, NULL) == SIGINT;
    }
    return sigtimedwait(&sigint, NULL, &timeout) == SIGINT;
}

static int setup(void)
{
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    sigprocmask(SIG_BLOCK, &sigint, NULL); /* taken by wait_for_sigint alone */
    if (net_init() == -1) {
        errorf("net_init() failure");
        return -1;
    }
    if (net_run() == -1) {
        errorf("net_run() failure");
        return -1;
    }
    return 0;
}

static void demonstrate(void)
{
    wait_for_sigint(-1);
}

int main(void)
{
    if (setup() == -1) {
        return 1;
    }
    demonstrate();
    return net_shutdown() == -1 ? 1 : 0;
}
