// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import BPFRuntime

struct KernelTypesTests {
    private static let hasTypes = unsafe access(KernelTypes.path, R_OK) == 0

    @Test(.enabled(if: hasTypes, "this kernel shows no BTF")) func runningKernel() throws {
        let types = try #require(KernelTypes())
        let functions = types.functions(["security_file_open", "no_such_function_here"])
        #expect(functions.keys.sorted() == ["security_file_open"])
        let structures = types.structures(["task_struct", "file", "no_such_structure_here"])
        #expect(structures.keys.sorted() == ["file", "task_struct"])
        #expect(Set(functions.values).isDisjoint(with: structures.values))
        // A name is looked for among types of its kind only.
        #expect(types.functions(["task_struct"]) == [:])
        #expect(types.typedefs(["pid_t"]).count == 1)
        // Parent and child.
        #expect(
            types.parameterCounts(ofTracepoints: ["sched_process_fork", "no_such_tracepoint"])
                == ["sched_process_fork": 2])
        let families = types.values(in: "bpf_map_type").prefix(3)
        #expect(families.map(\.name) == ["BPF_MAP_TYPE_UNSPEC", "BPF_MAP_TYPE_HASH", "BPF_MAP_TYPE_ARRAY"])
        #expect(families.map(\.value) == [0, 1, 2])
        #expect(types.values(in: "no_such_enumeration").isEmpty)
    }

    /// int, file { int f_mode at 0; int f_flags at 32 }, pointer to it, prototype, two functions, typedef of a short name.
    private static let sample: [UInt8] = {
        var blob = TypeBlob()
        blob.add(TypeBlob.integer, "int", sizeOrType: 4, tail: [0x0100_0020])
        blob.add(structure: "file", size: 8, members: [("f_mode", 1, 0), ("f_flags", 1, 32)])
        blob.add(TypeBlob.pointer, "", sizeOrType: 2)
        blob.add(TypeBlob.prototype, "", count: 1, sizeOrType: 1, tail: [0, 3])
        blob.add(TypeBlob.function, "vfs_open", sizeOrType: 4)
        blob.add(TypeBlob.array, "", tail: [1, 1, 7])
        blob.add(TypeBlob.function, "vfs_opening", sizeOrType: 4)
        blob.add(TypeBlob.typedef, "u8", sizeOrType: 1)
        return blob.bytes
    }()

    @Test func synthetic() throws {
        let types = try #require(KernelTypes(Self.sample))
        #expect(types.functions(["vfs_open"]) == ["vfs_open": 5])
        #expect(types.functions(["vfs_open", "vfs_opening", "vfs"]) == ["vfs_open": 5, "vfs_opening": 7])
        #expect(types.functions(["file", "int", ""]) == [:])
        #expect(types.structures(["file", "vfs_open"]) == ["file": 2])
        #expect(types.typedefs(["u8"]) == ["u8": 8])
    }

    /// A type of a kind from the future ends the reading: its size is not known.
    @Test func unknownKind() {
        for kind in UInt32(20)...31 {
            var blob = TypeBlob()
            blob.add(TypeBlob.function, "vfs_open")
            blob.add(kind, "new")
            #expect(KernelTypes(blob.bytes) == nil, "kind \(kind)")
        }
        var blob = TypeBlob()
        blob.add(0, "void")
        #expect(KernelTypes(blob.bytes) == nil)
    }

    @Test func empty() {
        #expect(KernelTypes([]) == nil)
        #expect(KernelTypes([UInt8](repeating: 0, count: 24)) == nil)
        #expect(KernelTypes(TypeBlob().bytes)?.functions(["vfs_open"]) == [:])
    }

    @Test func truncated() {
        for count in Self.sample.indices {
            #expect(KernelTypes(Array(Self.sample[..<count])) == nil, "\(count) bytes of \(Self.sample.count)")
        }
    }

    /// Every bit turned: nothing is found where nothing is, and nothing is read outside.
    @Test func flippedBits() {
        var bytes = Self.sample
        for index in bytes.indices {
            for bit in 0..<8 {
                bytes[index] ^= 1 << bit
                if let types = KernelTypes(bytes) {
                    let found = types.functions(["vfs_open", "ab"])
                    #expect(found.allSatisfy { $0.key == "vfs_open" && (1...8).contains($0.value) })
                    _ = types.reduced(for: Self.sample)
                }
                _ = KernelTypes(Self.sample)?.reduced(for: bytes)
                bytes[index] ^= 1 << bit
            }
        }
    }

    /// Sizes and offsets that add up beyond the end, or beyond what a number holds.
    @Test func sectionsBehindTheEnd() {
        for field in [4, 8, 12, 16, 20] {
            for value: UInt8 in [0x7f, 0xff] {
                var bytes = Self.sample
                bytes.replaceSubrange(field..<field + 4, with: [value, value, value, value])
                #expect(KernelTypes(bytes) == nil, "header word at \(field)")
            }
        }
    }

    // MARK: The reduced copy

    @Test func reduced() throws {
        var object = TypeBlob()
        object.add(TypeBlob.integer, "int", sizeOrType: 4, tail: [0x0100_0020])
        object.add(structure: "file___old", size: 4, members: [("f_flags", 1, 0)])
        let types = try #require(KernelTypes(Self.sample))
        let bytes = try #require(types.reduced(for: object.bytes))
        let reduced = try #require(TypeSection(TypeBytes(bytes)))
        // file first, with the one member that is asked for at its place in the kernel, then the member's type.
        #expect(reduced.kind(at: 0) == .structure)
        #expect(reduced.essentialName(at: 0) == "file")
        #expect(reduced.word(8) == 8)
        #expect(reduced.memberCount(at: 0) == 1)
        #expect(reduced.memberName(at: 0, 0) == "f_flags")
        #expect(reduced.word(12 + 4) == 2)
        #expect(reduced.word(12 + 8) == 32)
        #expect(reduced.kind(at: 24) == .integer)
        #expect(reduced.count == 24 + 16)
    }

    /// By value or by array, a structure may hold itself: the copy has to end.
    @Test func structureInItself() throws {
        var blob = TypeBlob()
        blob.add(structure: "file", size: 8, members: [("f_self", 1, 0), ("f_all", 2, 0)])
        blob.add(TypeBlob.array, "", tail: [1, 1, 2])
        let types = try #require(KernelTypes(blob.bytes))
        let reduced = try #require(types.reduced(for: blob.bytes))
        #expect(KernelTypes(reduced)?.structures(["file"]) == ["file": 1])
    }

    @Test func reducedForGarbage() throws {
        let types = try #require(KernelTypes(Self.sample))
        #expect(types.reduced(for: []) == nil)
        #expect(types.reduced(for: [UInt8](repeating: 0xff, count: 100)) == nil)
    }
}
