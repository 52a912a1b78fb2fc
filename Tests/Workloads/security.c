// SPDX-License-Identifier: Apache-2.0
// What --security is about, harmlessly: into children of this process, or refused by the kernel.
#include "internal.h"

#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

static long told(const char *name, long result)
{
    say("told %d %s %ld", getpid(), name, result < 0 ? -errno : result);
    return result;
}

// One that must be told, said as "told PID NAME RESULT".
#define TELL(name, ...) told(#name, syscall(SYS_##name __VA_OPT__(, ) __VA_ARGS__))

static volatile long target_word = 1;

static pid_t start_victim(void)
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return pid;
}

static void intrude(void)
{
    pid_t victim = start_victim();
    long word = 2;
    struct iovec here = {&word, sizeof word}, there = {(void *)&target_word, sizeof word};
    char path[64];
    int status;

    say("victim %d", victim);
    TELL(ptrace, PTRACE_ATTACH, victim, 0, 0);
    waitpid(victim, &status, 0);
    TELL(ptrace, PTRACE_POKEDATA, victim, &target_word, 3);
    TELL(ptrace, PTRACE_DETACH, victim, 0, 0);
    TELL(process_vm_writev, victim, &here, 1L, &there, 1L, 0L);
    TELL(process_vm_writev, 0x3fffffff, &here, 1L, &there, 1L, 0L);
    snprintf(path, sizeof path, "/proc/%d/mem", victim);
    int memory = open(path, O_RDWR);
    if (memory < 0)
        die(path);
    TELL(pwrite64, memory, &word, sizeof word, &target_word);
    lseek(memory, (off_t)&target_word, SEEK_SET);
    TELL(write, memory, &word, sizeof word);
    TELL(pwrite64, memory, &word, sizeof word, 0);
    // By a name that does not tell.
    int again = dup(memory);
    lseek(again, (off_t)&target_word, SEEK_SET);
    TELL(writev, again, &here, 1);
    pwrite(open("/dev/null", O_WRONLY), "x", 1, 0);
    kill(victim, SIGKILL);
    reap(victim);
}

static void change_identity(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct capabilities[2];

    TELL(setuid, 0);
    TELL(setgid, 0);
    TELL(setresuid, -1, -1, -1);
    TELL(setgroups, 99999999, 0);
    syscall(SYS_capget, &head, capabilities);
    TELL(capset, &head, capabilities);
    TELL(capset, 0, 0);
    TELL(prctl, PR_SET_PTRACER, 0, 0, 0, 0);
    prctl(PR_SET_NAME, "security");
    prctl(PR_GET_DUMPABLE);
}

static void *nothing(void *)
{
    return NULL;
}

static void change_namespaces(const char *directory)
{
    int own = open("/proc/self/ns/uts", O_RDONLY);
    struct clone_args arguments = {.flags = CLONE_NEWUTS, .exit_signal = SIGCHLD};
    struct clone_args plain = {.exit_signal = SIGCHLD};
    pthread_t thread;

    // None of these makes a namespace.
    reap(spawn("/proc/self/exe", (char *[]){"live-tests", "workload", "exit", "0", NULL}));
    if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL))
        die("thread");
    pid_t pid = (pid_t)syscall(SYS_clone3, &plain, sizeof plain);
    if (pid == 0)
        _exit(0);
    reap(pid);

    TELL(setns, own, 0);
    TELL(setns, -1, 0);
    pid = (pid_t)syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    told("clone", pid);
    reap(pid);
    pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0)
        _exit(0);
    told("clone3", pid);
    reap(pid);

    pid = fork();
    if (pid == 0) {
        TELL(unshare, CLONE_NEWNS | CLONE_NEWUTS);
        TELL(mount, "none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
        TELL(mount, "live", directory, "tmpfs", 0, NULL);
        TELL(umount2, directory, 0);
        TELL(umount2, directory, 0);
        TELL(pivot_root, "/missing", "/missing");
        TELL(chroot, "/missing");
        TELL(sethostname, NULL, 1);
        _exit(0);
    }
    reap(pid);
}

static void change_kernel(void)
{
    union bpf_attr request = {.prog_type = 9999};
    int file = open("/dev/null", O_RDONLY);
    char no_module[64] = "no module";

    TELL(init_module, no_module, sizeof no_module, "");
    TELL(finit_module, file, "", 0);
    TELL(delete_module, "live_tests_missing", O_NONBLOCK);
    TELL(bpf, BPF_PROG_LOAD, &request, sizeof request);
    syscall(SYS_bpf, BPF_MAP_CREATE, &request, sizeof request);
    TELL(perf_event_open, NULL, 0, 0, -1, 0);
    TELL(keyctl, 9999);
    TELL(add_key, NULL, NULL, NULL, 0, 0);
    TELL(userfaultfd, 0xff00);
    TELL(kexec_load, 0, 9999, NULL, 0); // too many segments
    TELL(seccomp, 9999, 0, NULL);
    TELL(memfd_create, "secret", 0);
    TELL(swapon, "/missing", 0);
    TELL(personality, 0xffffffff); // only asks
}

// security DIRECTORY
int run_security(int argc, char *const argv[])
{
    if (argc < 1)
        return 64;
    intrude();
    change_identity();
    change_namespaces(argv[0]);
    change_kernel();
    _exit(0);
}
