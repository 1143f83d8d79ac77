#ifndef BULK_H
#define BULK_H

/*
 * Our side sends full segments, for graders from step 50 on. The peer takes MSS bytes, the
 * handshake takes 50 ms: so the RTO is 250 ms, until something else is measured.
 *
 *   establish();
 *   give(20);
 *   goes_out(1, 10, MSS);
 *   peer_acks(1001, WND);
 */

#include <stdio.h>

#include "conn.h"

#define MSS  1000
#define WND  60000
#define LATE 10 /* milliseconds by which a deadline may be missed */

static int desc;
static uint32_t given; /* the user's next number */

/* Connects, with a peer that takes size bytes in a segment, and has a window of win. */
static inline void opens(uint32_t size, uint32_t win)
{
    static struct call opener;
    char line[64];

    open_start(&opener, PEER_ISN);
    snprintf(line, sizeof(line), "S 0:0(0) win 65535 <mss %u>", size);
    inject(line);
    expect("S. 0:0(0) ack 1");
    advance(50);
    peer_acks(1, win);
    desc = opened(&opener);
    given = 1;
}

static inline void establish(void)
{
    bench_start(WIRE_RAW);
    opens(MSS, WND);
}

static inline void abort_it(void)
{
    check_int(tcp_cmd_abort(desc), 0);
    wire_pending(1);
}

/* The user gives num segments of MSS bytes. */
static inline void give(uint32_t num)
{
    our_side_sends(desc, given, num * MSS);
    given += num * MSS;
}

/* Writes the line of a full segment of size bytes: the last that the user has given has PSH. */
static inline const char *full_segment(uint32_t seq, uint32_t size)
{
    static char line[64];

    snprintf(line, sizeof(line), "%s %u:%u(%u) ack 1", seq + size == given ? "P." : ".", seq,
             seq + size, size);
    return line;
}

/* Exactly num segments of size bytes go out at once, from seq on. Returns their end. */
static inline uint32_t goes_out(uint32_t seq, uint32_t num, uint32_t size)
{
    for (; num > 0; num--, seq += size) {
        expect(full_segment(seq, size));
    }
    expect_nothing(0);
    return seq;
}

/* ms after its start the timer expires, and one segment goes out again. */
static inline void times_out(long ms, uint32_t seq)
{
    expect_nothing(ms - 1);
    expect_within(1 + LATE, full_segment(seq, MSS));
    expect_nothing(0);
}

/* The present RTO, in milliseconds. */
static inline long rto(void)
{
    return (long)(view(desc).rtt.rto / MILLISECONDS(1));
}

/* The peer acknowledges num segments of MSS bytes from SND.UNA on, one by one. Returns how many go
 * out. */
static inline uint32_t round_trip(uint32_t num)
{
    uint32_t ack = view(desc).snd.una - view(desc).iss;

    for (; num > 0; num--) {
        peer_acks(ack += MSS, WND);
    }
    return (uint32_t)wire_pending(1);
}

static inline void check_window(uint32_t cwnd, uint32_t ssthresh)
{
    check_int(view(desc).cwnd, cwnd);
    check_int(view(desc).ssthresh, ssthresh);
}

#endif
