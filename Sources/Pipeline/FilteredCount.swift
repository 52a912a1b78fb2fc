// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime

/// Events that the programs did not send, because the part of the filter that they can decide rules them out.
enum FilteredCount {
    /// Room for a wire_facts, and the counter behind it: struct facts_place in bpf/include/facts.h.
    private typealias Place = InlineArray<36, UInt64>

    static func dropped(in object: borrowing BPFObject) -> UInt64 {
        guard let map = try? object.map(named: "facts_map") else { return 0 }
        var sum: UInt64 = 0
        for user in 0..<UInt32(5) {  // FACTS_USERS
            for place in map.perCPUValues(of: user, initial: Place(repeating: 0)) ?? [] { sum += place[35] }
        }
        return sum
    }
}
