// SPDX-License-Identifier: Apache-2.0

import Policy
import Testing

struct GlobTests {
    private func matches(_ pattern: String, _ text: String) -> Bool {
        matches(Array(pattern.utf8), Array(text.utf8))
    }

    private func matches(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        Glob(pattern).matches(text.span)
    }

    @Test(arguments: [
        ("", ""), ("*", ""), ("*", "anything/at all\n"), ("**", "x"), ("a*", "a"), ("a*", "abc"), ("*c", "abc"),
        ("a*c", "ac"), ("a*c", "abbc/c"), ("*b*", "abc"), ("a?c", "abc"), ("?", "é"), ("a?", "a\u{1f600}"),
        ("*?", "é"), ("??", "éa"), ("\\*", "*"), ("\\?\\\\", "?\\"), ("a\\", "a\\"), ("*.sh", ".sh.sh"),
        ("a*b*c", "axbxbxc"), ("[a]", "[a]"), ("*é", "xé"), ("*aab", "aaaaab"),
    ])
    func good(_ pattern: String, _ text: String) {
        #expect(matches(pattern, text))
    }

    @Test(arguments: [
        ("", "a"), ("a", ""), ("?", ""), ("a", "A"), ("a*", "ba"), ("*c", "cb"), ("a?c", "ac"), ("??", "é"),
        ("\\*", "x"), ("*b*", "ac"), ("a*c", "ab"), ("[ab]", "a"), ("abc", "abcd"), ("abcd", "abc"), ("*??", "é"),
    ])
    func bad(_ pattern: String, _ text: String) {
        #expect(!matches(pattern, text))
    }

    /// What is not UTF-8 counts byte by byte.
    @Test func bytes() {
        let text: [UInt8] = [0xff, 0xc3, 0x61]
        #expect(matches(Array("???".utf8), text))
        #expect(matches([0x2a, 0xc3, 0x61], text))
        #expect(matches(Array("??".utf8), [0xf0, 0x9f]))
    }

    /// A pattern that makes a recursive matcher try all ways.
    @Test func manyStars() {
        let text = String(repeating: "a", count: 30_000)
        #expect(!matches(String(repeating: "a*", count: 50) + "b", text))
        #expect(matches(String(repeating: "*a", count: 50), text))
    }
}
