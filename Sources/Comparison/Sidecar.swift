// SPDX-License-Identifier: Apache-2.0

/// A proxy beside the containers of a workload.
package struct Sidecar: Sendable, Equatable {
    package enum Product: String, CaseIterable, Sendable {
        case istio, linkerd, consul, kuma, dapr, envoy, haproxy, nginx
        /// Whatever listens where redirect rules lead.
        case transparent
        /// Named by `--sidecar-match`.
        case named
    }

    package var product: Product
    /// Of its first process. From outside.
    package var process: String
    package var pid: UInt32
    package var container: String?
    /// The user that it runs as, which redirect rules let pass.
    package var user: UInt32
    /// All of its processes' numbers.
    package var pids: [UInt32] = []
    package var threads = 0
    /// TCP ports that it listens on.
    package var listens: [UInt16] = []
    /// How it was recognised.
    package var evidence: [Evidence] = []
    package var use = ResourceUse()
    package var life = SidecarLife()

    package init(_ product: Product, process: String, pid: UInt32, container: String?, user: UInt32) {
        self.product = product
        self.process = process
        self.pid = pid
        self.container = container
        self.user = user
    }
}

/// What a sidecar has used in the window. From its container's cgroup, or from its processes where the cgroup has others in
/// it too. `nil` is not known.
package struct ResourceUse: Sendable, Equatable {
    /// Nanoseconds of CPU, and of the time in which it used them.
    package var cpu: UInt64?
    package var span: UInt64 = 0
    /// Bytes: now, and at most.
    package var memory: UInt64?
    package var peakMemory: UInt64?
    /// Periods in the window in which the limit of CPU stopped it, and for how many nanoseconds.
    package var throttledPeriods: UInt64?
    package var throttled: UInt64?
    /// The limits: thousandths of a CPU, and bytes. `nil` where there is none.
    package var limitCPU: UInt64?
    package var limitMemory: UInt64?
    /// What was requested: thousandths of a CPU, as exactly as the node tells, and bytes.
    package var requestCPU: ClosedRange<UInt64>?
    package var requestMemory: UInt64?
    package var requestEvidence: [Evidence] = []
    /// What this node does not tell; a limit that is not among these and is `nil` is none.
    package var unmeasured: [Bound] = []
    package var evidence: [Evidence] = []

    package init() {}

    /// Of one CPU.
    package var share: Double? { cpu.flatMap { span == 0 ? nil : Double($0) / Double(span) } }

    package enum Bound: String, Sendable {
        case requestCPU = "request_cpu"
        case requestMemory = "request_memory"
        case limitCPU = "limit_cpu"
        case limitMemory = "limit_memory"
    }
}

/// What became of a sidecar in the window.
package struct SidecarLife: Sendable, Equatable {
    package var restarts: UInt64 = 0
    /// Kills for want of memory, in the window and since the cgroup was made. `nil` is not known.
    package var oomKills: UInt64?
    package var oomKillsBefore: UInt64?
    /// Nanoseconds of the window in which there was no process of it while its pod ran.
    package var absent: UInt64 = 0
    package var evidence: [Evidence] = []

    package init() {}
}
