// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What detectors look for in the bytes that connections send: patterns that one automaton finds as the bytes go by, in however
// many segments they come.
#ifndef STREAM_H
#define STREAM_H

#include "ring.h"
#include "task.h"

#include "wire/detect.h"
#include "wire/enforce.h"

const volatile struct wire_detect_rule detect SEC(".rodata.detect");

// Sized and filled by user space.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct wire_detect_state);
} automaton SEC(".maps");

struct stream_key {
    __u64 socket; // its address, or its cookie
    __u32 ports;  // with an address: another socket may have it by now
    __u32 unused;
};

#define STREAM_OWNED (1u << 0) // `task` is whose it is
#define STREAM_IN_SCOPE (1u << 1)
#define STREAM_FOLLOWED (1u << 2) // it looks like JSON

struct stream {
    struct wire_task task;
    __u64 found;
    __u32 state;
    __u32 next;   // number of the byte that follows
    __u32 left;   // bytes that are still looked at
    __u32 others; // segments that were none
    __u32 flags;
    __u32 verdict; // of what was detected
    __u64 holds;   // of whose it is, as far as rules ask for that
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, struct stream_key);
    __type(value, struct stream);
} streams SEC(".maps");

// Too large for the stack.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct stream);
} new_stream SEC(".maps");

static __always_inline struct stream *add_stream(const struct stream_key *key)
{
    __u32 zero = 0;
    struct stream *empty = bpf_map_lookup_elem(&new_stream, &zero);

    if (!empty || bpf_map_update_elem(&streams, key, empty, BPF_ANY))
        return 0;
    return bpf_map_lookup_elem(&streams, key);
}

// JSON, which is what miners speak.
static __always_inline int begins_like_json(char byte) { return byte == '{' || byte == '['; }

// Nothing more of it is looked at.
static __always_inline int is_done(const struct stream *stream)
{
    return stream->flags & STREAM_FOLLOWED ? !stream->left : stream->others >= WIRE_DETECT_OTHERS;
}

// Whether a segment is looked at that begins so; from then on all are.
static __always_inline int follows(struct stream *stream, char first, __u32 sequence)
{
    if (stream->flags & STREAM_FOLLOWED)
        return 1;
    if (!begins_like_json(first)) {
        stream->others++;
        return 0;
    }
    stream->flags |= STREAM_FOLLOWED;
    stream->left = WIRE_DETECT_BYTES;
    stream->next = sequence;
    return 1;
}

// How many bytes of a segment were seen before: those of one that is sent again. What was missed in between ends what had
// begun.
static __always_inline __u32 seen_before(struct stream *stream, __u32 sequence)
{
    __s32 ahead = stream->next - sequence;

    if (ahead < 0) {
        stream->state = 0;
        return 0;
    }
    return ahead;
}

#define CHUNK 128
#define CHUNKS (WIRE_DETECT_SEGMENT / CHUNK)

// Feeds bytes to the automaton, at most CHUNK.
static __always_inline void feed(struct stream *stream, const char *bytes, __u32 size)
{
    __u64 found = 0;
    __u32 state = stream->state;

    for (__u32 i = 0; i < CHUNK; i++) {
        struct wire_detect_state *entry;

        if (i >= size)
            break;
        entry = bpf_map_lookup_elem(&automaton, &state);
        if (!entry)
            break;
        state = entry->next[(__u8)bytes[i]];
        if (state & WIRE_DETECT_FOUND) { // a pattern ends there
            state &= ~WIRE_DETECT_FOUND;
            entry = bpf_map_lookup_elem(&automaton, &state);
            if (!entry)
                break;
            found |= entry->found;
        }
    }
    stream->state = state;
    stream->found |= found;
}

static __always_inline __u32 score(__u64 found)
{
    __u32 sum = 0;

    for (__u32 i = 0; i < WIRE_DETECT_PATTERNS; i++) {
        __u32 bit = found >> i & 1;

        BARRIER(bit); // no branch, or the verifier goes through all sums that there may be
        sum += bit * detect.weights[i];
    }
    return sum;
}

static __always_inline void tell_stream(struct stream *stream, struct wire_detect *record, __u32 rule, __u32 verdict,
                                        __u32 flags)
{
    fill_header(&record->header, sizeof(*record), WIRE_DETECT);
    if (!(stream->flags & STREAM_OWNED))
        flags |= WIRE_DETECT_NO_TASK;
    if (stream->flags & STREAM_IN_SCOPE)
        flags |= WIRE_DETECT_IN_SCOPE;
    record->header.flags = flags;
    record->task = stream->task;
    record->found = stream->found;
    record->rule = rule;
    record->verdict = verdict;
    record->unused = 0;
}

#endif
