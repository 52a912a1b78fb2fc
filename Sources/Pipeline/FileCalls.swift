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
        "sendfile": Rule(operation: .write, extra: 1),
        "sendfile64": Rule(operation: .write, extra: 1),
        "splice": Rule(operation: .write, extra: 3),
        "copy_file_range": Rule(operation: .write, extra: 3),
        "mknodat": Rule(operation: .mknod, name: 2, directory: 1),
    ]

    /// A word for each number of each table.
    static func words() -> [UInt32] {
        var words = [UInt32](repeating: 0, count: Int(WIRE_ABI_COUNT * WIRE_NUMBERS_MAX))
        for (name, rule) in rules {
            for (abi, number) in SyscallTable.numbers(named: name) where abi != .ioUring && number < WIRE_NUMBERS_MAX {
                words[Int(abi.rawValue) * Int(WIRE_NUMBERS_MAX) + Int(number)] = rule.word
            }
        }
        return words
    }
}
