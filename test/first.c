#include <stdio.h>
#include <unistd.h>

#include "bench.h"
#include "commands.h"
#include "net.h"
#include "tcp.h"
#include "util.h"

/*
 * first.exe: what ./step shows in a fresh clone. A scripted host pings the stack and talks to an
 * echo server over TCP. Each line is printed when the packet has been sent, or has been found equal
 * to what is expected.
 */

static int screen; /* standard output: that of a behaviour is shown only if it fails */

static void in(const char *packet, const char *what)
{
    dprintf(screen, "    host  -->  stack   %s\n", what);
    inject(packet);
}

static void out(const char *packet, const char *what)
{
    expect(packet);
    dprintf(screen, "    host  <--  stack   %s\n", what);
}

static void ping(void)
{
    in("IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq 1 len 56", "ping, 56 bytes");
    out("IP 192.0.2.2 > 192.0.2.1 ICMP echo-reply id 1 seq 1 len 56", "the same 56 bytes");
}

static void echo(int listener)
{
    char buf[16];
    ssize_t n;
    int conn;

    in("S 0:0(0) win 65535", "TCP: SYN to port 7");
    out("S. 0:0(0) ack 1", "SYN, ACK");
    in(". 1:1(0) ack 1 win 65535", "ACK: the connection is established");
    conn = tcp_cmd_accept(listener, NULL);
    in("P. 1:6(5) ack 1 win 65535 'hello'", "hello");
    wire_pending(1); /* an ACK, before step 47; from then on the echo carries it */
    n = tcp_cmd_receive(conn, buf, sizeof(buf));
    check_int(tcp_cmd_send(conn, buf, (size_t)n), 5);
    out("P. 1:6(5) ack 6 'hello'", "hello");
    inject("R 6:6(0) win 0");
    tcp_cmd_close(conn);
}

static void talk(void)
{
    log_set_level("error");
    bench_start(WIRE_RAW);
    ping();
    echo(listening("0.0.0.0:7", 1));
}

int main(void)
{
    static const struct behaviour it = {"the finished stack talks", talk};
    static const struct bench_options options = {.program = "./test/first.exe"};

    screen = dup(STDOUT_FILENO);
    return !bench_run(&it, 1, &options);
}
