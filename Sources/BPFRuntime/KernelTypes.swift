// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The ids of functions in the running kernel's BTF, by name.
///
/// A reader of its own because libbpf's takes 15 ms and more to index all of it, and a feature probe needs one id before
/// anything is loaded. Format: Documentation/bpf/btf.rst. Least kernel 5.4 with CONFIG_DEBUG_INFO_BTF.
package struct KernelTypes {
    /// Where every kernel with BTF shows it.
    package static let path = "/sys/kernel/btf/vmlinux"

    private let functions: [String: UInt32]

    /// Finds those of `names` that the kernel has as functions. `nil` when there is no BTF, or none that can be read.
    package init?(functions names: Set<String>) {
        guard let bytes = Self.contents() else { return nil }
        guard let found = Self.scan(bytes, for: names) else { return nil }
        functions = found
    }

    /// The id of the function, or `nil` when the kernel has none of that name (or has inlined it).
    package func function(_ name: String) -> UInt32? { functions[name] }

    private static func contents() -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_size > 0 else { return nil }
        let size = Int(status.st_size)
        var complete = false
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let read = unsafe Glibc.read(descriptor, buffer.baseAddress! + count, size - count)
                if read <= 0 { break }
                count += read
            }
            complete = count == size
        }
        return complete ? bytes : nil
    }

    /// One pass over the type section. Each type is 12 bytes and a tail whose size its kind decides.
    private static func scan(_ bytes: [UInt8], for names: Set<String>) -> [String: UInt32]? {
        let span = unsafe bytes.span.bytes
        func word(_ offset: Int) -> UInt32 {
            unsafe span.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
        }
        guard span.byteCount >= 24, word(0) & 0xffff == 0xeb9f else { return nil }
        let header = Int(word(4))
        let types = header + Int(word(8))
        let typesEnd = types + Int(word(12))
        let strings = header + Int(word(16))
        let stringsEnd = strings + Int(word(20))
        guard header >= 24, typesEnd <= span.byteCount, stringsEnd <= span.byteCount else { return nil }

        // Names by their length, so that most of 60,000 functions are ruled out without looking at them.
        var wanted: [Int: [[UInt8]]] = [:]
        for name in names {
            let utf8 = Array(name.utf8)
            wanted[utf8.count, default: []].append(utf8)
        }
        let longest = wanted.keys.max() ?? 0

        var found: [String: UInt32] = [:]
        var offset = types
        var id: UInt32 = 1
        while offset + 12 <= typesEnd, found.count < names.count {
            let info = word(offset + 4)
            let count = Int(info & 0xffff)
            if (info >> 24) & 0x1f == 12 {  // BTF_KIND_FUNC
                let name = strings + Int(word(offset))
                var end = name
                while end < stringsEnd, end - name <= longest, span.unsafeByte(end) != 0 { end += 1 }
                if let candidates = wanted[end - name] {
                    for candidate in candidates where span.equals(candidate, at: name) {
                        found[String(decoding: candidate, as: UTF8.self)] = id
                    }
                }
            }
            switch (info >> 24) & 0x1f {
            case 1, 14, 17: offset += 12 + 4  // INT, VAR, DECL_TAG
            case 3: offset += 12 + 12  // ARRAY
            case 4, 5, 15, 19: offset += 12 + 12 * count  // STRUCT, UNION, DATASEC, ENUM64
            case 6, 13: offset += 12 + 8 * count  // ENUM, FUNC_PROTO
            case 2, 7...12, 16, 18: offset += 12  // PTR, FWD, TYPEDEF, modifiers, FUNC, FLOAT, TYPE_TAG
            default: return nil  // a kind newer than this reader: its size is unknown
            }
            id += 1
        }
        return found
    }
}

extension RawSpan {
    fileprivate func unsafeByte(_ offset: Int) -> UInt8 {
        unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    }

    fileprivate func equals(_ bytes: [UInt8], at offset: Int) -> Bool {
        guard offset + bytes.count <= byteCount else { return false }
        for index in bytes.indices where unsafeByte(offset + index) != bytes[index] { return false }
        return true
    }
}
