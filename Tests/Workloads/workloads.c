// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#include <stdarg.h>

static const struct {
    const char *name;
    workload *run;
} workloads[] = {
    {"exit", run_exit},
    {"program", run_program},
    {"sleep", run_sleep},
    {"each", run_each},
    {"exec", run_exec},
    {"arguments", run_arguments},
    {"expect-arguments", run_expect_arguments},
    {"deep", run_deep},
    {"family", run_family},
    {"storm", run_storm},
    {"refused", run_refused},
    {"codes", run_codes},
    {"signals", run_signals},
    {"lifetime", run_lifetime},
    {"group-exit", run_group_exit},
    {"leader-first", run_leader_first},
    {"thread-exec", run_thread_exec},
    {"vfork-exec", run_vfork_exec},
    {"failing", run_failing},
    {"deleted", run_deleted},
    {"descriptor", run_descriptor},
    {"memfd", run_memfd},
    {"overlay", run_overlay},
    {"as-user", run_as_user},
    {"in-cgroup", run_in_cgroup},
    {"open-connections", run_open_connections},
    {"tamper-maps", run_tamper_maps},
    {"tamper-links", run_tamper_links},
    {"login", run_login},
    {"chroot", run_chroot},
    {"session", run_session},
    {"pid-namespace", run_pid_namespace},
    {"no-new-privileges", run_no_new_privileges},
    {"calls", run_calls},
    {"abis", run_abis},
    {"ring", run_ring},
    {"ring-polled", run_ring_polled},
    {"ring-sockets", run_ring_sockets},
    {"handed", run_handed},
    {"takes-over", run_takes_over},
    {"security", run_security},
    {"kills", run_kills},
    {"signal", run_signal},
    {"consume", run_consume},
    {"wait-for-input", run_wait_for_input},
    {"killed-in-call", run_killed_in_call},
    {"many-calls", run_many_calls},
    {"counted-calls", run_counted_calls},
    {"connections", run_connections},
    {"networks", run_networks},
    {"unheard", run_unheard},
    {"unanswered", run_unanswered},
    {"early", run_early},
    {"endings", run_endings},
    {"ways", run_ways},
    {"places", run_places},
    {"standing", run_standing},
    {"translated", run_translated},
    {"node", run_node},
    {"unsent", run_unsent},
    {"flood", run_flood},
    {"resolver", run_resolver},
    {"datagrams", run_datagrams},
    {"datagram-ways", run_datagram_ways},
    {"datagram-owners", run_datagram_owners},
    {"service", run_service},
    {"names", run_names},
    {"named", run_named},
    {"dial", run_dial},
    {"drops", run_drops},
    {"drop-ports", run_drop_ports},
    {"drop-stream", run_drop_stream},
    {"drop-rules", run_drop_rules},
    {"raw-sockets", run_raw_sockets},
    {"raw-standing", run_raw_standing},
    {"ring-socket", run_ring_socket},
    {"unix", run_unix},
    {"unix-traffic", run_unix_traffic},
    {"unix-standing", run_unix_standing},
    {"ring-unix", run_ring_unix},
    {"opens", run_opens},
    {"open-more", run_open_more},
    {"open-deep", run_open_deep},
    {"open-chroot", run_open_chroot},
    {"open-many", run_open_many},
    {"open-mix", run_open_mix},
    {"open-32", run_open_32},
    {"file-names", run_file_names},
    {"file-writes", run_file_writes},
    {"exec-map", run_exec_map},
    {"file-changes", run_file_changes},
    {"file-changes-32", run_file_changes_32},
    {"file-mounts", run_file_mounts},
    {"file-routes", run_file_routes},
    {"ring-changes", run_ring_changes},
    {"policy", run_policy},
    {"policy-server", run_policy_server},
    {"policy-lasting", run_policy_lasting},
    {"policy-names", run_policy_names},
    {"guard", run_guard},
    {"guard-step", run_guard_step},
    {"guard-lasting", run_guard_lasting},
    {"mesh", run_mesh},
    {"probed", run_probed},
    {"miner", run_miner},
    {"miner-memfd", run_miner_memfd},
    {"pool", run_pool},
    {"remote-shell", run_remote_shell},
};

// `live-tests workload NAME [ARGS...]`, before Swift's runtime starts: that wants a /proc, which some workloads don't
// have, and would add to what they do.
[[gnu::constructor(101)]] static void run_workload(int argc, char *const argv[])
{
    if (argc < 2 || strcmp(argv[1], "workload") != 0)
        return;
    for (size_t i = 0; argc > 2 && i < sizeof workloads / sizeof *workloads; i++)
        if (strcmp(argv[2], workloads[i].name) == 0)
            _exit(workloads[i].run(argc - 3, argv + 3));
    fprintf(stderr, "live-tests: no such workload\n");
    _exit(64);
}

void die(const char *what)
{
    fprintf(stderr, "workload failed: %s: %s\n", what, strerror(errno));
    _exit(99);
}

void say(const char *format, ...)
{
    char line[512];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line - 1, format, values);
    va_end(values);
    line[length++] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)length) != length)
        die("write");
}

pid_t spawn(const char *path, char *const argv[])
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        execve(path, argv, environ);
        die(path);
    }
    return pid;
}

int reap(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            die("waitpid");
    return status;
}
