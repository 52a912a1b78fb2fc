// SPDX-License-Identifier: Apache-2.0
//
// A pod's first process: it makes the others, and does what the node asks of it.
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// Where the node waits: it connects the pod's network to its own.
static int join_network(struct lab *lab, unsigned index, int ready, int go)
{
    struct lab_mailbox *mailbox = &lab_pod_at(lab, index)->pod;
    char byte = 0;

    if (unshare(CLONE_NEWNET))
        return lab_fail(mailbox, "a network namespace");
    if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1)
        return lab_fail(mailbox, "the node");
    close(ready);
    close(go);
    if (lab_configure_pod(index))
        return lab_fail(mailbox, "the network of a pod");
    return lab_join(lab, index, LAB_APPLICATION) ? lab_fail(mailbox, "the cgroup of a pod") : 0;
}

static int start_programs(struct lab *lab, unsigned index)
{
    struct lab_mailbox *mailbox = &lab_pod_at(lab, index)->pod;

    if (index < lab->pods) {
        int listener = lab_listen(SOCK_STREAM, LAB_APPLICATION_PORT);
        pid_t server = listener < 0 ? -1 : fork();

        if (server == 0)
            lab_run_application(lab, index, listener);
        if (server < 0)
            return lab_fail(mailbox, "a server");
        close(listener);
    }
    pid_t client = fork();
    if (client == 0)
        lab_run_client(lab, index);
    return client < 0 ? lab_fail(mailbox, "a client") : 0;
}

_Noreturn void lab_run_pod(struct lab *lab, unsigned index, int ready, int go)
{
    struct lab_pod *pod = lab_pod_at(lab, index);
    struct lab_mailbox *mailbox = &pod->pod;
    pid_t proxy = -1;

    lab_become("lab-pod");
    if (!join_network(lab, index, ready, go))
        start_programs(lab, index);
    lab_answer(mailbox);
    for (;;) {
        switch (lab_next(mailbox)) {
        case LAB_PROXIES: lab_start_proxy(lab, index, &proxy); break;
        case LAB_ACT: lab_act(lab, index, (enum lab_act)mailbox->first); break;
        case LAB_COUNT: lab_read_counters(lab, index); break;
        case LAB_KILL:
            pod->killed = lab_clock(CLOCK_BOOTTIME);
            lab_kill_proxy(proxy);
            proxy = -1;
            break;
        default: break;
        }
        lab_answer(mailbox);
    }
}
