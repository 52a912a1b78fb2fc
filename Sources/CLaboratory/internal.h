// SPDX-License-Identifier: Apache-2.0
#ifndef CLABORATORY_INTERNAL_H
#define CLABORATORY_INTERNAL_H

#include "CLaboratory.h"

#include <netinet/in.h>
#include <stddef.h>

#define SECOND UINT64_C(1000000000)
#define MILLISECOND UINT64_C(1000000)

// 10.88.0.1 is the node, 10.88.0.2 the same by an address without a name, 10.88.1.1 the first pod.
#define NODE_ADDRESS 0x0a580001u
#define NAMELESS_ADDRESS 0x0a580002u
#define POD_ADDRESS(index) (0x0a580101u + (index))
#define ADDRESS_BITS 16

// mailbox.c
void lab_post(struct lab_mailbox *mailbox, uint32_t command);
// Waits for the next command.
uint32_t lab_next(struct lab_mailbox *mailbox);
void lab_answer(struct lab_mailbox *mailbox);
// Whether it has answered in time.
bool lab_answered(struct lab_mailbox *mailbox, uint64_t nanoseconds);
// Keeps the first failure: errno, and what it was that failed.
int lab_fail(struct lab_mailbox *mailbox, const char *format, ...) __attribute__((format(printf, 2, 3)));

// process.c
uint64_t lab_clock(int clock);
void lab_sleep_until(uint64_t monotonic);
// As it was at the start of a program: signals and their mask; ends with its parent; has this name.
void lab_become(const char *name);
int lab_join(const struct lab *lab, unsigned index, enum lab_part part);
void lab_set(char *field, unsigned size, const char *value);
int lab_write_file(const char *path, const char *text, unsigned length, int mode);
// Reads all that fits, and ends it with NUL.
int lab_read_file(const char *path, char *buffer, unsigned size);

// cgroups.c
// 0, or -1 with errno.
int lab_make_cgroups(struct lab *lab);
void lab_remove_cgroups(const char *path);

// network.c: 0, or -1 with errno.
int lab_make_bridge(void);
// A pair of devices from the bridge into the network namespace of a process, there named eth0.
int lab_connect_pod(unsigned index, pid_t pid);
int lab_configure_pod(unsigned index);

// node.c
_Noreturn void lab_node(struct lab *lab);

// pod.c
_Noreturn void lab_run_pod(struct lab *lab, unsigned index, int ready, int go);

// client.c
_Noreturn void lab_run_client(struct lab *lab, unsigned index);
// A connection, whose calls end after a second. A descriptor, or -1 with errno.
int lab_connect(uint32_t address, uint16_t port);
// A request on a connection, and its whole answer. 0, or -1 with errno.
int lab_request(int connection, uint32_t address, uint16_t port);

// server.c
_Noreturn void lab_run_application(struct lab *lab, unsigned index, int descriptor);
// Two of TCP and two of UDP. 0, or -1 with errno.
int lab_open_outside(int descriptors[4]);
_Noreturn void lab_run_outside(struct lab *lab, const int descriptors[4]);
int lab_listen(int type, uint16_t port);
struct sockaddr_in lab_address(uint32_t address, uint16_t port);

// acts.c
void lab_act(struct lab *lab, unsigned index, enum lab_act act);

// proxy.c
int lab_start_proxy(struct lab *lab, unsigned index, pid_t *proxy);
void lab_kill_proxy(pid_t proxy);
int lab_read_counters(struct lab *lab, unsigned index);

#endif
