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

/// The file that an exec is about.
package struct ExecutedFile: Sendable {
    package let path: FilePath
    package let inode: UInt64
    /// As the kernel has it: major << 20 | minor.
    package let device: UInt32

    package init(path: FilePath, inode: UInt64, device: UInt32) {
        self.path = path
        self.inode = inode
        self.device = device
    }
}
