// SPDX-License-Identifier: Apache-2.0

extension Report {
    /// A suite with a case for each check, in the form that CI servers read: JUnit.xsd of the Ant task. Where nothing was
    /// asked for, one case says that the run came to its end.
    func junit() -> String {
        let cases = checks.isEmpty ? [Check("run", "", isMet: true, outcome: "ran to its end")] : checks
        let seconds = Self.escaped("\(Double(watched / 1_000_000) / 1000)")
        let numbers = "tests=\"\(cases.count)\" failures=\"\(failures)\" errors=\"0\""
        var text = """
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuites>
              <testsuite name="ebpfguard \(Self.escaped(command))" package="ebpfguard" id="0" \(numbers) time="\(seconds)" \
            timestamp="\(timestampText(started).dropLast())" hostname="\(Self.escaped(host))">
                <properties>
                  <property name="version" value="\(Self.escaped(version))"/>
                  <property name="command" value="\(Self.escaped(commandLine))"/>
                </properties>

            """
        for check in cases {
            let name = check.name == "run" ? "run" : check.title
            text += "    <testcase name=\"\(Self.escaped(name))\" classname=\"ebpfguard.\(Self.escaped(command))\""
            text += " time=\"\(check.name == cases[0].name ? seconds : "0")\""
            guard !check.isMet else {
                text += "/>\n"
                continue
            }
            let lines = check.findings.map(\.text)
            text += ">\n      <failure message=\"\(Self.escaped(check.outcome))\" type=\"\(Self.escaped(check.name))\">"
            text += Self.escaped(lines.joined(separator: "\n")) + "</failure>\n    </testcase>\n"
        }
        text += "    <system-out/>\n    <system-err>\(Self.escaped(footer.joined(separator: "\n")))</system-err>\n"
        return text + "  </testsuite>\n</testsuites>\n"
    }

    /// XML 1.0 has no way to write most controls, nor U+FFFE and U+FFFF.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\n", "\t": result.unicodeScalars.append(scalar)
            case "\u{0}"..<" ", "\u{7f}"..<"\u{a0}", "\u{fffe}", "\u{ffff}": result += "\u{fffd}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
