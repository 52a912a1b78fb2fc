// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// The reading side of a BPF_MAP_TYPE_RINGBUF (Linux 5.8): the kernel's pages mapped into this process.
///
/// Read in place, without a callback through libbpf: a record is lent to a closure as a span that can't outlive it.
/// Layout and order of accesses: kernel/bpf/ringbuf.c and Documentation/bpf/ringbuf.rst.
@safe
package struct BPFRing: ~Copyable {
    /// The map's descriptor: readable, for epoll, when a program woke the reader. Owned by the object.
    package let descriptor: Int32
    private let consumer: UnsafeMutableRawPointer
    private let producer: UnsafeMutableRawPointer
    private let data: UnsafeMutableRawPointer
    private let size: Int
    private let page: Int

    /// Maps the ring `map` of `size` bytes (a power of two and a multiple of the page size).
    package init(_ map: BPFMap, size: Int) throws(BPFError) {
        descriptor = map.descriptor
        self.size = size
        page = Int(getpagesize())
        // Each mapping is its own value, so that the first is released when the second fails.
        let consumer = try Mapping(map.descriptor, offset: 0, length: page, writable: true)
        // The data is mapped twice in a row, so a record that wraps round is still contiguous.
        let producer = try Mapping(map.descriptor, offset: page, length: page + 2 * size, writable: false)
        unsafe self.consumer = unsafe consumer.release()
        unsafe self.producer = unsafe producer.release()
        unsafe data = unsafe self.producer + page
    }

    deinit {
        unsafe munmap(consumer, page)
        unsafe munmap(producer, page + 2 * size)
    }

    /// Whether a record is waiting.
    package var isEmpty: Bool {
        unsafe clinux_load_acquire_64(consumer) == clinux_load_acquire_64(producer)
    }

    /// Bytes in the ring that were not read yet.
    package var fill: Int {
        unsafe Int(clinux_load_acquire_64(producer) &- clinux_load_acquire_64(consumer))
    }

    /// Lends each waiting record, oldest first, until there is none or `body` answers false; answers how many.
    ///
    /// Room is given back every 64 records, so a long drain does not hold up the programs.
    package func drain(_ body: (RawSpan) -> Bool) -> Int {
        var position = unsafe clinux_load_acquire_64(consumer)
        var count = 0
        var more = true
        while more {
            let end = unsafe clinux_load_acquire_64(producer)
            if position == end { break }
            while position < end {
                let record = unsafe data + Int(position & UInt64(size - 1))
                let header = unsafe clinux_load_acquire_32(record)
                if header & Self.busy != 0 {  // reserved, not written yet
                    unsafe clinux_store_release_64(consumer, position)
                    return count
                }
                let length = Int(header & ~(Self.busy | Self.discarded))
                if header & Self.discarded == 0 {
                    let bytes = unsafe UnsafeRawBufferPointer(start: record + 8, count: length)
                    more = unsafe body(bytes.bytes)
                    count += 1
                }
                position += UInt64((length + 8 + 7) & ~7)
                if count & 63 == 0 || !more { unsafe clinux_store_release_64(consumer, position) }
                if !more { break }
            }
            unsafe clinux_store_release_64(consumer, position)
        }
        return count
    }

    private static let busy: UInt32 = 1 << 31
    private static let discarded: UInt32 = 1 << 30
}

/// A mapping that is undone unless it is released to a new owner.
@safe
private struct Mapping: ~Copyable {
    private let start: UnsafeMutableRawPointer
    private let length: Int

    init(_ descriptor: Int32, offset: Int, length: Int, writable: Bool) throws(BPFError) {
        let protection = writable ? PROT_READ | PROT_WRITE : PROT_READ
        let start = unsafe mmap(nil, length, protection, MAP_SHARED, descriptor, off_t(offset))
        guard let start = unsafe start, unsafe start != UnsafeMutableRawPointer(bitPattern: -1) else {
            throw BPFError(lastFailureOf: "map the ring buffer")
        }
        unsafe self.start = unsafe start
        self.length = length
    }

    consuming func release() -> UnsafeMutableRawPointer {
        let start = unsafe self.start
        discard self
        return unsafe start
    }

    deinit {
        unsafe munmap(start, length)
    }
}
