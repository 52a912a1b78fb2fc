// SPDX-License-Identifier: Apache-2.0

import Policy
import Testing

struct FilterParserTests {
    /// Each with how it is printed.
    @Test(arguments: [
        ("process.pid==1", "process.pid == 1"),
        ("process.pid  !=\t0x1F\n", "process.pid != 0x1F"),
        ("process.exit_code >= -1", "process.exit_code >= -1"),
        ("event.duration > 10ms", "event.duration > 10ms"),
        ("event.duration in (1.5s, 2m, 7)", "event.duration in (1.5s, 2m, 7)"),
        ("process.name == 'curl'", "process.name == \"curl\""),
        ("process.name == \"it's\"", "process.name == \"it's\""),
        ("process.args == 'a\\'b\\\"c\\\\d\\ne\\tf'", "process.args == \"a'b\\\"c\\\\d\\ne\\tf\""),
        ("process.executable ~ '/tmp/*'", "process.executable ~ \"/tmp/*\""),
        ("process.marks exists", "process.marks exists"),
        ("process.ancestors exists", "process.ancestors exists"),
        ("process.interactive == true", "process.interactive == true"),
        ("user.id == 0 or user.id == '0'", "user.id == 0 or user.id == \"0\""),
        ("@timestamp < '2026-11-21T08:30:00.5+01:00'", "@timestamp < \"2026-11-21T08:30:00.5+01:00\""),
        ("destination.ip cidr '10.0.0.0/8'", "destination.ip cidr \"10.0.0.0/8\""),
        ("destination.ip in ('::1', '127.0.0.1')", "destination.ip in (\"::1\", \"127.0.0.1\")"),
        ("destination.port in (443,8443)", "destination.port in (443, 8443)"),
        // not binds most, or least.
        (
            "not process.pid == 1 and process.pid == 2 or process.pid == 3",
            "(not process.pid == 1 and process.pid == 2) or process.pid == 3"
        ),
        (
            "process.pid == 1 or process.pid == 2 and process.pid == 3",
            "process.pid == 1 or (process.pid == 2 and process.pid == 3)"
        ),
        (
            "(process.pid == 1 or process.pid == 2) and process.pid == 3",
            "(process.pid == 1 or process.pid == 2) and process.pid == 3"
        ),
        ("not(process.pid == 1 or process.pid == 2)", "not (process.pid == 1 or process.pid == 2)"),
        ("not not ((process.pid exists))", "not not process.pid exists"),
        ("process.executable == '/opt/é/\u{1f600}'", "process.executable == \"/opt/é/\u{1f600}\""),
    ])
    func good(_ text: String, _ printed: String) throws {
        let filter = try Filter(text)
        #expect(filter.description == printed)
        #expect(try Filter(printed).description == printed)
    }

