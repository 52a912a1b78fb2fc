// SPDX-License-Identifier: Apache-2.0

import Events
import Policy
import Testing

struct FilterMatcherTests {
    private static func list(_ texts: [String]) -> FieldValue {
        .texts(TextList(Bytes(texts.flatMap { Array($0.utf8) + [0] })))
    }

    private static func path(_ leafFirst: String) -> WalkedPath { WalkedPath(Bytes(leafFirst)) }

    private static let event: [Field: FieldValue] = [
        .timestamp: .time(1_795_249_800_500_000_000),  // 2026-11-21T08:30:00.5Z
        .eventAction: .word("exit"),
        .eventCategory: .words(["process", "session"]),
        .eventDuration: .integer(1_500_000_000),
        .processPID: .integer(4711),
        .processName: .name(CommandName(cString("curl"))),
        .processExecutable: .path(path("curl\0bin\0usr\0")),
        .processWorkingDirectory: .path(path("\0")),
        .processArgs: list(["curl", "-o", "/tmp/x y", "https://example.org"]),
        .processInteractive: .bool(false),
        .processTTYName: .terminal(driver: CommandName(cString("pts")), number: 3),
        .processEntityID: .entity(ProcessKey(pid: 4711, start: 0x1f2e)),
        .processAncestors: .ancestors(.none),
        .ebpfguardScript: .joinedPath(directory: path("opt\0"), Bytes("./run.sh")),
        .ebpfguardInterpreter: .text(Bytes("/bin/sh")),
        .ebpfguardExecPath: .joinedPath(directory: path("opt\0"), Bytes("/bin/true")),
        .userID: .identifier(1000),
        .ebpfguardCgroupID: .identifier(UInt64.max),
        .destinationIP: .address(IPAddress("10.1.2.3")!),
        .syscallReturn: .integer(-2),
        .ebpfguardLost: .counts([("exec", 1)]),
    ]

    private static func cString(_ text: String) -> CommandName.CString {
        var bytes = Array(text.utf8.map { CChar($0) })
        bytes += Array(repeating: 0, count: 16 - bytes.count)
        return (
            bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7], bytes[8], bytes[9],
            bytes[10],
            bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]
        )
    }

    private func matches(_ text: String, _ event: [Field: FieldValue] = event) throws -> Bool {
        var matcher = try Filter(text).matcher(boot: "0123456789ab")
        return matcher.matches { event[$0] ?? .absent }
    }

    @Test(arguments: [
        "process.pid == 4711", "process.pid == 0x1267", "process.pid != 1", "process.pid in (1, 4711)",
        "process.pid > 4710 and process.pid < 4712", "process.pid >= 4711 and process.pid <= 4711",
        "ebpfguard.syscall.return == -2", "ebpfguard.syscall.return < 0",
        "event.duration == 1.5s", "event.duration > 1s", "event.duration < 0.5m", "event.duration == 1500ms",
        "process.name == 'curl'", "process.name ~ 'c*'", "process.name ~ '????'", "process.name in ('wget', 'curl')",
        "process.executable == '/usr/bin/curl'", "process.executable ~ '/usr/*'", "process.executable ~ '*/curl'",
        "process.working_directory == '/'",
        "process.args == '-o'", "process.args ~ '/tmp/*'", "process.args in ('a', '/tmp/x y')",
        "process.args != '-v'", "event.category == 'session'", "event.category ~ 'pro*'", "event.category != 'file'",
        "process.interactive == false", "process.interactive != true",
        "process.tty.name == 'pts/3'", "process.entity_id == '0123456789ab-1f2e-4711'",
        "process.ancestors exists", "ebpfguard.lost exists",
        "ebpfguard.script == '/opt/run.sh'", "ebpfguard.exec_path == '/bin/true'", "ebpfguard.interpreter ~ '*/sh'",
        "user.id == 1000", "user.id == '1000'", "user.id > 999", "user.id != 0", "user.id in (0, '1000')",
        "ebpfguard.cgroup_id == 18446744073709551615", "ebpfguard.cgroup_id > 9223372036854775807",
        "@timestamp == '2026-11-21T08:30:00.5Z'", "@timestamp > '2026-11-21T08:30:00Z'",
        "@timestamp < '2026-11-21T09:30:01+01:00'", "@timestamp >= '2026-11-21T03:30:00.5-05:00'",
        "destination.ip == '10.1.2.3'", "destination.ip == '::ffff:10.1.2.3'", "destination.ip cidr '10.0.0.0/8'",
        "destination.ip in ('::1', '10.1.2.3')", "destination.ip != '10.1.2.4'", "not destination.ip cidr '::/0'",
        "event.action == 'exit'", "event.action ~ 'ex*'", "event.action in ('exec', 'exit')",
        "process.pid == 1 or process.pid == 4711", "not (process.pid == 1 and process.pid == 4711)",
        // What is not there.
        "not process.vpid exists", "not process.vpid == 1", "not process.vpid != 1", "not process.marks == 'memfd'",
        "not process.vpid < 5 and not process.vpid > 4", "not error.code in ('ENOENT')",
        "not destination.port == 443 and process.name == 'curl'",
    ])
    func holds(_ text: String) throws {
        #expect(try matches(text))
        #expect(try !matches("not (\(text))"))
    }

    @Test(arguments: [
        "process.pid == 4712", "process.pid != 4711", "process.pid in (1, 2)", "process.pid > 4711",
        "process.pid < -9223372036854775808", "process.pid > 9223372036854775807",
        "process.name == 'cur'", "process.name == 'curl '", "process.name ~ 'url'", "process.executable == 'curl'",
        "process.executable ~ '/usr'", "process.args == 'https'", "process.args != '-o'", "event.category != 'session'",
        "process.interactive == true", "user.id < 1000", "user.id == 0", "event.action == 'exec'",
        "destination.ip cidr '11.0.0.0/8'", "destination.ip cidr '::/0'", "destination.ip != '10.1.2.3'",
        // What is not there: no comparison holds, not even !=.
        "process.vpid exists", "process.vpid == 1", "process.vpid != 1", "process.vpid < 1", "process.vpid > 1",
        "process.vpid in (1)", "process.marks != 'memfd'", "error.code ~ '*'", "process.args_truncated == false",
        "process.args_truncated != true", "process.start > '2000-01-01T00:00:00Z'", "group.id != 0",
        "destination.port == 443 or destination.port != 443",
    ])
    func fails(_ text: String) throws {
        #expect(try !matches(text))
        #expect(try matches("not (\(text))"))
    }

    @Test func combined() throws {
        func matches(_ filter: Filter) -> Bool {
            var matcher = filter.matcher(boot: "")
            return matcher.matches { Self.event[$0] ?? .absent }
        }
        let yes = try Filter("process.pid == 4711")
        let no = try Filter("process.pid == 1")
        #expect(matches(.all([])))
        #expect(!matches(.any([])))
        #expect(matches(.all([yes, yes])))
        #expect(!matches(.all([yes, no])))
        #expect(matches(.any([no, yes])))
        #expect(!matches(.any([no, no])))
    }

    /// Values that decide nothing any more are not asked for.
    @Test func laziness() throws {
        var asked: [Field] = []
        var matcher = try Filter("process.pid == 1 and (user.id == 0 or process.name == 'x') or process.pid == 4711")
            .matcher(boot: "")
        let result = matcher.matches { field in
            asked.append(field)
            return Self.event[field] ?? .absent
        }
        #expect(result)
        #expect(asked == [.processPID, .processPID])
    }
}
