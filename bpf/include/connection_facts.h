// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What a filter may ask of a connection, from its record: as ConnectionRecord in user space sees it.
#ifndef CONNECTION_FACTS_H
#define CONNECTION_FACTS_H

#include "facts.h"
#include "ring.h"
#include "wire/network.h"

#include <bpf/bpf_endian.h>

static __always_inline void set_address_facts(struct wire_facts *facts, __u32 ip, __u32 port,
                                              const struct wire_address *address)
{
    const __u64 *words = (const __u64 *)address->bytes;
    uint64_t *place = ip == WIRE_FACT_SOURCE_IP ? facts->source : facts->destination;

    facts->present |= 1ull << ip;
    place[0] = bpf_be64_to_cpu(words[0]);
    place[1] = bpf_be64_to_cpu(words[1]);
    if (address->port)
        set_fact(facts, port, address->port);
}

// Whether this side never had an address: an attempt that failed before.
static __always_inline int is_unbound(const struct wire_address *local)
{
    const __u64 *words = (const __u64 *)local->bytes;

    return !local->port && !words[0] && !(words[1] & ~(__u64)bpf_htonl(0xffff));
}

// The record that each user makes: two of them would be too much for the stack, with that of the function which looks at it.
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, FACTS_USERS);
    __type(key, __u32);
    __type(value, struct wire_connection);
} places SEC(".maps");

static __always_inline struct wire_connection *place_of(__u32 user)
{
    return bpf_map_lookup_elem(&places, &user);
}

// Whether the user's record passes. Global: the verifier looks at it once, and not once for each way to each call, which
// is 100 ms when it starts.
__attribute__((noinline)) int connection_passes(__u32 user)
{
    const struct wire_connection *record = bpf_map_lookup_elem(&places, &user);
    struct facts_place *place = bpf_map_lookup_elem(&facts_map, &user);
    const struct wire_address *asked;
    struct wire_facts *facts;
    int listens, incoming;
    __u32 flags, kind;

    if (!record || !place)
        return 1;
    flags = record->header.flags;
    kind = record->header.kind;
    listens = kind == WIRE_LISTEN || flags & WIRE_CONNECTION_LISTENER;
    incoming = !listens && flags & WIRE_CONNECTION_INCOMING;
    asked = flags & WIRE_CONNECTION_ASKED ? &record->asked : &record->remote;
    facts = &place->facts;
    task_facts(facts, kind, &record->task);
    set_fact(facts, WIRE_FACT_TRANSPORT, record->protocol);
    set_fact(facts, WIRE_FACT_OUTCOME, record->error > 0 ? WIRE_OUTCOME_FAILURE : WIRE_OUTCOME_SUCCESS);
    if (record->error > 0)
        set_fact(facts, WIRE_FACT_ERROR, record->error);
    if (kind != WIRE_LISTEN && kind != WIRE_UDP && !(flags & (WIRE_CONNECTION_EARLIER | WIRE_CONNECTION_NO_START)))
        set_fact(facts, WIRE_FACT_DURATION, record->duration);
    if (incoming)
        set_fact(facts, WIRE_FACT_DIRECTION, WIRE_DIRECTION_INGRESS);
    else if (!listens && flags & WIRE_CONNECTION_OUTGOING)
        set_fact(facts, WIRE_FACT_DIRECTION, WIRE_DIRECTION_EGRESS);
    if (listens || incoming)
        set_address_facts(facts, WIRE_FACT_DESTINATION_IP, WIRE_FACT_DESTINATION_PORT, &record->local);
    else
        set_address_facts(facts, WIRE_FACT_DESTINATION_IP, WIRE_FACT_DESTINATION_PORT, asked);
    if (incoming)
        set_address_facts(facts, WIRE_FACT_SOURCE_IP, WIRE_FACT_SOURCE_PORT, &record->remote);
    else if (!listens && !is_unbound(&record->local))
        set_address_facts(facts, WIRE_FACT_SOURCE_IP, WIRE_FACT_SOURCE_PORT, &record->local);
    return facts_pass(place);
}

// Sends the user's record. What belongs to nobody passes: all that is asked of a process is absent of it.
static __always_inline void tell(struct wire_connection *record, __u16 kind, __u32 user)
{
    if (predicate.literal_count && record->task.pid && !connection_passes(user))
        return;
    emit(record, sizeof(*record), kind);
}

#endif
