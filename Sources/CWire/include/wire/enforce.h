// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// A policy as the programs look it up, and what they tell of whoever violates it.
#ifndef WIRE_ENFORCE_H
#define WIRE_ENFORCE_H

#include "header.h"
#include "network.h"

enum wire_policy_verdict {
    WIRE_ALLOW = 0,
    WIRE_AUDIT = 1,
    WIRE_DENY = 2,
    // The run's own attempt, which has to be refused.
    WIRE_CANARY = 3,
};

enum wire_policy_operation {
    WIRE_POLICY_CONNECT = 0,
    WIRE_POLICY_LISTEN = 1,
    WIRE_POLICY_COUNT = 2,
};

#define WIRE_FAMILY_IPV4 4
#define WIRE_FAMILY_IPV6 6

// Bits of a key in front of the address: they are always compared.
#define WIRE_TARGET_BITS 32

// A key of the rules about the network, for a longest-prefix map.
struct wire_target {
    uint32_t bits;    // that are compared: WIRE_TARGET_BITS and those of the network
    uint8_t family;   // WIRE_FAMILY_*
    uint8_t protocol; // WIRE_PROTOCOL_*; 0: any
    uint16_t port;    // of the host's byte order; 0: any
    uint8_t address[16];
};

_Static_assert(sizeof(struct wire_target) == 24, "layout of wire_target");

// The strictest of the rules with that key.
struct wire_decision {
    uint32_t verdict; // enum wire_policy_verdict
    uint32_t rank;    // of the entries that are found with different ports and protocols the one with the highest decides
    uint32_t rule;    // a number that user space knows it by
    uint32_t unused;
};

_Static_assert(sizeof(struct wire_decision) == 16, "layout of wire_decision");

// Keys differ in whether they name a port and whether they name a protocol.
#define WIRE_SHAPE_PROTOCOL 1
#define WIRE_SHAPE_PORT 2
#define WIRE_SHAPES 4

// Section .rodata.policy, written whole before load.
struct wire_policy {
    uint32_t shapes[WIRE_POLICY_COUNT]; // a bit for each shape that some key has
    uint32_t dry;                       // tell, and let be
    uint32_t unused;
    struct wire_decision fallback[WIRE_POLICY_COUNT]; // where nothing is found
};

_Static_assert(sizeof(struct wire_policy) == 48, "layout of wire_policy");

// header.flags of WIRE_VIOLATION
#define WIRE_VIOLATION_ENFORCED (1u << 0) // it was stopped
#define WIRE_VIOLATION_SENT (1u << 1)     // a datagram, without a connection
#define WIRE_VIOLATION_NO_TASK (1u << 2)  // a packet that came in: whose socket it is for is not known

struct wire_violation {
    struct wire_header header;
    struct wire_task task;
    struct wire_address address; // that was asked for
    uint32_t rule;
    uint32_t namespace; // inode of the network namespace; 0 when not known
    uint16_t verdict;   // enum wire_policy_verdict
    uint16_t operation; // enum wire_policy_operation
    uint16_t protocol;  // of IP
    uint16_t unused;
};

_Static_assert(sizeof(struct wire_violation) == 136, "layout of wire_violation");

#endif
