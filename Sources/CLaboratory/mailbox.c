// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wake(uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

// Until it is no longer `value`, or for so long.
static void wait_for(uint32_t *word, uint32_t value, const struct timespec *time)
{
    syscall(SYS_futex, word, FUTEX_WAIT, value, time, NULL, 0);
}

void lab_post(struct lab_mailbox *mailbox, uint32_t command)
{
    mailbox->command = command;
    mailbox->error = 0;
    mailbox->message[0] = 0;
    __atomic_add_fetch(&mailbox->asked, 1, __ATOMIC_SEQ_CST);
    wake(&mailbox->asked);
}

uint32_t lab_next(struct lab_mailbox *mailbox)
{
    uint32_t answered = mailbox->answered;

    while (__atomic_load_n(&mailbox->asked, __ATOMIC_SEQ_CST) == answered)
        wait_for(&mailbox->asked, answered, NULL);
    return mailbox->command;
}

void lab_answer(struct lab_mailbox *mailbox)
{
    __atomic_add_fetch(&mailbox->answered, 1, __ATOMIC_SEQ_CST);
    wake(&mailbox->answered);
}

bool lab_answered(struct lab_mailbox *mailbox, uint64_t nanoseconds)
{
    uint64_t end = lab_clock(CLOCK_MONOTONIC) + nanoseconds, now;
    uint32_t answered;

    while ((answered = __atomic_load_n(&mailbox->answered, __ATOMIC_SEQ_CST)) != mailbox->asked) {
        now = lab_clock(CLOCK_MONOTONIC);
        if (now >= end)
            return false;
        struct timespec time = {(time_t)((end - now) / SECOND), (long)((end - now) % SECOND)};
        wait_for(&mailbox->answered, answered, &time);
    }
    return true;
}

int lab_fail(struct lab_mailbox *mailbox, const char *format, ...)
{
    int error = errno;
    va_list arguments;

    if (mailbox->error)
        return -1;
    mailbox->error = error ? error : EIO;
    va_start(arguments, format);
    vsnprintf(mailbox->message, sizeof(mailbox->message), format, arguments);
    va_end(arguments);
    return -1;
}

void lab_ask(struct lab *lab, uint32_t command)
{
    eventfd_t old;

    eventfd_read(lab->answers, &old);
    lab_post(&lab->node, command);
}

int lab_signals(const sigset_t *signals)
{
    return signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

enum lab_wait lab_await(struct lab *lab, int signals, int milliseconds)
{
    struct pollfd descriptors[3] = {
        {.fd = lab->answers, .events = POLLIN}, {.fd = lab->ended, .events = POLLIN}, {.fd = signals, .events = POLLIN}};

    if (poll(descriptors, 3, milliseconds) <= 0)
        return LAB_LATE;
    if (descriptors[2].revents)
        return LAB_SIGNALLED;
    // Both, when it said why before it ended.
    return descriptors[0].revents ? LAB_ANSWERED : LAB_ENDED;
}
