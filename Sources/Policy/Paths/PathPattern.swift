// SPDX-License-Identifier: Apache-2.0

package import Events

/// A pattern for absolute paths: `*` and `?` within a name, `**` for any number of directories.
package struct PathPattern: Sendable {
    private enum Component: Sendable {
        case name([UInt8])
        case glob(Glob)
        case anyDepth
    }

    private let components: [Component]
    /// As it was written.
    package let text: String

    /// Whether it names one place, which if it is a directory stands for all below it too.
    package let isPlain: Bool

    /// `option` is for the message of the error.
    package init(_ text: String, option: String) throws(ScopeError) {
        guard text.hasPrefix("/") || text.hasPrefix("**/") else {
            throw ScopeError(
                "\(option)\"\(text)\" is not an absolute path",
                help: "write /etc (all below it), /dir/*, /dir/**, **/NAME or **/*.SUFFIX")
        }
        var components: [Component] = []
        for part in text.split(separator: "/", omittingEmptySubsequences: true) where part != "." {
            if part == ".." {
                throw ScopeError(
                    "\(option)\"\(text)\": \"..\" has no meaning in a pattern", help: "write the path itself")
            }
            if part == "**" {
                components.append(.anyDepth)
            } else if part.contains("**") {
                throw ScopeError(
                    "\(option)\"\(text)\": \"**\" stands for whole directories",
                    help: "write * within a name, or /**/ between two")
            } else if part.utf8.contains(where: { Self.special.contains($0) }) {
                components.append(.glob(Glob(Array(part.utf8))))
            } else {
                components.append(.name(Array(part.utf8)))
            }
        }
        self.text = text
        self.components = components
        isPlain = components.allSatisfy { if case .name = $0 { true } else { false } }
    }

    /// The names that it has, from the root on, where it is plain.
    package var names: [[UInt8]]? {
        guard isPlain else { return nil }
        return components.compactMap { if case .name(let name) = $0 { name } else { nil } }
    }

    private static let special = Array("*?\\".utf8)

    /// Whether `text` would be a pattern and not the name of one place.
    package static func isPattern(_ text: String) -> Bool { text.utf8.contains { special.contains($0) } }

    /// The path must fit as a whole, but below a plain one anything does.
    package func matches(_ path: PathNames) -> Bool {
        var index = 0
        var component = 0
        // Where to go on when what follows the last `**` does not fit: it takes one name more.
        var retry: (component: Int, index: Int)?
        while index < path.count {
            if component < components.count {
                let fits: Bool
                switch components[component] {
                case .anyDepth:
                    component += 1
                    // At the end it stands for all below, which is at least one name.
                    if component == components.count { return true }
                    retry = (component, index)
                    continue
                case .name(let name): fits = path.storage[path.names[index]].elementsEqual(name)
                case .glob(let glob): fits = glob.matches(path.storage.span.extracting(path.names[index]))
                }
                if fits {
                    component += 1
                    index += 1
                    continue
                }
            } else if isPlain {
                return true
            }
            guard let last = retry else { return false }
            component = last.component
            index = last.index + 1
            retry = (component, index)
        }
        return component == components.count
    }
}

/// The names of a path from the root to the leaf, as ranges of its bytes.
package struct PathNames: Sendable {
    package let storage: [UInt8]
    package let names: [Range<Int>]
    package var count: Int { names.count }

    /// As the process sees the path.
    package init(of path: WalkedPath) {
        var names: [Range<Int>] = []
        path.forEachComponent { names.append($0) }
        storage = path.bytes.storage
        self.names = names
    }

    /// As the host sees it.
    package init(ofHost path: WalkedPath) {
        var names: [Range<Int>] = []
        path.forEachHostComponent { names.append($0) }
        storage = path.bytes.storage
        self.names = names
    }

    /// A path that was asked for, as far as it can be told where it leads without the links in it.
    package init(asked path: [UInt8]) {
        let all = PathNames(path)
        var names: [Range<Int>] = []
        for name in all.names {
            if path[name].elementsEqual(".".utf8) { continue }
            if path[name].elementsEqual("..".utf8) { _ = names.popLast() } else { names.append(name) }
        }
        storage = path
        self.names = names
    }

    package init(_ text: String) { self.init(Array(text.utf8)) }

    private init(_ bytes: [UInt8]) {
        storage = bytes
        var names: [Range<Int>] = []
        var start = 0
        for end in 0...storage.count where end == storage.count || storage[end] == UInt8(ascii: "/") {
            if end > start { names.append(start..<end) }
            start = end + 1
        }
        self.names = names
    }
}
