// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Policy

struct PolicyParserTests {
    private static func parse(_ text: String, _ files: [String: String] = [:]) throws(PolicyErrors) -> PolicyRules {
        var parser = PolicyParser { path throws(PolicyParser.Unreadable) in
            guard let text = files[path] else { throw .init("no such file") }
            return Array(text.utf8)
        }
        parser.add(file: "p", Array(text.utf8))
        return try parser.finish()
    }

    /// The errors, or the warnings where there are none.
    private static func problems(_ text: String, _ files: [String: String] = [:]) -> [PolicyProblem] {
        do {
            return try parse(text, files).warnings
        } catch {
            return error.problems
        }
    }

    /// The example of the design: one line of each kind.
    static let example = """
        # posture per class where no rule matches: net, file, exec
        default net deny
        allow net github.com:443/tcp            # an exact name
        allow net *.npmjs.org:443               # any depth below, not the name itself
        allow net 10.0.0.0/8:5432               # CIDR, IPv6 in brackets: [2001:db8::/32]:443
        drop  net *:3333/tcp                    # packets vanish
        deny  net listen *:8080
        deny  file write /etc/** /usr/bin/**  unless exe /usr/bin/dpkg
        deny  file read  /root/.ssh/**
        deny  exec /tmp/** /dev/shm/**
        deny  exec memfd                        # no file on disk
        kill  exec drift                        # not part of the container's image
        audit net raw                           # raw and packet sockets
        detect miner                            # a built-in detector
        scope namespace payments                # rules below apply only there
        deny  net 169.254.169.254
        """

