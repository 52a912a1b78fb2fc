// SPDX-License-Identifier: Apache-2.0
//
// Pods without Kubernetes: processes forked from ours in network namespaces and cgroups of their own, behind real proxies.
// What is done in them is C, because after fork() nothing of Swift's runtime may be relied on.
//
// Who is who: the guard is our child, and takes everything away when we are done or gone. Its child is the node, the first
// process of a process namespace, so that nothing outlives it; in its mount namespace is a file system for the laboratory's
// files, and in its network namespace the bridge, a name server and a service outside the mesh. Its children are the pods.
// They all share one piece of memory with us.
#ifndef CLABORATORY_H
#define CLABORATORY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LAB_PODS_MOST 100
// As many latencies of one load as are kept of one client.
#define LAB_LATENCIES_MOST 4096

// The user that proxies run as and rules let pass, as Istio has it, and the ports that rules lead to.
#define LAB_PROXY_USER 1337
#define LAB_OUTBOUND_PORT 15001
#define LAB_INBOUND_PORT 15006
// Where the application in each pod listens, and the service outside, and what a miner connects to there.
#define LAB_APPLICATION_PORT 8080
#define LAB_SERVICE_PORT 7000
#define LAB_POOL_PORT 3333

// What is done once in each pod, so that it is known who saw it.
enum lab_act {
    LAB_EXEC,
    LAB_OPEN,
    LAB_DATAGRAM,
    // A question to the name server, then a connection to the address that it answered.
    LAB_NAME,
    LAB_TCP,
    // A connection to an address that no name server answered.
    LAB_ADDRESS,
    // A connection as the user whom the rules let pass.
    LAB_BYPASS,
    LAB_ACTS,
};

enum lab_proxy { LAB_HAPROXY, LAB_NGINX };

// Asked of the node.
enum lab_command {
    // Clients of the first `clients` pods call the next pod's application, the last of them the first's.
    LAB_LOAD = 1,
    // The proxies of pods `first` to before `end` start, and the rules that lead to them.
    LAB_PROXIES,
    // All clients call, for `duration`; after a quarter of it each pod acts, after a half the last pod's proxy is killed.
    LAB_SCENE,
    // Reads what the rules have counted.
    LAB_COUNT,
    // Of one pod, asked by the node.
    LAB_ACT,
    LAB_KILL,
};

// One asks, the other answers: a number that each counts up, and that the other waits for.
struct lab_mailbox {
    uint32_t asked, answered;
    uint32_t command;
    uint32_t first, end;
    // An errno, 0 where it was done.
    int32_t error;
    // What could not be done. May have text of the proxy.
    char message[256];
};

// Written by the client of a pod, anew for each load.
struct lab_client {
    uint64_t connections, requests, failures;
    // Of requests that were answered, and of those that were not, since the last pod's proxy was killed.
    uint64_t requests_after, failures_after;
    // Nanoseconds that the load took.
    uint64_t time;
    // How many latencies there are of it.
    uint32_t kept;
};

struct lab_pod {
    struct lab_mailbox pod, load;
    struct lab_client client;
    // By the pod's own server, since it began.
    uint64_t accepted, answered;
    // Connections from this pod, and datagrams and questions, by the service outside.
    uint64_t outside, pool, datagrams, questions;
    // By the rules: connections out of the pod that they led to the proxy.
    uint64_t redirected_out;
    // How often each act was done, and the errno of it where it failed.
    uint32_t acts[LAB_ACTS];
    int32_t errors[LAB_ACTS];
    // CLOCK_BOOTTIME, nanoseconds: when its proxy was killed; 0 for never.
    uint64_t killed;
};

struct lab {
    uint32_t pods;
    uint32_t proxy;
    // Full paths: the proxy, nft, the directory of cgroups.
    char program[1024], nft[1024], cgroup[1024];
    // The directory of the laboratory's own file system, in the node's mount namespace. In it is also what names the pods,
    // where a kubelet and Docker would have it below the root of a node.
    char files[64];
    // The node's first process, as we see it.
    int32_t process;
    // Asked by us, answered by the node.
    struct lab_mailbox node;
    uint32_t clients;
    // Nanoseconds; from request to request, 0 for each at once after the last answer.
    uint64_t duration, interval;
    // CLOCK_MONOTONIC, nanoseconds: when the load began that runs now.
    uint64_t began;
    uint32_t killed;
    // Readable when the node has answered; readable when the guard has ended; open as long as the laboratory is to stay;
    // the lock of its cgroups, which says that they are in use.
    int answers, ended, stay, lock;
    int32_t guard;
};

// Memory that children share, with descriptors; NULL with errno. The fields before `node` are for the caller to fill.
struct lab *lab_prepare(unsigned pods);
// Makes the cgroups, and the processes; removes cgroups of laboratories that were killed together with their guards. 0, or
// -1 with errno; the node answers once when it is ready.
int lab_start(struct lab *lab);
// Ends what runs, takes everything away, and frees the memory.
void lab_end(struct lab *lab);

// Asks the node; it answers in its own time.
void lab_ask(struct lab *lab, uint32_t command);
// signalfd(2), closed on exec. A descriptor, or -1 with errno.
int lab_signals(const sigset_t *signals);
enum lab_wait { LAB_ANSWERED, LAB_SIGNALLED, LAB_LATE, LAB_ENDED };
// Waits for its answer, for a signal by `signals` (-1 for none), for at most `milliseconds`.
enum lab_wait lab_await(struct lab *lab, int signals, int milliseconds);

// The bare container is the one after the last pod.
struct lab_pod *lab_pod_at(struct lab *lab, unsigned index);
// How often an act was done; 0 where the last time failed.
uint32_t lab_done(const struct lab_pod *pod, enum lab_act act);
struct lab_client *lab_client_of(struct lab_pod *pod);
// Of the last load of a pod's client, in nanoseconds.
uint32_t *lab_latencies(struct lab *lab, unsigned index);
const char *lab_cgroup_path(const struct lab *lab);
const char *lab_files(const struct lab *lab);
const char *lab_message(const struct lab_mailbox *mailbox);

// Names of cgroups as Kubernetes and Docker have them, below the laboratory's: of the application of a pod, of its proxy, of
// the bare container.
enum lab_part { LAB_POD, LAB_APPLICATION, LAB_SIDECAR };
void lab_cgroup_name(const struct lab *lab, unsigned index, enum lab_part part, char *buffer, unsigned size);

// What the program says of its version, in one line. Its length, or -1 with errno.
int lab_version(const char *program, char *buffer, unsigned size);
void lab_set_paths(struct lab *lab, const char *program, const char *nft, const char *cgroup);

#endif
