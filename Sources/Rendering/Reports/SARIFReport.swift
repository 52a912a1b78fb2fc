// SPDX-License-Identifier: Apache-2.0

extension Report {
    /// SARIF 2.1.0, with a rule for each check and a result for each finding. Lists of alerts want a file for each result:
    /// it is the program that acted.
    func sarif() -> String {
        let rules = checks.enumerated().map { index, check -> JSONDocument in
            .object([
                ("id", .string(Self.rule(index, check))),
                ("shortDescription", .object([("text", .string(check.title))])),
                ("defaultConfiguration", .object([("level", .string("error"))])),
            ])
        }
        var results: [JSONDocument] = []
        for (index, check) in checks.enumerated() where !check.isMet {
            if check.findings.isEmpty { results.append(result(index, check, nil)) }
            results += check.findings.map { result(index, check, $0) }
        }
        let run: JSONDocument = .object([
            (
                "tool",
                .object([
                    (
                        "driver",
                        .object([
                            ("name", .string("ebpfguard")), ("version", .string(version)), ("rules", .array(rules)),
                        ])
                    )
                ])
            ),
            (
                "invocations",
                .array([
                    .object([
                        ("executionSuccessful", .bool(true)), ("commandLine", .string(commandLine)),
                        ("exitCode", .number(UInt64(max(status, 0)))), ("machine", .string(host)),
                        ("startTimeUtc", .string(timestampText(started))),
                        ("endTimeUtc", .string(timestampText(started &+ watched))),
                    ])
                ])
            ),
            ("originalUriBaseIds", .object([("ROOT", .object([("uri", .string("file:///"))]))])),
            ("results", .array(results)),
        ])
        return JSONDocument.object([
            ("$schema", .string("https://json.schemastore.org/sarif-2.1.0.json")), ("version", .string("2.1.0")),
            ("runs", .array([run])),
        ]).text
    }

    private static func rule(_ index: Int, _ check: Check) -> String { "\(check.name)/\(index + 1)" }

    private func result(_ index: Int, _ check: Check, _ finding: Finding?) -> JSONDocument {
        let text = finding.map { "\($0.line) (\(check.title))" } ?? "\(check.outcome) (\(check.title))"
        return .object([
            ("ruleId", .string(Self.rule(index, check))), ("ruleIndex", .number(UInt64(index))),
            ("level", .string("error")), ("message", .object([("text", .string(text))])),
            ("locations", finding.flatMap { $0.process.isEmpty ? nil : .array([Self.location($0)]) }),
        ])
    }

    private static func location(_ finding: Finding) -> JSONDocument {
        let physical = finding.executable.map { path -> JSONDocument in
            .object([
                ("artifactLocation", .object([("uri", .string(relativeURI(path))), ("uriBaseId", .string("ROOT"))])),
                ("region", .object([("startLine", .number(1))])),
            ])
        }
        return .object([
            ("physicalLocation", physical),
            (
                "logicalLocations",
                .array([
                    .object([
                        ("name", .string(finding.process)),
                        ("fullyQualifiedName", .string("\(finding.process)[\(finding.pid)]")),
                        ("kind", .string("process")),
                    ])
                ])
            ),
        ])
    }

    /// RFC 3986: what is not unreserved is written as its bytes.
    private static func relativeURI(_ path: String) -> String {
        var result = ""
        for byte in path.utf8.drop(while: { $0 == UInt8(ascii: "/") }) {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }
}
