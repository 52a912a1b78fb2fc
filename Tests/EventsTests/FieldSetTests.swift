// SPDX-License-Identifier: Apache-2.0

import Events
import Testing

struct FieldSetTests {
    @Test(arguments: [[], [.timestamp], [.ebpfguardLost, .timestamp], Field.allCases] as [[Field]])
    func holdsWhatItIsMadeOf(_ fields: [Field]) {
        let set = FieldSet(fields)
        for field in Field.allCases { #expect(set.contains(field) == fields.contains(field)) }
    }

    /// The bits are where the order of the list has the fields.
    @Test func words() {
        let last = Field.allCases.count - 1
        #expect(FieldSet().words.indices.allSatisfy { FieldSet().words[$0] == 0 })
        for (index, field) in Field.allCases.enumerated() where index % 50 == 0 || index == last {
            let set: FieldSet = [field]
            for word in set.words.indices {
                #expect(set.words[word] == (word == index / 64 ? 1 << UInt64(index % 64) : 0))
            }
        }
    }

    @Test func unionAndIntersection() {
        let both = FieldSet([.timestamp, .filePath]).union([.filePath, .ebpfguardLost])
        var common = both
        common.formIntersection([.ebpfguardLost, .filePath, .processPID])
        for field in Field.allCases {
            #expect(both.contains(field) == [.timestamp, .filePath, .ebpfguardLost].contains(field))
            #expect(common.contains(field) == [.filePath, .ebpfguardLost].contains(field))
        }
    }
}
