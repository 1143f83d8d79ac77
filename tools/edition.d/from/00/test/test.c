/*
 * The demonstration of step 00: the stack starts, and stops.
 * The log shows net_init and net_run, and after Ctrl-C net_shutdown. There is no packet yet.
 * Ctrl-C ends the program.
 */

#include <signal.h>

#include "net.h"
#include "util.h"

static sigset_t sigint;

static int setup(void)
{
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    sigprocmask(SIG_BLOCK, &sigint, NULL); /* taken by sigwait alone */
    if (net_init() == -1) {
        return -1;
    }
    return net_run();
}

static void demonstrate(void)
{
    int signal;

    sigwait(&sigint, &signal);
}

int main(void)
{
    if (setup() == -1) {
        errorf("setup failed");
        return 1;
    }
    demonstrate();
    return net_shutdown() == -1 ? 1 : 0;
}