    @Test func everyKindOfLine() throws {
        let policy = try Self.parse(Self.example)
        #expect(policy.warnings.isEmpty)
        #expect(policy.defaults.map { $0.verdict } == [.deny])
        #expect(
            policy.rules.map(policy.text) == [
                "allow net github.com:443/tcp", "allow net *.npmjs.org:443", "allow net 10.0.0.0/8:5432",
                "drop net *:3333/tcp", "deny net listen *:8080",
                "deny file write /etc/** unless exe /usr/bin/dpkg",
                "deny file write /usr/bin/** unless exe /usr/bin/dpkg", "deny file read /root/.ssh/**",
                "deny exec /tmp/**", "deny exec /dev/shm/**", "deny exec memfd", "kill exec drift", "audit net raw",
                "audit detect miner", "deny net 169.254.169.254",
            ])
        #expect(policy.rules.map { $0.place.line } == [3, 4, 5, 6, 7, 8, 8, 9, 10, 10, 11, 12, 13, 14, 16])
        #expect(policy.rules.map { $0.scope } == Array(repeating: 0, count: 14) + [1])
        #expect(policy.scopes[1].text == "scope namespace payments")
        #expect(policy.reference(policy.rules[6].place) == "p:8")
        #expect(policy.line(policy.defaults[0].place) == "default net deny")
    }

    /// A rule, and how it is printed; printed it is the same again.
    @Test(arguments: [
        ("allow net *", "allow net *"), ("allow net *:*", "allow net *"), ("allow net :80", "allow net *:80"),
        ("allow net GitHub.COM.", "allow net github.com"), ("allow net */udp", "allow net */udp"),
        ("allow net github.com/tcp", "allow net github.com/tcp"),
        ("allow net 10.1.2.3/8", "allow net 10.0.0.0/8"), ("allow net 10.0.0.0/8/udp", "allow net 10.0.0.0/8/udp"),
        ("allow net 10.0.0.1/32", "allow net 10.0.0.1"), ("allow net [::1]:53/udp", "allow net [::1]:53/udp"),
        ("allow net [2001:DB8::/32]", "allow net [2001:db8::/32]"), ("allow net [::]/tcp", "allow net [::]/tcp"),
        ("allow net [::ffff:10.0.0.1]:1", "allow net 10.0.0.1:1"), ("allow net 0.0.0.0/0", "allow net 0.0.0.0/0"),
        ("deny net listen :8080", "deny net listen *:8080"), ("deny dns *", "deny dns *"),
        ("drop dns *.example", "drop dns *.example"), ("deny file exec /x", "deny exec /x"),
        ("deny exec **/xmrig **/*.sh /opt/*", "deny exec **/xmrig"), ("deny exec /**", "deny exec /**"),
        ("deny exec \"/a b/**\"", "deny exec \"/a b/**\""), ("deny exec /a\\*b", "deny exec /a\\*b"),
        ("deny exec \"/a\\\"b\"", "deny exec \"/a\\\"b\""), ("deny net \"listen\"", "deny net \"listen\""),
        (#"deny exec "/a b\\\\""#, #"deny exec "/a b\\\\""#),
        (#"deny exec "/a b\\\\\"c""#, #"deny exec "/a b\\\\\"c""#),
        ("deny exec //a/./b", "deny exec /a/b"),
        ("deny exec /usr/bin/\\[", "deny exec /usr/bin/\\["), ("deny exec /a#b", "deny exec /a#b"),
        ("kill detect miner", "kill detect miner"), ("audit net raw", "audit net raw"),
        (
            "deny file read /x unless user root 1000 unless pod \"a b\" c",
            "deny file read /x unless user root 1000 unless pod \"a b\" c"
        ),
    ])
    func printed(_ text: String, _ expected: String) throws {
        let policy = try Self.parse(text)
        #expect(policy.text(policy.rules[0]) == expected)
        let again = try Self.parse(expected)
        #expect(again.text(again.rules[0]) == expected)
        #expect(again.rules[0].subject == policy.rules[0].subject)
    }

    /// A line, and of each error: its column, its message, its help (`nil`: whatever).
    @Test(
        arguments: [
            ("dney net *", 1, "a line does not begin with \"dney\"", "did you mean deny?"),
            ("net *", 1, "a line does not begin with \"net\"", "a rule begins with its verdict: deny net ..."),
            ("deny", 5, "here should follow what to deny", "one of net, dns, file, exec, detect"),
            ("deny nte *", 6, "there is nothing to deny that is called \"nte\"", "did you mean net?"),
            ("deny net", 9, "here should follow what to deny", nil),
            ("deny net a listen :1", 12, "listen stands right behind net", "in quotes it is a host's name"),
            ("deny net 10.0.0.256", 10, "\"10.0.0.256\" is no address", nil),
            ("deny net 10.0.0.0/33", 19, "\"33\" is no length of a network", "0 to 32"),
            ("deny net [::/129]", 14, "\"129\" is no length of a network", "0 to 128"),
            ("deny net [::1", 10, "this [ is not closed", nil),
            ("deny net [::]/8:1", 14, "the length of a network stands inside of the brackets", nil),
            ("deny net ::1", 10, "an IPv6 address stands in brackets", "write [::1], and [::1]:443 for a port"),
            ("deny net a:b:c", 10, "there is more than one :", nil),
            (
                "deny net a.example:https", 20, "\"https\" is no port",
                "ports have no names here: write a number, such as 443"
            ),
            ("deny net a.example:80-90", 20, "\"80-90\" is no port", "write a target for each port: host:80 host:443"),
            ("deny net a.example:0", 20, "\"0\" is no port", "write a number, 1 to 65535, or *"),
            ("deny net a.example:", 20, "here a port should follow", nil),
            ("deny net *:80/tpc", 15, "there is no protocol \"tpc\" for a rule", "did you mean tcp?"),
            ("deny net a.*.example", 12, "\"*\" stands for whole labels in front", nil),
            ("deny net bücher.example", 11, "a name has ASCII letters only", "write it as it is asked for: xn--..."),
            ("deny net a..b", 10, "this is no name: a label has 1 to 63 characters, all 253", nil),
            ("deny net listen a.example:80", 17, "to listen is at an address, not at a name", nil),
            ("deny net raw eth0", 14, "net raw is about all raw sockets", "leave out \"eth0\""),
            (
                "drop net listen :80", 1, "drop is for packets, which net listen has none of",
                "write deny: the call fails"
            ),
            ("drop file read /x", 1, "drop is for packets, which file read has none of", "write deny: the call fails"),
            (
                "deny file /etc/**", 11, "in front of a path stands an operation",
                "file read, file write (every change) or file exec"
            ),
            ("deny file raed /x", 11, "\"raed\" is no file operation", "did you mean read?"),
            ("deny file read etc", 16, "\"etc\" is not an absolute path", FilePattern.forms),
            ("deny file read /etc/", 20, "a path that ends with \"/\" is a directory", "write /etc/**"),
            ("deny file read /e*/x", 18, "this is no pattern of a policy", FilePattern.forms),
            ("deny file read /etc/*.conf", 21, "this is no pattern of a policy", FilePattern.forms),
            ("deny file read /**/x", 17, "this is no pattern of a policy", FilePattern.forms),
            ("deny file read **/a/b", 19, "this is no pattern of a policy", FilePattern.forms),
            ("deny file read **/*", 19, "this is no pattern of a policy", FilePattern.forms),
            ("deny file read /etc/../x", 21, "\"..\" has no meaning in a pattern", "write the path itself"),
            ("deny file read /", 16, "\"/\" is a directory", "write /** for all that is below it"),
            ("deny exec /x unless exe", 24, "here a value should follow", "exe /PATH"),
            ("deny exec /x unless exec /y", 21, "there is no kind \"exec\" here", "did you mean exe?"),
            ("deny exec \"/x", 11, "this text has no end", "close it with \""),
            ("deny detect minre", 13, "there is no detector \"minre\"", "did you mean miner?"),
            ("default", 8, "here a class should follow", nil),
            ("default nte deny", 9, "there is no class \"nte\"", "did you mean net?"),
            ("default net dney", 13, "there is no verdict \"dney\"", "did you mean deny?"),
            ("default file drop", 14, "drop is for the network", "write deny: the call fails"),
            ("default net deny deny", 18, "\"deny\" is one word too many", nil),
            ("scope pdo x", 7, "there is no kind \"pdo\" here", "did you mean pod?"),
            ("scope tree nginx", 12, "\"nginx\" is no process", nil),
            ("scope cgroup a", 14, "a cgroup is a path from the root of its hierarchy", nil),
            ("include nowhere", 9, "nowhere: no such file", nil),
            ("include", 8, "here a file should stand", "include FILE"),
            ("deny exec é unless nobody x", 11, "\"é\" is not an absolute path", nil),
        ] as [(String, Int, String, String?)])
    func wrong(_ text: String, _ column: Int, _ message: String, _ help: String?) throws {
        let problem = try #require(Self.problems("\n" + text).first)
        #expect(problem.isError)
        #expect(problem.headline == "p:2:\(column): error: \(message)")
        #expect(problem.error.excerpt == text)
        #expect(problem.error.column == column - 1)
        if let help { #expect(problem.error.help == help) }
    }

    /// All in one go, the good lines between them notwithstanding.
    @Test func allErrors() {
        let problems = Self.problems(
            "dney net *\nallow net *\ndeny net 1.2.3 x..y a.example\nscope pdo\ndeny file read x\n")
        #expect(problems.map { "\($0.line):\($0.column)" } == ["1:1", "3:10", "3:16", "4:7", "5:16"])
    }

    @Test func report() {
        #expect(
            Self.problems("allow net *:80/tpc")[0].lines == [
                "p:1:16: error: there is no protocol \"tpc\" for a rule", "  allow net *:80/tpc", "                 ^",
                "  did you mean tcp?",
            ])
    }

    /// Text, and where which warnings are.
    @Test(
        arguments: [
            ("deny net 10.0.0.0/8\ndeny net 10.1.1.1/8", "2:10 the same as p:1"),
            ("deny net *\nallow net *", "2:11 contradicts p:1: deny net *"),
            ("deny file read /x unless user a\nallow file read /x", ""),
            (
                "allow file read /x unless user a\ndeny file read /x",
                "2:16 with this rule p:1 never decides, although it has an exception"
            ),
            (
                "deny file read /x\naudit file read /x unless user a",
                "2:17 never decides: p:1 does, which has no exception"
            ),
            ("deny file read /x\nscope pod a\nallow file read /x", ""),
            ("scope pod a\ndeny exec /x\nscope all\nscope pod a\ndeny exec /x", "5:11 the same as p:2"),
            (
                "scope pod a\nscope user b\nallow exec /x\nscope user b\nscope pod a\nallow exec /x",
                "6:12 the same as p:3"
            ),
            ("scope pod a\n", "1:1 no rule is below this scope"),
            ("default net deny\ndefault net deny", "2:1 the same as p:1"),
            ("default net deny\ndefault net kill", "2:1 contradicts p:1: default net deny"),
            ("deny exec /a /a", "1:14 the same as p:1"),
        ])
    func doubtful(_ text: String, _ expected: String) throws {
        let warnings = try Self.parse(text).warnings
        #expect(warnings.map { "\($0.line):\($0.column) \($0.error.message)" } == (expected.isEmpty ? [] : [expected]))
    }

    @Test func includes() throws {
        let files = [
            "d/a": "deny exec /a\ninclude b\n", "d/b": "scope pod x\ndeny exec /b\n", "/abs": "deny exec /abs",
        ]
        let policy = try Self.parse("include d/a\ndeny exec /p\nscope user u\ninclude /abs\n", files)
        #expect(policy.rules.map { policy.reference($0.place) } == ["d/a:1", "d/b:2", "p:2", "/abs:1"])
        // A file's scope ends with it, and holds for what it includes.
        #expect(policy.rules.map { policy.scopes[$0.scope].text } == ["", "scope pod x", "", "scope user u"])
        let circle = Self.problems("include d/a", ["d/a": "include b", "d/b": "\ninclude a"])
        #expect(circle.map(\.headline) == ["d/b:2:9: error: \"d/a\" includes itself"])
    }

    @Test func rulesOfTheCommandLine() throws {
        var parser = PolicyParser { _ throws(PolicyParser.Unreadable) in throw .init("no") }
        parser.add(rule: Array("deny exec /tmp/**".utf8), number: 1)
        parser.add(rule: Array("deny exec /x".utf8), number: 2)
        let policy = try parser.finish()
        #expect(policy.rules.map { policy.reference($0.place) } == ["--rule:1", "--rule(2):1"])
    }

    @Test func manyRules() throws {
        var text = ""
        for number in 0..<20_000 {
            text += "allow net 10.\(number >> 16).\(number >> 8 & 255).\(number & 255):443/tcp\n"
        }
        let clock = ContinuousClock()
        var count = 0
        let time = try clock.measure { count = try Self.parse(text).rules.count }
        #expect(count == 20_000)
        // A debug build on a busy machine; a release build takes a fraction of a second.
        #expect(time < .seconds(60))
    }
}
