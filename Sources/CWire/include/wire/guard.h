// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Rules about programs and files as the programs look them up, and what they tell of whoever violates them.
#ifndef WIRE_GUARD_H
#define WIRE_GUARD_H

#include "header.h"

enum wire_guard_operation {
    WIRE_GUARD_EXEC = 0,
    WIRE_GUARD_READ = 1,
    WIRE_GUARD_WRITE = 2,
    WIRE_GUARD_OPERATIONS = 3,
    // Is about no file, and has a verdict of its own.
    WIRE_GUARD_RAW = 3,
};

// The stricter the larger.
enum wire_guard_verdict {
    WIRE_GUARD_NONE = 0,
    WIRE_GUARD_ALLOW = 1,
    WIRE_GUARD_AUDIT = 2,
    WIRE_GUARD_DENY = 3,
    WIRE_GUARD_KILL = 4,
    // Of several that are for different actors: the number is that of the first wire_choice in place of a rule's.
    WIRE_GUARD_CHOICE = 7,
};

// A decision is a verdict, the number of the rule above it, and how many kinds of conditions the scope of that has; 0 for
// none.
#define WIRE_GUARD_VERDICT(decision) ((decision) & 7)
#define WIRE_GUARD_RULE(decision) ((decision) >> 3 & 0x3ffffff)
#define WIRE_GUARD_KINDS(decision) ((decision) >> 29)

// One more than there are operations: to index it the programs mask. The last is not a decision: it has a bit for each
// condition on programs that the file meets.
#define WIRE_GUARD_SLOTS 4
#define WIRE_GUARD_PROGRAMS 3

// What is decided for a place of the policy, by operation: a file or directory that a pattern names, or one on the way
// there.
struct wire_guard_node {
    uint32_t exact[WIRE_GUARD_SLOTS];  // for the place itself
    uint32_t own[WIRE_GUARD_SLOTS];    // for it, by the directory that it is in
    uint32_t direct[WIRE_GUARD_SLOTS]; // for what is directly in it
    uint32_t below[WIRE_GUARD_SLOTS];  // for all that is below what is directly in it
    uint32_t has_children;             // that are places of the policy too
};

_Static_assert(sizeof(struct wire_guard_node) == 68, "layout of wire_guard_node");

#define WIRE_GUARD_NAME_SIZE 256

// In place of a directory: a name or the end of one, wherever the file is.
#define WIRE_GUARD_ANYWHERE 0xffffffffu
#define WIRE_GUARD_SUFFIX 0xfffffffeu

// A name in a directory that is a node; its value is the number of the node.
struct wire_guard_name {
    uint32_t directory;
    char name[WIRE_GUARD_NAME_SIZE]; // padded with NUL
};

_Static_assert(sizeof(struct wire_guard_name) == 260, "layout of wire_guard_name");

#define WIRE_GUARD_SUFFIXES 16

// Section .rodata.guard, written whole before load.
struct wire_guard_policy {
    uint32_t fallback[WIRE_GUARD_SLOTS]; // where no rule is about it
    uint32_t unknown[WIRE_GUARD_SLOTS];  // where it can't be seen which rules are about it; 0: as if there was none
    uint32_t memfd, drift;               // of programs
    uint32_t dry;                        // tell, and let be
    uint32_t operations;                 // bit n: there are rules about operation n that stop or tell something
    uint32_t has_names;                  // there are rules about names wherever they are
    uint32_t suffix_count;
    uint32_t suffix_sizes[WIRE_GUARD_SUFFIXES]; // the longest first
    uint32_t dentry_second; // bit n: hook n gets the dentry as its second argument, not as its first
    uint32_t cgroup_level; // of the program, where there are no security hooks
    uint64_t cgroup_id;
    uint32_t owners_by_setattr; // no hook is told the path of a file whose owner is changed
    uint32_t raw;               // of raw and packet sockets
    uint32_t has_places;        // there are places at all
    uint32_t unused;
};

_Static_assert(sizeof(struct wire_guard_policy) == 152, "layout of wire_guard_policy");

enum wire_guard_hook {
    WIRE_GUARD_BPRM = 0,
    WIRE_GUARD_MMAP = 1,
    WIRE_GUARD_MPROTECT = 2,
    WIRE_GUARD_TRACEPOINT = 3,
    WIRE_GUARD_OPEN = 4,
    WIRE_GUARD_RECEIVE = 5,
    WIRE_GUARD_LINK = 6,
    WIRE_GUARD_RENAME = 7,
    WIRE_GUARD_UNLINK = 8,
    WIRE_GUARD_RMDIR = 9,
    WIRE_GUARD_MKDIR = 10,
    WIRE_GUARD_MKNOD = 11,
    WIRE_GUARD_SYMLINK = 12,
    WIRE_GUARD_TRUNCATE = 13,
    WIRE_GUARD_CHMOD = 14,
    WIRE_GUARD_CHOWN = 15,
    WIRE_GUARD_FILE_TRUNCATE = 16,
    WIRE_GUARD_SETATTR = 17,
    WIRE_GUARD_SETXATTR = 18,
    WIRE_GUARD_REMOVEXATTR = 19,
    WIRE_GUARD_SET_ACL = 20,
    WIRE_GUARD_REMOVE_ACL = 21,
    WIRE_GUARD_SOCKET = 22,
    WIRE_GUARD_HOOKS = 32,
};

// Section .data.guard, shared memory while running.
struct wire_guard_state {
    uint64_t canary;                    // the inode that all are refused, which only the run itself knows
    uint64_t canary_directory;          // the same of a directory: nothing is done to names in it
    uint64_t canary_protocol;           // the same of the protocol of a packet socket
    uint64_t refused[WIRE_GUARD_HOOKS]; // its attempts
};

// What the iterator writes of each descriptor of the run.
struct wire_guard_inode {
    uint64_t address; // of the inode, which is what it is known by while the descriptor is open
    uint32_t descriptor;
    uint32_t unused;
};

// header.flags of WIRE_GUARD
#define WIRE_GUARD_ENFORCED (1u << 0)    // it was stopped
#define WIRE_GUARD_UPPER_LAYER (1u << 1) // of an overlay file system: not part of the image
#define WIRE_GUARD_UNLINKED (1u << 2)    // no name leads to it: a memfd, or deleted

// Followed by the path, as in wire_process: components from the leaf to the root, each ended by NUL.
struct wire_guard {
    struct wire_header header;
    struct wire_task task;
    uint64_t inode;
    uint32_t device; // as the kernel has it: major << 20 | minor
    uint32_t mode;
    uint32_t decision;
    uint16_t operation; // enum wire_guard_operation
    uint16_t hook;      // enum wire_guard_hook
    uint32_t path_size;
    uint32_t unused;
};

_Static_assert(sizeof(struct wire_guard) == 128, "layout of wire_guard");

#endif
