// SPDX-License-Identifier: Apache-2.0
//
// What is in this executable beside code: the compiled BPF programs, and the manual.
#ifndef COBJECTS_H
#define COBJECTS_H

#include <stddef.h>
#include <stdint.h>

struct embedded_object {
    const char *name;
    const uint8_t *bytes; // compressed (zstd); alive as long as the process
    size_t size;
};

extern const struct embedded_object embedded_detect;
extern const struct embedded_object embedded_drop;
extern const struct embedded_object embedded_enforce;
extern const struct embedded_object embedded_file;
extern const struct embedded_object embedded_guard;
extern const struct embedded_object embedded_judge;
extern const struct embedded_object embedded_kept;
extern const struct embedded_object embedded_names;
extern const struct embedded_object embedded_process;
extern const struct embedded_object embedded_raw;
extern const struct embedded_object embedded_signal;
extern const struct embedded_object embedded_syscall;
extern const struct embedded_object embedded_tcp;
extern const struct embedded_object embedded_udp;
extern const struct embedded_object embedded_unix;
extern const struct embedded_object embedded_uring;

// The manual: behind a form feed the name of each page, and then its lines.
extern const struct embedded_object embedded_pages;

// What this was built from, as git calls it; empty where that is not known.
extern const char *const embedded_commit;

#endif
