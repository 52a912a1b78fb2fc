// SPDX-License-Identifier: Apache-2.0

import Enrichment
import Testing

struct JSONReaderTests {
    /// PATH=VALUE of each string; `nil` when the text is not JSON.
    private func read(_ text: [UInt8]) -> [String]? {
        var found: [String] = []
        let isJSON = JSONReader.forEachString(in: text) { path, value in
            found.append("\(path.joined(separator: "/"))=\(String(decoding: value, as: UTF8.self))")
        }
        return isJSON ? found : nil
    }

    private func read(_ text: String) -> [String]? { read(Array(text.utf8)) }

    @Test(arguments: [
        ("{}", []), ("[]", []), (" null\n", []), ("-0.5e+10", []), ("0", []), ("1E9", []), ("\"a\"", ["=a"]),
        (#"{"a":"b","c":{"d":[1,"e",true,false,{"f":"g"}]},"h":null}"#, ["a=b", "c/d/1=e", "c/d/4/f=g"]),
        (#"{"a.b/c" : "\"\\\/\b\f\n\r\t\u0041\u00e9"}"#, ["a.b/c=\"\\/\u{8}\u{c}\n\r\tAé"]),
        (
            #"["\ud83d\ude00","\ud83d","\ud83dx","\ude00","\ud83d\u0041"]"#,
            ["0=😀", "1=\u{fffd}", "2=\u{fffd}x", "3=\u{fffd}", "4=\u{fffd}A"]
        ),
        (#"{"":""}"#, ["="]),
    ])
    func valid(_ text: String, _ expected: [String]) {
        #expect(read(text) == expected)
    }

    @Test(arguments: [
        "", " ", "{", "[", "{}}", "{}{}", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:2}", "\"",
        "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "01", "-", "1.", ".1", "1e", "+1", "nul", "nulll",
        "tru", "'a'", "[1 2]", "{\"a\" \"b\"}", "\u{feff}{}", "NaN", "\"\\ud83d\\u12\"",
    ])
    func invalid(_ text: String) {
        #expect(read(text) == nil)
    }

    @Test func scalars() {
        var found: [String] = []
        let text = #"{"a":[-1.5e3,true,"x"],"b":{"c":null,"d":0},"e":false}"#
        let isJSON = JSONReader.forEachScalar(in: Array(text.utf8)) { path, value in
            let shown =
                switch value {
                case .string(let text): "'\(String(decoding: text, as: UTF8.self))'"
                case .number(let digits): String(decoding: digits, as: UTF8.self)
                case .boolean(let value): "\(value)"
                case .null: "null"
                }
            found.append("\(path.joined(separator: "/"))=\(shown)")
        }
        #expect(isJSON)
        #expect(found == ["a/0=-1.5e3", "a/1=true", "a/2='x'", "b/c=null", "b/d=0", "e=false"])
    }

    @Test func notUTF8() {
        #expect(read([0x22, 0xff, 0x22]) == nil)
        #expect(read([0x22, 0xed, 0xa0, 0x80, 0x22]) == nil)
    }

    /// Every beginning of a text is either whole or refused.
    @Test func halfWritten() {
        let text = Array(#"{"a":["b\u00e9",-1.5e3,{"c":null}],"d":true} "#.utf8)
        for end in 0..<text.count - 1 { #expect(read(Array(text[..<end])) == nil, "\(end)") }
        #expect(read(text) != nil)
    }

    @Test func depth() {
        let nested = { (depth: Int) in
            String(repeating: "[", count: depth) + "1" + String(repeating: "]", count: depth)
        }
        #expect(read(nested(64)) == [])
        #expect(read(nested(65)) == nil)
        #expect(read(nested(1_000_000)) == nil)
        #expect(read(String(repeating: "{\"a\":", count: 1_000_000)) == nil)
    }
}
