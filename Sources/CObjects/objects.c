// SPDX-License-Identifier: Apache-2.0
#include "CObjects.h"

#if !__has_embed("generated/process.bpf.o")
#error "compile the BPF programs first: make bpf"
#endif

// libbpf reads the ELF headers in place.
static const _Alignas(8) uint8_t process_bytes[] = {
#embed "generated/process.bpf.o"
};

const struct embedded_object embedded_process = {"process", process_bytes, sizeof(process_bytes)};
