// SPDX-License-Identifier: Apache-2.0
//
// Harmless tries of whether something gets from a network namespace to this one past a proxy: a request, a datagram and an
// echo, each of less than 200 bytes, to a listener of this process. No process enters the other namespace: a thread goes
// there, makes a socket and ends.
#ifndef CPROBING_H
#define CPROBING_H

#include <stdint.h>

// From where: a descriptor of the network namespace, and whom its packet filter takes for the sender.
struct probe_place {
    int space;
    uint32_t user, group;
};

// In host order, the halves of an address of IPv6; one of IPv4 is ::ffff:10.0.0.1.
struct probe_end {
    uint64_t high, low;
    uint16_t port;
};

enum probe_outcome {
    // The sender that came is the one that was sent.
    PROBE_DIRECT,
    // It came, from another sender: somebody between made a connection of its own.
    PROBE_HANDED_ON,
    // Somebody took it and it did not come.
    PROBE_HELD,
    // Nobody took it, with errno; 0 where nothing came of it in time.
    PROBE_FAILED,
};

struct probe_result {
    enum probe_outcome outcome;
    int error;
    struct probe_end sender, seen;
    // From the beginning of the connection to the first byte of the answer; 0 where there was none.
    uint64_t nanoseconds;
    // What somebody between answered to a request itself: 503; 0 where nobody did.
    int status;
};

// The addresses of this network namespace, but those of loopback and of one link only. How many there are.
unsigned probe_addresses(struct probe_end *ends, unsigned most);

// From where packets to `end` would leave that place: nothing is sent. 0, or -1 with errno.
int probe_source(const struct probe_place *place, struct probe_end end, struct probe_end *source);

// A listener for TCP or a socket for UDP; port 0 is any. A descriptor, or -1 with errno.
int probe_listen(int type, struct probe_end *end);

// One connection with a request of HTTP to a listener of this process, and its answer. 0, or -1 with errno where it could
// not be tried.
int probe_request(const struct probe_place *place, int listener, struct probe_end end, int milliseconds,
                  struct probe_result *result);

// One datagram of 16 bytes.
int probe_datagram(const struct probe_place *place, int receiver, struct probe_end end, int milliseconds,
                   struct probe_result *result);

// One echo request of ICMP by a raw socket.
int probe_echo(const struct probe_place *place, struct probe_end end, int milliseconds, struct probe_result *result);

#endif
