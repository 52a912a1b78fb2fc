// SPDX-License-Identifier: Apache-2.0
// What the live tests need from C: processes with exactly known behaviour, and the few system calls that Swift either
// forbids (fork) or cannot name (pidfd_open, bpf).
#pragma once

#include <stdint.h>
#include <sys/types.h>

// A child of the runner: pidfd becomes readable when it ends; `input`, `output` and `errors` are this side's ends.
struct live_child {
    pid_t pid;
    int pidfd;
    int input;
    int output;
    int errors;
};

// How to start one. `words` and `settings` are runs of strings that each end in NUL, so that any byte can be passed.
struct live_start {
    const uint8_t *words;
    int32_t word_count;
    const uint8_t *settings; // NAME=VALUE
    int32_t setting_count;
    const uint8_t *directory; // or null: the runner's
    int32_t user;             // also the group; 0: root
    int32_t columns;          // > 0: stdin and stdout are a new controlling terminal that wide
};

// Starts it. 0, or the errno.
int live_spawn(const struct live_start *how, struct live_child *child);

// What waitpid reports once the child has ended; -1 while it runs.
int live_status(pid_t pid);

// Waits until `first` or `second` (either may be -1) or the end of `pidfd` can be seen; bits 1, 2, 4 say which.
int live_wait(int first, int second, int pidfd, int milliseconds);

// The BPF program id after `id`; 0 when there is none.
uint32_t live_next_program(uint32_t id);

// Writes a static executable of some 130 bytes that does nothing but exit with `code`. 0, or the errno.
int live_write_program(const char *path, int code, mode_t mode);

// A connection to the Unix socket at `path` whose reads and writes give up after `seconds`; -1 and errno without one.
int live_connect(const char *path, int seconds);

// Nanoseconds of CLOCK_REALTIME and CLOCK_MONOTONIC.
int64_t live_clock(void);
int64_t live_uptime(void);

// What Swift does not import: `open`, which is variadic, and `nftw`.
int live_open(const char *path, int flags, mode_t mode);
void live_remove(const char *path); // with all below, but not what is mounted there
