// SPDX-License-Identifier: Apache-2.0

internal import CLaboratory
package import Comparison
internal import Enrichment
internal import Glibc

/// What was counted in a laboratory by those who did it: the clients, the servers, the rules, the kernel.
extension Laboratory {
    /// Of the first clients' last load. `served` is what the servers had counted before it.
    package func loadFigures(
        _ path: LabFigures.Path, clients: Int, served: (connections: UInt64, requests: UInt64)
    ) -> LabFigures.Load {
        var load = LabFigures.Load(path)
        load.servedConnections = self.served.connections - served.connections
        load.servedRequests = self.served.requests - served.requests
        for index in 0..<clients {
            let client = unsafe client(index)
            load.requests &+= unsafe client.pointee.requests
            load.failures &+= unsafe client.pointee.failures
            load.connections &+= unsafe client.pointee.connections
            load.time = max(load.time, unsafe client.pointee.time)
            let latencies = unsafe UnsafeBufferPointer(
                start: lab_latencies(lab, UInt32(index)), count: Int(client.pointee.kept))
            unsafe load.latencies.append(contentsOf: latencies.lazy.map { UInt64($0) })
        }
        load.latencies.sort()
        return load
    }

    /// Connections that the servers of all pods have accepted since they began, and requests that they answered.
    package var served: (connections: UInt64, requests: UInt64) {
        (0..<size).reduce(into: (0, 0)) { sum, index in
            sum.0 &+= unsafe pod(index).pointee.accepted
            sum.1 &+= unsafe pod(index).pointee.answered
        }
    }

    /// What CPU the sidecars of the first pods have used, in nanoseconds, by their cgroups.
    package func sidecarProcessorTime(_ count: Int) -> UInt64? {
        var sum: UInt64 = 0
        for index in 0..<count {
            guard let text = contents(ofFile: "\(cgroup(index, .sidecar))/cpu.stat", limit: 4096),
                let microseconds = Self.number(after: "usage_usec", in: text)
            else { return nil }
            sum &+= microseconds &* 1000
        }
        return sum
    }

    /// Memory of the sidecars of the first pods, in bytes: pages that processes share count once.
    package func sidecarMemory(_ count: Int) -> UInt64? {
        var sum: UInt64 = 0
        for index in 0..<count {
            guard let processes = contents(ofFile: "\(cgroup(index, .sidecar))/cgroup.procs", limit: 65536) else {
                return nil
            }
            for line in processes.split(separator: UInt8(ascii: "\n")) {
                let path = "/proc/\(String(decoding: line, as: UTF8.self))/smaps_rollup"
                guard let text = contents(ofFile: path, limit: 65536),
                    let kilobytes = Self.number(after: "Pss:", in: text)
                else { continue }  // it has ended
                sum &+= kilobytes &* 1024
            }
        }
        return sum
    }

    /// The number that follows a word at the start of a line.
    static func number(after word: String, in text: [UInt8]) -> UInt64? {
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: " "))
            guard words.count >= 2, words[0].elementsEqual(word.utf8) else { continue }
            return UInt64(String(decoding: words[1], as: UTF8.self))
        }
        return nil
    }

    package enum Part {
        case pod, application, sidecar
    }

    /// The directory of a cgroup.
    package func cgroup(_ index: Int, _ part: Part) -> String {
        let part =
            switch part {
            case .pod: LAB_POD
            case .application: LAB_APPLICATION
            case .sidecar: LAB_SIDECAR
            }
        var name = [CChar](repeating: 0, count: 256)
        unsafe lab_cgroup_name(lab, UInt32(index), part, &name, 256)
        let below = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(cgroup)/\(below)"
    }

    /// What was done in a pod, or at `size` in the bare container, by those who did it.
    package func deeds(_ index: Int) -> LabDeeds {
        unsafe LabDeeds(pod(index))
    }

    /// What pods and the bare container are called, and the process that goes round a proxy.
    package static let podUIDPrefix = "eb9f0000-0000-4000-8000-"
    package static let bareName = "miner"
    package static let bypassName = "lab-bypass"

    package func podUID(_ index: Int) -> String {
        String(cgroup(index, .pod).suffix(36))
    }

    func pod(_ index: Int) -> UnsafeMutablePointer<lab_pod> { unsafe lab_pod_at(lab, UInt32(index)) }

    private func client(_ index: Int) -> UnsafeMutablePointer<lab_client> { unsafe lab_client_of(pod(index)) }
}
