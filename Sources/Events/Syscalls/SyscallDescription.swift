// SPDX-License-Identifier: Apache-2.0

/// How an argument is shown.
enum ArgumentKind: Equatable, Sendable {
    /// A file descriptor, and one that may be AT_FDCWD.
    case descriptor, directory
    /// Text that was read: of a file, of something else.
    case path, name
    /// A socket address that was read.
    case address
    case pointer
    case hex
    /// Decimal, of 32 bits.
    case int, uint
    /// Decimal, as wide as a register.
    case long, size
    /// Octal; and only shown when the flags before it make a file.
    case mode, modeOfNew
    case device, signal
    /// Two registers of 32 bits: a number, and flags.
    case offset64
    case flags64(FlagSets.Index)
    /// A register that only aligns the next.
    case padding
    case flags(FlagSets.Index)
    /// What the family in argument 0 makes of it.
    case socketProtocol
    /// What the level before it makes of it.
    case socketOption
    /// As many as this that depend on the command before them.
    case rest(Int)

    private static let words: [String: ArgumentKind] = [
        "fd": .descriptor, "at": .directory, "path": .path, "name": .name, "addr": .address, "ptr": .pointer,
        "hex": .hex, "int": .int, "id": .int, "pid": .int, "uint": .uint, "long": .long, "off": .long, "size": .size,
        "mode": .mode, "mode?": .modeOfNew, "dev": .device, "sig": .signal, "off64": .offset64, "pad": .padding,
        "protocol": .socketProtocol, "sockopt": .socketOption, "...1": .rest(1), "...2": .rest(2), "...4": .rest(4),
    ]

    /// From a word of `SyscallDescriptions`.
    init?(_ word: String) {
        if let kind = Self.words[word] {
            self = kind
        } else if let index = FlagSets.index(named: word) {
            self = .flags(index)
        } else if word.utf8.suffix(2).elementsEqual("64".utf8), let set = String(word.utf8.dropLast(2)),
            let index = FlagSets.index(named: set)
        {
            self = .flags64(index)
        } else {
            return nil
        }
    }

    /// How many registers it takes.
    var width: Int {
        switch self {
        case .offset64, .flags64: 2
        case .rest(let count): count
        default: 1
        }
    }
}

/// One line of `SyscallDescriptions`.
struct SyscallDescription: Sendable {
    /// Where it is like this, when it is not so everywhere: a list's name, or `32`.
    let place: String
    let name: String
    let classes: SyscallClasses
    let arguments: [ArgumentKind]
    let shape: SyscallShape
    let condition: SecurityCondition?

    private static let text = TableText(SyscallDescriptions.text)

    /// In the order of the lines.
    static let all: [SyscallDescription] = text.lines
        .filter { text.bytes[$0.lowerBound] != UInt8(ascii: "#") }
        .map(SyscallDescription.init)

    /// Indices in `all` by name, for each thing that may stand in front of a name; "" is nothing.
    static let indices: [String: [String: Int]] = {
        var indices: [String: [String: Int]] = ["": Dictionary(minimumCapacity: all.count)]
        for index in all.indices {
            indices[all[index].place, default: [:]][all[index].name] = index
        }
        return indices
    }()

    private init(_ line: Range<Int>) {
        let text = Self.text
        var words = text.parts(of: line)
        guard let head = words.next(), let letters = words.next() else {
            preconditionFailure("a line has no classes: \(text.string(line))")
        }
        // The names of io_uring have a colon of their own.
        let colon = text.firstIndex(of: UInt8(ascii: ":"), in: head)
        let operation = text.bytes[head].starts(with: "io_uring:".utf8)
        place = colon == head.upperBound || operation ? "" : text.string(head.lowerBound..<colon)
        name = text.string(colon == head.upperBound || operation ? head : colon + 1..<head.upperBound)
        var classes: SyscallClasses = []
        for letter in text.bytes[letters] {
            if let found = SyscallClass(letter: letter) { classes.insert(SyscallClasses(found)) }
        }
        condition = SecurityCalls.conditions[name]
        if condition != nil { classes.insert(SyscallClasses(.security)) }
        self.classes = classes

        var shape = SyscallShape()
        var arguments: [ArgumentKind] = []
        var register: UInt8 = 0
        for range in words {
            let word = text.string(range)
            guard text.bytes[range.lowerBound] != UInt8(ascii: ">") else {
                shape.returns = word == ">ptr" ? .pointer : word == ">never" ? .never : .register
                continue
            }
            guard let kind = ArgumentKind(word) else { preconditionFailure("\(name) has \(word)") }
            arguments.append(kind)
            if kind == .path || kind == .name { shape.strings |= 1 << register }
            if kind == .address {
                shape.address = register
                shape.addressLength = register + 1
            }
            register += UInt8(kind.width)
        }
        self.arguments = arguments
        self.shape = shape
    }
}

/// What follows a command of fcntl, prctl and others.
enum CommandArguments {
    /// `nil` when nothing is known of this command.
    static func after(_ command: UInt64, of set: FlagSets.Index) -> [ArgumentKind]? {
        all[Key(set: set.generic, command: command)]
    }

    private struct Key: Hashable {
        let set: UInt16
        let command: UInt64
    }

    private static let all: [Key: [ArgumentKind]] = {
        let text = TableText(SyscallDescriptions.commands)
        var all: [Key: [ArgumentKind]] = [:]
        for line in text.lines {
            var words = text.parts(of: line)
            guard let head = words.next(), let commands = words.next(),
                let set = FlagSets.index(named: text.string(head))
            else { preconditionFailure("no commands: \(text.string(line))") }
            let kinds = words.map { word in
                guard let kind = ArgumentKind(text.string(word)) else { preconditionFailure(text.string(line)) }
                return kind
            }
            for name in text.parts(of: commands, at: UInt8(ascii: ",")) {
                guard let value = FlagSets.all[Int(set.generic)].value(named: text.string(name)) else {
                    preconditionFailure("no command \(text.string(name))")
                }
                all[Key(set: set.generic, command: value)] = kinds
            }
        }
        return all
    }()
}
