// SPDX-License-Identifier: Apache-2.0
#include "CObjects.h"

#if !__has_embed("generated/process.bpf.zst")
#error "compile the BPF programs first: make bpf"
#endif
#include "generated/commit.h"

static const uint8_t detect_bytes[] = {
#embed "generated/detect.bpf.zst"
};
static const uint8_t drop_bytes[] = {
#embed "generated/drop.bpf.zst"
};
static const uint8_t enforce_bytes[] = {
#embed "generated/enforce.bpf.zst"
};
static const uint8_t file_bytes[] = {
#embed "generated/file.bpf.zst"
};
static const uint8_t guard_bytes[] = {
#embed "generated/guard.bpf.zst"
};
static const uint8_t judge_bytes[] = {
#embed "generated/judge.bpf.zst"
};
static const uint8_t kept_bytes[] = {
#embed "generated/kept.bpf.zst"
};
static const uint8_t names_bytes[] = {
#embed "generated/names.bpf.zst"
};
static const uint8_t pages_bytes[] = {
#embed "generated/pages.zst"
};
static const uint8_t process_bytes[] = {
#embed "generated/process.bpf.zst"
};
static const uint8_t raw_bytes[] = {
#embed "generated/raw.bpf.zst"
};
static const uint8_t signal_bytes[] = {
#embed "generated/signal.bpf.zst"
};
static const uint8_t syscall_bytes[] = {
#embed "generated/syscall.bpf.zst"
};
static const uint8_t tcp_bytes[] = {
#embed "generated/tcp.bpf.zst"
};
static const uint8_t udp_bytes[] = {
#embed "generated/udp.bpf.zst"
};
static const uint8_t unix_bytes[] = {
#embed "generated/unix.bpf.zst"
};
static const uint8_t uring_bytes[] = {
#embed "generated/uring.bpf.zst"
};

const struct embedded_object embedded_detect = {"detect", detect_bytes, sizeof(detect_bytes)};
const struct embedded_object embedded_drop = {"drop", drop_bytes, sizeof(drop_bytes)};
const struct embedded_object embedded_enforce = {"enforce", enforce_bytes, sizeof(enforce_bytes)};
const struct embedded_object embedded_file = {"file", file_bytes, sizeof(file_bytes)};
const struct embedded_object embedded_guard = {"guard", guard_bytes, sizeof(guard_bytes)};
const struct embedded_object embedded_judge = {"judge", judge_bytes, sizeof(judge_bytes)};
const struct embedded_object embedded_kept = {"kept", kept_bytes, sizeof(kept_bytes)};
const struct embedded_object embedded_names = {"names", names_bytes, sizeof(names_bytes)};
const struct embedded_object embedded_pages = {"pages", pages_bytes, sizeof(pages_bytes)};
const struct embedded_object embedded_process = {"process", process_bytes, sizeof(process_bytes)};
const struct embedded_object embedded_raw = {"raw", raw_bytes, sizeof(raw_bytes)};
const struct embedded_object embedded_signal = {"signal", signal_bytes, sizeof(signal_bytes)};
const struct embedded_object embedded_syscall = {"syscall", syscall_bytes, sizeof(syscall_bytes)};
const struct embedded_object embedded_tcp = {"tcp", tcp_bytes, sizeof(tcp_bytes)};
const struct embedded_object embedded_udp = {"udp", udp_bytes, sizeof(udp_bytes)};
const struct embedded_object embedded_unix = {"unix", unix_bytes, sizeof(unix_bytes)};
const struct embedded_object embedded_uring = {"uring", uring_bytes, sizeof(uring_bytes)};

const char *const embedded_commit = EBPFGUARD_COMMIT;
