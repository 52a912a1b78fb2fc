// SPDX-License-Identifier: Apache-2.0

/// Puts paths together that are others in each run, or too many to read: what is in a directory, or all below it.
struct PathGeneralizer {
    typealias Entry = (pattern: FilePattern, evidence: LearnedEvidence)

    private struct Node {
        let name: [UInt8]
        /// Of the path that ends here, where it was needed itself.
        var own: LearnedEvidence?
        var children: [[UInt8]: Int] = [:]
    }

    /// How much a directory may have before it is put together.
    private struct Limits {
        var files, directories, rules: Int
    }

    private let operation: PolicyOperation
    /// Whether a path was there before the run and still is: whatever it is called, it is the same the next time.
    private let isLasting: ([UInt8]) -> Bool
    private var nodes = [Node(name: [])]
    /// More rules than this are no reading for a person.
    private static let readable = 40

    init(
        _ operation: PolicyOperation, _ paths: [(path: [UInt8], evidence: LearnedEvidence)],
        isLasting: @escaping ([UInt8]) -> Bool
    ) {
        self.operation = operation
        self.isLasting = isLasting
        for (path, evidence) in paths {
            var index = 0
            for name in path.split(separator: UInt8(ascii: "/")).map(Array.init) {
                if let child = nodes[index].children[name] {
                    index = child
                } else {
                    nodes.append(Node(name: name))
                    nodes[index].children[name] = nodes.count - 1
                    index = nodes.count - 1
                }
            }
            if nodes[index].own == nil { nodes[index].own = evidence } else { nodes[index].own!.add(evidence) }
        }
    }

    func entries() -> [Entry] {
        // Programs are few, and each that is allowed matters.
        var limits =
            operation == .execute
            ? Limits(files: 24, directories: 24, rules: .max) : Limits(files: 6, directories: 8, rules: 12)
        var entries = entries(0, [], limits)
        while operation != .execute, entries.count > Self.readable, limits.rules > 1 {
            limits = Limits(
                files: max(1, limits.files / 2), directories: max(1, limits.directories / 2), rules: limits.rules / 2)
            entries = self.entries(0, [], limits)
        }
        return entries
    }

    private func entries(_ index: Int, _ names: [[UInt8]], _ limits: Limits) -> [Entry] {
        let path = names.reduce(into: [UInt8]()) { $0 += [UInt8(ascii: "/")] + $1 }
        let children = nodes[index].children.values.map { nodes[$0] }.sorted {
            $0.name.lexicographicallyPrecedes($1.name)
        }
        let files = children.filter { $0.own != nil }
        let directories = children.filter { !$0.children.isEmpty }
        let mayBeWhole = names.count >= least(names)
        let changesNames = directories.contains { isPassing($0.name, isDirectory: true, in: names) }
        if mayBeWhole, changesNames || directories.count > limits.directories { return [whole(index, path)] }
        var entries: [Entry] = []
        let changesFiles = files.contains { isPassing($0.name, isDirectory: false, in: names) }
        let areMany = files.count > limits.files && mayBeWhole
        if !names.isEmpty, changesFiles || areMany, let evidence = Self.sum(files.compactMap(\.own)) {
            entries.append((.directlyIn(path), evidence))
        } else {
            entries += files.map { (.exact(path + [UInt8(ascii: "/")] + $0.name), $0.own!) }
        }
        for directory in directories {
            entries += self.entries(nodes[index].children[directory.name]!, names + [directory.name], limits)
        }
        return mayBeWhole && entries.count > limits.rules ? [whole(index, path)] : entries
    }

    private func whole(_ index: Int, _ path: [UInt8]) -> Entry {
        var evidence: [LearnedEvidence] = []
        var rest = Array(nodes[index].children.values)
        while let next = rest.popLast() {
            if let own = nodes[next].own { evidence.append(own) }
            rest += nodes[next].children.values
        }
        return (.below(path), Self.sum(evidence)!)
    }

    private static func sum(_ evidence: [LearnedEvidence]) -> LearnedEvidence? {
        evidence.dropFirst().reduce(into: evidence.first) { $0?.add($1) }
    }

    /// How deep a directory has to be to be put together: what is below /etc or a person's home is not all the same.
    private func least(_ names: [[UInt8]]) -> Int {
        guard let top = names.first.map({ String(decoding: $0, as: UTF8.self) }) else { return 1 }
        switch top {
        case "tmp", "proc", "sys", "dev": return 1
        case "usr", "lib", "lib64", "opt", "nix", "bin", "sbin": return operation == .read ? 1 : 2
        case "home": return 3
        default: return 2
        }
    }

    // MARK: Names that are others in each run

    private func isPassing(_ name: [UInt8], isDirectory: Bool, in names: [[UInt8]]) -> Bool {
        let isNumber = name.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
        // Processes, and versions such as that of a compiler; but not descriptors and log files.
        if isDirectory, isNumber || Self.isVersion(name) { return true }
        if isNumber, names.first?.elementsEqual("proc".utf8) == true { return true }
        guard Self.isRandom(name) || Self.isTemporary(names) && Self.isMadeUp(name) else { return false }
        return !isLasting((names + [name]).reduce(into: []) { $0 += [UInt8(ascii: "/")] + $1 })
    }

    /// 1.2, v20.11.1, tool-1.2.3
    private static func isVersion(_ name: [UInt8]) -> Bool {
        name.indices.contains { index in
            index > 0 && index + 1 < name.count && name[index] == UInt8(ascii: ".") && isDigit(name[index - 1])
                && isDigit(name[index + 1])
        }
    }

    /// As mkstemp(3) and others make them, and digests: runs in which letters of both cases and digits take turns, or of many
    /// hexadecimal digits.
    private static func isRandom(_ name: [UInt8]) -> Bool {
        for run in name.split(whereSeparator: { kind($0) == nil }) where run.count >= 6 {
            let turns = zip(run, run.dropFirst()).count { kind($0) != kind($1) }
            if turns >= 4 { return true }
            let isHex = run.allSatisfy { isDigit($0) || $0 >= 0x61 && $0 <= 0x66 }
            if isHex, run.count >= 12, run.contains(where: isDigit) { return true }
        }
        return false
    }

    private static func isTemporary(_ names: [[UInt8]]) -> Bool {
        let path = names.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/")
        return ["tmp", "var/tmp", "dev/shm"].contains(path)
    }

    /// What tools call their files where everybody has his: tmp.x, ccAbCdEf.s, sh-thd.x, name.JIVUMW by mkstemp(3), and #7 of
    /// those that were made without a name.
    private static func isMadeUp(_ name: [UInt8]) -> Bool {
        let stem = name.prefix { $0 != UInt8(ascii: ".") }
        let isCompilers = stem.starts(with: "cc".utf8) && stem.count == 8
        let end = name.dropFirst(stem.count).split(separator: UInt8(ascii: ".")).last ?? []
        let isMade = end.count >= 6 && end.allSatisfy { kind($0) != nil } && end.contains { kind($0) == 1 }
        let isNameless = name.first == UInt8(ascii: "#") && name.count > 1 && name.dropFirst().allSatisfy(isDigit)
        return isCompilers || isMade || isNameless || name.starts(with: "tmp".utf8) || name.starts(with: "sh-thd".utf8)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private static func kind(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: 0
        case 0x41...0x5a: 1
        case 0x61...0x7a: 2
        default: nil
        }
    }
}
