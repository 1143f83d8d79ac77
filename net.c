#include "net.h"

#include <errno.h>

#include "platform.h"
#include "util.h"

/*
 * net: the core, between the devices below and the protocols above.
 *
 *     net_init();                      the platform
 *     net_run();                       the interrupts, from step 11 on
 *     net_shutdown();                  everything in reverse
 */

static enum { NET_OFF, NET_INITIALIZED, NET_RUNNING } net_state;

/*
 * Start and stop
 */

int net_init(void)
{
    if (net_state != NET_OFF) {
        errorf("already initialized");
        errno = EALREADY;
        return -1;
    }
    log_init();
    if (platform_init() == -1) {
        errorf("platform_init() failure");
        return -1;
    }
    net_state = NET_INITIALIZED;
    infof("initialized");
    return 0;
}

int net_run(void)
{
    if (net_state != NET_INITIALIZED) {
        errorf("not initialized, or running already");
        errno = net_state == NET_OFF ? ENETDOWN : EALREADY;
        return -1;
    }
    if (platform_run() == -1) {
        errorf("platform_run() failure");
        return -1;
    }
    net_state = NET_RUNNING;
    infof("running");
    return 0;
}

int net_shutdown(void)
{
    if (net_state == NET_OFF) {
        errorf("not initialized");
        errno = ENETDOWN;
        return -1;
    }
    if (platform_shutdown() == -1) {
        errorf("platform_shutdown() failure");
        return -1;
    }
    net_state = NET_OFF;
    infof("shut down");
    return 0;
}
