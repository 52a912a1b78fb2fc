// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The part of a filter that the programs can decide: user space writes it, the programs ask it before they make a record.
#ifndef WIRE_PREDICATE_H
#define WIRE_PREDICATE_H

#include "header.h"

// What the programs know of an event as a number. Each is present exactly when the field of that name is there in user
// space, and has that field's value; a fact that is present when the field is absent, or the other way round, loses
// events.
enum wire_fact {
    WIRE_FACT_ACTION = 0,     // of every event: enum wire_kind. event.action may say more of a system call
    WIRE_FACT_OUTCOME = 1,    // event.outcome: enum wire_outcome
    WIRE_FACT_ERROR = 2,      // ebpfguard.errno, error.code: the positive errno
    WIRE_FACT_DURATION = 3,   // event.duration, ns
    WIRE_FACT_PID = 4,        // process.pid
    WIRE_FACT_VPID = 5,       // process.vpid: only where it is not the pid
    WIRE_FACT_THREAD = 6,     // process.thread.id
    WIRE_FACT_SESSION = 7,    // process.session_leader.pid: not 0
    WIRE_FACT_UID = 8,        // process.real_user.id
    WIRE_FACT_GID = 9,        // process.real_group.id
    WIRE_FACT_EUID = 10,      // user.id
    WIRE_FACT_EGID = 11,      // group.id
    WIRE_FACT_LOGIN_UID = 12, // user.audit.id: not UINT32_MAX
    WIRE_FACT_CGROUP = 13,    // ebpfguard.cgroup_id, as its bits
    WIRE_FACT_EXIT_CODE = 14, // process.exit_code
    WIRE_FACT_EXIT_SIGNAL = 15, // process.exit_signal
    WIRE_FACT_SIGNAL = 16,    // ebpfguard.signal, as its number
    WIRE_FACT_RETURN = 17,    // ebpfguard.syscall.return
    WIRE_FACT_SYSCALL = 18,   // ebpfguard.syscall.name: WIRE_SYSCALL_FACT(abi, number)
    WIRE_FACT_COMM = 19,      // process.name; not in `values` but in `comm`, and always there
    WIRE_FACT_TRANSPORT = 20, // network.transport: WIRE_PROTOCOL_*
    WIRE_FACT_DIRECTION = 21, // network.direction: enum wire_direction
    WIRE_FACT_SOURCE_PORT = 22, // not 0, and that of destination.port too
    WIRE_FACT_DESTINATION_PORT = 23,
    WIRE_FACT_SOURCE_IP = 24, // not in `values` but in `source` and `destination`
    WIRE_FACT_DESTINATION_IP = 25,
    WIRE_FACT_COUNT = 26,
};

// Room for more facts, and a power of two: an index is masked, so that the verifier knows its bounds.
#define WIRE_FACTS_MAX 32

_Static_assert(WIRE_FACT_COUNT <= WIRE_FACTS_MAX, "facts fit");

enum wire_outcome {
    WIRE_OUTCOME_FAILURE = 0,
    WIRE_OUTCOME_SUCCESS = 1,
};

enum wire_direction {
    WIRE_DIRECTION_EGRESS = 0,
    WIRE_DIRECTION_INGRESS = 1,
};

#define WIRE_SYSCALL_FACT(abi, number) ((int64_t)((uint64_t)(abi) << 32 | (uint32_t)(number)))

struct wire_facts {
    uint64_t present; // a bit for each fact
    uint64_t comm[2]; // the bytes behind the name's NUL are 0
    // Addresses as two numbers, the first bytes highest; IPv4 as ::ffff:10.0.0.1.
    uint64_t source[2], destination[2];
    int64_t values[WIRE_FACTS_MAX];
};

_Static_assert(sizeof(struct wire_facts) == 56 + 8 * WIRE_FACTS_MAX, "layout of wire_facts");

// The fact is present and low <= fact <= high. Of WIRE_FACT_COMM: its words are low and high. Of an address: its first
// bits are those of low and high.
struct wire_literal {
    uint16_t fact;   // enum wire_fact
    uint8_t clause;
    uint8_t negated; // the opposite: also true of an absent fact
    uint32_t bits;   // of an address, 0 to 128
    int64_t low, high;
};

_Static_assert(sizeof(struct wire_literal) == 24, "layout of wire_literal");

#define WIRE_LITERALS_MAX 32

// Holds when in each clause, 0 to clause_count - 1, at least one literal does. All zero: holds always.
struct wire_predicate {
    uint32_t literal_count;
    uint32_t clause_count;
    struct wire_literal literals[WIRE_LITERALS_MAX];
};

_Static_assert(sizeof(struct wire_predicate) == 8 + 24 * WIRE_LITERALS_MAX, "layout of wire_predicate");

// 1 when a < b. Without a branch: the verifier would follow both sides of each, for every literal again.
static inline uint64_t wire_is_less(int64_t a, int64_t b)
{
    uint64_t x = (uint64_t)a, y = (uint64_t)b;

    // A compiler that saw through this would make it a branch.
    __asm__("" : "+r"(x));
    __asm__("" : "+r"(y));
    return ((x & ~y) | (~(x ^ y) & (x - y))) >> 63;
}

// 1 when the word is 0.
static inline uint64_t wire_is_zero(uint64_t x)
{
    uint64_t minus = 0 - x;

    __asm__("" : "+r"(minus));
    return ((x | minus) >> 63) ^ 1;
}

// The first bits of a word, 0 to 64.
static inline uint64_t wire_mask(uint32_t bits)
{
    return bits ? ~0ull << ((64 - bits) & 63) : 0;
}

// Whether the event may pass. With a predicate that the verifier knows (read-only data) it costs a few instructions for
// each literal and nothing without any. `facts` is best kept out of the stack, half of which it would take.
static inline int wire_predicate_holds(const volatile struct wire_predicate *predicate, const struct wire_facts *facts)
{
    uint64_t held = 0;
    uint32_t i;

    for (i = 0; i < WIRE_LITERALS_MAX; i++) {
        if (i >= predicate->literal_count)
            break;
        uint32_t fact = predicate->literals[i].fact & (WIRE_FACTS_MAX - 1);
        int64_t low = predicate->literals[i].low, high = predicate->literals[i].high;
        uint64_t holds;

        if (fact == WIRE_FACT_COMM) {
            holds = wire_is_zero((facts->comm[0] ^ (uint64_t)low) | (facts->comm[1] ^ (uint64_t)high));
        } else if (fact == WIRE_FACT_SOURCE_IP || fact == WIRE_FACT_DESTINATION_IP) {
            const uint64_t *address = fact == WIRE_FACT_SOURCE_IP ? facts->source : facts->destination;
            uint32_t bits = predicate->literals[i].bits;
            uint64_t other = (address[0] ^ (uint64_t)low) & wire_mask(bits < 64 ? bits : 64);

            if (bits > 64)
                other |= (address[1] ^ (uint64_t)high) & wire_mask(bits - 64);
            holds = facts->present >> fact & 1 & wire_is_zero(other);
        } else {
            int64_t value = facts->values[fact];

            holds = facts->present >> fact & 1 & ~(wire_is_less(value, low) | wire_is_less(high, value));
        }
        holds ^= predicate->literals[i].negated & 1;
        held |= holds << (predicate->literals[i].clause & (WIRE_LITERALS_MAX - 1));
    }
    return held == (1ull << (predicate->clause_count & 63)) - 1;
}

#endif
