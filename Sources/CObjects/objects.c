// SPDX-License-Identifier: Apache-2.0
#include "CObjects.h"

#if !__has_embed("generated/process.bpf.o")
#error "compile the BPF programs first: make bpf"
#endif

// libbpf reads the ELF headers in place.
static const _Alignas(8) uint8_t process_bytes[] = {
#embed "generated/process.bpf.o"
};
static const _Alignas(8) uint8_t signal_bytes[] = {
#embed "generated/signal.bpf.o"
};
static const _Alignas(8) uint8_t syscall_bytes[] = {
#embed "generated/syscall.bpf.o"
};
static const _Alignas(8) uint8_t tcp_bytes[] = {
#embed "generated/tcp.bpf.o"
};
static const _Alignas(8) uint8_t uring_bytes[] = {
#embed "generated/uring.bpf.o"
};

const struct embedded_object embedded_process = {"process", process_bytes, sizeof(process_bytes)};
const struct embedded_object embedded_signal = {"signal", signal_bytes, sizeof(signal_bytes)};
const struct embedded_object embedded_syscall = {"syscall", syscall_bytes, sizeof(syscall_bytes)};
const struct embedded_object embedded_tcp = {"tcp", tcp_bytes, sizeof(tcp_bytes)};
const struct embedded_object embedded_uring = {"uring", uring_bytes, sizeof(uring_bytes)};
