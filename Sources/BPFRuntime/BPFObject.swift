// SPDX-License-Identifier: Apache-2.0

internal import CLibbpf
internal import CLinux
package import CObjects

/// A BPF object file from memory: opened, set up, then loaded once.
///
/// Links made from it must be destroyed before it; hold them in fields declared above it.
@safe
package struct BPFObject: ~Copyable {
    private let object: OpaquePointer
    private let name: String

    /// Parses an embedded object. Nothing reaches the kernel yet.
    package init(_ embedded: embedded_object) throws(BPFError) {
        name = unsafe String(cString: embedded.name)
        var options = unsafe bpf_object_open_opts()
        unsafe options.sz = unsafe MemoryLayout<bpf_object_open_opts>.size
        unsafe options.object_name = unsafe embedded.name
        guard let object = unsafe bpf_object__open_mem(embedded.bytes, embedded.size, &options) else {
            throw BPFError(lastFailureOf: "open object \(name)")
        }
        unsafe self.object = unsafe object
    }

    deinit {
        unsafe bpf_object__close(object)
    }

    // MARK: Before load

    /// Loads or leaves out a program. All are loaded unless said otherwise.
    package func setEnabled(_ enabled: Bool, program name: String) throws(BPFError) {
        let program = unsafe try program(name)
        unsafe bpf_program__set_autoload(program, enabled)
    }

    /// Names the kernel function that a fentry, fexit or LSM program attaches to.
    package func setTarget(_ function: String, program name: String) throws(BPFError) {
        let program = unsafe try program(name)
        let result = unsafe bpf_program__set_attach_target(program, 0, function)
        guard result == 0 else { throw BPFError(step: "attach \(name) to \(function)", code: result) }
    }

    /// Sets how many entries (for a ring: bytes) a map holds.
    package func setCapacity(_ count: UInt32, map name: String) throws(BPFError) {
        let map = unsafe try map(name)
        let result = unsafe bpf_map__set_max_entries(map, count)
        guard result == 0 else { throw BPFError(step: "size map \(name)", code: result) }
    }

    /// Writes a whole data section, such as the `const volatile` settings.
    package func setSection<Value: BitwiseCopyable>(_ name: String, to value: Value) throws(BPFError) {
        let map = unsafe try map(name)
        var value = value
        let result = unsafe bpf_map__set_initial_value(map, &value, MemoryLayout<Value>.size)
        guard result == 0 else { throw BPFError(step: "set section \(name)", code: result) }
    }

    /// Creates the maps and loads the programs. The error carries the verifier's log when a program was refused.
    package func load() throws(BPFError) {
        _ = LibbpfLog.take()
        let result = unsafe bpf_object__load(object)
        guard result == 0 else {
            let messages = LibbpfLog.take()
            throw BPFError(step: "load object \(name)", code: result, verifierLog: Self.verifierLog(in: messages))
        }
    }

    /// libbpf prints the log of a refused program between two marks.
    private static func verifierLog(in messages: [String]) -> String? {
        for message in messages.reversed() {
            guard let begin = message.range(ofText: "-- BEGIN PROG LOAD LOG --\n") else { continue }
            return String(message[begin...])
        }
        return nil
    }

    // MARK: After load

    /// Attaches a loaded program to the hook its section names.
    package func attach(_ name: String) throws(BPFError) -> BPFLink {
        let program = unsafe try program(name)
        guard let link = unsafe bpf_program__attach(program) else {
            throw BPFError(lastFailureOf: "attach \(name)")
        }
        return unsafe BPFLink(link)
    }

    /// The program's descriptor, owned by the object.
    package func descriptor(ofProgram name: String) throws(BPFError) -> Int32 {
        let program = unsafe try program(name)
        return unsafe bpf_program__fd(program)
    }

    /// A map by name.
    package func map(named name: String) throws(BPFError) -> BPFMap {
        let map = unsafe try map(name)
        return unsafe BPFMap(name: name, descriptor: bpf_map__fd(map))
    }

    /// The memory of a writable data section, shared with the running programs. Alive as long as the object.
    package func sharedSection(_ name: String) throws(BPFError) -> UnsafeMutableRawPointer {
        let map = unsafe try map(name)
        var size = 0
        guard let pointer = unsafe bpf_map__initial_value(map, &size) else {
            throw BPFError(step: "map section \(name)", code: 22)
        }
        return unsafe UnsafeMutableRawPointer(mutating: pointer)
    }

    /// The names of all programs that are loaded.
    package var loadedPrograms: [String] {
        var names: [String] = []
        var program = unsafe bpf_object__next_program(object, nil)
        while let current = unsafe program {
            if unsafe bpf_program__fd(current) >= 0 {
                unsafe names.append(String(cString: bpf_program__name(current)))
            }
            unsafe program = unsafe bpf_object__next_program(object, current)
        }
        return names
    }

    private func program(_ name: String) throws(BPFError) -> OpaquePointer {
        guard let program = unsafe bpf_object__find_program_by_name(object, name) else {
            throw BPFError(lastFailureOf: "find program \(name) in object \(self.name)")
        }
        return unsafe program
    }

    private func map(_ name: String) throws(BPFError) -> OpaquePointer {
        guard let map = unsafe bpf_object__find_map_by_name(object, name) else {
            throw BPFError(lastFailureOf: "find map \(name) in object \(self.name)")
        }
        return unsafe map
    }
}

extension String {
    /// The index just behind the first occurrence of `text`.
    fileprivate func range(ofText text: String) -> String.Index? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(text) { return self.index(index, offsetBy: text.count) }
            index = self.index(after: index)
        }
        return nil
    }
}
