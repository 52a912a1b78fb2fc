// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Memory of a map, shared with the kernel's programs, for as long as this value.
@safe
package struct Mapping: ~Copyable {
    package let start: UnsafeMutableRawPointer
    private let length: Int

    init(_ descriptor: Int32, offset: Int, length: Int, writable: Bool) throws(BPFError) {
        let protection = writable ? PROT_READ | PROT_WRITE : PROT_READ
        let start = unsafe mmap(nil, length, protection, MAP_SHARED, descriptor, off_t(offset))
        guard let start = unsafe start, unsafe start != UnsafeMutableRawPointer(bitPattern: -1) else {
            throw BPFError(lastFailureOf: "map memory of the kernel")
        }
        unsafe self.start = unsafe start
        self.length = length
    }

    deinit {
        unsafe munmap(start, length)
    }
}
