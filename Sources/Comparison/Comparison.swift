// SPDX-License-Identifier: Apache-2.0

/// What sidecars and what eBPF see, miss and cost on one node in one window of time: the facts, and the four rows that
/// follow from them. Texts are from outside unless said otherwise: whoever shows them escapes controls.
package struct Comparison: Sendable {
    package var node: NodeFacts
    /// Pods first, then containers without a pod, then the host's own processes.
    package var workloads: [ComparedWorkload]
    package var ebpf: ObserverFacts
    /// What no sidecar saw, most first.
    package var unseen: [UnseenActivity]
    /// Of a laboratory; `nil` on a live node.
    package var lab: LabFigures?

    package init(
        node: NodeFacts, workloads: [ComparedWorkload], ebpf: ObserverFacts, unseen: [UnseenActivity] = [],
        lab: LabFigures? = nil
    ) {
        self.node = node
        self.workloads = workloads
        self.ebpf = ebpf
        self.unseen = unseen
        self.lab = lab
    }

    /// Visibility, bypassability, performance and reliability, in this order.
    package var rows: [ComparisonRow] {
        [visibilityRow, bypassabilityRow, performanceRow, reliabilityRow]
    }

    /// That which so large a part of the values, in ascending order, does not exceed; `nil` where there are none.
    static func percentile(_ part: Double, of values: [UInt64]) -> UInt64? {
        guard !values.isEmpty else { return nil }
        let rank = Int((part * Double(values.count)).rounded(.up))
        return values[min(max(rank, 1), values.count) - 1]
    }

    package var pods: [ComparedWorkload] { workloads.filter { $0.kind == .pod } }
    package var containers: [ComparedWorkload] { workloads.filter { $0.kind == .container } }
    /// Pods and bare containers: what could have a sidecar.
    package var guests: [ComparedWorkload] { workloads.filter { $0.kind != .host } }
    package var sidecars: [Sidecar] { workloads.flatMap(\.sidecars) }
}

/// The node, and when it was looked at.
package struct NodeFacts: Sendable, Equatable {
    package var name: String
    /// As uname(2) has it.
    package var kernel: String
    package var processors: Int
    /// Bytes.
    package var memory: UInt64
    /// CLOCK_REALTIME, nanoseconds.
    package var started: UInt64
    /// Nanoseconds.
    package var window: UInt64

    package init(name: String, kernel: String, processors: Int, memory: UInt64, started: UInt64, window: UInt64) {
        self.name = name
        self.kernel = kernel
        self.processors = processors
        self.memory = memory
        self.started = started
        self.window = window
    }
}

/// What our own side has seen, lost and cost.
package struct ObserverFacts: Sendable, Equatable {
    /// Events in all, and those that were lost, by kind.
    package var seen: UInt64 = 0
    package var lost: [Loss] = []
    /// What was asked for and could not be watched, each with its reason.
    package var missing: [String] = []
    package var hooks: [String] = []
    /// Runs of the programs, and their nanoseconds, in the `measured` nanoseconds in which that was counted.
    package var runs: UInt64 = 0
    package var nanoseconds: UInt64 = 0
    package var measured: UInt64 = 0
    /// Nanoseconds of CPU of this process in the window, and before it.
    package var processCPU: UInt64 = 0
    package var startCPU: UInt64 = 0
    /// Bytes, at most.
    package var peakMemory: UInt64 = 0

    package init() {}

    package struct Loss: Sendable, Equatable {
        package let kind: String
        package let count: UInt64

        package init(kind: String, count: UInt64) {
            self.kind = kind
            self.count = count
        }
    }

    package var lostTotal: UInt64 { lost.reduce(0) { $0 &+ $1.count } }

    /// Of one CPU, of programs and process together; `nil` where the programs' part was not measured.
    package func processorShare(window: UInt64) -> Double? {
        guard window > 0, measured > 0 else { return nil }
        return Double(nanoseconds) / Double(measured) + Double(processCPU) / Double(window)
    }
}

/// Where a figure comes from: a file, a system call or a probe, and what it said.
package struct Evidence: Sendable, Equatable {
    package let source: String
    package let fact: String

    package init(_ source: String, _ fact: String) {
        self.source = source
        self.fact = fact
    }
}
