#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "driver/ether_pcap.h"
#include "driver/ether_tap.h"
#include "driver/loopback.h"
#include "ether.h"
#include "ip.h"
#include "net.h"
#include "netstat.h"
#include "pcap.h"
#include "platform.h"
#include "setup.h"
#include "sock.h"

#define DEVICE  "tap0"
#define HWADDR  "00:00:5e:00:53:01"
#define ADDRESS "192.0.2.2/24"
#define GATEWAY "192.0.2.1"
#define LIMIT   10 /* seconds */

/* setup_wake sends a signal, so one sigwaitinfo waits for everything. SIGCHLD is free: there are no
 * child processes. */
#define WAKE SIGCHLD
#define SHOW SIGQUIT /* Ctrl-\: netstat */

static const char *program = "program"; /* its name, for messages */
static int verbosity;                   /* number of -v minus number of -q */
static atomic_int running;              /* net_shutdown is due */

static const char *device = DEVICE;
static const char *hwaddr = HWADDR;
static const char *gateway; /* NULL: GATEWAY, if it is a neighbour */
static const char *capture_path; /* -w, or NULL */
static int capture_fd = -1;
static char unicast[IP_ADDR_STR_LEN];
static char netmask[IP_ADDR_STR_LEN];

/*
 * The end
 */

/* Waits for one more SIGINT or SIGTERM, then ends net_shutdown's wait for the peers. That wait may
 * not have begun yet: so the interrupt is raised until the stack is down. */
static void *hasten(void *arg)
{
    sigset_t set;
    int sig;

    (void)arg;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigwait(&set, &sig);
    while (intr_raise(INTR_IRQ_USER) == 0) {
        usleep(10000);
    }
    return NULL;
}

static void end_stack(void)
{
    pthread_t thread;
    int err = pthread_create(&thread, NULL, hasten, NULL);

    net_shutdown();
    if (!err) {
        pthread_cancel(thread);
        pthread_join(thread, NULL);
    }
}

int setup_end(int status)
{
    if (!atomic_exchange(&running, 0)) {
        return status;
    }
    end_stack();
    if (!memory_in_use()) {
        return status;
    }
    errorf("%zu allocations are left", memory_in_use());
    return 1;
}

void setup_fail(int status, const char *fmt, ...)
{
    va_list ap;

    setup_end(status);
    fprintf(stderr, "%s: ", program);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(status);
}

/*
 * The command line
 */

static void help(const struct setup *setup)
{
    static const char *const usages[] = {"[addr] port", "addr port"};
    static const char *const examples[] = {"7", "192.0.2.1 7"};

    printf("usage: %s [options] %s\n%s\n\n", program,
           setup->take ? setup->usage : usages[setup->client], setup->about);
    printf("  -i device       a TAP, an interface (by PF_PACKET), or none: only loopback [%s]\n"
           "  -m hwaddr       the stack's hardware address on it [%s]\n"
           "  -a addr/prefix  the stack's IP address on it [%s]\n"
           "  -g addr         the gateway to other networks [%s, if that is a neighbour]\n",
           DEVICE, HWADDR, ADDRESS, GATEWAY);
    if (setup->client) {
        printf("  -t seconds      how long to wait for the peer [%d]\n", LIMIT);
    }
    if (setup->take) {
        printf("  -o file         where to write, instead of standard output\n");
    }
    printf("  -w file         captures each frame in and out of the device, for tcpdump -r\n");
    printf("  -q, -v          a quieter or more verbose log on stderr; repeatable. The levels:\n"
           "                  error, warn, info, debug, dump [the variable MICROPS_LOG, or info]\n"
           "  -h              this help\n"
           "SIGQUIT (Ctrl-\\) prints devices, routes, ARP table, connections and counters.\n\n"
           "for example: %s -i %s -a %s %s\n",
           program, DEVICE, ADDRESS, setup->take ? setup->example : examples[setup->client]);
    exit(0);
}

