// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Events

extension GuardRecord {
    /// The value of a field that only violations of rules about files decide; `nil` for another.
    func value(of field: Field, _ rule: ViolatedRule?) -> FieldValue? {
        switch field {
        case .eventCategory: .words([isExec ? "process" : "file"])
        case .filePath: path.map { .path($0) } ?? .absent
        case .fileInode: .identifier(fixed.inode)
        case .fileDevice: .text(FileFact.numbers(fixed.device))
        case .ebpfguardFileMarks: .init(marks)
        case .ebpfguardHostPath: path.map { .init(hostPath: $0) } ?? .absent
        default: violationValue(of: field, rule, verdict: verdict, isEnforced: isEnforced)
        }
    }
}
