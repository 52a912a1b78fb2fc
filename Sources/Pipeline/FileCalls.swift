// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Events

/// What system calls do to files, for the programs that see all calls return: `calls` of struct wire_files.
enum FileCalls {
    /// By the numbers of their arguments, from 1; 0 for none.
    private struct Rule {
        let operation: FileOperation
        var name: UInt32 = 0
        var directory: UInt32 = 0
        /// Flags, or where they are.
        var extra: UInt32 = 0
        /// Of the old name of a rename and so on.
        var second: UInt32 = 0
        var secondDirectory: UInt32 = 0
        var flags: UInt32 = 0

        var word: UInt32 {
            UInt32(operation.rawValue) | name << 8 | directory << 11 | extra << 14 | second << 17 | secondDirectory
                << 20
                | flags
        }
    }

    private static let rules: [String: Rule] = [
        "open": Rule(operation: .open, name: 1, extra: 2),
        "creat": Rule(operation: .open, name: 1, flags: UInt32(WIRE_FILE_CALL_CREAT)),
        "openat": Rule(operation: .open, name: 2, directory: 1, extra: 3),
        "openat2": Rule(operation: .open, name: 2, directory: 1, extra: 3, flags: UInt32(WIRE_FILE_CALL_HOW)),
        "open_by_handle_at": Rule(operation: .open, extra: 3, flags: UInt32(WIRE_FILE_CALL_HANDLE)),
        "unlink": Rule(operation: .unlink, name: 1),
        "unlinkat": Rule(
            operation: .unlink, name: 2, directory: 1, extra: 3, flags: UInt32(WIRE_FILE_CALL_REMOVES)),
        "rmdir": Rule(operation: .rmdir, name: 1),
        "rename": Rule(operation: .rename, name: 2, second: 1),
        "renameat": Rule(operation: .rename, name: 4, directory: 3, second: 2, secondDirectory: 1),
        "renameat2": Rule(operation: .rename, name: 4, directory: 3, extra: 5, second: 2, secondDirectory: 1),
        "link": Rule(operation: .link, name: 2, second: 1),
        "linkat": Rule(operation: .link, name: 4, directory: 3, second: 2, secondDirectory: 1),
        "symlink": Rule(operation: .symlink, name: 2, second: 1),
        "symlinkat": Rule(operation: .symlink, name: 3, directory: 2, second: 1),
        "mkdir": Rule(operation: .mkdir, name: 1),
        "mkdirat": Rule(operation: .mkdir, name: 2, directory: 1),
        "mknod": Rule(operation: .mknod, name: 1),
        "write": Rule(operation: .write, extra: 1),
        "pwrite64": Rule(operation: .write, extra: 1),
        "writev": Rule(operation: .write, extra: 1),
        "pwritev": Rule(operation: .write, extra: 1),
        "pwritev2": Rule(operation: .write, extra: 1),
        "sendfile": Rule(operation: .write, extra: 1, second: 2),
        "sendfile64": Rule(operation: .write, extra: 1, second: 2),
        "splice": Rule(operation: .write, extra: 3, second: 1),
        "copy_file_range": Rule(operation: .write, extra: 3, second: 1),
        "read": Rule(operation: .read, extra: 1),
        "pread64": Rule(operation: .read, extra: 1),
        "readv": Rule(operation: .read, extra: 1),
        "preadv": Rule(operation: .read, extra: 1),
        "preadv2": Rule(operation: .read, extra: 1),
        "mknodat": Rule(operation: .mknod, name: 2, directory: 1),
        "chmod": Rule(operation: .chmod, name: 1, extra: 2),
        "fchmod": Rule(operation: .chmod, directory: 1, extra: 2, flags: descriptor),
        "fchmodat": Rule(operation: .chmod, name: 2, directory: 1, extra: 3),
        "fchmodat2": Rule(operation: .chmod, name: 2, directory: 1, extra: 3),
        "chown": Rule(operation: .chown, name: 1, extra: 2, second: 3),
        "lchown": Rule(operation: .chown, name: 1, extra: 2, second: 3),
        "fchown": Rule(operation: .chown, directory: 1, extra: 2, second: 3, flags: descriptor),
        "fchownat": Rule(operation: .chown, name: 2, directory: 1, extra: 3, second: 4),
        "chown32": Rule(operation: .chown, name: 1, extra: 2, second: 3),
        "lchown32": Rule(operation: .chown, name: 1, extra: 2, second: 3),
        "fchown32": Rule(operation: .chown, directory: 1, extra: 2, second: 3, flags: descriptor),
        "truncate": Rule(operation: .truncate, name: 1, extra: 2),
        "ftruncate": Rule(operation: .truncate, directory: 1, extra: 2, flags: descriptor),
        "truncate64": Rule(operation: .truncate, name: 1, extra: lowHalf, second: lowHalf + 1),
        "ftruncate64": Rule(
            operation: .truncate, directory: 1, extra: lowHalf, second: lowHalf + 1, flags: descriptor),
        "setxattr": Rule(operation: .setxattr, name: 1, second: 2),
        "lsetxattr": Rule(operation: .setxattr, name: 1, second: 2),
        "fsetxattr": Rule(operation: .setxattr, directory: 1, second: 2, flags: descriptor),
        "setxattrat": Rule(operation: .setxattr, name: 2, directory: 1, second: 4),
        "removexattr": Rule(operation: .removexattr, name: 1, second: 2),
        "lremovexattr": Rule(operation: .removexattr, name: 1, second: 2),
        "fremovexattr": Rule(operation: .removexattr, directory: 1, second: 2, flags: descriptor),
        "removexattrat": Rule(operation: .removexattr, name: 2, directory: 1, second: 4),
        // Of these the type.
        "mount": Rule(operation: .mount, name: 2, extra: 4, second: 1, secondDirectory: 3),
        "umount": Rule(operation: .umount, name: 1),
        "umount2": Rule(operation: .umount, name: 1, extra: 2),
        "move_mount": Rule(
            operation: .mount, name: 4, directory: 3, second: 2, secondDirectory: 1,
            flags: UInt32(WIRE_FILE_CALL_MOVES)),
        "pivot_root": Rule(operation: .pivotRoot, name: 1, second: 2),
    ]