/* Parses a decimal number from min to max. Returns 0, or -1. */
static int parse_number(const char *text, unsigned long min, unsigned long max,
                        unsigned long *number)
{
    size_t len = strlen(text);

    if (!len || len > 9 || strspn(text, "0123456789") != len) {
        return -1;
    }
    *number = strtoul(text, NULL, 10);
    return *number < min || *number > max ? -1 : 0;
}

static void parse_address(const char *text)
{
    const char *slash = strchr(text, '/');
    ip_addr_t addr;
    unsigned long prefix;
    uint32_t host, mask;

    snprintf(unicast, sizeof(unicast), "%.*s", (int)(slash ? slash - text : 0), text);
    if (!slash || ip_addr_pton(unicast, &addr) == -1 ||
        parse_number(slash + 1, 1, 30, &prefix) == -1) {
        setup_fail(2, "-a '%s' is not address/prefix (1 to 30); for example: -a %s", text, ADDRESS);
    }
    mask = ~UINT32_C(0) << (32 - prefix);
    host = ntoh32(addr);
    if (!(host & ~mask) || (host | mask) == UINT32_MAX || !(host >> 24) || host >> 24 == 127 ||
        host >> 28 >= 14) {
        setup_fail(2, "-a '%s' is not one host's address; for example: -a %s", text, ADDRESS);
    }
    ip_addr_ntop(addr, unicast, sizeof(unicast));
    ip_addr_ntop(hton32(mask), netmask, sizeof(netmask));
}

static void parse_hwaddr(void)
{
    uint8_t addr[ETHER_ADDR_LEN];

    if (ether_addr_pton(hwaddr, addr) == -1 || addr[0] & 0x01 ||
        !memcmp(addr, ETHER_ADDR_ANY, sizeof(addr))) {
        setup_fail(2, "-m '%s' is not one station's address; for example: -m %s", hwaddr, HWADDR);
    }
}

/* A gateway must be a neighbour: -g is refused if it is not, the default is left out. */
static void parse_gateway(void)
{
    const char *text = gateway ? gateway : GATEWAY;
    ip_addr_t own, mask, addr;

    ip_addr_pton(unicast, &own);
    ip_addr_pton(netmask, &mask);
    if (gateway && ip_addr_pton(gateway, &addr) == -1) {
        setup_fail(2, "-g '%s' is not an address; for example: -g %s", gateway, GATEWAY);
    }
    ip_addr_pton(text, &addr);
    if (addr != own && (addr & mask) == (own & mask)) {
        gateway = text;
        return;
    }
    if (gateway) {
        setup_fail(2, "-g '%s' is not a neighbour of %s: choose one, or leave -g out", gateway,
                   unicast);
    }
}

static void take_option(struct setup *setup, int option)
{
    unsigned long number;

    switch (option) {
    case 'i': device = optarg; break;
    case 'm': hwaddr = optarg; break;
    case 'a': parse_address(optarg); break;
    case 'g': gateway = optarg; break;
    case 'q': verbosity--; break;
    case 'v': verbosity++; break;
    case 'h': help(setup); break;
    case 'w': capture_path = optarg; break;
    case 'o': setup->output = optarg; break;
    case 't':
        if (parse_number(optarg, 1, 86400, &number) == -1) {
            setup_fail(2, "-t '%s' is not 1 to 86400 seconds; for example: -t %d", optarg, LIMIT);
        }
        setup->limit = (unsigned int)number;
        break;
    case ':':
        setup_fail(2, "the option -%c needs a value; '%s -h' explains the options", optopt,
                   program);
    default:
        setup_fail(2, "there is no option -%c; '%s -h' explains the options", optopt, program);
    }
}

