/*
 * Prints every frame that the host sends to a TAP interface, until Ctrl-C:
 *     make tap; test/tap_test.exe tap0
 * Of the stack it uses only ether_print.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ether.h"
#include "util.h"

static volatile sig_atomic_t terminate;

static void on_signal(int signo)
{
    (void)signo;
    terminate = 1;
}

/* Attaches to the TAP interface. Returns a descriptor that reads one frame at a time, or -1. */
static int tap_open(const char *name)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd;

    if (strlen(name) >= sizeof(ifr.ifr_name) || if_nametoindex(name) == 0) {
        fprintf(stderr, "There is no interface %s: `make tap` creates tap0.\n", name);
        return -1;
    }
    strcpy(ifr.ifr_name, name);
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd == -1) {
        fprintf(stderr, "/dev/net/tun: %s\n", strerror(errno));
        return -1;
    }
    if (ioctl(fd, TUNSETIFF, &ifr) == -1 || ioctl(fd, TUNSETOFFLOAD, 0UL) == -1) {
        fprintf(stderr, "%s: %s\n", name, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

/* Returns 0 at Ctrl-C, or -1. */
static int print_frames(int fd)
{
    uint8_t frame[ETHER_FRAME_SIZE_MAX];
    ssize_t flen;

    while (!terminate) {
        flen = read(fd, frame, sizeof(frame));
        if (flen == -1 && errno != EINTR) {
            fprintf(stderr, "read: %s\n", strerror(errno));
            return -1;
        }
        if (flen >= 0) {
            debugf("%zd bytes", flen);
            ether_print(frame, (size_t)flen);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: Ctrl-C ends the read */
    int fd, ret;

    if (argc != 2) {
        fprintf(stderr, "usage: %s INTERFACE\n", argv[0]);
        return 2;
    }
    log_init();
    if (!getenv("MICROPS_LOG")) {
        log_set_level("dump"); /* with the bytes */
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    fd = tap_open(argv[1]);
    if (fd == -1) {
        return 1;
    }
    ret = print_frames(fd);
    close(fd);
    return ret == -1;
}
