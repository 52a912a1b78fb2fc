// SPDX-License-Identifier: Apache-2.0

package import CWire

/// A system call that returned, or that will not. Numbers are copied out; what its arguments point to stays in `storage`.
package final class SyscallRecord: Sendable {
    package let fixed: wire_syscall
    /// The machine on which it was made.
    package let architecture: SyscallArchitecture
    /// What lies behind the fixed part.
    private let storage: [UInt8]
    private let captures: [Capture]

    /// What was read of one argument.
    struct Capture: Sendable {
        let argument: UInt8
        let kind: UInt8
        let flags: UInt16
        /// In `storage`.
        let range: Range<Int>

        var isCut: Bool { UInt32(flags) & WIRE_CAPTURE_CUT != 0 }
        var isUnreadable: Bool { UInt32(flags) & WIRE_CAPTURE_UNREADABLE != 0 }
    }

    /// Decodes the bytes of a whole record.
    package init(decoding span: RawSpan, on architecture: SyscallArchitecture = .current) throws(DecodeError) {
        let fixed = try span.load(wire_syscall.self)
        var rest = span.extracting(droppingFirst: MemoryLayout<wire_syscall>.size)
        let size = rest.byteCount
        var captures: [Capture] = []
        for _ in 0..<fixed.capture_count {
            guard rest.byteCount >= MemoryLayout<wire_capture>.size else { throw .partsTooLong }
            let head = try rest.load(wire_capture.self)
            rest = rest.extracting(droppingFirst: MemoryLayout<wire_capture>.size)
            guard head.size <= rest.byteCount else { throw .partsTooLong }
            let start = size - rest.byteCount
            captures.append(
                Capture(
                    argument: head.argument, kind: head.kind, flags: head.flags, range: start..<start + Int(head.size)))
            rest = rest.extracting(droppingFirst: min((Int(head.size) + 7) & ~7, rest.byteCount))
        }
        self.fixed = fixed
        self.architecture = architecture
        self.captures = captures
        storage = captures.isEmpty ? [] : span.extracting(droppingFirst: MemoryLayout<wire_syscall>.size).copy(0..<size)
    }

    package var time: UInt64 { fixed.header.time }
    package var task: wire_task { fixed.task }
    package func has(_ flag: UInt32) -> Bool { UInt32(fixed.header.flags) & flag != 0 }

    /// `nil` when it is none that is known.
    package var abi: SyscallABI? { SyscallABI(rawValue: fixed.abi) }
    package var number: UInt32 { fixed.number }

    /// `nil` when the call is newer than the lists.
    package var name: Bytes? { abi.flatMap { SyscallTable.name($0, number, on: architecture) } }
    package var classes: SyscallClasses { description?.classes ?? [] }

    /// For `event.category`.
    package var category: StaticString {
        if classes.contains(.file) { return "file" }
        return classes.contains(.network) ? "network" : "process"
    }

    /// The registers: 32 bits of them count for a 32-bit program.
    package var arguments: [UInt64] {
        let values = fixed.arguments
        let all = [values.0, values.1, values.2, values.3, values.4, values.5]
        return abi == .compat ? all.map { $0 & UInt64(UInt32.max) } : all
    }

    /// Whether a call of `%security` is one that matters. clone3 is taken to be one, because its flags are not here.
    package var isSecurityRelevant: Bool {
        switch description?.condition {
        case nil: false
        case .always, .namespaceStructure: true
        case .namespaceFlags: arguments[0] & SecurityCalls.namespaceFlags != 0
        case .options: SecurityCalls.options.contains(UInt32(truncatingIfNeeded: arguments[0]))
        }
    }

    /// The first path that was given, where it is absolute and whole.
    package var path: Bytes? {
        guard let description else { return nil }
        for capture in captures where capture.kind == WIRE_CAPTURE_STRING.rawValue {
            guard description.kind(at: capture.argument) == .path else { continue }
            let bytes = bytes(of: capture)
            let isWhole = !capture.isCut && !capture.isUnreadable
            return isWhole && bytes.slice.first == UInt8(ascii: "/") ? bytes : nil
        }
        return nil
    }

    /// The internet address that was given.
    package var address: (address: IPAddress, port: UInt16)? { socketAddress?.internet }

    /// The socket address that was given.
    package var socketAddress: SocketAddress? {
        let kind = UInt8(truncatingIfNeeded: WIRE_CAPTURE_SOCKADDR.rawValue)
        guard let capture = captures.first(where: { $0.kind == kind && !$0.isUnreadable }) else { return nil }
        return SocketAddress(bytes(of: capture))
    }

    /// The size in memory.
    package var byteCount: Int { MemoryLayout<wire_syscall>.size + storage.count }

    var description: SyscallDescription? {
        abi.flatMap { SyscallTable.description($0, number, on: architecture) }
    }

    /// The first that is of this argument.
    func capture(_ argument: UInt8) -> Capture? {
        captures.first { $0.argument == argument }
    }

    var allCaptures: [Capture] { captures }

    /// Text ends at a NUL, whatever its size says.
    func bytes(of capture: Capture) -> Bytes {
        guard capture.kind == WIRE_CAPTURE_STRING.rawValue else { return Bytes(storage, capture.range) }
        let end = storage[capture.range].firstIndex(of: 0) ?? capture.range.upperBound
        return Bytes(storage, capture.range.lowerBound..<end)
    }
}

extension SyscallDescription {
    /// What the argument in this register is.
    func kind(at register: UInt8) -> ArgumentKind? {
        var next = 0
        for kind in arguments {
            if next == register { return kind }
            next += kind.width
        }
        return nil
    }
}
