// SPDX-License-Identifier: Apache-2.0

/// What only a laboratory can measure: the same load by three paths, and cost against the number of pods.
package struct LabFigures: Sendable {
    /// The way of a request.
    package enum Path: String, CaseIterable, Sendable {
        /// From client to server, with nothing between or beside them.
        case direct
        case sidecar
        /// Direct, while our programs watch.
        case ebpf
    }

    /// Of requests of one path, by the client's own clock: at a set pace, and then as many as the clients could send.
    package struct Load: Sendable {
        package let path: Path
        /// Those that were answered, those that were not, and the connections that were made for them.
        package var requests: UInt64 = 0
        package var failures: UInt64 = 0
        package var connections: UInt64 = 0
        /// What the servers counted of them: connections that they accepted, and requests that they answered.
        package var servedConnections: UInt64 = 0
        package var servedRequests: UInt64 = 0
        /// Nanoseconds that the load took.
        package var time: UInt64 = 0
        /// Nanoseconds, one for each request, in ascending order; or a sample of them.
        package var latencies: [UInt64] = []
        /// Without a pace: those that were answered, and nanoseconds.
        package var mostRequests: UInt64 = 0
        package var mostTime: UInt64 = 0
        /// Events that eBPF lost meanwhile, with a pace and without.
        package var lost: UInt64 = 0

        package init(_ path: Path) {
            self.path = path
        }

        /// As many as the clients could send.
        package var requestsPerSecond: Double { mostTime == 0 ? 0 : Double(mostRequests) * 1e9 / Double(mostTime) }

        /// The latency that so large a part of the requests did not exceed; `nil` where there were none.
        package func percentile(_ part: Double) -> UInt64? {
            Comparison.percentile(part, of: latencies)
        }
    }

    /// Cost with so many pods.
    package struct Scale: Sendable {
        package let pods: Int
        /// Nanoseconds of CPU per second, and bytes, of all sidecars.
        package var sidecarCPU: Double
        package var sidecarMemory: Double
        /// The same of our programs and process.
        package var ebpfCPU: Double
        package var ebpfMemory: Double

        package init(pods: Int, sidecarCPU: Double, sidecarMemory: Double, ebpfCPU: Double, ebpfMemory: Double) {
            self.pods = pods
            self.sidecarCPU = sidecarCPU
            self.sidecarMemory = sidecarMemory
            self.ebpfCPU = ebpfCPU
            self.ebpfMemory = ebpfMemory
        }
    }

    /// Something that was done on purpose, and who saw it.
    package struct Trial: Sendable {
        /// Such as "bare miner: exec".
        package let subject: String
        /// How often it was done, by whoever did it.
        package let done: UInt64
        package let seenBySidecar: UInt64
        package let seenByEBPF: UInt64
        package let evidence: [Evidence]

        package init(
            _ subject: String, done: UInt64, seenBySidecar: UInt64, seenByEBPF: UInt64, evidence: [Evidence] = []
        ) {
            self.subject = subject
            self.done = done
            self.seenBySidecar = seenBySidecar
            self.seenByEBPF = seenByEBPF
            self.evidence = evidence
        }
    }

    /// The proxy that was used: what its program says of its version.
    package let proxy: String
    /// Requests of each pod in a second.
    package let pace: UInt64
    package var loads: [Load] = []
    package var scale: [Scale] = []
    package var trials: [Trial] = []

    package init(proxy: String, pace: UInt64) {
        self.proxy = proxy
        self.pace = pace
    }

    /// By how much a value grows with each pod: the slope of the line of least squares. `nil` for fewer than two points.
    package func slope(_ value: (Scale) -> Double) -> Double? {
        guard scale.count > 1 else { return nil }
        let (meanPods, mean) = means(value)
        let spread = scale.reduce(0) { $0 + (Double($1.pods) - meanPods) * (Double($1.pods) - meanPods) }
        guard spread > 0 else { return nil }
        return scale.reduce(0) { $0 + (Double($1.pods) - meanPods) * (value($1) - mean) } / spread
    }

    /// Where that line is without pods.
    package func intercept(_ value: (Scale) -> Double) -> Double? {
        guard let slope = slope(value) else { return nil }
        let (meanPods, mean) = means(value)
        return mean - slope * meanPods
    }

    private func means(_ value: (Scale) -> Double) -> (pods: Double, value: Double) {
        let count = Double(scale.count)
        return (scale.reduce(0) { $0 + Double($1.pods) } / count, scale.reduce(0) { $0 + value($1) } / count)
    }
}
