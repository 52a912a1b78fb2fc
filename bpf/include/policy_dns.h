// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Questions and answers of the domain name system in the packets of a cgroup's sockets.
//
// Nothing here is believed of a packet that was not asked for, and what can't be read is not taken up.
#ifndef POLICY_DNS_H
#define POLICY_DNS_H

#include "policy_names.h"
#include "transport.h"

#define PORT_DNS 53
#define TYPE_A 1
#define TYPE_AAAA 28
#define CLASS_IN 1
#define RESPONSE 0x8000
#define OPCODE_AND_CODE 0x780f // 0: an ordinary question, and no error
#define QUESTIONS_AT_ONCE 2    // in one segment: resolvers ask for both families
#define LABELS_MAX 128         // of a name
#define RECORDS_MAX 128        // of an answer

struct message_head {
    __u16 id;
    __u16 flags;
    __u16 questions, answers, authorities, others;
};

// Where in a packet a message is. The addresses are as in wire_address.
struct message {
    __u8 source[16] __attribute__((aligned(8))), destination[16];
    __u32 offset;
    __u32 protocol;
    __u16 source_port, destination_port;
};

struct question_key {
    __u64 socket;
    __u64 id; // of the network's byte order; or a name, where that is what counts
};

struct question {
    __u64 name;
    __u32 pattern;
    __u32 unused;
    __u8 server[16] __attribute__((aligned(8)));
};

// That have left: only what answers one is believed.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, struct question_key);
    __type(value, struct question);
} questions SEC(".maps");

// False where it is not of UDP or TCP. There may be no bytes behind the head of the transport.
static __always_inline int find_message(struct __sk_buff *packet, struct message *message)
{
    __u64 transport = find_transport(packet);
    __u16 ports[2];
    __u8 words;
    long failed;

    message->offset = transport;
    message->protocol = (transport >> 32) & 0xff;
    if (message->protocol != IPPROTO_UDP && message->protocol != IPPROTO_TCP)
        return 0;
    if (bpf_skb_load_bytes(packet, message->offset, ports, 4))
        return 0;
    message->source_port = bpf_ntohs(ports[0]);
    message->destination_port = bpf_ntohs(ports[1]);
    if (message->protocol == IPPROTO_UDP) {
        message->offset += 8;
    } else {
        if (bpf_skb_load_bytes(packet, message->offset + 12, &words, 1))
            return 0;
        message->offset += (words >> 4) * 4;
    }
    if (transport & TRANSPORT_IPV6) {
        failed = bpf_skb_load_bytes(packet, 8, message->source, 16);
        failed |= bpf_skb_load_bytes(packet, 24, message->destination, 16);
    } else {
        message->source[10] = message->source[11] = 0xff;
        message->destination[10] = message->destination[11] = 0xff;
        failed = bpf_skb_load_bytes(packet, 12, message->source + 12, 4);
        failed |= bpf_skb_load_bytes(packet, 16, message->destination + 12, 4);
    }
    return !failed;
}

// Reads the name of a question, in small letters and with a dot in front of each label. 0 where there is none, else how many
// bytes it takes: one more than the text.
static __always_inline __u32 read_name(struct __sk_buff *packet, __u32 offset, char *text)
{
    __u32 unknown = packet->len, size = unknown - offset, left = 0, end;

    if (offset >= unknown)
        return 0;
    if (size > WIRE_POLICY_NAME - 1)
        size = WIRE_POLICY_NAME - 1;
    // From 1 to the size of `text`: before 6.8 the verifier does not learn from a comparison that a number is not 0.
    size = (size - 1) & (WIRE_POLICY_NAME - 1);
    BARRIER(size);
    size = (size & (WIRE_POLICY_NAME - 1)) + 1;
    BARRIER(size);
    if (bpf_skb_load_bytes(packet, offset, text, size))
        return 0;
    FORGET(left, unknown);
    for (__u32 i = 0; i < WIRE_POLICY_NAME - 1; i++) {
        __u8 character = text[i];

        if (!left) {
            if (!character) {
                end = i + 1;
                FORGET(end, unknown);
                return end;
            }
            if (character > 63) // no name of a question is compressed
                return 0;
            left = character;
            FORGET(left, unknown);
            text[i] = '.';
            continue;
        }
        left--;
        if (character >= 'A' && character <= 'Z')
            character |= 0x20;
        // A dot within a label is no boundary.
        text[i] = character == '.' ? 1 : character;
    }
    return 0;
}

