// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// States of TCP sockets.
#ifndef TCP_STATES_H
#define TCP_STATES_H

// include/net/tcp_states.h
enum tcp_state {
    TCP_ESTABLISHED = 1,
    TCP_SYN_SENT,
    TCP_SYN_RECV,
    TCP_FIN_WAIT1,
    TCP_FIN_WAIT2,
    TCP_TIME_WAIT,
    TCP_CLOSE,
    TCP_CLOSE_WAIT,
    TCP_LAST_ACK,
    TCP_LISTEN,
    TCP_CLOSING,
};

#endif
