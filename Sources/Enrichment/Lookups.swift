// SPDX-License-Identifier: Apache-2.0

internal import CWire
package import Events

/// A question to the system that a run watches. What the kernel programs do not tell is asked here, and nowhere else: so
/// that a recording has the answers, and a replay asks nothing of the system that it happens to run on.
package struct Question: Hashable, Sendable {
    package enum Subject: UInt8, Sendable {
        /// The users of the root directory of a process: "name::uid" lines.
        case users = 1
        /// The path of a cgroup.
        case cgroup = 2
        case executable = 3
        case arguments = 4
        case name = 5
        /// Whether there is a process with this pid. The answer is empty.
        case pid = 6
        /// Names of a container or pod. The numbers are a hash of which.
        case workload = 7
        /// The path of a process in the cgroup v1 hierarchies, where that is a container's.
        case v1Cgroup = 8
        /// /etc/hosts of the root directory of a process.
        case hosts = 9
        /// Addresses of the node and of pods.
        case addresses = 10
        /// The kernel's name of a reason to drop packets.
        case dropReason = 11
        /// SHA-256 of a file, in hexadecimal. The numbers are its inode and the time of the event.
        case fileHash = 12
        /// What the rule with a number says, where it stands, and what it is about, with NUL between them.
        case policyRule = 13
    }

    package let subject: Subject
    /// A pid, or the id of a cgroup.
    package let number: UInt64
    /// Start time of the process, where that matters.
    package let start: UInt64

    package init(_ subject: Subject, _ number: UInt64, start: UInt64 = 0) {
        self.subject = subject
        self.number = number
        self.start = start
    }

    /// Of the container or the pod that a cgroup belongs to; `nil` for the host's.
    init?(workload owner: CgroupOwner) {
        guard owner.containerID != nil || owner.podUID != nil else { return nil }
        var hash: (UInt64, UInt64) = (0xcbf2_9ce4_8422_2325, 0x8422_2325_cbf2_9ce4)
        for part in [owner.containerdNamespace, owner.podUID, owner.containerID] {
            for byte in (part.map { Array($0.slice) } ?? []) + [0] {
                hash.0 = (hash.0 ^ UInt64(byte)) &* 0x100_0000_01b3
                hash.1 = (hash.1 ^ UInt64(byte)) &* 0x1_0000_01b5
            }
        }
        self.init(.workload, hash.0, start: hash.1)
    }

    fileprivate init(_ subject: Subject, _ key: ProcessKey) {
        self.init(subject, UInt64(key.pid), start: key.start)
    }
}