    /// Expression, message, place of the caret, help.
    @Test(
        arguments: [
            ("", "there is no expression", 0, "write one such as 'process.name == \"curl\"'"),
            ("   ", "there is no expression", 3, "write one such as 'process.name == \"curl\"'"),
            ("proces.name == 'x'", "there is no field \"proces.name\"", 0, "did you mean process.name?"),
            ("name == 'x'", "there is no field \"name\"", 0, "did you mean process.name?"),
            ("qqqqqqqqqqqqqq == 1", "there is no field \"qqqqqqqqqqqqqq\"", 0, "--list-fields shows all there are"),
            ("process.pid = 1", "\"=\" is not an operator", 12, "write =="),
            ("process.pid === 1", "\"===\" is not an operator", 12, "write =="),
            ("process.pid == 1 && user.id == 0", "\"&&\" is not an operator", 17, "write and"),
            ("process.pid == 1 || user.id == 0", "\"||\" is not an operator", 17, "write or"),
            ("!process.pid == 1", "\"!\" is not an operator", 0, "write not"),
            ("process.pid == 1 AND user.id == 0", "\"AND\" is not an operator", 17, "write and, in lower case"),
            ("process.pid == 1 Or user.id == 0", "\"Or\" is not an operator", 17, "write or, in lower case"),
            ("(process.pid == 1 OR user.id == 0)", "\"OR\" is not an operator", 18, "write or, in lower case"),
            ("NOT process.pid == 1", "\"NOT\" is not an operator", 0, "write not"),
            ("process.pid IN (1)", "\"IN\" is not an operator", 12, "write in, in lower case"),
            ("process.pid not in (1)", "\"not in\" is not an operator", 12, "write not process.pid in (…)"),
            (
                "process.args contains 'x'", "\"contains\" is not an operator", 13,
                "write ~ \"*text*\"; for a list: == \"element\""
            ),
            ("process.name =~ 'x'", "\"=~\" is not an operator", 13, "write ~ with a pattern such as \"*.sh\""),
            ("process.name !~ 'x'", "\"!~\" is not an operator", 13, "write not FIELD ~ \"pattern\""),
            ("process.pid <> 1", "\"<>\" is not an operator", 12, "write !="),
            ("process.pid in [1]", "\"[\" has no meaning here", 15, "a list is written in (100, 101)"),
            (
                "process.pid; 1", "\";\" has no meaning here", 11,
                "operators: == != < <= > >= ~ in cidr exists and or not"
            ),
            ("process.name == curl", "curl is not a value: text stands in quotes", 16, "write \"curl\""),
            (
                "process.executable == /bin/sh", "/bin/sh is not a value: text stands in quotes", 22,
                "write \"/bin/sh\""
            ),
            (
                "process.pid == process.vpid", "a field can be compared with a value only, not with a field", 15,
                "write a number, such as 443 or 0x1bb"
            ),
            (
                "process.pid == 'x'", "process.pid is a number, \"x\" is text", 15,
                "write a number, such as 443 or 0x1bb"
            ),
            ("process.pid == '7'", "process.pid is a number, \"7\" is text", 15, "write 7"),
            ("process.name == 7", "process.name is text, 7 is a number", 16, "write \"7\""),
            ("process.args in ('a', 7)", "process.args is a list of text, 7 is a number", 22, "write \"7\""),
            ("process.interactive == 1", "process.interactive is a boolean, 1 is a number", 23, "write true or false"),
            (
                "process.interactive", "behind process.interactive an operator should follow", 19,
                "write process.interactive == true"
            ),
            (
                "process.pid", "behind process.pid an operator should follow", 11,
                "write process.pid exists, or compare it with a value"
            ),
            (
                "process.pid == true", "process.pid is a number, true is a boolean", 15,
                "write a number, such as 443 or 0x1bb"
            ),
            (
                "process.name < 'x'", "process.name is text, and < compares numbers and times", 13,
                "operators for it: == != ~ in exists"
            ),
            (
                "process.pid ~ '1*'", "process.pid is a number, and ~ compares text", 12,
                "operators for it: == != < <= > >= in exists"
            ),
            (
                "process.pid cidr '1'", "process.pid is a number, and cidr compares addresses", 12,
                "operators for it: == != < <= > >= in exists"
            ),
            (
                "destination.ip ~ '10.*'", "destination.ip is an address, and ~ compares text", 15,
                "operators for it: == != in cidr exists"
            ),
            (
                "process.ancestors == 'x'", "process.ancestors is an object, and == compares single values", 18,
                "operators for it: exists"
            ),
            ("process.exit_code == 017", "a number does not begin with 0", 21, "write 17, or 0x for hexadecimal"),
            ("process.pid == 12x", "12x is not a number", 15, "write a number, such as 443 or 0x1bb"),
            ("process.pid == 5s", "5s is not a number", 15, "write a number, such as 443 or 0x1bb"),
            ("event.duration > 5parsecs", "5parsecs is not a number", 17, "write 10ms, 5s, 2m, 1h, or nanoseconds"),
            ("process.pid == 9223372036854775808", "9223372036854775808 does not fit into 64 bits", 15, nil),
            ("event.duration < 99999999999h", "99999999999h is too long", 17, nil),
            ("user.id == -1", "user.id is never negative", 11, nil),
            ("user.id == 'root'", "\"root\" is not a number", 11, "write a number, such as 443 or 0x1bb"),
            (
                "@timestamp > 'yesterday'", "\"yesterday\" is not a time as in RFC 3339", 13,
                "write \"2026-11-21T08:30:00Z\""
            ),
            ("@timestamp > 5", "@timestamp is a time, 5 is a number", 13, "write \"2026-11-21T08:30:00Z\""),
            ("event.action == 'exce'", "event.action is never \"exce\"", 16, "did you mean \"exec\"?"),
            (
                "event.action == 'frobnicate'", "event.action is never \"frobnicate\"", 16,
                "ebpfguard-events(5) lists them"
            ),
            ("event.outcome != 'bad'", "event.outcome is never \"bad\"", 17, "write success, failure"),
            ("process.marks == 'memdf'", "process.marks is never \"memdf\"", 17, "did you mean \"memfd\"?"),
            ("error.code ~ 'X*'", "no error.code matches \"X*\"", 13, "ebpfguard-events(5) lists them"),
            ("error.code == 'ENOENTT'", "error.code is never \"ENOENTT\"", 14, "did you mean \"ENOENT\"?"),
            (
                "process.name == 'a-name-too-long-for-it'",
                "process.name is never \"a-name-too-long-for-it\": the kernel keeps 15 bytes of a name", 16,
                "write \"a-name-too-long\""
            ),
            ("destination.ip == '10.0.0'", "\"10.0.0\" is not an address", 18, "write \"10.0.0.1\" or \"2001:db8::1\""),
            (
                "destination.ip == 10.0.0.1", "destination.ip is an address, 10.0.0.1 is a number", 18,
                "write \"10.0.0.1\""
            ),
            (
                "destination.ip == '10.0.0.0/8'", "\"10.0.0.0/8\" is not one address", 18,
                "write destination.ip cidr \"10.0.0.0/8\""
            ),
            (
                "destination.ip cidr '10.0.0.0/33'", "\"10.0.0.0/33\" is not a network", 20,
                "behind the / stands a number from 0 to 32"
            ),
            (
                "destination.ip cidr '::/-1'", "\"::/-1\" is not a network", 20,
                "behind the / stands a number from 0 to 128"
            ),
            (
                "destination.ip cidr '10.1.2.3/8'", "\"10.1.2.3/8\" has bits behind the first 8", 20,
                "write \"10.0.0.0/8\""
            ),
            (
                "event.sequence < 5", "event.sequence is counted when an event is printed, which is after the filter",
                0,
                "--count ends a run after so many events"
            ),
            ("process.name == 'curl", "this text has no end", 16, "close it with '"),
            ("process.name == \"curl", "this text has no end", 16, "close it with \""),
            (
                "process.name ~ 'a\\*'", "a backslash stands in front of \" ' \\ n r t only", 17,
                "write \\\\ for a backslash in the text"
            ),
            ("(process.pid == 1", "this ( is not closed", 0, "close it with )"),
            ("process.pid == 1)", "there is no ( for this )", 16, nil),
            ("process.pid in 1", "a list in parentheses should follow in", 15, "write in (100, 101)"),
            ("process.pid in ()", "here a value should stand, not \")\"", 16, "write a number, such as 443 or 0x1bb"),
            ("process.pid in (1 2)", "here the list should go on with , or )", 18, nil),
            ("process.pid in (1,", "here a value should follow", 18, "write a number, such as 443 or 0x1bb"),
            ("process.pid ==", "here a value should follow", 14, "write a number, such as 443 or 0x1bb"),
            ("process.pid == 1 and", "here a comparison should follow", 20, "write FIELD == VALUE"),
            ("and process.pid == 1", "here a field should stand, not \"and\"", 0, "write FIELD == VALUE"),
            ("443 == destination.port", "a comparison begins with a field", 0, "write FIELD == 443"),
            ("'x' == process.name", "a comparison begins with a field", 0, "write FIELD == \"x\""),
            ("1 < process.pid < 3", "a comparison begins with a field", 0, "write FIELD == 1"),
            (
                "process.pid > 1 < 3", "comparisons can't be chained", 16,
                "join two with and: event.duration > 1s and event.duration < 2s"
            ),
            ("event.duration > 10 ms", "a unit belongs to its number", 20, "write 10ms"),
            ("process.pid exists ms", "here the expression should go on with and or or", 19, nil),
            (
                "user == 'root'", "there is no field \"user\"", 0, "below it are user.id, user.name, user.audit.id"
            ),
            (
                "process == 'x'", "there is no field \"process\"", 0,
                "below it are process.pid, process.vpid, process.entity_id …"
            ),
            ("process.pid == 1 process.pid == 2", "here the expression should go on with and or or", 17, nil),
            // The caret counts characters, and a tab or newline is one.
            ("process.executable == '/é\u{1f600}' = 2", "\"=\" is not an operator", 28, "write =="),
            ("process.pid\n==\tx", "x is not a value: text stands in quotes", 15, "write \"x\""),
        ] as [(String, String, Int, String?)])
    func bad(_ text: String, _ message: String, _ column: Int, _ help: String?) {
        let error = #expect(throws: FilterError.self) { try Filter(text) }
        #expect(error?.message == message)
        #expect(error?.column == column)
        #expect(error?.help == help)
    }

