// SPDX-License-Identifier: Apache-2.0

internal import CWire
package import Events

extension SyscallTable {
    /// The calls whose shown name is wanted, as the kernel programs number them (`WIRE_SYSCALL_FACT`). The programs pass
    /// every call with a number that has no rule, so those need not be among them.
    package static func facts(_ isWanted: (String) -> Bool) -> [ClosedRange<Int64>]? {
        var ranges: [ClosedRange<Int64>] = []
        for abi in SyscallABI.allCases {
            for number in 0..<UInt32(WIRE_NUMBERS_MAX) {
                guard isWanted(name(abi, number)?.string ?? SyscallRecord.madeUpName(number)) else { continue }
                let fact = Int64(abi.rawValue) << 32 | Int64(number)
                if let last = ranges.last, last.upperBound == fact - 1 {
                    ranges[ranges.count - 1] = last.lowerBound...fact
                } else {
                    ranges.append(fact...fact)
                }
            }
        }
        return ranges
    }
}