// Hashes the name whose text has that length, from its end on, so that each suffix has its hash on the way. With `wanted`,
// finds the number of the most specific pattern that it matches.
static __always_inline __u32 match_name(const char *text, __u32 length, __u64 *hash, __u32 unknown,
                                        int wanted)
{
    __u64 a = policy.secret.a, b = policy.secret.b;
    struct wire_name_pattern key = {};
    __u32 labels = 0, pattern = 0, *found;

    // Before 6.4 a state is only known again when all numbers in it are, in a program with functions.
    FORGET(a, unknown);
    FORGET(b, unknown);
    FORGET(labels, unknown);
    FORGET(pattern, unknown);
    key.kind = WIRE_NAME_BELOW; // no constant of its own, which 5.10 can't have
    key.hash.a = a;
    key.hash.b = b;
    for (int i = WIRE_POLICY_NAME - 2; i > 0; i--) {
        // A comparison would tell the verifier what the length is, path by path.
        __u32 isBehind = (length - 1 - i) >> 31;
        __u8 character = text[i];

        BARRIER(isBehind);
        if (isBehind)
            continue;
        if (wanted && character == '.') {
            labels++;
            FORGET(labels, unknown);
            if (policy.suffixes >> (labels > 63 ? 63 : labels) & 1) {
                key.hash.a = a;
                key.hash.b = b;
                found = bpf_map_lookup_elem(&patterns, &key);
                if (found)
                    pattern = *found;
                BARRIER(pattern);
            }
        }
        a = (a ^ character) * WIRE_NAME_FACTOR_A;
        a ^= a >> 29;
        b = (b + character) * WIRE_NAME_FACTOR_B;
        b ^= b >> 31;
    }
    *hash = a;
    if (wanted) {
        key.hash.a = a;
        key.hash.b = b;
        key.kind = WIRE_NAME_EXACT;
        found = bpf_map_lookup_elem(&patterns, &key);
        if (found)
            pattern = *found;
    }
    return pattern;
}

// What stands for the name of the question that begins there; 0 where there is none. What leaves is remembered by it, with the
// number of its pattern.
__attribute__((noinline)) __u64 name_of_question(struct __sk_buff *packet, __u32 offset, int isLeaving)
{
    struct name name = {};
    __u64 hash;

    name.size = read_name(packet, offset, name.text);
    if (!name.size)
        return 0;
    name.size--;
    name.pattern = match_name(name.text, name.size, &hash, packet->len, isLeaving);
    if (isLeaving)
        bpf_map_update_elem(&asked_names, &hash, &name, BPF_ANY);
    return hash;
}

// ---- answers

// The offset behind the name of a record; 0 where there is none.
__attribute__((noinline)) __u32 behind_name(struct __sk_buff *packet, __u32 at)
{
    for (int i = 0; i < LABELS_MAX; i++) {
        __u8 label;

        if (bpf_skb_load_bytes(packet, at, &label, 1))
            return 0;
        if (!label || label >= 192)
            return at + (label ? 2 : 1);
        if (label > 63)
            return 0;
        at += label + 1;
    }
    return 0;
}

// Takes up the address of a record, if it has one. The offset behind it; 0 where there is none.
__attribute__((noinline)) __u32 take_record(struct __sk_buff *packet, __u32 at, __u64 name, __u32 pattern)
{
    struct __attribute__((packed)) {
        __u16 type, class;
        __u32 life;
        __u16 size;
    } record;
    __u32 life, size;

    at = behind_name(packet, at);
    if (!at || bpf_skb_load_bytes(packet, at, &record, sizeof(record)))
        return 0;
    at += sizeof(record);
    life = bpf_ntohl(record.life);
    size = bpf_ntohs(record.size);
    if (record.class == bpf_htons(CLASS_IN) && ((record.type == bpf_htons(TYPE_A) && size == 4) ||
                                                (record.type == bpf_htons(TYPE_AAAA) && size == 16))) {
        // More than a day is a day; RFC 2181 has those with the highest bit as 0.
        if (life >> 31)
            life = 0;
        if (life > 86400)
            life = 86400;
        take_address(packet, at | (size == 16 ? 1u << 31 : 0), seconds() + policy.grace + life, name, pattern);
    }
    return at + size;
}

// Takes up the addresses of so many records behind the question at `at`. One path through the loop, since before 6.4 the verifier
// goes through each anew where another function is called.
__attribute__((noinline)) int take_records(struct __sk_buff *packet, __u32 at, __u32 count, __u64 name, __u32 pattern)
{
    at = behind_name(packet, at);
    if (!at)
        return 0;
    at += 4;
    for (__u32 i = 0; i < RECORDS_MAX; i++) {
        if (i >= count)
            break;
        at = take_record(packet, at, name, pattern);
        if (!at)
            break;
    }
    return 0;
}

static __always_inline void take_answer(struct __sk_buff *packet, const struct message *message, __u32 offset,
                                        int isConnected)
{
    struct question_key key = {};
    struct question *asked;
    struct message_head head;
    __u64 name;

    if (bpf_skb_load_bytes(packet, offset, &head, sizeof(head)))
        return;
    if (!(head.flags & bpf_htons(RESPONSE)) || head.flags & bpf_htons(OPCODE_AND_CODE) ||
        head.questions != bpf_htons(1) || !head.answers)
        return;
    key.socket = bpf_get_socket_cookie(packet);
    key.id = head.id;
    asked = bpf_map_lookup_elem(&questions, &key);
    if (!asked)
        return;
    // A socket that is connected has nothing from anybody else.
    if (!isConnected) {
        const __u64 *from = (const __u64 *)message->source, *server = (const __u64 *)asked->server;

        if (from[0] != server[0] || from[1] != server[1])
            return;
    }
    offset += sizeof(head);
    name = name_of_question(packet, offset, 0);
    if (name && name == asked->name)
        take_records(packet, offset, bpf_ntohs(head.answers), name, asked->pattern);
}

#endif
