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
    WIRE_LOSE = 3,
    WIRE_KILL = 4,
    // The run's own attempt, which has to be refused.
    WIRE_CANARY = 5,
};

enum wire_policy_operation {
    WIRE_POLICY_CONNECT = 0,
    WIRE_POLICY_LISTEN = 1,
    WIRE_POLICY_ASK = 2, // for a name
    WIRE_POLICY_COUNT = 3,
    // By a security hook, and so in none of the tables here.
    WIRE_POLICY_RAW = 3,
};

// A name with a dot in front of each label has at most 254 characters.
#define WIRE_POLICY_NAME 256

#define WIRE_FAMILY_IPV4 4
#define WIRE_FAMILY_IPV6 6

// A key of the rules about the network.
struct wire_target {
    uint32_t bits;    // of the address that are those of the network; the others are 0
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
    uint32_t choice;  // 0; else the first of several, which all have conditions, in place of the others
};

_Static_assert(sizeof(struct wire_decision) == 16, "layout of wire_decision");

// Keys differ in whether they name a port and whether they name a protocol.
#define WIRE_SHAPE_PROTOCOL 1
#define WIRE_SHAPE_PORT 2
#define WIRE_SHAPES 4

// A hash of a name with a secret of the run: it stands for the name. From its last character on, each half is mixed with the
// character, multiplied with its factor, and then with itself shifted by 29 and 31.
#define WIRE_NAME_FACTOR_A 0x9e3779b97f4a7c15ull
#define WIRE_NAME_FACTOR_B 0xd1342543de82ef95ull

struct wire_name_hash {
    uint64_t a, b;
};

#define WIRE_NAME_EXACT 0
#define WIRE_NAME_BELOW 1 // *.suffix

// A pattern of names that the policy has. The value is its number, from 1: that of the most specific pattern that a name
// matches decides which other ones it matches.
struct wire_name_pattern {
    struct wire_name_hash hash;
    uint32_t kind; // WIRE_NAME_*
    uint32_t unused;
};

_Static_assert(sizeof(struct wire_name_pattern) == 24, "layout of wire_name_pattern");

// A key of what is decided for a pattern, by its own rules or by those of patterns that it is below.
struct wire_name_rule {
    uint32_t pattern;
    uint16_t port;     // as in wire_target
    uint8_t protocol;
    uint8_t operation; // WIRE_POLICY_CONNECT or WIRE_POLICY_ASK
};

_Static_assert(sizeof(struct wire_name_rule) == 8, "layout of wire_name_rule");

// The lengths that networks have, in their order.
struct wire_lengths {
    uint32_t count;
    uint8_t bits[132]; // 129 for IPv6
};

_Static_assert(sizeof(struct wire_lengths) == 136, "layout of wire_lengths");

// Section .rodata.policy, written whole before load.
struct wire_policy {
    uint32_t shapes[WIRE_POLICY_COUNT]; // a bit for each shape that some key has
    uint32_t dry;                       // tell, and let be
    struct wire_decision fallback[WIRE_POLICY_COUNT]; // where nothing is found
    struct wire_decision unreadable;                  // of questions that can't be read
    struct wire_name_hash secret;
    uint64_t suffixes;    // a bit for each number of labels that a suffix has, 63 and more are one
    uint32_t names;       // some rule about connections has a name: answers are taken up
    uint32_t asks;        // some rule is about questions
    uint32_t name_shapes; // as `shapes`, of the rules with names
    uint32_t grace;       // seconds that an address counts for beyond its time to live
    uint32_t canary;      // an IPv4 address, of the network's byte order, from where the run sends something
    uint32_t drops;       // some rule about connections loses packets
    uint32_t remembers;   // some rule that is looked up for packets is not for all
    uint32_t unused;
    struct wire_lengths lengths[2][2]; // by operation, connect and listen, and family, IPv4 and IPv6
};

_Static_assert(sizeof(struct wire_policy) == 680, "layout of wire_policy");

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
    uint16_t protocol;  // of IP; of a packet socket the EtherType, of the host's byte order
    uint16_t name_size;
    uint32_t others; // names that the address has too, each decided in another way
    uint16_t family, type; // of a raw or packet socket that is made
    char name[WIRE_POLICY_NAME]; // with a dot in front; that was asked for, or that led to the address
};

_Static_assert(sizeof(struct wire_violation) == 400, "layout of wire_violation");

#endif
