#ifndef COMMANDS_H
#define COMMANDS_H

/*
 * TCP's commands for sockets, for graders from step 29 on
 */

#include "conn.h"

static inline int bound(const char *text)
{
    ip_endp_t local = endp(text);
    int desc = tcp_cmd_socket();

    check_cmp(desc, !=, -1);
    check_int(tcp_cmd_bind(desc, &local), 0);
    return desc;
}

static inline int listening(const char *text, int backlog)
{
    int desc = bound(text);

    check_int(tcp_cmd_listen(desc, backlog), 0);
    return desc;
}

/* The peer opens the connection named last, as in handshake. Returns the accepted descriptor. */
static inline int accepted(int listener, const char *syn, unsigned win)
{
    int desc;

    handshake(syn, win);
    desc = tcp_cmd_accept(listener, NULL);
    check_cmp(desc, !=, -1);
    return desc;
}

#endif
