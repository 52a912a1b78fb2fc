// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The bytes of BTF, which stay where they are as long as this lives.
@safe
final class TypeBytes {
    private let bytes: UnsafeRawBufferPointer
    /// Whether they are the kernel's own, mapped.
    private let isMapped: Bool

    var count: Int { unsafe bytes.count }

    init(_ array: [UInt8]) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: array.count, alignment: 8)
        unsafe copy.copyBytes(from: array)
        unsafe bytes = UnsafeRawBufferPointer(copy)
        isMapped = false
    }

    /// The running kernel's. A file of sysfs gives a page for each read, so that reading its 5 MB takes 11 ms; it can be
    /// mapped since 6.16, if privately.
    init?(file path: String) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_size > 0 else { return nil }
        let size = Int(status.st_size)
        let start = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
        if let start = unsafe start, unsafe start != UnsafeMutableRawPointer(bitPattern: -1) {
            unsafe bytes = UnsafeRawBufferPointer(start: start, count: size)
            isMapped = true
            return
        }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
        var count = 0
        while count < size {
            let read = unsafe Glibc.read(descriptor, copy.baseAddress! + count, size - count)
            if read <= 0 { break }
            count += read
        }
        guard count == size else {
            unsafe copy.deallocate()
            return nil
        }
        unsafe bytes = UnsafeRawBufferPointer(copy)
        isMapped = false
    }

    deinit {
        if isMapped {
            unsafe munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count)
        } else {
            unsafe bytes.deallocate()
        }
    }

    subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < count)
        return unsafe bytes[index]
    }

    func word(_ offset: Int) -> UInt32 {
        precondition(offset >= 0 && offset + 4 <= count)
        return unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    }

    func equals(_ other: [UInt8], at start: Int) -> Bool {
        precondition(start >= 0 && start + other.count <= count)
        return unsafe bytes[start..<start + other.count].elementsEqual(other)
    }

    /// The text at `start`, up to its NUL or `end`.
    func text(_ start: Int, end: Int) -> String {
        precondition(start >= 0 && start <= end && end <= count)
        return unsafe String(decoding: bytes[start..<end].prefix { $0 != 0 }, as: UTF8.self)
    }
}
