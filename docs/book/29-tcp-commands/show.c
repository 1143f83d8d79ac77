#include "commands.h"
#include "show.h"

/* One listener, two clients. Each handshake makes a block of its own. */
void exchange(void)
{
    int listener, conn[2];

    bench_start(WIRE_RAW);
    listener = listening("192.0.2.2:7", 5);
    show_all();
    client('A', 1000);
    client('B', 2000);
    host("A> S 0:0(0) win 65535 <mss 1460>");
    host("B> S 0:0(0) win 65535 <mss 1460>");
    host("A> . 1:1(0) ack 1 win 65535");
    host("B> . 1:1(0) ack 1 win 65535");
    conn[0] = tcp_cmd_accept(listener, NULL);
    conn[1] = tcp_cmd_accept(listener, NULL);
    stack(tcp_cmd_send(conn[1], "second", 6));
    stack(tcp_cmd_send(conn[0], "first", 5));
    stack(tcp_cmd_close(conn[0]));
    stack(tcp_cmd_close(conn[1]));
    tcp_cmd_close(listener);
}
