// SPDX-License-Identifier: Apache-2.0

/// Which files a rule is about. Only what the kernel can find in a map: a path, a directory, or a name.
package enum FilePattern: Hashable, Sendable {
    /// Paths here begin with "/" and do not end with one: the root directory is empty.
    case exact([UInt8])
    /// /dir/**: all below.
    case below([UInt8])
    /// /dir/*: what is directly in it.
    case directlyIn([UInt8])
    /// **/name: wherever it is.
    case named([UInt8])
    /// **/*.suffix; with its dot.
    case suffixed([UInt8])

    static let forms = "patterns: /path, /dir/** (all below), /dir/* (directly in it), **/name, **/*.suffix"

    init(_ bytes: [UInt8]) throws(PolicyMistake) {
        let star = UInt8(ascii: "*")
        let slash = UInt8(ascii: "/")
        guard let first = bytes.first, first == slash || bytes.starts(with: "**/".utf8) else {
            throw PolicyMistake(
                "\"\(String(decoding: bytes, as: UTF8.self))\" is not an absolute path",
                help: bytes.isEmpty ? "write a path such as /etc/passwd" : Self.forms)
        }
        // Each name with its stars marked apart from stars that a backslash makes plain.
        var parts: [(offset: Int, name: [UInt8], glob: Int?)] = []
        var index = 0
        while index <= bytes.count {
            let start = index
            var name: [UInt8] = []
            var glob: Int?
            while index < bytes.count, bytes[index] != slash {
                switch bytes[index] {
                case UInt8(ascii: "\\"):
                    guard index + 1 < bytes.count, "*?[{\\".utf8.contains(bytes[index + 1]) else {
                        throw PolicyMistake(
                            "a backslash stands in front of * ? [ { \\ only",
                            help: "write \\\\ for a backslash in a name", offset: index)
                    }
                    index += 1
                case star, UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "{"): if glob == nil { glob = index }
                case 0: throw PolicyMistake("a path has no NUL", offset: index)
                default: break
                }
                name.append(bytes[index])
                index += 1
            }
            if !name.isEmpty, !(name == [UInt8(ascii: ".")] && glob == nil) { parts.append((start, name, glob)) }
            if name == Array("..".utf8) {
                throw PolicyMistake("\"..\" has no meaning in a pattern", help: "write the path itself", offset: start)
            }
            index += 1
        }
        guard let last = parts.last else {
            throw PolicyMistake("\"/\" is a directory", help: "write /** for all that is below it")
        }
        if bytes[bytes.count - 1] == slash {
            throw PolicyMistake(
                "a path that ends with \"/\" is a directory", help: "write \(String(decoding: bytes, as: UTF8.self))**",
                offset: bytes.count - 1)
        }
        let other = { (offset: Int) in PolicyMistake("this is no pattern of a policy", help: Self.forms, offset: offset)
        }
        let front = parts.dropLast()
        if first == star {
            guard parts.count == 2 else { throw other(parts.count > 1 ? parts[1].offset : 0) }
            if let glob = last.glob {
                let suffix = Array(last.name.dropFirst())
                guard last.name[0] == star, glob == last.offset, suffix.count > 1, suffix[0] == UInt8(ascii: "."),
                    !bytes[(last.offset + 1)...].contains(where: { "*?[{".utf8.contains($0) })
                else { throw other(last.offset) }
                self = .suffixed(suffix)
            } else {
                self = .named(last.name)
            }
            return
        }
        if let glob = front.first(where: { $0.glob != nil }) { throw other(glob.glob ?? 0) }
        let directory = front.reduce(into: [UInt8]()) { $0 += [slash] + $1.name }
        if let glob = last.glob {
            let raw = bytes[last.offset...]
            if raw.elementsEqual([star, star]) {
                self = .below(directory)
            } else if raw.elementsEqual([star]) {
                self = .directlyIn(directory)
            } else {
                throw other(glob)
            }
        } else {
            self = .exact(directory + [slash] + last.name)
        }
    }

    /// By asking the pattern; `PolicyEvaluator` asks its tables instead.
    func matches(_ path: [UInt8]) -> Bool {
        let end = path.lastIndex(of: UInt8(ascii: "/")) ?? 0
        let name = path[min(end + 1, path.count)...]
        return switch self {
        case .exact(let wanted): path == wanted
        case .below(let directory):
            path.count > directory.count + 1 && path.starts(with: directory)
                && path[directory.count] == UInt8(ascii: "/")
        case .directlyIn(let directory): path[..<end].elementsEqual(directory) && !name.isEmpty
        case .named(let wanted): name.elementsEqual(wanted)
        case .suffixed(let suffix): name.count >= suffix.count && name.suffix(suffix.count).elementsEqual(suffix)
        }
    }

    /// As it is written in a policy.
    package var text: [UInt8] {
        switch self {
        case .exact(let path): Self.escaped(path)
        case .below(let directory): Self.escaped(directory) + Array("/**".utf8)
        case .directlyIn(let directory): Self.escaped(directory) + Array("/*".utf8)
        case .named(let name): Array("**/".utf8) + Self.escaped(name)
        case .suffixed(let suffix): Array("**/*".utf8) + Self.escaped(suffix)
        }
    }

    private static func escaped(_ bytes: [UInt8]) -> [UInt8] {
        bytes.reduce(into: []) { result, byte in
            if "*?[{\\".utf8.contains(byte) { result.append(UInt8(ascii: "\\")) }
            result.append(byte)
        }
    }
}
