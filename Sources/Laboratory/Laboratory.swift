// SPDX-License-Identifier: Apache-2.0

internal import CLaboratory
internal import Glibc

/// Pods without Kubernetes: a network namespace and cgroups each, with a server and a client, behind a real proxy or not; and
/// one bare container that behaves like a miner. They are on a bridge of their own, in a process namespace and a mount
/// namespace of their own: nothing is left of them when this value ends, or the process does, however it does. Root only;
/// Linux 5.9.
package final class Laboratory {
    /// How many pods were asked for, and how many there are: a single one needs another to call.
    package let pods: Int
    package let size: Int
    package let proxy: LabProxy
    private let memory: LabMemory
    private let signals: LabSignals

    package static let podsMost = Int(LAB_PODS_MOST)
    /// Requests of each client in a second, where a pace is set.
    package static let pace: UInt64 = 40

    /// Makes them, without their proxies: those start with `startProxies`.
    package init(pods: Int, proxy: LabProxy, nft: String, cgroup: LabCgroup) throws(LabFailure) {
        let size = max(pods, 2)
        let memory = try LabMemory(pods: size)
        let signals = LabSignals()
        let kind = proxy.kind == .haproxy ? LAB_HAPROXY : LAB_NGINX
        unsafe memory.lab.pointee.proxy = kind.rawValue
        unsafe lab_set_paths(memory.lab, proxy.program, nft, cgroup.path)
        guard unsafe lab_start(memory.lab) == 0 else { throw .failed(cgroup.path, errno) }
        try memory.waitForAnswer(signals, seconds: 60)
        self.pods = pods
        self.size = size
        self.proxy = proxy
        self.memory = memory
        self.signals = signals
    }

    var lab: UnsafeMutablePointer<CLaboratory.lab> { unsafe memory.lab }

    /// Where the files are that name the pods, as below the root of a node.
    package var root: String { unsafe "/proc/\(lab.pointee.process)/root\(String(cString: lab_files(lab)))" }

    /// The cgroup that all pods and the bare container are below.
    package var cgroup: String { unsafe String(cString: lab_cgroup_path(lab)) }

    // MARK: What it can be asked

    /// Lets the first `clients` pods send requests for so long, each to the next pod: at the pace, or as many as they can.
    package func beginLoad(clients: Int, seconds: Double, paced: Bool) {
        unsafe lab.pointee.clients = UInt32(clients)
        begin(LAB_LOAD, seconds: seconds, paced: paced)
    }

    /// Lets the scene begin: all clients send requests at the pace, after a quarter of the time each pod acts and the first
    /// one also goes round its proxy, after a half the last one's proxy is killed.
    package func beginScene(seconds: Double) {
        begin(LAB_SCENE, seconds: seconds, paced: true)
    }

    private func begin(_ command: lab_command, seconds: Double, paced: Bool) {
        unsafe lab.pointee.duration = UInt64(seconds * 1e9)
        unsafe lab.pointee.interval = paced ? 1_000_000_000 / Self.pace : 0
        unsafe lab_ask(lab, command.rawValue)
    }

    /// Waits for the end of what was begun.
    package func end() throws(LabFailure) {
        try waitForAnswer(seconds: Double(unsafe lab.pointee.duration) / 1e9 + 60)
    }

    /// Proxies, and the rules that lead to them, for pods that have none yet.
    package func startProxies(_ indices: Range<Int>) throws(LabFailure) {
        if indices.isEmpty { return }
        unsafe lab.pointee.node.first = UInt32(indices.lowerBound)
        unsafe lab.pointee.node.end = UInt32(indices.upperBound)
        try ask(LAB_PROXIES, seconds: 30 + Double(indices.count))
    }

    /// Asks the rules what they have counted.
    package func count() throws(LabFailure) {
        try ask(LAB_COUNT, seconds: 60)
    }

    private func ask(_ command: lab_command, seconds: Double) throws(LabFailure) {
        unsafe lab_ask(lab, command.rawValue)
        try waitForAnswer(seconds: seconds)
    }

    private func waitForAnswer(seconds: Double) throws(LabFailure) {
        try memory.waitForAnswer(signals, seconds: seconds)
    }
}

/// What the processes of a laboratory share with us. They end with it, and with them all that they made.
@safe
private struct LabMemory: ~Copyable {
    let lab: UnsafeMutablePointer<CLaboratory.lab>

    init(pods: Int) throws(LabFailure) {
        guard let lab = unsafe lab_prepare(UInt32(pods)) else { throw .failed("shared memory", errno) }
        unsafe self.lab = lab
    }

    deinit {
        unsafe lab_end(lab)
    }

    func waitForAnswer(_ signals: borrowing LabSignals, seconds: Double) throws(LabFailure) {
        switch unsafe lab_await(lab, signals.descriptor, Int32(seconds * 1000)) {
        case LAB_ANSWERED:
            let error = unsafe lab.pointee.node.error
            guard error != 0 else { return }
            throw .failed(unsafe String(cString: lab_message(&lab.pointee.node)), error)
        case LAB_SIGNALLED: throw .interrupted
        case LAB_ENDED: throw .failed("its processes have ended", 0)
        default: throw .failed("it does not answer", ETIMEDOUT)
        }
    }
}

/// Why a laboratory could not be made, or not go on.
package enum LabFailure: Error {
    /// A signal asked the run to end.
    case interrupted
    /// What failed, and the errno; 0 where there is none. May have text of the proxy.
    case failed(String, Int32)
}

/// The signals that end a run, while a laboratory waits. One that was ignored at start stays so.
private struct LabSignals: ~Copyable {
    let descriptor: Int32

    init() {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in [SIGINT, SIGTERM, SIGHUP] where !Self.isIgnored(signal) { unsafe sigaddset(&set, signal) }
        unsafe sigprocmask(SIG_BLOCK, &set, nil)
        descriptor = unsafe lab_signals(&set)
    }

    deinit {
        close(descriptor)
    }

    private static func isIgnored(_ signal: Int32) -> Bool {
        var action = sigaction()
        unsafe sigaction(signal, nil, &action)
        let handler = unsafe action.__sigaction_handler.sa_handler
        return unsafe unsafeBitCast(handler, to: Int.self) == 1  // SIG_IGN
    }
}
