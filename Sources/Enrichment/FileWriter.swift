// SPDX-License-Identifier: Apache-2.0

package import Events

/// Who wrote a file last, and when.
package struct FileWriter: Sendable, Equatable {
    package let key: ProcessKey
    package let name: CommandName
    /// CLOCK_BOOTTIME, nanoseconds.
    package let time: UInt64

    package init(key: ProcessKey, name: CommandName, time: UInt64) {
        self.key = key
        self.name = name
        self.time = time
    }

    /// The value of a field about the writer.
    func value(of field: Field, host: Host) -> FieldValue {
        switch field {
        case .fileWrittenByPID: .integer(Int64(key.pid))
        case .fileWrittenByEntityID: .entity(key)
        case .fileWrittenByName: name.isEmpty ? .absent : .name(name)
        case .fileWrittenByTime: .time(host.realtime(time))
        default: .absent
        }
    }
}
