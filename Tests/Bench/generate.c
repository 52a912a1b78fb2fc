// SPDX-License-Identifier: Apache-2.0
//
// Loads for the benchmark, pinned to one CPU, bounded in count and time:
//
//     generate CPU exec COUNT             vfork+exec+exit of the program beside it, one after another
//     generate CPU pace COUNT MICROS      the same, one every MICROS on average
//     generate CPU flood SECONDS          the same, as many as this CPU can start
//     generate CPU open COUNT             open+close
//     generate CPU connect COUNT          connect+accept+close of both sides, on the loopback device
//     generate CPU datagram COUNT         sendto of 100 bytes by UDP on the loopback device, and its recv
//     generate CPU getppid COUNT          the shortest system call
//
// Prints the number of operations and, but for flood, the ns that each took (of getppid: the mean of each 1000).
//
// Each program that is started has one argument, bench-mark-T-P: T is CLOCK_MONOTONIC just before, in ns, P the pid of
// the generator. So any line that any tool prints about it tells when it happened, and no two are the same.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000L
#define SAMPLES_MAX 2000000
#define TIME_MAX (60 * SECOND) // whatever was asked for

static unsigned samples[SAMPLES_MAX]; // ns

static long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

// vfork, because copying this process costs more, and varies more, than all that is measured.
static void start_one(const char *program, int generator)
{
    char mark[64];
    char *const arguments[] = {"bench-program", mark, NULL};
    int status;
    pid_t child;

    snprintf(mark, sizeof(mark), "bench-mark-%ld-%d", now(), generator);
    child = vfork();
    if (child < 0)
        fail("generate: vfork");
    if (child == 0) {
        execv(program, arguments);
        _exit(127);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        fail("generate: the program that was started failed");
}

static struct sockaddr_in here = {.sin_family = AF_INET};

static int listener(void)
{
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof(here);

    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (file < 0 || bind(file, (struct sockaddr *)&here, sizeof(here)) || listen(file, 8) ||
        getsockname(file, (struct sockaddr *)&here, &size))
        fail("generate: listen");
    return file;
}

// Broken off by who connected, so that no port is kept for a minute.
static void connect_one(int server)
{
    const struct linger hard = {.l_onoff = 1};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), accepted;

    if (client < 0 || connect(client, (struct sockaddr *)&here, sizeof(here)))
        fail("generate: connect");
    accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    if (accepted < 0)
        fail("generate: accept");
    setsockopt(client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(client);
    close(accepted);
}

static void datagram_one(int sender, int receiver)
{
    static char bytes[100];

    if (send(sender, bytes, sizeof(bytes), 0) != sizeof(bytes) || recv(receiver, bytes, sizeof(bytes), 0) != sizeof(bytes))
        fail("generate: datagram");
}

int main(int count, char **arguments)
{
    cpu_set_t cpus;
    static char program[4096];

    if (count < 4)
        return fputs("usage: generate CPU exec|pace|flood|open|connect|datagram|getppid COUNT [MICROS]\n", stderr), 64;
    CPU_ZERO(&cpus);
    CPU_SET(atoi(arguments[1]), &cpus);
    if (sched_setaffinity(0, sizeof(cpus), &cpus))
        fail("generate: CPU");
    // Ahead of whatever else runs on this CPU, so that a busy machine costs time, not precision. Not when it would take
    // the CPU from the tool.
    if (strcmp(arguments[2], "flood") != 0)
        sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
    if (readlink("/proc/self/exe", program, sizeof(program) - 8) < 0)
        fail("generate: /proc/self/exe");
    strcpy(strrchr(program, '/') + 1, "program");

    const char *kind = arguments[2];
    long wanted = atol(arguments[3]), pause = count > 4 ? atol(arguments[4]) * 1000 : 0;
    long begin = now(), end = begin + TIME_MAX, done = 0;
    int generator = getpid();

    if (strcmp(kind, "flood") == 0) {
        end = begin + wanted * SECOND;
        wanted = SAMPLES_MAX;
    }
    // Too short to be timed one by one: a sample is a block of them.
    long block = strcmp(kind, "getppid") == 0 ? 1000 : 1;
    unsigned random = 1;
    int server = strcmp(kind, "connect") == 0 ? listener() : -1;
    int receiver = -1, sender = -1;
    if (strcmp(kind, "datagram") == 0) {
        socklen_t size = sizeof(here);
        receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        here.sin_family = AF_INET;
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (bind(receiver, (struct sockaddr *)&here, sizeof(here)) ||
            getsockname(receiver, (struct sockaddr *)&here, &size) || connect(sender, (struct sockaddr *)&here, size))
            fail("generate: datagram");
    }
    wanted /= block;
    for (long before = begin, after; done < wanted && done < SAMPLES_MAX && before < end; before = after) {
        if (pause) { // 50 to 150 % of it, so that it never beats in time with a timer of the tool
            random = random * 1103515245 + 12345;
            long some = pause / 2 + pause / 1024 * (random >> 16 & 1023);
            nanosleep(&(struct timespec){some / SECOND, some % SECOND}, NULL);
            before = now();
        }
        if (block > 1)
            for (long i = 0; i < block; i++)
                syscall(SYS_getppid);
        else if (sender >= 0)
            datagram_one(sender, receiver);
        else if (server >= 0)
            connect_one(server);
        else if (strcmp(kind, "open") == 0)
            close(open(program, O_RDONLY));
        else
            start_one(program, generator);
        after = now();
        samples[done++] = after - before;
    }

    printf("%ld", done * block);
    for (long i = 0; i < done && strcmp(kind, "flood") != 0; i++)
        printf(" %.1f", (double)samples[i] / block);
    puts("");
    return 0;
}
