// SPDX-License-Identifier: Apache-2.0

/// What Kubernetes keeps for a container because that was requested, as far as the node tells of it.
struct ResourceRequests: Equatable {
    /// Thousandths of a CPU. Where only a weight tells, from the least to the most that become it. `nil` is not known.
    var cpu: ClosedRange<UInt64>?
    /// Bytes.
    var memory: UInt64?
    var evidence: [Evidence] = []

    /// The quality of service of a pod, which the kubelet writes into the path of its cgroup.
    private enum Service {
        /// All limits are requests too.
        case guaranteed
        case burstable
        /// There is no request.
        case bestEffort

        /// `nil` where the path is none of the kubelet's.
        init?(path: String) {
            guard path.contains("kubepods") else { return nil }
            self = path.contains("besteffort") ? .bestEffort : path.contains("burstable") ? .burstable : .guaranteed
        }
    }

    /// `shares` is what the runtime's own file of the container says, where there is one.
    init(_ reading: ResourceReader.Reading, paths: [String], shares: UInt64?) {
        guard let path = paths.first(where: { Service(path: $0) != nil }), let service = Service(path: path) else {
            return
        }
        switch service {
        case .bestEffort:
            cpu = 0...0
            memory = 0
            evidence.append(Evidence("cgroup", "\(path): of best effort, without requests"))
        case .guaranteed:
            cpu = reading.limitCPU.map { $0...$0 }
            memory = reading.limitMemory
            evidence.append(Evidence("cgroup", "\(path): guaranteed, requests are the limits"))
        case .burstable: readBurstable(reading, shares)
        }
    }

    private mutating func readBurstable(_ reading: ResourceReader.Reading, _ shares: UInt64?) {
        if let shares {
            cpu = Self.cpu(shares: shares...shares)
            evidence.append(Evidence("config.json of the runtime", "cpu.shares \(shares)"))
        } else if let shares = reading.shares {
            cpu = Self.cpu(shares: shares...shares)
            evidence.append(Evidence("cgroup", "cpu.shares \(shares)"))
        } else if let weight = reading.weight {
            cpu = Self.cpu(weight: weight)
            evidence.append(Evidence("cgroup", "cpu.weight \(weight), by the formula of KEP-2254"))
        }
        if let least = reading.protectedMemory, least > 0 {
            memory = least
            evidence.append(Evidence("cgroup", "memory.min or memory.low \(least)"))
        }
    }

    /// The kubelet makes shares of thousandths: 1024 of 1000, cut, and 2 of nothing.
    static func cpu(shares: ClosedRange<UInt64>) -> ClosedRange<UInt64> {
        let (low, high) = (min(shares.lowerBound, 1 << 18), min(shares.upperBound, 1 << 18))
        if high <= 2 { return 0...0 }
        let least = low <= 2 ? 0 : (low * 1000 + 1023) / 1024
        // One number of shares is mostly one of thousandths; the rest of them are not what people write.
        return low == high ? least...least : least...((high + 1) * 1000 - 1) / 1024
    }

    /// Of shares the runtime makes 1 + (shares - 2) * 9999 / 262142, cut.
    static func cpu(weight: UInt64) -> ClosedRange<UInt64> {
        let weight = min(max(weight, 1), 10_000)
        let least = ((weight - 1) * 262142 + 9998) / 9999 + 2
        return cpu(shares: least...((weight * 262142 + 9998) / 9999 + 1))
    }
}
