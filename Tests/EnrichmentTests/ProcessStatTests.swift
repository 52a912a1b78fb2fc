// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import Enrichment

@Test func aProcessIsReadWhateverItsNameHasInIt() throws {
    let text =
        "4711 (a) b (c) S 1 4711 4711 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 5 0 8600 123 10 18446744073709551615 0 0\n"
    let stat = try #require(ProcessStat(parsing: Array(text.utf8)))
    #expect(stat.name == "a) b (c")
    #expect(stat.parent == 1)
    #expect(stat.cpu == 2_000_000_000)
    #expect(stat.threads == 5)
    #expect(stat.start == 8600)
    #expect(stat.pages == 10)
    #expect(!stat.hasEnded)
    #expect(ProcessStat(parsing: Array(text.replacing(" S ", with: " Z ").utf8))?.hasEnded == true)
}

@Test func whatIsNoStatIsNone() {
    for text in ["", "1 (cut) S", "1 )x( S", "1 (a) S -1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22"] {
        #expect(ProcessStat(parsing: Array(text.utf8)) == nil)
    }
}

@Test func ofThisProcessTheParentIsKnown() throws {
    #expect(try #require(ProcessStat(UInt32(getpid()))).parent == UInt32(getppid()))
    #expect(ProcessStat(UInt32.max) == nil)
}
