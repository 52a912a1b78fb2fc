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
    private let consumerPage: Mapping
    private let producerPages: Mapping
    private let page: Int
    private let size: Int

    /// Position up to which records were read.
    private var consumer: UnsafeMutableRawPointer { unsafe consumerPage.start }
    /// Position up to which records were written.
    private var producer: UnsafeMutableRawPointer { unsafe producerPages.start }
    private var data: UnsafeMutableRawPointer { unsafe producerPages.start + page }

    /// Maps the ring `map` of `size` bytes (a power of two and a multiple of the page size).
    package init(_ map: BPFMap, size: Int) throws(BPFError) {
        let page = Int(getpagesize())
        let consumer = try Mapping(map.descriptor, offset: 0, length: page, writable: true)
        // The kernel has the data twice in a row, so a record that wraps round is still contiguous. Of the second time only
        // what the largest record may need: all that is mapped counts as memory of this process.
        let overlap = min(size, Self.largestRecord)
        let producer = try Mapping(map.descriptor, offset: page, length: page + size + overlap, writable: false)
        consumerPage = consumer
        producerPages = producer
        descriptor = map.descriptor
        self.page = page
        self.size = size
    }

    /// Whether a record is waiting.
    package var isEmpty: Bool {
        unsafe clinux_load_acquire_64(consumer) == clinux_load_acquire_64(producer)
    }

    /// What becomes of a record that was lent.
    package enum Verdict {
        case taken
        /// And no more are wanted now.
        case takenLast
        /// It stays, the first of the next drain.
        case left
    }

    /// Lends each waiting record, oldest first, until there is none or `body` wants no more; answers how many were taken.
    ///
    /// Room is given back every 64 records, so a long drain does not hold up the programs.
    package func drain(_ body: (RawSpan) -> Verdict) -> Int {
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
                precondition(length < Self.largestRecord, "a record as no program writes it")
                if header & Self.discarded == 0 {
                    let bytes = unsafe UnsafeRawBufferPointer(start: record + 8, count: length)
                    let verdict = unsafe body(bytes.bytes)
                    more = verdict == .taken
                    if verdict == .left { break }
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

    /// Lends records that wait, and leaves them: from `position` on, which is moved behind the last one that was lent.
    package func lookAhead(from position: inout UInt64, _ body: (RawSpan) -> Void) {
        position = max(position, unsafe clinux_load_acquire_64(consumer))
        let end = unsafe clinux_load_acquire_64(producer)
        while position < end {
            let record = unsafe data + Int(position & UInt64(size - 1))
            let header = unsafe clinux_load_acquire_32(record)
            if header & Self.busy != 0 { return }
            let length = Int(header & ~(Self.busy | Self.discarded))
            precondition(length < Self.largestRecord, "a record as no program writes it")
            if header & Self.discarded == 0 {
                let bytes = unsafe UnsafeRawBufferPointer(start: record + 8, count: length)
                unsafe body(bytes.bytes)
            }
            position += UInt64((length + 8 + 7) & ~7)
        }
    }

    /// Bytes, more than any program writes at once.
    private static let largestRecord = 1 << 17
    private static let busy: UInt32 = 1 << 31
    private static let discarded: UInt32 = 1 << 30
}
