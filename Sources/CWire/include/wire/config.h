// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What user space tells the programs: settings fixed before load, and the few words both sides write while running.
#ifndef WIRE_CONFIG_H
#define WIRE_CONFIG_H

#include "header.h"

// Upper bounds of repeated scope options. The settings are constants to the verifier, so an unused slot costs nothing.
#define WIRE_SCOPE_MAX 16
#define WIRE_GLOB_SIZE 256

struct wire_scope_comm {
    char name[WIRE_COMM_SIZE];
    uint32_t negated;
    uint32_t unused; // names are compared as two words of 8 bytes
};

struct wire_scope_user {
    uint32_t uid;
    uint32_t negated;
};

struct wire_scope_cgroup {
    uint64_t id; // with WIRE_CGROUP_V1 where it is one of v1
    uint32_t level;
    uint32_t negated;
};

// A path pattern, its components from the leaf to the root as in the paths on the wire, each ended by NUL.
struct wire_scope_glob {
    char pattern[WIRE_GLOB_SIZE];
    uint32_t size;
    uint32_t negated;
};

// Section .rodata.config, written whole before load.
struct wire_config {
    uint32_t own_pid;       // our own pid: never reported
    uint32_t tree;          // positive --pid scopes exist: only tasks with WIRE_TASK_TREE
    uint32_t tree_negated;  // negated --pid scopes exist: no tasks with WIRE_TASK_NOT_TREE
    uint32_t comm_count;
    uint32_t user_count;
    uint32_t cgroup_count;
    uint32_t glob_count;
    // Ids of structures in the kernel's BTF.
    uint32_t type_task_struct;
    uint32_t type_linux_binprm;
    uint32_t type_cgroup;
    uint32_t type_pt_regs;
    uint32_t repeated; // the programs are attached more than once (7.0 and later)
    uint32_t has_typed_current; // the current task can be had with its type (5.11 and later)
    uint32_t v1_controller;     // number of a cgroup controller that has a v1 hierarchy, from 1; 0 for none
    uint32_t workloads;         // scopes by container exist: no events of cgroups that are WIRE_CGROUP_OUT
    uint32_t marks;             // a policy marks processes
    struct wire_scope_comm comm[WIRE_SCOPE_MAX];
    struct wire_scope_user user[WIRE_SCOPE_MAX];
    struct wire_scope_cgroup cgroup[WIRE_SCOPE_MAX];
    struct wire_scope_glob glob[WIRE_SCOPE_MAX];
};

// Values of the task_scope map, keyed by pid.
#define WIRE_TASK_TREE (1u << 0)
#define WIRE_TASK_NOT_TREE (1u << 1)
#define WIRE_TASK_EXE (1u << 2) // its executable is one that the --exe options ask for

#define WIRE_TASK_STARTING (1u << 3) // it waits to execute the program to watch: no call before that exec is told
#define WIRE_TASK_HELD (1u << 4)     // it was found to be one whom the policy of the run is for, and stays so
// The first of as many as a policy may have trees: it is in that one.
#define WIRE_TASK_TREES 8
#define WIRE_TASK_TREES_MAX 24

// Values of the cgroup_scope map, keyed by id.
#define WIRE_CGROUP_UNKNOWN 0
#define WIRE_CGROUP_IN 1
#define WIRE_CGROUP_OUT 2

// Counters of what could not be delivered, by cause.
enum wire_loss {
    WIRE_LOSS_RING = 0,                      // + kind: no room in the ring
    WIRE_LOSS_SCOPE = WIRE_KIND_COUNT,       // no room in the task_scope map: a process left its scope
    WIRE_LOSS_SOCKET = WIRE_KIND_COUNT + 1,  // no room in the map of sockets: whose it is was not remembered
    WIRE_LOSS_FLOW = WIRE_KIND_COUNT + 2,    // no room in the map of UDP flows: neither told nor counted
    WIRE_LOSS_COUNT = WIRE_KIND_COUNT + 3,
};

// Section .data.control, shared memory while running.
struct wire_control {
    uint32_t reader_sleeps; // set by the reader before it waits, cleared by the program that wakes it
    uint32_t translates;    // packets were seen whose addresses the kernel rewrites
    uint64_t caught;        // events that a program took in place of one that the kernel had skipped
    uint64_t lost[WIRE_LOSS_COUNT];
};

#endif
