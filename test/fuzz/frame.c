#include <stdlib.h>

#include "fuzz.h"
#include "sock.h"
#include "util.h"

/*
 * One frame into a fresh stack, which listens on TCP and UDP port 7. The input's first byte has the
 * flags below, the others are the frame.
 */
#define HOW_SUMS      0x01 /* correct its checksums */
#define HOW_DATAGRAM  0x02 /* no link header */
#define HOW_NEIGHBOUR 0x04 /* the other end answers ARP */
#define HOW_LATER     0x08 /* time passes afterwards */
#define HOW_DUMPED    0x10 /* the log prints every field */

#define ANSWERS_MAX 3 /* packets sent for one received: more would be an amplifier */

static void dump(int yes)
{
    if (!getenv("MICROPS_LOG")) { /* else its level stays */
        log_set_level(yes ? "dump" : "error");
    }
}

static void listen_on_port(int type)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = hton16(7)};
    int id = sock_open(PF_INET, type, 0);

    check(sock_bind(id, (struct sockaddr *)&local, sizeof(local)) == 0);
    check(type != SOCK_STREAM || sock_listen(id, 4) == 0);
}

static void frame_arrives(uint8_t how, const uint8_t *data, size_t len)
{
    uint8_t frame[FUZZ_INPUT_MAX];
    struct packet p = { frame, len, sim_wire_net, 0x0800 };
    struct layout lay;

    memcpy(frame, data, len);
    if (p.net && len >= p.net) {
        p.type = (uint16_t)(frame[12] << 8 | frame[13]);
    }
    if (how & HOW_SUMS) {
        sim_locate(&p, &lay);
        sim_fix_sums(&p, &lay);
    }
    sim_carry(&p, DIR_IN, sim_wire_now);
    settle();
}

void fuzz_frame(const uint8_t *data, size_t len)
{
    uint8_t how = len ? *data : 0;

    if (len > FUZZ_INPUT_MAX) {
        return;
    }
    dump(how & HOW_DUMPED);
    fuzz_start(how & HOW_DATAGRAM ? WIRE_RAW : WIRE_ETHER, 1);
    wire_answer_arp(how & HOW_NEIGHBOUR);
    listen_on_port(SOCK_STREAM);
    listen_on_port(SOCK_DGRAM);
    frame_arrives(how, len ? data + 1 : data, len ? len - 1 : 0);
    if (how & HOW_LATER) {
        advance(1000);
    }
    check(fuzz_check_sent(NULL) <= ANSWERS_MAX);
    fuzz_end();
    dump(0);
}
