// SPDX-License-Identifier: Apache-2.0
// Operations of io_uring, by its system calls alone.
#include "sockets.h"

#include <linux/io_uring.h>
#include <linux/stat.h>
#include <sys/mman.h>
#include <sys/mount.h>

enum { ENTRIES = 128 };

struct ring {
    int file;
    bool polls; // a thread of the kernel takes what is submitted
    unsigned *head, *tail, *array, *flags, mask;
    unsigned *done_head, *done_tail, done_mask;
    struct io_uring_sqe *entries;
    struct io_uring_cqe *done;
    unsigned queued;
};

static void *map(int file, size_t size, off_t offset)
{
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, offset);
    if (start == MAP_FAILED)
        die("mmap of a ring");
    return start;
}

// Exits with 77 where there is no io_uring.
static struct ring open_ring(unsigned flags)
{
    struct io_uring_params setup = {.flags = flags, .sq_thread_idle = 100};
    int file = (int)syscall(SYS_io_uring_setup, ENTRIES, &setup);
    if (file < 0 && (errno == ENOSYS || errno == EPERM))
        _exit(77);
    if (file < 0)
        die("io_uring_setup");
    char *queue = map(file, setup.sq_off.array + setup.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
    char *results = map(file, setup.cq_off.cqes + setup.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
    return (struct ring){
        .file = file,
        .polls = flags & IORING_SETUP_SQPOLL,
        .tail = (unsigned *)(queue + setup.sq_off.tail),
        .array = (unsigned *)(queue + setup.sq_off.array),
        .flags = (unsigned *)(queue + setup.sq_off.flags),
        .mask = setup.sq_entries - 1,
        .done_head = (unsigned *)(results + setup.cq_off.head),
        .done_tail = (unsigned *)(results + setup.cq_off.tail),
        .done_mask = setup.cq_entries - 1,
        .entries = map(file, setup.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES),
        .done = (struct io_uring_cqe *)(results + setup.cq_off.cqes),
    };
}

static struct io_uring_sqe *queue(struct ring *ring, __u8 operation, int file, const void *address)
{
    unsigned place = (*ring->tail + ring->queued) & ring->mask;
    struct io_uring_sqe *entry = &ring->entries[place];
    *entry = (struct io_uring_sqe){
        .opcode = operation, .fd = file, .addr = (__u64)address, .user_data = ring->queued};
    ring->array[place] = place;
    ring->queued++;
    return entry;
}

// Submits what is queued and says its results in the order of the queue: "done RESULT...". The last one is returned.
static int submit(struct ring *ring)
{
    unsigned count = ring->queued;
    int results[ENTRIES];
    char line[ENTRIES * 8] = "done";
    __atomic_store_n(ring->tail, *ring->tail + count, __ATOMIC_RELEASE);
    ring->queued = 0;
    unsigned flags = IORING_ENTER_GETEVENTS;
    if (ring->polls && __atomic_load_n(ring->flags, __ATOMIC_ACQUIRE) & IORING_SQ_NEED_WAKEUP)
        flags |= IORING_ENTER_SQ_WAKEUP;
    for (unsigned seen = 0, submitted = 0; seen < count;) {
        unsigned given = ring->polls ? 0 : count - submitted;
        long taken = syscall(SYS_io_uring_enter, ring->file, given, 1, flags, NULL, 0);
        if (taken < 0 && errno != EINTR)
            die("io_uring_enter");
        submitted += taken > 0 && !ring->polls ? (unsigned)taken : 0;
        for (; *ring->done_head != __atomic_load_n(ring->done_tail, __ATOMIC_ACQUIRE); seen++) {
            struct io_uring_cqe *entry = &ring->done[*ring->done_head & ring->done_mask];
            results[entry->user_data] = entry->res;
            __atomic_store_n(ring->done_head, *ring->done_head + 1, __ATOMIC_RELEASE);
        }
    }
    for (unsigned i = 0, length = 4; i < count; i++)
        length += (unsigned)snprintf(line + length, sizeof line - length, " %d", results[i]);
    if (strlen(line) < 400)
        say("%s", line);
    return results[count - 1];
}

// ring-sockets: a connection that is asked for and accepted by io_uring, and one that is refused.
int run_ring_sockets(int, char *const[])
{
    struct ring ring = open_ring(0);
    char bytes[8];

    make_network();
    int server = listener('4', PORT, 8), client = stream('4', 0), other = stream('4', 0);
    struct address address = loopback('4', PORT), nobody = loopback('4', PORT + 1);
    queue(&ring, IORING_OP_CONNECT, client, &address.plain)->off = address.size;
    check(submit(&ring) == 0, "connect");
    queue(&ring, IORING_OP_ACCEPT, server, NULL);
    int accepted = submit(&ring);
    check(accepted >= 0, "accept");
    queue(&ring, IORING_OP_CONNECT, other, &nobody.plain)->off = nobody.size;
    check(submit(&ring) == -ECONNREFUSED, "not refused");
    say("sockets %d %u", getpid(), port_of(client));
    check(send(client, "abcde", 5, 0) == 5, "send");
    check(recv(accepted, bytes, sizeof bytes, 0) == 5, "receive");
    close(client);
    check(recv(accepted, bytes, sizeof bytes, 0) == 0, "end");
    close(accepted);
    close(other);
    close(server);
    _exit(0);
}

// ring DIRECTORY: one submission for each operation, then a linked pair whose first fails, then a hundred at once.
int run_ring(int argc, char *const argv[])
{
    struct statx facts;
    struct ring ring = open_ring(0);
    if (argc < 1 || chdir(argv[0]) != 0)
        die("chdir");
    struct sockaddr_in nobody = {
        .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int sender = socket(AF_INET, SOCK_STREAM, 0);

    queue(&ring, IORING_OP_OPENAT, AT_FDCWD, "/dev/null");
    submit(&ring);
    queue(&ring, IORING_OP_OPENAT, AT_FDCWD, "missing");
    submit(&ring);
    queue(&ring, IORING_OP_CONNECT, sender, &nobody)->off = sizeof nobody;
    submit(&ring);
    queue(&ring, IORING_OP_NOP, -1, NULL);
    submit(&ring);
    struct io_uring_sqe *entry = queue(&ring, IORING_OP_STATX, AT_FDCWD, "/dev/null");
    entry->len = STATX_SIZE;
    entry->off = (__u64)&facts;
    submit(&ring);
    queue(&ring, IORING_OP_MKDIRAT, AT_FDCWD, "made")->len = 0700;
    submit(&ring);
    entry = queue(&ring, IORING_OP_RENAMEAT, AT_FDCWD, "made");
    entry->off = (__u64) "renamed";
    entry->len = (__u32)AT_FDCWD;
    submit(&ring);
    queue(&ring, IORING_OP_UNLINKAT, AT_FDCWD, "renamed")->unlink_flags = AT_REMOVEDIR;
    submit(&ring);

    queue(&ring, IORING_OP_OPENAT, AT_FDCWD, "first of a pair")->flags = IOSQE_IO_LINK;
    queue(&ring, IORING_OP_OPENAT, AT_FDCWD, "second of a pair");
    submit(&ring);

    static char names[100][16];
    for (int i = 0; i < 100; i++) {
        snprintf(names[i], sizeof names[i], "missing %d", i);
        queue(&ring, IORING_OP_OPENAT, AT_FDCWD, names[i]);
    }
    submit(&ring);
    _exit(0);
}

// ring-polled: as above, but a thread of the kernel submits.
int run_ring_polled(int, char *const[])
{
    struct ring ring = open_ring(IORING_SETUP_SQPOLL);
    queue(&ring, IORING_OP_OPENAT, AT_FDCWD, "/missing/polled");
    submit(&ring);
    queue(&ring, IORING_OP_OPENAT, AT_FDCWD, "/dev/null");
    submit(&ring);
    _exit(0);
}

// ring-socket: a raw socket by an operation; 77 where there is none.
int run_ring_socket(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    struct ring ring = open_ring(0);
    struct io_uring_sqe *entry = queue(&ring, 45, AF_INET, NULL); // IORING_OP_SOCKET, from 5.19 on

    entry->off = SOCK_RAW;
    entry->len = IPPROTO_ICMP;
    submit(&ring);
    return 0;
}

// ring-unix: what io_uring sends through a pair of UNIX sockets, 6 bytes and 9, and 4 back.
int run_ring_unix(int, char *const[])
{
    char bytes[16] = {0};
    int pair[2];
    struct iovec part = {bytes, 9};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct ring ring = open_ring(0);

    prctl(PR_SET_NAME, "ringer");
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "pair");
    queue(&ring, IORING_OP_SEND, pair[0], bytes)->len = 6;
    check(submit(&ring) == 6, "send");
    queue(&ring, IORING_OP_SENDMSG, pair[0], &message)->len = 1;
    check(submit(&ring) == 9, "sendmsg");
    queue(&ring, IORING_OP_WRITE, pair[1], bytes)->len = 4;
    check(submit(&ring) == 4, "write");
    check(recv(pair[1], bytes, sizeof bytes, 0) == 15 && recv(pair[0], bytes, sizeof bytes, 0) == 4, "receive");
    close(pair[0]);
    close(pair[1]);
    _exit(0);
}

// ring-changes DIRECTORY: there, attributes of "file" by its name and by a descriptor, of one that is missing, and its size.
// Says their results.
int run_ring_changes(int argc, char *const argv[])
{
    enum { FSETXATTR = 41, SETXATTR = 42, FTRUNCATE = 55 };
    struct ring ring = open_ring(0);
    check(argc == 1 && unshare(CLONE_NEWNS) == 0, "namespace");
    check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private mounts");
    // It has attributes.
    check(mount("changes", argv[0], "tmpfs", 0, NULL) == 0 && chdir(argv[0]) == 0, "tmpfs");
    int file = open("file", O_RDWR | O_CREAT, 0600);
    check(file >= 0, "file");
    const char *names[] = {"file", "missing"};
    for (int i = 0; i < 2; i++) {
        struct io_uring_sqe *entry = queue(&ring, SETXATTR, 0, "trusted.by_name");
        entry->off = (__u64) "value";
        entry->len = 5;
        ((__u64 *)entry)[6] = (__u64)names[i]; // addr3
        submit(&ring);
    }
    struct io_uring_sqe *entry = queue(&ring, FSETXATTR, file, "trusted.by_descriptor");
    entry->off = (__u64) "value";
    entry->len = 5;
    submit(&ring);
    queue(&ring, FTRUNCATE, file, NULL)->off = 77;
    submit(&ring);
    _exit(0);
}
