// SPDX-License-Identifier: Apache-2.0

extension Report {
    /// One object.
    func json() -> String {
        JSONDocument.object([
            ("schema", .number(1)), ("tool", .string("ebpfguard")), ("version", .string(version)),
            ("command", .string(command)), ("command_line", .string(commandLine)), ("host", .string(host)),
            ("started", .string(timestampText(started))),
            ("watched_seconds", .decimal(Double(watched / 1_000_000) / 1000)),
            ("status", .number(UInt64(max(status, 0)))), ("passed", .bool(failures == 0)),
            (
                "checks",
                .array(
                    checks.map { check in
                        .object([
                            ("check", .string(check.name)),
                            ("condition", check.condition.isEmpty ? nil : .string(check.condition)),
                            ("passed", .bool(check.isMet)), ("outcome", .string(check.outcome)),
                            ("findings", .array(check.findings.map(Self.value))),
                        ])
                    })
            ),
            ("events", .object(counts.map { ($0.name, .number($0.count)) })),
            ("lost", .object(lost.map { ($0.name, .number($0.count)) })),
            ("missing", .array(missing.map { .string($0) })),
        ]).text
    }

    private static func value(of finding: Finding) -> JSONDocument {
        .object([
            ("time", finding.time.map { .string(timestampText($0)) }), ("action", .string(finding.action)),
            ("pid", finding.pid == 0 ? nil : .number(UInt64(finding.pid))),
            ("process", finding.process.isEmpty ? nil : .string(finding.process)),
            ("executable", finding.executable.map { .string($0) }), ("text", .string(finding.line)),
        ])
    }
}