/// Answers: from the system, from the system and kept for a recording, or from a recording.
package final class Lookups {
    package enum Source: Sendable {
        case system, systemForRecording, recording
    }

    private let source: Source
    private lazy var v2Paths = CgroupPaths(.v2())
    private lazy var v1Hierarchy = CgroupHierarchy.v1()
    private lazy var v1Paths = CgroupPaths(v1Hierarchy)
    private let root: String
    /// For a recording: what was answered since it took the last ones. For a replay: what the recording told so far.
    private var answers: [Question: Bytes?] = [:]
    private var bytes = 0
    /// What the kernel calls its reasons to drop packets.
    package var dropReasons: [UInt32: Bytes] = [:]
    /// The rule of the policy that is enforced, by the number that the programs have: where it is asked for.
    package var policyRules: (UInt32) -> ViolatedRule? = { _ in nil }

    /// `root` is where the files of the node are that tell of containers.
    package init(_ source: Source = .system, root: String = "/") {
        self.source = source
        self.root = root
    }

    /// Whether there is a v1 hierarchy with a controller that container runtimes use.
    var hasV1Cgroups: Bool { v1Hierarchy != nil }

    /// Whether to ask at once what may be wanted later: a recording can't know which fields its readers will want.
    var asksAtOnce: Bool { source != .system }

    // MARK: For a recording and its replay

    package var hasAnswers: Bool { !answers.isEmpty }

    /// What was answered since the last call.
    package func takeAnswers() -> [Question: Bytes?] {
        defer { answers.removeAll(keepingCapacity: answers.count < 1024) }
        return answers
    }

    /// An answer from a recording. It counts until there is another, or until there are too many.
    package func learn(_ question: Question, _ answer: Bytes?) {
        bytes += 64 + (answer?.count ?? 0)
        if bytes > Self.bytesLimit {
            answers.removeAll()
            bytes = 0
        }
        answers[question] = .some(answer)
    }

    private static let bytesLimit = 16 << 20

    // MARK: Questions

    /// The command line, NUL-terminated strings, up to 32 KiB.
    func arguments(of key: ProcessKey) -> TextList? {
        answer(to: Question(.arguments, key)) { ProcFS.arguments(of: key)?.bytes }.map { TextList($0) }
    }

    /// The executable, in the form in which the kernel programs report paths.
    func executable(of key: ProcessKey) -> WalkedPath? {
        answer(to: Question(.executable, key)) { ProcFS.executable(of: key)?.bytes }.map { WalkedPath($0) }
    }

    /// The name of the process's main thread.
    func name(of key: ProcessKey) -> Bytes? {
        answer(to: Question(.name, key)) {
            guard let name = ProcFS.name(of: key.pid), ProcFS.isAlive(key) else { return nil }
            return name
        }
    }

    /// Whether any process has this pid.
    func exists(_ pid: UInt32) -> Bool {
        answer(to: Question(.pid, UInt64(pid))) { ProcFS.exists(pid) ? Bytes([]) : nil } != nil
    }

    /// The path of a cgroup from the root of its hierarchy.
    func cgroupPath(_ id: UInt64) -> Bytes? {
        answer(to: Question(.cgroup, id)) {
            id & WIRE_CGROUP_V1 == 0 ? v2Paths.path(of: id) : v1Paths.path(of: id & ~WIRE_CGROUP_V1)
        }
    }

    /// What the node's files say of a container or a pod.
    func names(of owner: CgroupOwner, _ question: Question) -> WorkloadNames? {
        let answer = answer(to: question) {
            var names = WorkloadFiles(root: root).names(of: owner)
            if names?.isComplete != true, let node = owner.nodePath, let root = NestedNode.root(ofContainer: node),
                let found = WorkloadFiles(root: root).names(of: owner)
            {
                names = names ?? WorkloadNames()
                names?.fill(from: found)
            }
            return names?.bytes
        }
        return answer.map { WorkloadNames($0) }
    }

    /// The path of the process in the v1 hierarchies, where that is a container's: on a host where the default hierarchy
    /// does not have the containers.
    func v1ContainerPath(of key: ProcessKey) -> Bytes? {
        if source != .recording, !hasV1Cgroups { return nil }
        return answer(to: Question(.v1Cgroup, key)) { ProcFS.v1ContainerPath(of: key) }
    }

    /// The users that the process's root directory has; `nil` when the process is gone.
    func users(ofRootOf pid: UInt32) -> [UInt32: Bytes]? {
        if source == .system { return UserNames.read(rootOf: pid) }
        let lines = answer(to: Question(.users, UInt64(pid))) {
            UserNames.read(rootOf: pid).map { UserNames.lines($0) }
        }
        return lines.map { UserNames.parse(Array($0.slice)) }
    }

    /// Names of addresses that the process's root directory has; `nil` when the process is gone.
    func hosts(ofRootOf pid: UInt32) -> [IPAddress: Bytes]? {
        let lines = answer(to: Question(.hosts, UInt64(pid))) { HostsFiles.read(rootOf: pid).map { Bytes($0) } }
        return lines.map { HostsFiles.parse(Array($0.slice)) }
    }

    /// Which addresses are the node's, and which are those of pods.
    func nodeAddresses() -> NodeAddresses {
        NodeAddresses(answer(to: Question(.addresses, 0)) { NodeNetwork.read(root: root).bytes } ?? Bytes([]))
    }

    /// What the kernel calls a reason to drop packets.
    func dropReason(_ number: UInt32) -> Bytes? {
        answer(to: Question(.dropReason, UInt64(number))) { dropReasons[number] }
    }

    /// The rule with a number that the programs have.
    func policyRule(_ number: UInt32) -> ViolatedRule? {
        let answer = answer(to: Question(.policyRule, UInt64(number))) {
            policyRules(number).map { rule in
                Bytes(Array([rule.text, rule.reference, rule.operation].map(\.slice).joined(separator: [0])))
            }
        }
        let parts = answer?.slice.split(separator: 0, omittingEmptySubsequences: false) ?? []
        guard parts.count == 3 else { return nil }
        return ViolatedRule(
            text: Bytes(Array(parts[0])), reference: Bytes(Array(parts[1])), operation: Bytes(Array(parts[2])))
    }

    /// The hash of a file, as it was then.
    package func fileHash(inode: UInt64, time: UInt64, _ ask: () -> Bytes?) -> Bytes? {
        answer(to: Question(.fileHash, inode, start: time), ask)
    }

    private func answer(to question: Question, _ ask: () -> Bytes?) -> Bytes? {
        switch source {
        case .system: return ask()
        case .recording: return answers[question] ?? nil
        case .systemForRecording:
            // Asked twice for one record, it has one answer, as it will have in the replay.
            if let known = answers[question] { return known }
            let answer = ask()
            answers[question] = .some(answer)
            return answer
        }
    }
}
