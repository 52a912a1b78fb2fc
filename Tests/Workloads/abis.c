// SPDX-License-Identifier: Apache-2.0
// System calls by other tables than the native one: each is said as "call TABLE NAME RESULT".
#include "internal.h"

#if defined(__x86_64__)

#include <sys/mman.h>

#define X32_BIT 0x40000000

// A 32-bit call, which a 64-bit process may make too.
static void call_i386(const char *name, int number, long first, long second, long third)
{
    long result;
    __asm__ volatile("int $0x80"
                 : "=a"(result)
                 : "a"((long)number), "b"(first), "c"(second), "d"(third)
                 : "r8", "r9", "r10", "r11", "memory");
    say("call i386 %s %d", name, (int)result);
}

static void call_x32(const char *name, long number, long first, long second)
{
    long result;
    __asm__ volatile("syscall"
                 : "=a"(result)
                 : "a"(number | X32_BIT), "D"(first), "S"(second), "d"(0L)
                 : "rcx", "r11", "memory");
    say("call x32 %s %ld", name, result);
}

// Where the kernel was told to have no 32-bit calls, the instruction is an error.
static void refuse(int)
{
    say("refused");
    _exit(77);
}

// abis: calls that have another meaning where their numbers are read in the wrong table.
int run_abis(int, char *const[])
{
    char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (low == MAP_FAILED)
        die("mmap");
    strcpy(low, "/missing/by/i386");
    strcpy(low + 64, "/dev/null");
    signal(SIGSEGV, refuse);
    call_i386("getpid", 20, 0, 0, 0); // native: writev
    signal(SIGSEGV, SIG_DFL);
    call_i386("open", 5, (long)low, O_RDONLY, 0); // fstat
    call_i386("open", 5, (long)low + 64, O_RDONLY, 0);
    call_i386("close", 6, -9, 0, 0); // lstat
    call_i386("mkdir", 39, (long)low, 0700, 0); // getpid
    call_i386("ptrace", 26, 0x4206, 0x3fffffff, 0); // msync
    call_i386("lseek", 19, 0x3ff, -1, SEEK_END); // readv
    call_x32("getpid", 39, 0, 0);
    call_x32("open", 2, (long)low, O_RDONLY);
    call_x32("rt_sigaction", 512, 99, 0); // a number that only x32 has
    _exit(0);
}

#else

int run_abis(int, char *const[])
{
    _exit(77);
}

#endif
