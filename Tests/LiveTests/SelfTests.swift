// SPDX-License-Identifier: Apache-2.0

// What the other tests lean on.

let selfTests = [
    Test("self: JSON is read strictly", dependsOnKernel: false) { t in
        let good = #" { "a" : [1, -2.5e3, true, null, "\u00e9\ud83d\ude00\n"] , "b" : { "c" : {} } } "#
        let value = try JSON(parsing: good.utf8)
        t.equal(value["a.0"], 1, "a.0")
        t.equal(value["a.1"], .number(-2500), "a.1")
        t.equal(value["a.4"], "é😀\n", "a.4")
        t.equal(value["b.c"], .object([:]), "b.c")
        t.equal(value["b.d.e"], nil, "b.d.e")
        let bad = [
            "", "{", "{}x", "{} {}", #"{"a":1,"a":2}"#, "[1,]", "[01]", "[1.]", "[+1]", "tru", "'a'", #""\x""#,
            #""\ud800""#, #""\ude00""#, #""\u12g4""#, "\"\u{1}\"", "\"", "[1 2]", #"{"a"}"#, "NaN",
        ]
        for text in bad {
            t.expect((try? JSON(parsing: text.utf8)) == nil, "\(text) is accepted")
        }
        for bytes: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0xF5, 0x80, 0x80, 0x80]] {
            t.expect((try? JSON(parsing: [0x22] + bytes + [0x22])) == nil, "\(bytes) is accepted")
        }
    },

    Test("self: times and footers", dependsOnKernel: false) { t in
        t.equal(nanoseconds(of: "1970-01-01T00:00:00.000000001Z"), 1, "the first nanosecond")
        t.equal(nanoseconds(of: "2000-02-29T23:59:59.999999999Z"), 951_868_799_999_999_999, "a leap day")
        t.equal(nanoseconds(of: "2026-11-21T00:14:15.464278560Z"), 1_795_220_055_464_278_560, "a day")
        for text in ["2026-11-21T00:14:15Z", "2026-11-21 00:14:15.464278560Z", "2026-11-21T00:14:15.464278560"] {
            t.equal(nanoseconds(of: text), nil, text)
        }
        let footer = "note\nwatched 2.5 s: 1,234,567 events seen, 512 printed, 0 lost"
        t.equal(number(with: "seen", in: footer), 1_234_567, "'seen'")
        t.equal(number(with: "printed", in: footer), 512, "'printed'")
        t.equal(number(with: "lost", in: footer), 0, "'lost'")
        t.equal(number(with: "filtered", in: footer), nil, "'filtered'")
        t.equal(number(with: "seen", in: "watched 2.5 s: 1 event seen, 0 printed"), 1, "'seen' of one")
    },
]
