// SPDX-License-Identifier: Apache-2.0

package import Events

/// What a detector has found of a process.
package final class DetectionFact: Sendable {
    /// Of the detector.
    package let name: Bytes
    package let technique: Bytes
    package let score: Int
    package let reasons, evidence: [Bytes]
    /// Of the connection that showed it; `nil` where that was something else.
    package let remote: ConnectionRecord.Endpoint?
    package let rule: ViolatedRule
    package let verdict: StaticString
    package let isEnforced: Bool

    package init(
        name: String, technique: String, score: Int, reasons: [String], evidence: [String],
        remote: ConnectionRecord.Endpoint?, rule: ViolatedRule, verdict: StaticString, isEnforced: Bool
    ) {
        self.name = Bytes(name)
        self.technique = Bytes(technique)
        self.score = score
        // NUL ends each text of a list.
        func bytes(_ text: String) -> Bytes { Bytes(text.utf8.filter { $0 != 0 }) }
        self.reasons = reasons.map(bytes)
        self.evidence = evidence.map(bytes)
        self.remote = remote
        self.rule = rule
        self.verdict = verdict
        self.isEnforced = isEnforced
    }

    func value(of field: Field) -> FieldValue? {
        switch field {
        case .eventCategory: .words(["intrusion_detection"])
        case .detectionName: .text(name)
        case .threatTechniqueID: .text(technique)
        case .detectionScore: .integer(Int64(score))
        case .detectionReasons: .init(TextList(joining: reasons))
        case .detectionEvidence: .init(TextList(joining: evidence))
        case .destinationIP: .init(remote?.address)
        case .destinationPort: remote?.port.map { .integer(Int64($0)) } ?? .absent
        case .networkType: remote?.address.map { .word($0.count == 4 ? "ipv4" : "ipv6") } ?? .absent
        case .networkTransport: remote == nil ? .absent : .word("tcp")
        default: violationValue(of: field, rule, verdict: verdict, isEnforced: isEnforced)
        }
    }
}
