// SPDX-License-Identifier: Apache-2.0

internal import CWire
package import Events

/// What was done to which file.
package struct FileFact: Sendable {
    package let record: FileRecord

    package init(_ record: FileRecord) {
        self.record = record
    }

    package var operation: FileOperation { record.operation }
    /// `nil` where nothing is known of it.
    package var path: FilePath? { record.path }
    /// The old name of a rename, or the file that a link was made to.
    package var originalPath: FilePath? { record.second }
    /// Whether a rename took the place of a file that was there.
    package var replaces: Bool { record.has(WIRE_FILE_REPLACED) }
    /// The positive errno of what failed.
    package var error: Int32? { record.error }
    /// With the device it tells files apart; `nil` where there is none.
    package var inode: UInt64? { record.mode == nil ? nil : record.fixed.inode }
    package var device: UInt32? { record.mode == nil ? nil : record.fixed.device }
    package var marks: [StaticString] { record.marks }

    /// Whether it changes the file, or allows its process to.
    package var mayChange: Bool {
        switch operation {
        case .open: record.has(WIRE_FILE_HAS_FLAGS) && record.fixed.open_flags & 3 != 0
        case .execMap, .read: false
        default: true
        }
    }

    /// The value of a field that only files decide; `nil` for another.
    func value(of field: Field) -> FieldValue? {
        switch field {
        case .filePath: path?.value ?? .absent
        case .ebpfguardFileBytesWritten: record.bytesWritten.map { .integer(Int64(clamping: $0)) } ?? .absent
        case .ebpfguardFileBytesRead: record.bytesRead.map { .integer(Int64(clamping: $0)) } ?? .absent
        case .fileOriginalPath: originalPath?.value ?? .absent
        case .fileTargetPath: .init(record.contents)
        case .fileType: record.type.map { .word($0) } ?? .absent
        case .fileMode: record.permissions.map { .text(Self.octal($0)) } ?? .absent
        case .fileUID: record.ownerAsked.map { .identifier(UInt64($0)) } ?? .absent
        case .fileGID: record.groupAsked.map { .identifier(UInt64($0)) } ?? .absent
        case .fileSize: record.sizeAsked.map { .integer(Int64(bitPattern: $0)) } ?? .absent
        case .ebpfguardFileAttribute: .init(record.attribute)
        case .ebpfguardMountType: .init(record.mountType)
        case .ebpfguardMountSource: .init(record.mountSource)
        case .ebpfguardMountFlags: .init(record.mountFlags)
        case .fileInode: inode.map { .identifier($0) } ?? .absent
        case .fileDevice: device.map { .text(Self.numbers($0)) } ?? .absent
        case .fileOpenFlags: .init(record.openFlags)
        case .ebpfguardFileMarks: .init(marks)
        case .ebpfguardHostPath: path?.hostPath.map { .init(hostPath: $0) } ?? .absent
        default: nil
        }
    }

    /// Four digits.
    package static func octal(_ mode: UInt32) -> Bytes {
        let digits = String(mode, radix: 8)
        return Bytes(String(repeating: "0", count: 4 - digits.utf8.count) + digits)
    }

    /// A device as the kernel has it.
    static func numbers(_ device: UInt32) -> Bytes { Bytes("\(device >> 20):\(device & 0xfffff)") }
}