    private static let descriptor = UInt32(WIRE_FILE_CALL_DESCRIPTOR)

    /// Where 32-bit programs have the lower half of a size of 64 bits: in registers that the architecture has pairs of.
    #if arch(x86_64)
        private static let lowHalf: UInt32 = 2
    #else
        private static let lowHalf: UInt32 = 3
    #endif

    /// Of 32-bit programs.
    private static let shortIDs: Set = ["chown", "lchown", "fchown"]
    private static let shortSizes: Set = ["truncate", "ftruncate"]

    /// A word for each number of each table. Reads are many: they are among them only where they are asked for.
    static func words(_ operations: Set<FileOperation>) -> [UInt32] {
        var words = [UInt32](repeating: 0, count: Int(WIRE_ABI_COUNT * WIRE_NUMBERS_MAX))
        for (name, rule) in rules where rule.operation != .read || operations.contains(.read) {
            for (abi, number) in SyscallTable.numbers(named: name) where abi != .ioUring && number < WIRE_NUMBERS_MAX {
                var word = rule.word
                if abi == .compat, shortIDs.contains(name) { word |= UInt32(WIRE_FILE_CALL_SHORT_IDS) }
                if abi == .compat, shortSizes.contains(name) { word |= UInt32(WIRE_FILE_CALL_SHORT_SIZE) }
                words[Int(abi.rawValue) * Int(WIRE_NUMBERS_MAX) + Int(number)] = word
            }
        }
        return words
    }
}
