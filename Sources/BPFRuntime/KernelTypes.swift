// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The running kernel's types (BTF), read as far as a run needs them: ids of functions and structures, and a copy that
/// has only the structures that a set of programs reads.
///
/// libbpf can do both, at a price that a short run feels: it indexes all 130,000 types (15 ms) and then searches them by
/// name for each structure (another 15 ms). Format: Documentation/bpf/btf.rst. Least kernel 5.4
/// with CONFIG_DEBUG_INFO_BTF.
package final class KernelTypes {
    /// Where every kernel with BTF shows it.
    package static let path = "/sys/kernel/btf/vmlinux"

    private let types: TypeSection
    /// Where each type starts in the section, by id; [0] is void.
    private let offsets: [UInt32]

    /// `nil` when there is no BTF, or none that this can read.
    package convenience init?() {
        guard let bytes = Self.contents() else { return nil }
        self.init(bytes)
    }

    init?(_ bytes: [UInt8]) {
        guard let types = TypeSection(bytes) else { return nil }
        self.types = types
        var offsets: [UInt32] = [0]
        offsets.reserveCapacity(160_000)
        var offset = 0
        while let kind = types.kind(at: offset) {
            offsets.append(UInt32(offset))
            offset += types.size(at: offset, kind)
        }
        guard offset == types.count else { return nil }  // a kind newer than this reader: its size is not known
        self.offsets = offsets
    }

    /// The ids of those functions that the kernel has; one that it has inlined is not among them.
    package func functions(_ names: Set<String>) -> [String: UInt32] { ids(of: names, .function) }

    func structures(_ names: Set<String>) -> [String: UInt32] { ids(of: names, .structure) }

    func typedefs(_ names: Set<String>) -> [String: UInt32] { ids(of: names, .typedef) }

    /// How many parameters each of these tracepoints hands to its programs; none for one that the kernel does not have.
    /// They tell versions of a tracepoint apart.
    package func parameterCounts(ofTracepoints names: Set<String>) -> [String: Int] {
        var counts: [String: Int] = [:]
        for (name, id) in typedefs(Set(names.map { "btf_trace_\($0)" })) {
            // A typedef of a pointer to the prototype, whose first parameter is not the program's.
            let pointer = target(of: id)
            let prototype = Int(offsets[Int(target(of: pointer))])
            guard types.kind(at: prototype) == .prototype else { continue }
            counts[String(name.dropFirst(10))] = types.memberCount(at: prototype) - 1
        }
        return counts
    }

    /// The value of one name of an enumeration.
    package func value(of name: String, in enumeration: String) -> UInt32? {
        guard let id = ids(of: [enumeration], .enumeration)[enumeration] else { return nil }
        let offset = Int(offsets[Int(id)])
        for index in 0..<types.memberCount(at: offset) {
            let member = offset + 12 + 8 * index
            if types.name(types.word(member)) == name { return types.word(member + 4) }
        }
        return nil
    }

    private func target(of id: UInt32) -> UInt32 {
        let target = types.word(Int(offsets[Int(id)]) + 8)
        return target < offsets.count ? target : 0
    }

    private func ids(of names: Set<String>, _ kind: TypeKind) -> [String: UInt32] {
        var filter = NameFilter()
        for name in names { filter.add(name, kind) }
        var found: [String: UInt32] = [:]
        for id in 1..<offsets.count {
            let offset = Int(offsets[id])
            if let name = filter.match(types, offset) { found[name] = UInt32(id) }
        }
        return found
    }

    /// The kernel's BTF again, with only the structures and members that `object`, the BTF of a BPF object file, names:
    /// all that libbpf needs to relocate it. `nil` when `object` is not BTF.
    package func reduced(for object: [UInt8]) -> [UInt8]? {
        guard let local = TypeSection(object) else { return nil }
        var structures: Set<String> = []
        var members: Set<String> = []
        var offset = 0
        while let kind = local.kind(at: offset) {
            if kind == .structure || kind == .union {
                structures.insert(local.essentialName(at: offset))
                for index in 0..<local.memberCount(at: offset) { members.insert(local.memberName(at: offset, index)) }
            }
            offset += local.size(at: offset, kind)
        }
        structures.remove("")
        members.remove("")

        var filter = NameFilter()
        for name in structures {
            filter.add(name, .structure)
            filter.add(name, .union)
        }
        var writer = TypeWriter(types: types, offsets: offsets, structures: structures, members: members)
        for id in 1..<offsets.count {
            let offset = Int(offsets[id])
            if filter.match(types, offset) != nil { _ = writer.copy(UInt32(id)) }
        }
        return writer.finish()
    }

    /// The file, mapped where the kernel allows it (6.16), else read.
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
}
