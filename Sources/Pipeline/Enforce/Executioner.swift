// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import CWire
internal import Events

/// Kills who violates a rule that says so. A cgroup program can refuse and can't send signals: so what was asked for is refused in
/// the kernel, and the process dies when its record is seen.
struct Executioner {
    /// Who is not killed, whatever the bytes of its connections look like.
    let spared: SparedProcesses

    /// Looks at a record, whatever its kind. To look twice does no harm.
    func look(at bytes: RawSpan) {
        lookAtDetection(bytes)
        guard Record.isViolation(bytes), case .violation(let violation) = try? Record(decoding: bytes),
            UInt32(violation.fixed.verdict) == WIRE_KILL.rawValue, violation.isEnforced, violation.hasOwner
        else { return }
        Self.kill(violation.task)
    }

    /// Whom a detector has found in the kernel.
    private func lookAtDetection(_ bytes: RawSpan) {
        guard Record.isDetection(bytes), case .detected(let record) = try? Record(decoding: bytes),
            record.fixed.verdict == WIRE_KILL.rawValue, record.isStopped, record.hasOwner
        else { return }
        guard !spared.has(record.task.pid) else { return }
        Self.kill(record.task, with: record.fixed)
    }

    /// Kills it and breaks off a connection of its: what it has not got rid of is not sent when it is gone, nor when the run is
    /// over. It dies first, so that it does nothing about that.
    static func kill(_ task: wire_task, with connection: wire_detect) {
        let namespace = OpenConnections.namespace(of: task)
        kill(task)
        if let namespace { OpenConnections.breakOff(connection, in: namespace) }
    }

    static func kill(_ task: wire_task) {
        _ = clinux_kill(pid_t(task.pid), task.start / UInt64(WIRE_ACTOR_TICK))
    }
}
