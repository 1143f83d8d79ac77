/* offload.exe interface: attaches to a TAP with offloads of checksums and segmentation, as a
 * virtual machine does, and detaches without disabling them. */

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR);

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", argc > 1 ? argv[1] : "tap0");
    if (fd == -1 || ioctl(fd, TUNSETIFF, &ifr) == -1 ||
        ioctl(fd, TUNSETOFFLOAD, (unsigned long)(TUN_F_CSUM | TUN_F_TSO4)) == -1) {
        perror(ifr.ifr_name);
        return 1;
    }
    close(fd);
    return 0;
}
