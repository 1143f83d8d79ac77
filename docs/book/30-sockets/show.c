#include "call.h"
#include "show.h"
#include "sockets.h"

/* One API, two protocols: a stream is accepted and echoed, and so is a datagram. */
void exchange(void)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    int listener, stream, datagrams;
    char buf[100];
    ssize_t n;

    bench_start(WIRE_RAW);
    listener = listening("192.0.2.2:7");
    datagrams = bound(SOCK_DGRAM, "192.0.2.2:7");
    client('A', 1000);
    host("S 0:0(0) win 65535 <mss 1460>");
    host(". 1:1(0) ack 1 win 65535");
    stream = sock_accept(listener, NULL, NULL);
    host("P. 1:6(5) ack 1 win 65535 'hello'");
    n = sock_recv(stream, buf, sizeof(buf));
    stack(sock_send(stream, buf, n > 0 ? (size_t)n : 0));
    host(". 6:6(0) ack 6 win 65535");
    host("UDP 192.0.2.1.5000 > 192.0.2.2.7 'hello'");
    n = sock_recvfrom(datagrams, buf, sizeof(buf), SA(&peer), &len);
    stack(sock_sendto(datagrams, buf, n > 0 ? (size_t)n : 0, SA(&peer), len));
    sock_close(datagrams);
    stack(sock_close(stream));
    host("F. 6:6(0) ack 7 win 65535");
    sock_close(listener);
}
