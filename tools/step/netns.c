/* netns.exe tun|tap COMMAND...: runs COMMAND in a network namespace of its own. There the host has
 * the device tun0 or tap0 with the address 192.0.2.1/24. tun0 is descriptor 3 of COMMAND; a program
 * attaches to tap0. All of it ends with the last process inside. Without root the namespace belongs
 * to a user namespace.
 * Exit status 77 where the machine does not permit that: then a line says that, and why. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOT_PERMITTED 77
#define TUN 3

static void __attribute__((noreturn)) fail(const char *what)
{
    printf("No device can be made here (%s: %s).\nSo this is the scripted host:\n\n", what,
           strerror(errno));
    exit(NOT_PERMITTED);
}

/* Writes text to a file of /proc. */
static int set(const char *path, const char *fmt, ...)
{
    int fd = open(path, O_WRONLY), n;
    va_list ap;

    if (fd == -1) {
        return -1;
    }
    va_start(ap, fmt);
    n = vdprintf(fd, fmt, ap);
    va_end(ap);
    close(fd);
    return n > 0 ? 0 : -1;
}

/* In the user namespace this user is root, who may make devices. */
static void enter_namespace(void)
{
    unsigned int uid = getuid(), gid = getgid();

    if (uid == 0 && unshare(CLONE_NEWNET) == 0) {
        return;
    }
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == -1) {
        fail("a network namespace");
    }
    set("/proc/self/setgroups", "deny");
    if (set("/proc/self/uid_map", "0 %u 1", uid) == -1 ||
        set("/proc/self/gid_map", "0 %u 1", gid) == -1) {
        fail("a user namespace");
    }
}

/* tap0 stays until its namespace ends. tun0 is attached from the start: the host would lose what it
 * sends just after an attachment. */
static void make_device(const char *name, short flags)
{
    const char *path = getenv("STEP_TUN") ? getenv("STEP_TUN") : "/dev/net/tun";
    struct ifreq ifr = {.ifr_flags = (short)(flags | IFF_NO_PI)};
    int fd = open(path, O_RDWR);

    if (fd == -1) {
        fail(path);
    }
    strcpy(ifr.ifr_name, name);
    if (ioctl(fd, TUNSETIFF, &ifr) == -1 || ioctl(fd, TUNSETPERSIST, flags == IFF_TAP) == -1) {
        fail(name);
    }
    if (flags == IFF_TUN) {
        dup2(fd, TUN);
    }
    if (flags != IFF_TUN || fd != TUN) {
        close(fd);
    }
}

static void bring_up(int fd, const char *name)
{
    struct ifreq ifr = {.ifr_flags = 0};

    strcpy(ifr.ifr_name, name);
    if (ioctl(fd, SIOCGIFFLAGS, &ifr) == -1) {
        fail(name);
    }
    ifr.ifr_flags |= IFF_UP;
    if (ioctl(fd, SIOCSIFFLAGS, &ifr) == -1) {
        fail(name);
    }
}

static void set_address(int fd, const char *name, unsigned long request, const char *addr)
{
    struct ifreq ifr = {.ifr_flags = 0};
    struct sockaddr_in *sin = (struct sockaddr_in *)&ifr.ifr_addr;

    strcpy(ifr.ifr_name, name);
    sin->sin_family = AF_INET;
    inet_pton(AF_INET, addr, &sin->sin_addr);
    if (ioctl(fd, request, &ifr) == -1) {
        fail(name);
    }
}

int main(int argc, char *argv[])
{
    int tun = argc > 2 && strcmp(argv[1], "tun") == 0, fd;
    const char *name = tun ? "tun0" : "tap0";

    if (argc < 3) {
        fprintf(stderr, "usage: netns.exe tun|tap COMMAND...\n");
        return 2;
    }
    enter_namespace();
    make_device(name, tun ? IFF_TUN : IFF_TAP);
    /* With IPv6 the host would send by itself. */
    set("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
    set("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bring_up(fd, "lo");
    set_address(fd, name, SIOCSIFADDR, "192.0.2.1");
    set_address(fd, name, SIOCSIFNETMASK, "255.255.255.0");
    bring_up(fd, name);
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
