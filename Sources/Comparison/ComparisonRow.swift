// SPDX-License-Identifier: Apache-2.0

/// One row of the table: the same question to both sides.
package struct ComparisonRow: Sendable {
    package enum Subject: String, CaseIterable, Sendable {
        case visibility, bypassability, performance, reliability
    }

    package let subject: Subject
    package let sidecar: ComparisonCell
    package let ebpf: ComparisonCell

    package init(_ subject: Subject, sidecar: ComparisonCell, ebpf: ComparisonCell) {
        self.subject = subject
        self.sidecar = sidecar
        self.ebpf = ebpf
    }
}

/// One side's answer.
package struct ComparisonCell: Sendable, Equatable {
    /// The figures that it rests on, of those that `--fail-on` knows too.
    package var figures: [Figure] = []
    /// Short lines, the most important first.
    package var lines: [String] = []
    /// What this side can't do or does not give at all, whatever was measured.
    package var limits: [String] = []
    package var evidence: [Evidence] = []
    /// Why there is nothing to measure here; `nil` where there is.
    package var notMeasurable: String?

    package init() {}

    package init(notMeasurable reason: String) {
        notMeasurable = reason
    }
}

/// A part of a whole that a picture helps with.
package struct Figure: Sendable, Equatable {
    package let field: ComparisonField
    package let value: Double

    package init(_ field: ComparisonField, _ value: Double) {
        self.field = field
        self.value = value
    }
}
