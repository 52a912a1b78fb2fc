// SPDX-License-Identifier: Apache-2.0

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
    private let index: TypeIndex
    private var offsets: [UInt32] { index.offsets }

    /// `nil` when there is no BTF, or none that this can read.
    package convenience init?() {
        guard let bytes = TypeBytes(file: Self.path) else { return nil }
        self.init(bytes)
    }

    convenience init?(_ bytes: [UInt8]) { self.init(TypeBytes(bytes)) }

    init?(_ bytes: TypeBytes) {
        guard let types = TypeSection(bytes), let index = TypeIndex(types) else { return nil }
        self.types = types
        self.index = index
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

    /// For each of these functions that the kernel has, the structures that its parameters point to; "" for another kind.
    package func parameterStructures(of names: Set<String>) -> [String: [String]] {
        functions(names).mapValues { id in
            let prototype = Int(offsets[Int(target(of: id))])
            guard types.kind(at: prototype) == .prototype else { return [] }
            return (0..<types.memberCount(at: prototype)).map { index in
                var id = types.word(prototype + 12 + 8 * index + 4)
                var isPointer = false
                for _ in 0..<8 where id < offsets.count {
                    let offset = Int(offsets[Int(id)])
                    switch types.kind(at: offset) {
                    case .pointer: isPointer = true
                    case .const, .volatile, .restrict, .typedef, .typeTag: break
                    case .structure: return isPointer ? types.essentialName(at: offset) : ""
                    default: return ""
                    }
                    id = target(of: id)
                }
                return ""
            }
        }
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

    /// All names of an enumeration with their values; none of one that the kernel does not have.
    package func values(in enumeration: String) -> [(name: String, value: UInt32)] {
        guard let id = ids(of: [enumeration], .enumeration)[enumeration] else { return [] }
        let offset = Int(offsets[Int(id)])
        return (0..<types.memberCount(at: offset)).map { index in
            let member = offset + 12 + 8 * index
            return (types.name(types.word(member)), types.word(member + 4))
        }
    }

    private func target(of id: UInt32) -> UInt32 {
        let target = types.word(Int(offsets[Int(id)]) + 8)
        return target < offsets.count ? target : 0
    }

    private func ids(of names: Set<String>, _ kind: TypeKind) -> [String: UInt32] {
        var found: [String: UInt32] = [:]
        for name in names { found[name] = index.find(name, kind).last }
        return found
    }

    /// The kernel's BTF again, with only the structures and members that `object`, the BTF of a BPF object file, names:
    /// all that libbpf needs to relocate it. `nil` when `object` is not BTF.
    package func reduced(for object: [UInt8]) -> [UInt8]? {
        guard let local = TypeSection(TypeBytes(object)) else { return nil }
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

        var writer = TypeWriter(types: types, offsets: offsets, structures: structures, members: members)
        for name in structures {
            for id in index.find(name, .structure, .union) { _ = writer.copy(id) }
        }
        return writer.finish()
    }
}
