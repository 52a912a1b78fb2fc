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

    init?(_ word: Substring) {
        switch word {
        case "fd": self = .descriptor
        case "at": self = .directory
        case "path": self = .path
        case "name": self = .name
        case "addr": self = .address
        case "ptr": self = .pointer
        case "hex": self = .hex
        case "int", "id", "pid": self = .int
        case "uint": self = .uint
        case "long", "off": self = .long
        case "size": self = .size
        case "mode": self = .mode
        case "mode?": self = .modeOfNew
        case "dev": self = .device
        case "sig": self = .signal
        case "off64": self = .offset64
        case "pad": self = .padding
        case "protocol": self = .socketProtocol
        case "sockopt": self = .socketOption
        case _ where word.hasPrefix("..."):
            guard let count = Int(word.dropFirst(3)) else { return nil }
            self = .rest(count)
        case _ where word.hasSuffix("64"):
            guard let index = FlagSets.index(named: word.dropLast(2)) else { return nil }
            self = .flags64(index)
        default:
            guard let index = FlagSets.index(named: word) else { return nil }
            self = .flags(index)
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
    let name: String
    let classes: SyscallClasses
    let arguments: [ArgumentKind]
    let shape: SyscallShape
    let condition: SecurityCondition?

    /// In the order of the lines.
    static let all: [SyscallDescription] = SyscallDescriptions.text
        .split(separator: "\n")
        .filter { $0.utf8.first != UInt8(ascii: "#") }
        .map(SyscallDescription.init)

    /// Indices in `all` by name, with what stands in front of it.
    static let indices = Dictionary(uniqueKeysWithValues: all.indices.map { (all[$0].name, $0) })

    private init(_ line: Substring) {
        let words = line.split(separator: " ")
        name = String(words[0])
        var classes: SyscallClasses = []
        for letter in words[1] {
            if let found = SyscallClass(letter: letter) { classes.insert(SyscallClasses(found)) }
        }
        condition = SecurityCalls.conditions[String(name.split(separator: ":").last ?? "")]
        if condition != nil { classes.insert(SyscallClasses(.security)) }
        self.classes = classes

        var shape = SyscallShape()
        var arguments: [ArgumentKind] = []
        var register: UInt8 = 0
        for word in words.dropFirst(2) {
            switch word {
            case ">ptr": shape.returns = .pointer
            case ">never": shape.returns = .never
            case ">register": shape.returns = .register
            default:
                guard let kind = ArgumentKind(word) else { preconditionFailure("\(name) has \(word)") }
                arguments.append(kind)
                if kind == .path || kind == .name { shape.strings |= 1 << register }
                if kind == .address {
                    shape.address = register
                    shape.addressLength = register + 1
                }
                register += UInt8(kind.width)
            }
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
        var all: [Key: [ArgumentKind]] = [:]
        for line in SyscallDescriptions.commands.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let set = FlagSets.index(named: words[0]) else { preconditionFailure("no flags \(words[0])") }
            let kinds = words.dropFirst(2).compactMap(ArgumentKind.init)
            for name in words[1].split(separator: ",") {
                guard let value = FlagSets.all[Int(set.generic)].value(named: name) else {
                    preconditionFailure("no command \(name)")
                }
                all[Key(set: set.generic, command: value)] = kinds
            }
        }
        return all
    }()
}
