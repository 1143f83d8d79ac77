#include "show.h"

/* Nobody waits at port 7. A SYN, data, and a RST come. */
void exchange(void)
{
    bench_start(WIRE_RAW);
    client('A', 1000);
    host("S 0:0(0) win 65535 <mss 1460>");
    host("P. 1:6(5) ack 5000 win 65535 'hello'");
    host("R. 6:6(0) ack 5000 win 0");
}
