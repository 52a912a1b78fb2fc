// SPDX-License-Identifier: Apache-2.0

import Events
import Glibc
import Testing

@testable import Enrichment

struct UserNamesTests {
    private func parse(_ text: String) -> [UInt32: String] {
        UserNames.parse(Array(text.utf8)).mapValues(\.string)
    }

    @Test func lines() {
        #expect(
            parse("root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n") == [
                0: "root", 1000: "alice",
            ])
    }

    @Test func firstNameOfAnIDWins() {
        #expect(parse("root:x:0:0::/:\ntoor:x:0:0::/:\n") == [0: "root"])
    }

    @Test func lastLineWithoutEnd() {
        #expect(parse("a:x:7") == [7: "a"])
        #expect(parse("a:x:7:") == [7: "a"])
    }

    @Test(arguments: [
        "", "\n\n", "root", "root:x", ":x:0:0", "a:x::0", "a:x:-1:0", "a:x: 1:0", "a:x:4294967296:0", "a:x:1x:0",
        "+::::::", "# root:x",
    ])
    func noUser(_ text: String) {
        #expect(parse(text) == [:])
    }

    @Test func largestID() {
        #expect(parse("a:x:4294967295:0") == [UInt32.max: "a"])
    }

    /// Bytes that are not UTF-8 stay what they are.
    @Test func bytes() {
        let names = UserNames.parse([0xff, 0x1b] + Array(":x:5:5\n".utf8))
        #expect(names[5]?.slice.elementsEqual([0xff, 0x1b]) == true)
    }

    @Test func ofThisProcess() throws {
        var users = UserNames()
        let own = UInt32(getpid())
        let root = UserNames.Root(device: 1, inode: 1, generation: 1)
        #expect(users.name(of: 0, pid: own, root: root, now: 0)?.string == "root")
        #expect(users.name(of: 4_000_000_000, pid: own, root: root, now: 0) == nil)
        // Known by its root directory from now on, whichever process asks, also when it is gone.
        #expect(users.name(of: 0, pid: 5_000_000, root: root, now: 1_000_000)?.string == "root")
        #expect(users.name(of: 0, pid: 5_000_000, root: root, now: 1_000_000_000_000)?.string == "root")
        // The same numbers, another file system: somebody else's names.
        for other in [
            UserNames.Root(device: 2, inode: 1, generation: 1), .init(device: 1, inode: 2, generation: 1),
            .init(device: 1, inode: 1, generation: 2),
        ] {
            #expect(users.name(of: 0, pid: 5_000_000, root: other, now: 0) == nil)
        }
    }

    @Test func hostUsers() {
        #expect(UserNames.uid(ofHostUser: "root") == 0)
        #expect(UserNames.uid(ofHostUser: "no such user") == nil)
        #expect(UserNames.hostUsers().contains("root"))
    }
}
