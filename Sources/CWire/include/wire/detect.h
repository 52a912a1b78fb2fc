// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What detectors look for in the bytes that connections carry, and what is told of where it was found.
#ifndef WIRE_DETECT_H
#define WIRE_DETECT_H

#include "header.h"
#include "network.h"

// One state of the automaton that finds all patterns at once. The first is where it begins.
struct wire_detect_state {
    uint16_t next[256]; // by the byte that follows; with WIRE_DETECT_FOUND where a pattern ends there
    uint64_t found;     // a bit for each pattern that ends here
};

_Static_assert(sizeof(struct wire_detect_state) == 520, "layout of wire_detect_state");

#define WIRE_DETECT_PATTERNS 64
#define WIRE_DETECT_STATES 4096
#define WIRE_DETECT_FOUND 0x8000

// Bytes of a connection that are looked at, from where it begins to look like JSON; and of one segment.
#define WIRE_DETECT_BYTES 4096
#define WIRE_DETECT_SEGMENT 1024
// Segments of a connection of which none begins like JSON, until it is left alone.
#define WIRE_DETECT_OTHERS 8

// Section .rodata.detect, written whole before load.
struct wire_detect_rule {
    uint32_t threshold; // of the sum of weights; what reaches it is detected
    uint32_t verdict;   // enum wire_policy_verdict; of a rule that is for all
    uint32_t rule;      // a number that user space knows it by
    uint32_t dry;       // tell, and let be
    uint32_t by_cgroup; // connections are looked at by the program of a cgroup, not by the tracepoint
    uint32_t choice;    // 0; else the first of several rules, for whoever they are
    uint64_t canary;    // what the run's own attempt sends, which has to be refused
    uint8_t weights[WIRE_DETECT_PATTERNS];
};

// Section .data.judge, shared memory while running.
struct wire_judge {
    uint64_t canaries;  // attempts of the run's own that were refused
    uint32_t condemned; // some process is
    uint32_t stopped;   // some connection is
};

// header.flags of WIRE_DETECT
#define WIRE_DETECT_IN_SCOPE (1u << 0)
#define WIRE_DETECT_NO_TASK (1u << 1)  // whose socket it is, its inode shows
#define WIRE_DETECT_STOPPED (1u << 2)  // nothing more gets through
#define WIRE_DETECT_DECIDED (1u << 3)  // the threshold was reached in the kernel

struct wire_detect {
    struct wire_header header;
    struct wire_task task;
    struct wire_address source, destination;
    uint64_t found; // patterns that were found in this connection so far
    uint64_t inode; // of the socket; 0 when not known
    uint32_t namespace;
    uint32_t rule;
    uint32_t verdict;
    uint32_t unused;
};

#endif
