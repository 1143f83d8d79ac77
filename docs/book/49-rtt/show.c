#include "show_tcp.h"

static void show_rto(int desc)
{
    struct tcp_view view;

    tcp_get_view(desc, &view);
    remark("SRTT %d ms, RTO %d ms", (int)(view.rtt.srtt / 1000000), (int)(view.rtt.rto / 1000000));
}

/* The round trip is 10 ms, and then the ACKs are late. Nothing is lost. */
void exchange(void)
{
    static struct call open;

    bench_start(WIRE_RAW);
    open_start(&open, PEER_ISN);
    host("S 0:0(0) win 4380 <mss 1460>");
    host(". 1:1(0) ack 1 win 4380");
    show_rto((int)open.ret);
    our_side_sends((int)open.ret, 1, 8 * 1460);
    show_all();
    pass(1000);
    advance(90);
    counted(tcp, spurious, host(". 1:1(0) ack 1461 win 4380"));
    counted(tcp, spurious, host(". 1:1(0) ack 2921 win 4380"));
    counted(tcp, rtt_samples, host(". 1:1(0) ack 4381 win 4380"));
    counted(tcp, rtt_samples, host(". 1:1(0) ack 5841 win 4380"));
    show_rto((int)open.ret);
    tcp_cmd_close((int)open.ret);
}
