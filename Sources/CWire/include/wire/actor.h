// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Whom rules are for: the conditions that a policy makes of whoever acts, and which of several rules about the same thing
// holds for whom.
#ifndef WIRE_ACTOR_H
#define WIRE_ACTOR_H

#include <stdint.h>

// Each condition has a bit. Those on programs have the lowest, since places of a policy have room for so many of them.
#define WIRE_ACTOR_PROGRAMS 32
#define WIRE_ACTOR_CONDITIONS 60

// In place of a condition: the policy is for it whatever has become of it; it is one of the processes that the run spares; of the
// workload nothing is known yet, or of whoever acts.
#define WIRE_ACTOR_HELD (1ull << 60)
#define WIRE_ACTOR_SPARED (1ull << 61)
#define WIRE_ACTOR_NAMELESS (1ull << 62)
#define WIRE_ACTOR_STRANGER (1ull << 63)

// How deep cgroups of conditions are, at most.
#define WIRE_ACTOR_LEVELS 32

// Section .rodata.actor, written whole before load. All zero where a policy has no conditions.
struct wire_actor_policy {
    uint64_t programs, users; // the bits of such conditions
    uint64_t trees;                  // the same, from the first that a process can be marked with
    uint64_t tree_programs;          // those of trees that begin with programs
    uint64_t workloads;              // of containers, pods and namespaces
    uint64_t names;                  // of what processes call themselves
    uint64_t scope_with;             // conditions that have to hold for whoever the policy is for at all
    uint64_t scope_without;          // and that must not
    uint32_t levels;                 // bit n: some cgroup of a condition is n deep
    uint32_t any;                    // there are conditions
    uint32_t scoped;                 // the policy is not for one program, but for all whom `scope_*` let
    uint32_t spares;                 // there are processes that it is not for
    uint32_t first_tree;             // the number of the first bit in `trees`
    uint32_t kept;                   // whom it is for once it stays for
};

_Static_assert(sizeof(struct wire_actor_policy) == 88, "layout of wire_actor_policy");

// How the start of a process is known: nanoseconds since boot in units of the system calls' clock, which /proc shows. USER_HZ is
// 100 on every architecture this runs on.
#define WIRE_ACTOR_TICK 10000000

// A rule that holds for some only. Those about the same thing are linked, the one that goes before the others first. The
// last of them is 0, which none has as its number.
struct wire_choice {
    uint64_t with;    // conditions that have to hold
    uint64_t without; // and that must not
    uint32_t verdict; // enum wire_policy_verdict
    uint32_t rank;
    uint32_t rule;
    uint32_t next;
};

_Static_assert(sizeof(struct wire_choice) == 32, "layout of wire_choice");

#define WIRE_CHOICE_STOPS 2 // the verdict from which on what is asked for does not happen

// Rules about the same thing, with those that are less specific and hold where none of them does.
#define WIRE_CHOICES 32

#endif