void setup_take_peer(struct setup *setup, const char *addr, const char *port)
{
    unsigned long number;

    setup->addr = addr;
    if (ip_addr_pton(addr, &setup->endp.addr) == -1) {
        setup_fail(2, "'%s' is not an address; an address looks like 192.0.2.1", addr);
    }
    if (setup->client &&
        (setup->endp.addr == IP_ADDR_ANY || ntoh32(setup->endp.addr) >> 28 >= 14)) {
        setup_fail(2, "'%s' is not the address of one host; an address looks like 192.0.2.1", addr);
    }
    if (parse_number(port, 1, 65535, &number) == -1) {
        setup_fail(2, "'%s' is not a port; a port is a number from 1 to 65535", port);
    }
    setup->endp.port = hton16((uint16_t)number);
}

static void take_arguments(struct setup *setup, int count, char *args[])
{
    if (count < 1 + setup->client) {
        setup_fail(2, "%s missing; for example: %s %s",
                   setup->client ? "an address or port is" : "a port is", program,
                   setup->client ? "192.0.2.1 7" : "7");
    }
    if (count > 2) {
        setup_fail(2, "'%s' is one argument too many; '%s -h' explains them", args[2], program);
    }
    setup_take_peer(setup, count == 2 ? args[0] : "0.0.0.0", args[count - 1]);
}

/* The stack's default is debug, many lines a frame; the programs' is info. */
static void set_log_level(void)
{
    static const char *const names[] = {"error", "warn", "info", "debug", "dump"};
    const char *name = getenv("MICROPS_LOG");
    int level;

    log_set_level("info");
    if (name && *name && log_set_level(name) == -1) {
        warnf("MICROPS_LOG is none of error, warn, info, debug, dump: %s", name);
    }
    level = log_level + verbosity;
    if (level < LOG_LEVEL_ERROR) {
        level = LOG_LEVEL_ERROR;
    }
    if (level > LOG_LEVEL_DUMP) {
        level = LOG_LEVEL_DUMP;
    }
    log_set_level(names[level]);
}

static void parse(struct setup *setup, int argc, char *argv[])
{
    static const char *const options[] = {":i:m:a:g:w:qvh", ":i:m:a:g:w:qvht:"};
    const char *known = setup->take ? ":i:m:a:g:w:qvht:o:" : options[setup->client];
    int option;

    setup->limit = LIMIT;
    parse_address(ADDRESS);
    opterr = 0;
    while ((option = getopt(argc, argv, known)) != -1) {
        take_option(setup, option);
    }
    if (setup->take) {
        setup->take(setup, argc - optind, argv + optind);
    } else {
        take_arguments(setup, argc - optind, argv + optind);
    }
    if (capture_path && !strcmp(device, "none")) {
        setup_fail(2, "-w '%s': there is no device to capture with -i none", capture_path);
    }
    parse_hwaddr();
    parse_gateway();
    set_log_level();
}

/*
 * The device. A driver's errno does not tell which call failed, so the calls are tried again here.
 */

/* Sends a request about the interface to the kernel. Returns 0, or -1 with errno. */
static int interface_ioctl(unsigned long request, struct ifreq *ifr)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0), ret, err;

    if (fd == -1) {
        return -1;
    }
    snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", device);
    ret = ioctl(fd, request, ifr);
    err = errno;
    close(fd);
    errno = err;
    return ret;
}

/* Is the interface of this kind, "tun" or "tap"? The driver is asked: /sys/class/net may show
 * another network namespace. */
static int interface_is(const char *kind)
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq ifr = {.ifr_data = (void *)&info};

    return interface_ioctl(SIOCETHTOOL, &ifr) == 0 && !strcmp(info.driver, "tun") &&
           !strcmp(info.bus_info, kind);
}

static void explain_tun_device(void)
{
    if (errno == EACCES || errno == EPERM) {
        setup_fail(1, "no permission to open /dev/net/tun: run %s as root (sudo)", program);
    }
    setup_fail(1, "/dev/net/tun: %s; load the driver (sudo modprobe tun), or start the container "
               "with --device /dev/net/tun", strerror(errno));
}

