// SPDX-License-Identifier: Apache-2.0

package import CWire

/// Something that a policy is against, stopped or not.
package final class ViolationRecord: Sendable {
    package let fixed: wire_violation

    package init(_ fixed: wire_violation) {
        self.fixed = fixed
    }

    package var time: UInt64 { fixed.header.time }
    package var task: wire_task { fixed.task }

    package func has(_ flag: UInt32) -> Bool { UInt32(fixed.header.flags) & flag != 0 }

    package var hasOwner: Bool { !has(WIRE_VIOLATION_NO_TASK) && fixed.task.pid != 0 }
    package var isEnforced: Bool { has(WIRE_VIOLATION_ENFORCED) }
    /// Whether the call failed, with EPERM.
    package var fails: Bool {
        let isConnection = isQuestion && fixed.protocol == WIRE_PROTOCOL_TCP
        return isEnforced && hasOwner && UInt32(fixed.verdict) != WIRE_LOSE.rawValue && !isConnection
    }
    package var isListen: Bool { UInt32(fixed.operation) == WIRE_POLICY_LISTEN.rawValue }
    package var endpoint: ConnectionRecord.Endpoint { ConnectionRecord.Endpoint(fixed.address) }

    /// The raw or packet socket that was to be made.
    package var socket: RawSocketRecord? {
        guard UInt32(fixed.operation) == WIRE_POLICY_RAW.rawValue else { return nil }
        return RawSocketRecord(
            wire_raw_socket(
                header: fixed.header, task: fixed.task, namespace: fixed.namespace, error: 0, family: fixed.family,
                type: fixed.type, protocol: UInt32(fixed.protocol)))
    }

    package var isQuestion: Bool { UInt32(fixed.operation) == WIRE_POLICY_ASK.rawValue }

    /// The name that was asked for, or that led to the address, as dig writes it.
    package var name: Bytes? {
        let size = Int(fixed.name_size)
        guard size <= Int(WIRE_POLICY_NAME) else { return nil }
        let bytes = unsafe withUnsafeBytes(of: fixed.name) { unsafe Array($0.prefix(size).dropFirst()) }
        return bytes.isEmpty ? nil : Bytes(bytes)
    }

    package var verdict: StaticString {
        switch UInt32(fixed.verdict) {
        case WIRE_AUDIT.rawValue: "audit"
        case WIRE_DENY.rawValue: "deny"
        case WIRE_LOSE.rawValue: "drop"
        case WIRE_KILL.rawValue: "kill"
        default: "allow"
        }
    }
}
