// SPDX-License-Identifier: Apache-2.0

internal import CLibbpf
internal import CLinux
package import CObjects
internal import Glibc

/// A BPF object file from memory: opened, set up, then loaded once.
///
/// Links made from it must be destroyed before it; hold them in fields declared above it.
@safe
package struct BPFObject: ~Copyable {
    private let object: OpaquePointer
    private let name: String
    /// Until the programs are loaded: several megabytes.
    private var types: KernelTypes?
    /// What libbpf relocates against; read when the object is loaded.
    private let file: MemoryFile
    /// Functions that fentry and fexit programs attach to, by program.
    private var functions: [String: String] = [:]

    /// Parses an embedded object. `types` are the running kernel's. Nothing reaches the kernel yet.
    package init(_ embedded: embedded_object, types: KernelTypes) throws(BPFError) {
        try TypedPrograms.register()
        let name = unsafe String(cString: embedded.name)
        guard let image = unsafe embedded.decompressed() else {
            throw BPFError(step: "decompress object \(name)", code: EINVAL)
        }
        // Opened twice: what the object wants to know of the kernel's types is in the object, but where to find them
        // has to be said when it is opened.
        let first = try unsafe Self.open(image, name, typesPath: nil)
        let wanted = unsafe Self.typeInformation(of: first)
        unsafe bpf_object__close(first)
        guard let reduced = wanted.flatMap({ types.reduced(for: $0) }), let file = MemoryFile(reduced) else {
            throw BPFError(step: "read the types of object \(name)", code: EINVAL)
        }
        unsafe object = unsafe try Self.open(image, name, typesPath: file.path)
        self.file = file
        self.name = name
        self.types = types
    }

    /// `image` is only read here: libbpf copies what it wants of it.
    private static func open(_ image: [UInt8], _ name: String, typesPath: String?) throws(BPFError) -> OpaquePointer {
        let path = unsafe typesPath.map { unsafe strdup($0) } ?? nil
        defer { unsafe free(path) }
        let opened = unsafe name.withCString { name in
            var options = unsafe bpf_object_open_opts()
            unsafe options.sz = unsafe MemoryLayout<bpf_object_open_opts>.size
            unsafe options.object_name = unsafe name
            unsafe options.btf_custom_path = unsafe UnsafePointer(path)
            return unsafe image.withUnsafeBytes { image in
                unsafe bpf_object__open_mem(image.baseAddress!, image.count, &options)
            }
        }
        guard let object = unsafe opened else { throw BPFError(lastFailureOf: "open object \(name)") }
        return unsafe object
    }

    private static func typeInformation(of object: OpaquePointer) -> [UInt8]? {
        var size: UInt32 = 0
        guard let types = unsafe bpf_object__btf(object), let bytes = unsafe btf__raw_data(types, &size) else {
            return nil
        }
        return unsafe Array(UnsafeRawBufferPointer(start: bytes, count: Int(size)))
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

    /// Names the kernel function that a fentry or fexit program attaches to.
    package mutating func setTarget(_ function: String, program name: String) throws(BPFError) {
        _ = unsafe try program(name)
        functions[name] = function
    }

    /// Sets how many entries (for a ring: bytes) a map holds.
    package func setCapacity(_ count: UInt32, map name: String) throws(BPFError) {
        let map = unsafe try map(name)
        let result = unsafe bpf_map__set_max_entries(map, count)
        guard result == 0 else { throw BPFError(step: "size map \(name)", code: result) }
    }

    /// Uses a map of another object, which must be loaded and outlive this one, in place of its own of that name.
    package func share(_ shared: BPFMap, map name: String) throws(BPFError) {
        let map = unsafe try map(name)
        let result = unsafe bpf_map__reuse_fd(map, shared.descriptor)
        guard result == 0 else { throw BPFError(step: "share map \(name)", code: result) }
    }

    /// Writes a whole data section, such as the `const volatile` settings.
    package func setSection<Value: BitwiseCopyable>(_ name: String, to value: Value) throws(BPFError) {
        let map = unsafe try map(name)
        var value = value
        let result = unsafe bpf_map__set_initial_value(map, &value, MemoryLayout<Value>.size)
        guard result == 0 else { throw BPFError(step: "set section \(name)", code: result) }
    }

    /// The same for a section of words.
    package func setSection(_ name: String, words: [UInt32]) throws(BPFError) {
        let map = unsafe try map(name)
        let result = unsafe words.withUnsafeBytes {
            unsafe bpf_map__set_initial_value(map, $0.baseAddress!, $0.count)
        }
        guard result == 0 else { throw BPFError(step: "set section \(name)", code: result) }
    }

    /// Creates the maps and loads the programs. The error carries the verifier's log when a program was refused.
    package mutating func load() throws(BPFError) {
        _ = LibbpfLog.take()
        try findTargets()
        let result = unsafe bpf_object__load(object)
        types = nil
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
        switch unsafe Hook(program) {
        case .tracepoint, .function, .security:
            return unsafe try BPFLink(bpf_raw_tracepoint_open(nil, bpf_program__fd(program)), of: name)
        case .iterator:
            return unsafe try BPFLink(bpf_link_create(bpf_program__fd(program), 0, BPF_TRACE_ITER, nil), of: name)
        case .other:
            if let link = unsafe bpf_program__attach(program) { return unsafe BPFLink(link) }
            // "tracepoint/category/name"
            let section = unsafe String(cString: bpf_program__section_name(program)).split(separator: "/")
            guard errno == ENOENT, section.count == 3, section[0] == "tracepoint" else {
                throw BPFError(lastFailureOf: "attach \(name)")
            }
            return unsafe try attach(program, name, withoutTracefs: String(section[2]), of: String(section[1]))
        }
    }

    /// libbpf looks a tracepoint's number up where tracefs is mounted; on some hosts it is nowhere.
    private func attach(
        _ program: OpaquePointer, _ name: String, withoutTracefs tracepoint: String, of category: String
    ) throws(BPFError) -> BPFLink {
        let event = unsafe clinux_open_tracepoint(category, tracepoint)
        guard event >= 0 else { throw BPFError(lastFailureOf: "attach \(name) to \(category):\(tracepoint)") }
        guard let link = unsafe bpf_program__attach_perf_event(program, event) else {
            let error = BPFError(lastFailureOf: "attach \(name) to \(category):\(tracepoint)")
            close(event)
            throw error
        }
        // The link has the event from now on.
        return unsafe BPFLink(link)
    }

    /// Attaches a cgroup program to the cgroup whose directory is open, beside what others have there. Linux 5.7.
    package func attach(_ name: String, toCgroup cgroup: Int32) throws(BPFError) -> BPFLink {
        let program = unsafe try program(name)
        guard let link = unsafe bpf_program__attach_cgroup(program, cgroup) else {
            throw BPFError(lastFailureOf: "attach \(name) to a cgroup")
        }
        return unsafe BPFLink(link)
    }

    /// Attaches an iterator over the elements of a map.
    func attach(_ name: String, over map: BPFMap) throws(BPFError) -> BPFLink {
        let program = unsafe try program(name)
        var target = bpf_iter_link_info()
        unsafe target.map.map_fd = UInt32(map.descriptor)
        let result = unsafe withUnsafeMutablePointer(to: &target) { target in
            var options = unsafe bpf_link_create_opts()
            unsafe options.sz = MemoryLayout<bpf_link_create_opts>.size
            unsafe options.iter_info = target
            unsafe options.iter_info_len = UInt32(MemoryLayout<bpf_iter_link_info>.size)
            return unsafe bpf_link_create(bpf_program__fd(program), 0, BPF_TRACE_ITER, &options)
        }
        return try BPFLink(result, of: name)
    }

    /// Attaches a tracepoint program to a tracepoint, which may be one of several.
    package func attach(_ name: String, tracepoint: String, of category: String) throws(BPFError) -> BPFLink {
        let program = unsafe try program(name)
        if let link = unsafe bpf_program__attach_tracepoint(program, category, tracepoint) {
            return unsafe BPFLink(link)
        }
        guard errno == ENOENT else { throw BPFError(lastFailureOf: "attach \(name) to \(category):\(tracepoint)") }
        return unsafe try attach(program, name, withoutTracefs: tracepoint, of: category)
    }

    // MARK: Hooks by type

    /// What a program's section says it attaches to, where that is found by the kernel's types.
    private enum Hook {
        case tracepoint(String)
        case function(bpf_attach_type)
        case security(String)
        case iterator(String)
        case other

        init(_ program: OpaquePointer) {
            let section = unsafe String(cString: bpf_program__section_name(program))
            if section.hasPrefix("tp_btf/") {
                self = .tracepoint(String(section.dropFirst(7)))
            } else if section.hasPrefix("lsm/") {
                self = .security(String(section.dropFirst(4)))
            } else if section.hasPrefix("iter/") {
                self = .iterator(String(section.dropFirst(5)))
            } else if section == "fentry" {
                self = .function(BPF_TRACE_FENTRY)
            } else if section == "fexit" {
                self = .function(BPF_TRACE_FEXIT)
            } else {
                self = .other
            }
        }
    }

    /// Looks up what the enabled programs attach to.
    private func findTargets() throws(BPFError) {
        var hooks: [String: Hook] = [:]
        var program = unsafe bpf_object__next_program(object, nil)
        while let current = unsafe program {
            if unsafe bpf_program__autoload(current) {
                unsafe hooks[String(cString: bpf_program__name(current))] = unsafe Hook(current)
            }
            unsafe program = unsafe bpf_object__next_program(object, current)
        }
        // The kernel's own names for what it lets programs attach to (kernel/bpf/verifier.c, bpf_check_attach_target).
        var typedefNames: Set<String> = []
        var functionNames = TypedPrograms.functions
        for (name, hook) in hooks {
            switch hook {
            case .tracepoint(let tracepoint): typedefNames.insert("btf_trace_\(tracepoint)")
            case .iterator(let target): functionNames.insert("bpf_iter_\(target)")
            case .security(let hook): functionNames.insert("bpf_lsm_\(hook)")
            case .function: if let function = functions[name] { functionNames.insert(function) }
            case .other: break
            }
        }
        let typedefs = types?.typedefs(typedefNames) ?? [:]
        let functionIDs = types?.functions(functionNames) ?? [:]
        var targets: [String: TypedPrograms.Target] = [:]
        for (name, hook) in hooks {
            let target: (bpf_attach_type, String, UInt32?)
            switch hook {
            case .tracepoint(let tracepoint):
                target = (BPF_TRACE_RAW_TP, tracepoint, typedefs["btf_trace_\(tracepoint)"])
            case .iterator(let kind): target = (BPF_TRACE_ITER, kind, functionIDs["bpf_iter_\(kind)"])
            case .security(let hook): target = (BPF_LSM_MAC, hook, functionIDs["bpf_lsm_\(hook)"])
            case .function(let end):
                target = (end, functions[name] ?? "", functionIDs[functions[name] ?? ""])
            case .other: continue
            }
            guard let id = target.2 else {
                throw BPFError(step: "find \(target.1) in the kernel for program \(name)", code: ENOENT)
            }
            targets[name] = .init(attachType: target.0, typeID: id)
        }
        TypedPrograms.set(targets, functions: functionIDs.filter { TypedPrograms.functions.contains($0.key) })
    }

    /// The ids of kernel structures, for the settings of programs that cast pointers to them. 0 for one that the kernel
    /// does not have. Before load only.
    package func structureIDs(_ names: [String]) -> [UInt32] {
        let ids = types?.structures(Set(names)) ?? [:]
        return names.map { ids[$0] ?? 0 }
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

    /// The memory of a writable data section, shared with the running programs. (What libbpf has of it is only a copy
    /// of the initial values, except through a skeleton.)
    package func sharedSection(_ name: String) throws(BPFError) -> Mapping {
        let map = unsafe try map(name)
        return try unsafe Mapping(
            bpf_map__fd(map), offset: 0, length: Int(bpf_map__value_size(map)), writable: true)
    }

    /// The names of all programs, and of those that are loaded.
    package var programs: [String] { unsafe names { _ in true } }
    package var loadedPrograms: [String] { unsafe names { unsafe bpf_program__fd($0) >= 0 } }

    private func names(where isWanted: (OpaquePointer) -> Bool) -> [String] {
        var names: [String] = []
        var program = unsafe bpf_object__next_program(object, nil)
        while let current = unsafe program {
            if unsafe isWanted(current) { unsafe names.append(String(cString: bpf_program__name(current))) }
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