static void explain_tap(void)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    if (fd == -1) {
        explain_tun_device();
    }
    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
    if (ioctl(fd, TUNSETIFF, &ifr) == 0) {
        setup_fail(1, "%s did not open: see the log above, and try again", device);
    }
    if (errno == EBUSY) {
        setup_fail(1, "%s is in use by another program: end it, or name another TAP with -i",
                   device);
    }
    if (errno == EPERM) {
        setup_fail(1, "%s belongs to another user: run %s as root (sudo); 'make untap tap' makes "
                   "tap0 anew", device, program);
    }
    setup_fail(1, "%s can't be used (%s): 'make untap tap' makes tap0 anew", device,
               strerror(errno));
}

static void explain_packet_socket(void)
{
    int fd = socket(AF_PACKET, SOCK_RAW, 0);

    if (fd == -1) {
        setup_fail(1, "no packet socket for %s (%s): run %s as root (sudo)", device,
                   strerror(errno), program);
    }
    setup_fail(1, "%s did not open: see the log above, and try again", device);
}

/* Reports the faults that show before the stack starts. */
static void check_device(void)
{
    struct ifreq ifr = {0};

    if (strlen(device) >= IFNAMSIZ || !if_nametoindex(device)) {
        if (!strncmp(device, "tap", 3) && access("/dev/net/tun", F_OK) == -1) {
            explain_tun_device();
        }
        setup_fail(1, "there is no interface %s: 'make tap' makes tap0, and -i names another",
                   device);
    }
    if (interface_is("tun")) {
        setup_fail(1, "%s is a TUN, without Ethernet frames: name a TAP with -i", device);
    }
    if (interface_ioctl(SIOCGIFHWADDR, &ifr) == 0 && ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
        setup_fail(1, "%s is not an Ethernet interface: name another with -i, or none", device);
    }
    if (interface_ioctl(SIOCGIFFLAGS, &ifr) == 0 && !(ifr.ifr_flags & IFF_UP)) {
        setup_fail(1, "%s is down: bring it up (sudo ip link set %s up)", device, device);
    }
}

/*
 * The start
 */

static struct ip_iface *add_iface(struct net_device *dev, const char *addr, const char *mask)
{
    struct ip_iface *iface;

    if (!dev) {
        return NULL;
    }
    iface = ip_iface_alloc(addr, mask);
    return iface && ip_iface_register(dev, iface) == 0 ? iface : NULL;
}

/* Returns the device, or NULL. */
static struct net_device *add_device(int tap)
{
    struct net_device *dev = tap ? ether_tap_init(device, hwaddr) : ether_pcap_init(device, hwaddr);
    struct ip_iface *iface = add_iface(dev, unicast, netmask);

    if (!iface || (gateway && ip_route_set_default_gateway(iface, gateway) == -1)) {
        return NULL;
    }
    return dev;
}

/* Warns once if the file cannot be written. */
static void capture(const struct net_device *dev, enum net_direction direction,
                    const uint8_t *frame, size_t flen)
{
    static atomic_int failed;
    struct timeval now;

    (void)dev;
    (void)direction;
    gettimeofday(&now, NULL);
    if (pcap_write(capture_fd, now, frame, flen) == -1 && !atomic_exchange(&failed, 1)) {
        warnf("frames are missing from %s: %s", capture_path, strerror(errno));
    }
}

static void start_capture(void)
{
    capture_fd = pcap_open(capture_path, PCAP_LINKTYPE_ETHERNET);
    if (capture_fd == -1) {
        setup_fail(1, "-w '%s': %s", capture_path, strerror(errno));
    }
    ether_set_capture(capture);
}

