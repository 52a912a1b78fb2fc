// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "Workloads.h"

extern char **environ;

// Each workload gets what follows its name.
typedef int workload(int argc, char *const argv[]);

workload run_exit, run_program, run_sleep, run_each, run_exec, run_arguments, run_expect_arguments, run_deep,
    run_family, run_storm, run_refused, run_codes, run_signals, run_lifetime, run_group_exit, run_leader_first, run_thread_exec,
    run_vfork_exec, run_failing, run_deleted, run_descriptor, run_memfd, run_overlay, run_as_user, run_in_cgroup,
    run_tamper_maps, run_open_connections, run_tamper_links,
    run_login, run_chroot, run_session, run_pid_namespace, run_no_new_privileges,
    run_calls, run_abis, run_ring, run_ring_polled, run_ring_sockets, run_handed, run_takes_over, run_security, run_kills, run_signal, run_consume,
    run_wait_for_input, run_killed_in_call, run_many_calls, run_counted_calls,
    run_connections, run_networks, run_unheard, run_unanswered, run_early, run_endings, run_ways, run_standing, run_service,
    run_translated, run_node, run_unsent, run_flood, run_resolver, run_datagrams, run_datagram_ways, run_datagram_owners, run_places,
    run_names, run_named, run_dial, run_drops, run_drop_ports, run_drop_stream, run_drop_rules,
    run_raw_sockets, run_raw_standing, run_ring_socket, run_unix, run_unix_traffic,
    run_unix_standing, run_ring_unix,
    run_opens, run_open_more, run_open_deep, run_open_chroot, run_open_many, run_open_mix, run_open_32,
    run_file_names, run_file_writes, run_exec_map, run_file_changes, run_file_changes_32, run_file_mounts,
    run_file_routes, run_ring_changes,
    run_policy, run_policy_server, run_policy_lasting, run_policy_names, run_guard, run_guard_step, run_guard_lasting,
    run_mesh, run_probed, run_miner, run_miner_memfd, run_pool, run_remote_shell;

// A workload that could not do what its test counts on must not look like one that did.
[[noreturn]] void die(const char *what);

// Says something to the test: one write, so that lines of several processes never mix.
[[gnu::format(printf, 1, 2)]] void say(const char *format, ...);

// The errno of an attempt to reach something: "WAY ADDRESS PORT", see policy.c.
int attempt_of(const char *text);

// Both without stdio and atexit handlers, so that a child is exactly one fork, one exec, one exit.
pid_t spawn(const char *path, char *const argv[]);
int reap(pid_t pid);
