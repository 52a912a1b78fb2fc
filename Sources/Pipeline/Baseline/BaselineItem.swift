// SPDX-License-Identifier: Apache-2.0

internal import Events

/// What an event tells of, as far as it is the same thing in another run: pids, names of containers and pods, and ports
/// that the kernel chose are not.
struct BaselineItem: Equatable {
    enum Kind {
        /// A socket listens.
        case listener
        /// A connection came in, at an address of one that listens somewhere.
        case accepted
        case destination
    }

    /// Why a line of a file is none of ours.
    struct Problem: Error, Equatable {
        let message: String
        let help: String
    }

    let kind: Kind
    /// Which program of which workload.
    let who: String
    let transport: String
    /// 0 for any that the kernel hands out.
    let port: UInt16
    /// `nil` for an address that the next run does not have: a container's own, or that of a pod.
    let address: IPAddress?
    /// In lower case.
    let domain: String?
    /// Whether this event is the one to mark, and not another one about the same thing.
    let isTold: Bool

    /// `nil` for events about something else.
    init?(_ facts: BaselineFacts) throws(Problem) {
        guard !facts.action.isEmpty, !facts.categories.isEmpty else {
            throw Self.lacks(facts.action.isEmpty ? "event.action" : "event.category")
        }
        if ["loss", "summary"].contains(facts.action) { return nil }
        guard facts.categories.contains("network") else {
            throw Problem(
                message: "tells of \"\(facts.action.prefix(40))\", which is no event of watch-net",
                help: "make the baseline with ebpfguard watch-net -o json, or with its -w")
        }
        guard ["connect", "accept", "listen", "close", "existing", "udp"].contains(facts.action) else { return nil }
        if facts.transport.isEmpty { throw Self.lacks("network.transport") }
        guard ["tcp", "udp", "sctp", "dccp"].contains(facts.transport) else { return nil }
        guard let text = facts.address else { throw Self.lacks("destination.ip") }
        guard let address = IPAddress(text)?.unmapped else {
            throw Problem(message: "has no address in destination.ip", help: "is it a file of ebpfguard?")
        }
        if facts.hasProcess, facts.name.isEmpty { throw Self.lacks("process.name") }
        // Of a connect that failed before there was one.
        guard let number = facts.port else { return nil }
        guard let port = UInt16(exactly: number) else {
            throw Problem(message: "has no port in destination.port", help: "is it a file of ebpfguard?")
        }
        if facts.direction == "egress" {
            kind = .destination
        } else if facts.direction == "ingress" || facts.hasSource {
            kind = .accepted
        } else {
            kind = .listener
            if facts.isFailure { return nil }
        }
        who = Self.who(facts)
        transport = facts.transport
        self.port = Self.ephemeral.contains(port) ? 0 : port
        self.address = Self.lasting(address, kind, facts)
        domain = facts.domain.map { $0.lowercased() }
        isTold = facts.action != "close" || facts.openedBefore
    }

    private static func lacks(_ field: String) -> Problem {
        Problem(message: "has no \(field)", help: "make the baseline with -o json and without --fields")
    }

    /// Those that Linux hands out to who asks for none.
    static let ephemeral: ClosedRange<UInt16> = 32768...60999

    private static func lasting(_ address: IPAddress, _ kind: Kind, _ facts: BaselineFacts) -> IPAddress? {
        if kind == .destination { return facts.remoteClass == "pod" ? nil : address }
        let isContainer = facts.container != nil || facts.podUID != nil
        switch AddressClass(address) {
        case .loopback, .unspecified: return address
        default: return isContainer ? nil : address
        }
    }

    /// A workload by what is the same when it is started again, and its program.
    private static func who(_ facts: BaselineFacts) -> String {
        let program = facts.program.isEmpty ? facts.name : facts.program
        guard facts.container != nil || facts.podUID != nil else { return "host\0\(program)" }
        if let pod = facts.pod {
            let container = facts.podContainer ?? ""
            return "pod\0\(facts.namespace ?? "")\0\(owner(ofPod: pod))\0\(container)\0\(program)"
        }
        if let image = facts.image { return "image\0\(repository(ofImage: image))\0\(program)" }
        return "container\0\(facts.containerName ?? "")\0\(program)"
    }

    /// The name of the Deployment, DaemonSet, Job or StatefulSet that made the pod: without the endings that Kubernetes
    /// adds, which are numbers, or 5, and in front of them 6 to 10, of 27 letters and digits.
    static func owner(ofPod name: String) -> String {
        var parts = name.split(separator: "-", omittingEmptySubsequences: false)[...]
        func isRandom(_ part: Substring, _ lengths: ClosedRange<Int>) -> Bool {
            lengths.contains(part.utf8.count) && part.utf8.allSatisfy(Self.random.contains)
        }
        func isNumber(_ part: Substring) -> Bool {
            !part.isEmpty && part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        if parts.count > 1, let last = parts.last, isRandom(last, 5...5) {
            parts = parts.dropLast()
            if parts.count > 1, let last = parts.last, isRandom(last, 6...10) || isNumber(last) {
                parts = parts.dropLast()
            }
        } else if parts.count > 1, let last = parts.last, isNumber(last) {
            parts = parts.dropLast()
        }
        return parts.joined(separator: "-")
    }

    private static let random = Set("bcdfghjklmnpqrstvwxz2456789".utf8)

    /// Without tag and digest.
    static func repository(ofImage name: String) -> String {
        let name = name.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)[0]
        // A colon in front of a slash is that of a registry's port.
        guard let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") else { return String(name) }
        return String(name[..<colon])
    }
}