static void start(void)
{
    int loopback_alone = !strcmp(device, "none"), tap = 0;
    struct net_device *dev = NULL;

    if (!loopback_alone) {
        check_device();
        tap = interface_is("tap");
    }
    if (capture_path) {
        start_capture();
    }
    if (net_init() == -1) {
        setup_fail(1, "the stack did not start: see the log above");
    }
    running = 1;
    if (!add_iface(loopback_init(), "127.0.0.1", "255.0.0.0") ||
        (!loopback_alone && !(dev = add_device(tap)))) {
        setup_fail(1, "the devices could not be set up: see the log above");
    }
    if (net_run() == 0) {
        return;
    }
    if (!dev || NET_DEVICE_IS_UP(dev)) {
        setup_fail(1, "the stack did not start: see the log above");
    }
    setup_end(1);
    if (tap) {
        explain_tap();
    }
    explain_packet_socket();
}

static void awaited_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, WAKE);
    sigaddset(set, SHOW);
}

void setup_start(struct setup *setup, int argc, char *argv[])
{
    sigset_t set;

    if (argc > 0) {
        program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    }
    parse(setup, argc, argv);
    awaited_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    start();
}

/*
 * While it runs
 */

enum setup_event setup_wait(unsigned int seconds)
{
    struct timespec limit = {.tv_sec = seconds};
    sigset_t set;
    int sig;

    awaited_signals(&set);
    do {
        sig = seconds ? sigtimedwait(&set, NULL, &limit) : sigwaitinfo(&set, NULL);
        if (sig == SHOW) { /* not in a handler: any call is safe; the limit restarts */
            netstat_print();
        }
    } while (sig == SHOW || (sig == -1 && errno == EINTR));
    if (sig == -1) {
        return SETUP_TIMEOUT;
    }
    return sig == WAKE ? SETUP_WOKEN : SETUP_SIGNAL;
}

void setup_wake(void)
{
    kill(getpid(), WAKE);
}

struct sockaddr_in setup_sockaddr(const struct setup *setup)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = setup->endp.port,
        .sin_addr.s_addr = setup->endp.addr,
    };
}

int setup_open_socket(int type)
{
    int sock = sock_open(PF_INET, type, 0);

    if (sock == -1) {
        setup_fail(1, "no socket: %s", strerror(errno));
    }
    return sock;
}

int setup_open_server(const struct setup *setup, int type)
{
    struct sockaddr_in addr = setup_sockaddr(setup);
    int sock = setup_open_socket(type);

    if (sock_bind(sock, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
        return sock;
    }
    if (errno == EADDRNOTAVAIL) {
        setup_fail(2, "%s is not an address of this stack: leave it out, or set it with -a",
                   setup->addr);
    }
    setup_fail(1, "can't bind port %u: %s", ntoh16(addr.sin_port), strerror(errno));
}

void setup_start_thread(pthread_t *thread, void *(*func)(void *), void *arg)
{
    if (pthread_create(thread, NULL, func, arg)) {
        setup_fail(1, "can't start a thread: try again when the machine is less busy");
    }
}

void setup_serve(const struct setup *setup)
{
    printf("listening on %s port %u\n", setup->addr, ntoh16(setup->endp.port));
    fflush(stdout);
    while (setup_wait(0) != SETUP_SIGNAL) {
        continue;
    }
}

ssize_t setup_read(void *buf, size_t size)
{
    ssize_t n;

    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    do {
        n = read(STDIN_FILENO, buf, size);
    } while (n == -1 && errno == EINTR);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    return n;
}

int setup_write(const void *buf, size_t size)
{
    const char *p = buf;
    ssize_t n;

    while (size) {
        n = write(STDOUT_FILENO, p, size);
        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n == -1) {
            return -1;
        }
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

int setup_send(int sock, const void *buf, size_t size)
{
    const char *p = buf;
    ssize_t n;

    while (size) {
        n = sock_send(sock, p, size);
        if (n == -1 && errno != EINTR) {
            return -1;
        }
        if (n > 0) {
            p += n;
            size -= (size_t)n;
        }
    }
    return 0;
}
