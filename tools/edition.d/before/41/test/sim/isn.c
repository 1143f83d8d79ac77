#include "bench.h"
#include "sim.h"

/*
 * The stack's next initial sequence number: until step 41 it is a random number, which the bench
 * can choose
 */
void bench_next_isn(uint32_t isn, const char *file, int line)
{
    (void)file, (void)line;
    sim_random_next(&isn, sizeof(isn));
    sim_conn_now()->known = 0;
}
