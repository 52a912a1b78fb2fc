// SPDX-License-Identifier: Apache-2.0

/// Numbers as they are on the wire; `nil` where the bytes end before.
extension RawSpan {
    func byte(at offset: Int) -> UInt8? {
        guard offset >= 0, offset < byteCount else { return nil }
        return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    func big16(at offset: Int) -> UInt16? {
        guard offset >= 0, byteCount >= 2, offset <= byteCount - 2 else { return nil }
        return unsafe UInt16(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    func big32(at offset: Int) -> UInt32? {
        guard offset >= 0, byteCount >= 4, offset <= byteCount - 4 else { return nil }
        return unsafe UInt32(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// An address of 4 or 16 bytes.
    func address(at offset: Int, _ count: Int) -> IPAddress? {
        guard offset >= 0, offset + count <= byteCount else { return nil }
        return IPAddress(copy(offset..<offset + count).span)
    }
}