    @Test func printed() {
        let error = #expect(throws: FilterError.self) { try Filter("not proces.name\t== 'é\u{1b}[31m'") }
        #expect(
            error?.description == """
                there is no field "proces.name"
                not proces.name == 'é?[31m'
                    ^
                did you mean process.name?
                """)
    }

    /// Of a long expression what is around the place, so that the caret is on the terminal.
    @Test func excerpt() {
        let part = "process.pid == 1 or "
        let text =
            String(repeating: part, count: 50) + "proces.pid == 1" + String(repeating: " or user.id == 1", count: 50)
        let error = #expect(throws: FilterError.self) { try Filter(text) }
        #expect(error?.excerpt.hasPrefix("…") == true)
        #expect(error?.excerpt.hasSuffix("…") == true)
        #expect((error?.excerpt.count ?? 99) <= 77)
        let behind = error.map { $0.excerpt.dropFirst($0.column) }
        #expect(behind?.hasPrefix("proces.pid ==") == true)
    }

    /// Neither the stack nor time runs out.
    @Test(arguments: ["(", "not ", "not(", "process.pid in (1,", "(process.pid == 1) and ("])
    func deep(_ piece: String) {
        for count in [1000, 3000, 100_000] {
            #expect(throws: FilterError.self) { try Filter(String(repeating: piece, count: count)) }
        }
        let nested = String(repeating: "(", count: 3000) + "process.pid == 1" + String(repeating: ")", count: 3000)
        let error = #expect(throws: FilterError.self) { try Filter(nested) }
        #expect(error?.message == "this is nested too deeply")
    }

    @Test func limits() throws {
        let nested = String(repeating: "(", count: 100) + "process.pid == 1" + String(repeating: ")", count: 100)
        #expect(try Filter(nested).description == "process.pid == 1")
        let wide = Array(repeating: "process.pid == 1", count: 3000).joined(separator: " or ")
        #expect(try Filter(wide).description == wide)
        let long = #expect(throws: FilterError.self) { try Filter(wide + String(repeating: " ", count: 10_000)) }
        #expect(long?.help == "at most 65536 are allowed")
    }
}
