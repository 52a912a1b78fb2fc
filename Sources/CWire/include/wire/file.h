// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What is done to files.
#ifndef WIRE_FILE_H
#define WIRE_FILE_H

#include "header.h"
#include "syscalls.h"

enum wire_file_operation {
    WIRE_FILE_OPEN = 1,
    WIRE_FILE_CREATE = 2, // opened, and not there before
    WIRE_FILE_RENAME = 3,
    WIRE_FILE_UNLINK = 4,
    WIRE_FILE_LINK = 5,
    WIRE_FILE_SYMLINK = 6,
    WIRE_FILE_MKDIR = 7,
    WIRE_FILE_RMDIR = 8,
    WIRE_FILE_MKNOD = 9,
    WIRE_FILE_WRITE = 10,    // closed after it was written to, or still open
    WIRE_FILE_EXEC_MAP = 11, // mapped to be executed
    WIRE_FILE_CHMOD = 12,
    WIRE_FILE_CHOWN = 13,
    WIRE_FILE_TRUNCATE = 14, // not by an open: that is in its flags
    WIRE_FILE_SETXATTR = 15,
    WIRE_FILE_REMOVEXATTR = 16,
    WIRE_FILE_MOUNT = 17,
    WIRE_FILE_UMOUNT = 18,
    WIRE_FILE_PIVOT_ROOT = 19,
    WIRE_FILE_READ = 20, // closed after it was read, or still open
};

// header.flags of WIRE_FILE
#define WIRE_FILE_AS_ASKED (1u << 0)    // the path is that of a directory, and the name what the call was given
#define WIRE_FILE_UPPER_LAYER (1u << 1) // of an overlay file system: not part of the image
#define WIRE_FILE_DELETED (1u << 2)     // no name leads to it any more
#define WIRE_FILE_TMPFILE (1u << 3)     // made without a name (O_TMPFILE)
#define WIRE_FILE_EXEC (1u << 4)        // opened by an exec
#define WIRE_FILE_NAME_CUT (1u << 5)    // the name could not be read whole
#define WIRE_FILE_BY_HANDLE (1u << 6)   // by open_by_handle_at: no name was asked for
#define WIRE_FILE_HAS_FLAGS (1u << 7)   // open_flags are known
// The path that it was given could not be read, or there was none.
#define WIRE_FILE_NO_DIRECTORY (1u << 8)

// What is to be done to a name, before it is: the thread's next record with WIRE_FILE_DONE tells what became of it.
#define WIRE_FILE_PENDING (1u << 9)
#define WIRE_FILE_DONE (1u << 10)
#define WIRE_FILE_EXCHANGE (1u << 11) // a rename that swaps two files
#define WIRE_FILE_REPLACED (1u << 12) // a rename over a file that was there
#define WIRE_FILE_STILL (1u << 13)    // it is still open
#define WIRE_FILE_MAPPED (1u << 14)   // its memory can be written to: that is not in bytes
#define WIRE_FILE_MOVED (1u << 15)    // a mount that was there before, somewhere or nowhere

// Followed, in this order and without gaps, by the bytes of path, name, second path and second name, each as long as its
// *_size says. The second ones are those of the old name of a rename, and of the file that a link is made to; of a
// symbolic link there is only a second name, its contents, and of an attribute its name. Of a mount that is the type of the
// file system, NUL, and what it is of; the second path is where it was before, or with WIRE_FILE_AS_ASKED both second ones
// are, and of pivot_root where the old root goes.
//
// Paths are as in wire_process: components from the leaf to the root, each ended by NUL. Names are what calls were given,
// without NUL: behind the path of the directory that they start from, unless they begin with a slash.
struct wire_file {
    struct wire_header header;
    struct wire_task task;
    uint64_t inode;
    uint64_t bytes;      // written or read; the size, the permissions, group << 32 | owner, or flags that were asked for
    uint64_t id;         // of WIRE_FILE_WRITE and WIRE_FILE_READ in two records: what they have in common
    uint32_t device;     // as the kernel has it: major << 20 | minor
    uint32_t mode;       // type and permissions; 0 when not known
    uint32_t open_flags;
    int32_t error;       // the positive errno of what failed
    uint16_t operation;  // enum wire_file_operation
    uint16_t path_size;
    uint16_t name_size;
    uint16_t second_size;
    uint16_t second_name_size;
    uint16_t unused[3];
};

_Static_assert(sizeof(struct wire_file) == 152, "layout of wire_file");

// What a system call does to files, for programs that see all calls return; 0 for nothing. Arguments are counted from 1,
// 0 for none.
#define WIRE_FILE_CALL(operation, name, directory, extra, second, second_directory)                                    \
    ((operation) | (name) << 8 | (directory) << 11 | (extra) << 14 | (second) << 17 | (second_directory) << 20)
#define WIRE_FILE_CALL_DESCRIPTOR (1u << 23) // directory is the file itself
#define WIRE_FILE_CALL_SHORT_IDS (1u << 24)  // ids have 16 bits
#define WIRE_FILE_CALL_SHORT_SIZE (1u << 25) // a size has 32 bits
#define WIRE_FILE_CALL_MOVES (1u << 26)      // second is a mount; of others second_directory is the type of the new one
#define WIRE_FILE_CALL_REMOVES (1u << 27) // extra has AT_REMOVEDIR for directories
#define WIRE_FILE_CALL_HOW (1u << 28)    // extra points to a struct open_how
#define WIRE_FILE_CALL_HANDLE (1u << 29) // it names no file: what it has opened is its result
#define WIRE_FILE_CALL_CREAT (1u << 30)  // flags as of creat(2)

#define WIRE_FILE_PLACES_MAX 8
#define WIRE_FILE_PLACE_SIZE 128

// A file, or a directory with all below it: components from the leaf to the root as in paths, each ended by NUL.
struct wire_file_place {
    char path[WIRE_FILE_PLACE_SIZE];
    uint32_t size;
};

// Section .rodata.files, written whole before load.
struct wire_files {
    uint32_t calls[WIRE_ABI_COUNT][WIRE_NUMBERS_MAX];
    // Ids of structures in the kernel's BTF.
    uint32_t type_file;
    uint32_t type_filename;
    uint32_t type_open_flags;
    uint32_t type_path;
    uint32_t type_dentry;
    uint32_t keeps_names; // what the names of calls are in is still there when the functions return (7.0 and later)
    uint32_t names; // bit n: functions of operation n get names as struct filename, not as pointers of the caller
    uint32_t operations;  // bit n: operation n is wanted
    uint32_t failed_only; // only what fails is
    uint32_t place_count; // paths that are wanted, where that can be told here; 0 for all
    struct wire_file_place places[WIRE_FILE_PLACES_MAX];
    uint32_t has_release; // a file is seen when its last user has closed it
    uint32_t has_cast; // a number can be made a pointer with a type (6.2 and later)
};

#endif
