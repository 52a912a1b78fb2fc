// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The part of a filter that is decided here, before a record costs anything more.
#ifndef FACTS_H
#define FACTS_H

#include "common.h"
#include "wire/predicate.h"
#include "wire/syscall.h"

const volatile struct wire_predicate predicate SEC(".rodata.predicate");

// Of each program that asks: one may interrupt another.
enum facts_user {
    FACTS_ENTRY,
    FACTS_RETURN,
    FACTS_EXIT,
    FACTS_URING,
    FACTS_SIGNAL,
    FACTS_STATE, // and the two that stand in for it
    FACTS_STATE_2,
    FACTS_STATE_3,
    FACTS_CONNECT_ALLOWED,
    FACTS_CONNECT,
    FACTS_DATAGRAM_CONNECT,
    FACTS_ACCEPT,
    FACTS_LISTEN,
    FACTS_CALL,
    FACTS_DATAGRAM_SENT,
    FACTS_DATAGRAM_RECEIVED,
    FACTS_BIND,
    FACTS_BIND6,
    FACTS_SEND,
    FACTS_SEND6,
    FACTS_USERS,
};

struct facts_place {
    struct wire_facts facts;
    __u64 dropped; // events that did not pass
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, FACTS_USERS);
    __type(key, __u32);
    __type(value, struct facts_place);
} facts_map SEC(".maps");

static __always_inline void set_fact(struct wire_facts *facts, __u32 fact, __s64 value)
{
    facts->present |= 1ull << fact;
    facts->values[fact] = value;
}

static __always_inline void task_facts(struct wire_facts *facts, __u32 action, const struct wire_task *task)
{
    char *comm = (char *)facts->comm;
    int ended = 0;

    facts->present = 0;
    set_fact(facts, WIRE_FACT_ACTION, action);
    set_fact(facts, WIRE_FACT_PID, task->pid);
    if (task->vpid && task->vpid != task->pid)
        set_fact(facts, WIRE_FACT_VPID, task->vpid);
    if (task->tid != task->pid)
        set_fact(facts, WIRE_FACT_THREAD, task->tid);
    if (task->session)
        set_fact(facts, WIRE_FACT_SESSION, task->session);
    set_fact(facts, WIRE_FACT_UID, task->uid);
    set_fact(facts, WIRE_FACT_GID, task->gid);
    set_fact(facts, WIRE_FACT_EUID, task->euid);
    set_fact(facts, WIRE_FACT_EGID, task->egid);
    if (task->login_uid != 0xffffffff)
        set_fact(facts, WIRE_FACT_LOGIN_UID, task->login_uid);
    set_fact(facts, WIRE_FACT_CGROUP, task->cgroup & ~WIRE_CGROUP_V1);
    // Bytes after the NUL are left over from longer names.
    for (int i = 0; i < WIRE_COMM_SIZE; i++) {
        ended |= !task->comm[i];
        comm[i] = ended ? 0 : task->comm[i];
    }
}

static __always_inline int facts_pass(struct facts_place *place)
{
    if (wire_predicate_holds(&predicate, &place->facts))
        return 1;
    place->dropped++;
    return 0;
}

// Whether a call passes. `has_error` is 0 where the result is whatever a register had.
static __always_inline int call_passes(const struct wire_syscall *record, int has_error, __u32 user)
{
    struct facts_place *place;
    struct wire_facts *facts;
    __u16 flags = record->header.flags;

    if (!predicate.literal_count)
        return 1;
    place = bpf_map_lookup_elem(&facts_map, &user);
    if (!place)
        return 1;
    facts = &place->facts;
    task_facts(facts, WIRE_SYSCALL, &record->task);
    set_fact(facts, WIRE_FACT_SYSCALL, WIRE_SYSCALL_FACT(record->abi, record->number));
    if (!(flags & WIRE_SYSCALL_NO_RETURN)) {
        int failed = has_error && record->result < 0 && record->result >= -4095;

        set_fact(facts, WIRE_FACT_RETURN, record->result);
        set_fact(facts, WIRE_FACT_OUTCOME, failed ? WIRE_OUTCOME_FAILURE : WIRE_OUTCOME_SUCCESS);
        if (failed)
            set_fact(facts, WIRE_FACT_ERROR, -record->result);
        if (!(flags & WIRE_SYSCALL_NO_ENTRY))
            set_fact(facts, WIRE_FACT_DURATION, record->duration);
    }
    return facts_pass(place);
}

#endif
