// SPDX-License-Identifier: Apache-2.0

package import CWire

/// What a detector looks for was found in the bytes that a connection sent.
package final class DetectRecord: Sendable {
    package let fixed: wire_detect

    package init(_ fixed: wire_detect) {
        self.fixed = fixed
    }

    package var time: UInt64 { fixed.header.time }
    package var task: wire_task { fixed.task }
    package var hasOwner: Bool { !has(WIRE_DETECT_NO_TASK) && fixed.task.pid != 0 }
    /// Whether nothing more of the connection gets through.
    package var isStopped: Bool { has(WIRE_DETECT_STOPPED) }
    package var remote: ConnectionRecord.Endpoint { ConnectionRecord.Endpoint(fixed.destination) }

    package func has(_ flag: UInt32) -> Bool { UInt32(fixed.header.flags) & flag != 0 }
}
