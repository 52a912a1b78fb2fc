// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import Rendering

extension Trace {
    /// `--check`: what this host allows, as a table or as JSON on standard output.
    package static func check(_ command: WatchCommand, json: Bool) throws(Failure) -> ExitStatus {
        LibbpfLog.install(verbose: false)
        var check = HostCheck()
        let findings = check.findings(for: command)
        let hooks: [TraceHook] =
            switch command {
            case .trace: TraceHook.all(check.types, failedExecs: check.failedExecHook())
            case .watchNet: TraceHook.network(check.types, check.networkHooks())
            case .watchFiles: TraceHook.files(check.fileHook())
            case .enforce: []
            case .compareSidecar:
                TraceHook.network(check.types, check.networkHooks()) + TraceHook.files(check.fileHook())
            }
        let works = !findings.contains { $0.isRequired && !$0.support.isYes }
        var text = ""
        if json {
            let features = findings.map { finding in
                let reason = finding.reason.map { ",\"reason\":\(quoted($0))" } ?? ""
                return
                    "{\"name\":\(quoted(finding.subject)),\"support\":\"\(finding.answer)\",\"required\":\(finding.isRequired),"
                    + "\"use\":\(quoted(finding.note))\(reason)}"
            }
            let places = hooks.map { "\"\($0.kind)\":\($0.hook.map(quoted) ?? "null")" }
            text =
                "{\"kernel\":\(quoted(kernelRelease())),\"supported\":\(works),\"features\":["
                + features.joined(separator: ",") + "],\"hooks\":{" + places.joined(separator: ",") + "}}\n"
        } else {
            text = "kernel \(kernelRelease())\n"
            for finding in findings {
                let answer = finding.answer + String(repeating: " ", count: 8 - finding.answer.count)
                text += "\(answer)\(finding.subject)\(finding.isRequired ? " (required)" : "")\n"
                text += "        \(finding.note)\n"
                if let reason = finding.reason { text += "        \(reason)\n" }
            }
            for hook in hooks { text += "\(hook.subject): \(hook.hook ?? "not seen: \(hook.reason ?? "")")\n" }
            text += "\(command.name) \(works ? "works" : "can't work") here\n"
        }
        try show(text)
        return works ? .success : .unsupported
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension HostCheck.Finding {
    fileprivate var answer: String {
        switch support {
        case .yes: "yes"
        case .no: "no"
        case .unknown: "unknown"
        }
    }

    fileprivate var reason: String? {
        switch support {
        case .yes: nil
        case .no(let reason), .unknown(let reason): reason
        }
    }
}
