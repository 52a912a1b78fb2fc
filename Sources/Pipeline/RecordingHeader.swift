// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CLinux
internal import Enrichment
internal import Glibc

/// What a recording says of itself at its start: what a replay needs, and what a person wants to know.
struct RecordingHeader {
    let host: Host
    /// CLOCK_BOOTTIME.
    let started: UInt64
    let kernel: String
    /// What recorded it, such as "trace".
    let command: String
    let failedExecHook: StaticString
    let missing: [String]
    /// The limit of time that the run was given.
    let duration: UInt64?
    let values: [(String, String)]

    /// Of a run that begins.
    init(_ options: TraceOptions, _ host: Host, _ probes: borrowing TraceProbes, started: UInt64) {
        self.host = host
        self.started = started
        kernel = kernelRelease()
        command = options.command.name
        failedExecHook = probes.processes.failedExecHook
        missing = probes.missing
        duration = options.duration
        var values: [(String, String)] = [
            ("tool", "ebpfguard \(options.toolVersion)"), ("command", command), ("schema", String(Event.schema)),
            ("kernel", kernel), ("machine", Self.machine()), ("host", host.name), ("boot", host.boot),
            ("clock_offset", String(host.clockOffset)), ("started", String(started)),
            ("failed_exec_hook", "\(failedExecHook)"),
        ]
        if let duration { values.append(("duration", String(duration))) }
        values += options.commandLine.map { ("argument", $0) }
        values += probes.hooks.map { ("hook", $0) }
        values += missing.map { ("missing", $0) }
        self.values = values
    }

    /// Of a recording; `nil` when it lacks what a replay can't do without.
    init?(_ values: [(name: String, value: String)]) {
        func value(_ name: String) -> String? { values.first { $0.name == name }?.value }
        guard let name = value("host"), let boot = value("boot"),
            let offset = value("clock_offset").flatMap({ Int64($0) }),
            let started = value("started").flatMap({ UInt64($0) })
        else { return nil }
        host = Host(name: name, boot: boot, clockOffset: offset)
        self.started = started
        kernel = Self.printable(value("kernel") ?? "?")
        command = Self.printable(value("command") ?? "?")
        let hook = value("failed_exec_hook")
        failedExecHook = HostCheck.FailedExecHook.names.first { "\($0)" == hook } ?? "unknown"
        missing = values.filter { $0.name == "missing" }.map { Self.printable($0.value) }
        duration = value("duration").flatMap { UInt64($0) }
        self.values = values.map { ($0.name, $0.value) }
    }

    /// The host's name for messages: a file may say anything.
    var hostName: String { Self.printable(host.name) }

    private static func printable(_ text: String) -> String {
        String(text.prefix(300).map { $0.isASCII && $0 >= " " && $0 != "\u{7f}" ? $0 : "?" })
    }

    private static func machine() -> String {
        var name = utsname()
        unsafe uname(&name)
        return unsafe withUnsafeBytes(of: name.machine) {
            unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
