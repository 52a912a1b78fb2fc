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
        var flags: UInt32 = 0

        var word: UInt32 {
            UInt32(operation.rawValue) | name << 8 | directory << 12 | extra << 16 | flags
        }
    }

    private static let rules: [String: Rule] = [
        "open": Rule(operation: .open, name: 1, extra: 2),
        "creat": Rule(operation: .open, name: 1, flags: UInt32(WIRE_FILE_CALL_CREAT)),
        "openat": Rule(operation: .open, name: 2, directory: 1, extra: 3),
        "openat2": Rule(operation: .open, name: 2, directory: 1, extra: 3, flags: UInt32(WIRE_FILE_CALL_HOW)),
        "open_by_handle_at": Rule(operation: .open, extra: 3, flags: UInt32(WIRE_FILE_CALL_HANDLE)),
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
