// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Events

/// Joins the two ends that one connection has in one network namespace. What an application asked for has passed a sidecar
/// when a sidecar accepted it there, and what it accepted when a sidecar asked for it: whatever led it there. Each end of
/// a sidecar's is joined to one end of an application's.
struct PassMatcher {
    /// A connection by the end that asked for it, which rules leave as it is; and whose side of it this is.
    struct Key: Hashable {
        let namespace: UInt32
        let isUDP: Bool
        let address: IPAddress
        let port: UInt16
        /// Whether the application is the one that was asked.
        let isAccepted: Bool
    }

    /// A connection of an application.
    struct Flow {
        let key: Key?
        let owner: Int
        let process: String
        let user: UInt32
        let kind: Activity.Kind
        let destination: ConnectionRecord.Endpoint
        /// Whether it began in the window.
        var isNew: Bool
        /// What it had carried before the window.
        var sentBefore: UInt64 = 0
        var receivedBefore: UInt64 = 0
        var sent: UInt64 = 0
        var received: UInt64 = 0
        var hasPassed = false
        /// Whether the sidecar's end was told too.
        var isJoined = false
        var closed: UInt64?
    }

    /// Nanoseconds that a sidecar may take to accept what is closed again.
    static let patience: UInt64 = 5_000_000_000

    private var flows: [Key: Flow] = [:]
    /// Ends of sidecars without one of an application, with the time of the last.
    private var ends: [Key: (count: Int, time: UInt64)] = [:]
    private var closing: [(key: Key, time: UInt64)] = []
    private var lastSweep: UInt64 = 0

    /// Flows that are over, for whoever counts them.
    private(set) var finished: [Flow] = []

    mutating func takeFinished() -> [Flow] {
        defer { finished.removeAll(keepingCapacity: true) }
        return finished
    }

    mutating func begin(_ flow: Flow) {
        guard let key = flow.key else {
            finished.append(flow)
            return
        }
        // The end of one that had the same port was not told.
        if let old = flows[key] { finished.append(old) }
        var flow = flow
        if let end = ends[key] {
            flow.hasPassed = true
            flow.isJoined = true
            ends[key] = end.count > 1 ? (end.count - 1, end.time) : nil
        }
        flows[key] = flow
    }

    /// A sidecar has the other end.
    mutating func pass(_ key: Key, time: UInt64) {
        if flows[key]?.isJoined == false {
            flows[key]!.hasPassed = true
            flows[key]!.isJoined = true
            finishIfClosed(key)
        } else {
            ends[key] = ((ends[key]?.count ?? 0) + 1, time)
        }
    }

    /// The end of a sidecar's, whose beginning may not have been told.
    mutating func passIfWaiting(_ key: Key) {
        guard flows[key]?.isJoined == false else { return }
        flows[key]!.hasPassed = true
        flows[key]!.isJoined = true
        finishIfClosed(key)
    }

    func knows(_ key: Key) -> Bool { flows[key] != nil }

    mutating func update(_ key: Key, sent: UInt64, received: UInt64, closed: UInt64?) {
        guard flows[key] != nil else { return }
        flows[key]!.sent = sent
        flows[key]!.received = received
        guard let closed else { return }
        flows[key]!.closed = closed
        if !finishIfClosed(key) { closing.append((key, closed)) }
    }

    /// Counts what has passed and is over at once; what was led to a sidecar that has not been told to have it waits, so that
    /// the end which is still to be told is not another's.

    @discardableResult
    private mutating func finishIfClosed(_ key: Key) -> Bool {
        guard let flow = flows[key], flow.closed != nil, flow.isJoined else { return false }
        finished.append(flow)
        flows[key] = nil
        return true
    }

    /// Gives up on what was closed a while ago. `now` is the time of the latest event.
    mutating func sweep(_ now: UInt64) {
        guard now >= lastSweep &+ 1_000_000_000 else { return }
        lastSweep = now
        let isOver = { (time: UInt64) in time &+ Self.patience < now }
        let count = closing.prefix { isOver($0.time) }.count
        for (key, time) in closing.prefix(count) where flows[key]?.closed == time {
            finished.append(flows.removeValue(forKey: key)!)
        }
        closing.removeFirst(count)
        ends = ends.filter { !isOver($0.value.time) }
    }

    /// All that is left, when the window is over.
    mutating func finish() {
        finished += flows.values
        flows.removeAll()
        closing.removeAll()
    }
}

extension ConnectionRecord {
    /// `isIncoming` is whether this side was asked. `nil` where an end is not known.
    func passKey(isIncoming: Bool, isSidecar: Bool) -> PassMatcher.Key? {
        let client = isIncoming ? remote : local
        guard let address = client.address, let port = client.port else { return nil }
        return PassMatcher.Key(
            namespace: fixed.namespace, isUDP: isUDP, address: address, port: port, isAccepted: isIncoming != isSidecar)
    }
}
