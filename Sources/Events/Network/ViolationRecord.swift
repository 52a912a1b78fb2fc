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
    package var isListen: Bool { UInt32(fixed.operation) == WIRE_POLICY_LISTEN.rawValue }
    package var endpoint: ConnectionRecord.Endpoint { ConnectionRecord.Endpoint(fixed.address) }

    package var verdict: StaticString {
        switch UInt32(fixed.verdict) {
        case WIRE_AUDIT.rawValue: "audit"
        case WIRE_DENY.rawValue: "deny"
        default: "allow"
        }
    }
}
