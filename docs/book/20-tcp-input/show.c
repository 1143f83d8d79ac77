#include "show.h"
#include "tcp.h"

/* A segment passes TCP's checks. With one bit changed, or a header that is too long: dropped. */
void exchange(void)
{
    bench_start(WIRE_RAW);
    counted(tcp, delivered, host("S 0:0(0) win 65535 <mss 1460>"));
    counted(tcp, delivered, host_with("tcp.sum=+1", "S 0:0(0) win 65535 <mss 1460>"));
    counted(tcp, delivered, host_with("tcp.offset=15", "S 0:0(0) win 65535 <mss 1460>"));
}
