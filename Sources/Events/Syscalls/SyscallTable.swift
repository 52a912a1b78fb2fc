// SPDX-License-Identifier: Apache-2.0

/// What is known of every system call: names, numbers, classes, arguments.
package enum SyscallTable {
    /// The kernel whose lists these are. Calls of newer ones have no name.
    package static let kernel = SyscallNumbers.kernel

    /// The name of a call, such as `openat` or `io_uring:OPENAT`. `nil` when it is newer than the lists.
    package static func name(
        _ abi: SyscallABI, _ number: UInt32, on architecture: SyscallArchitecture = .current
    ) -> Bytes? {
        abi.list(on: architecture)?.table.name(number)
    }

    /// Every call with this name.
    package static func numbers(
        named name: String, on architecture: SyscallArchitecture = .current
    ) -> [(abi: SyscallABI, number: UInt32)] {
        SyscallABI.allCases.flatMap { abi in
            guard let table = abi.list(on: architecture)?.table else { return [(abi: SyscallABI, number: UInt32)]() }
            return table.numbers.filter { table.matches($0, name.utf8) }.map { (abi, $0) }
        }
    }

    /// The classes that a call belongs to; none when it is unknown.
    package static func classes(
        _ abi: SyscallABI, _ number: UInt32, on architecture: SyscallArchitecture = .current
    ) -> SyscallClasses {
        description(abi, number, on: architecture)?.classes ?? []
    }

    /// What the kernel programs have to read when the call is made.
    package static func shape(
        _ abi: SyscallABI, _ number: UInt32, on architecture: SyscallArchitecture = .current
    ) -> SyscallShape {
        description(abi, number, on: architecture)?.shape ?? SyscallShape()
    }

    /// When a call of `%security` is one that matters; `nil` for calls of other classes.
    package static func securityCondition(
        _ abi: SyscallABI, _ number: UInt32, on architecture: SyscallArchitecture = .current
    ) -> SecurityCondition? {
        description(abi, number, on: architecture)?.condition
    }

    /// Whether the arguments of a call are known.
    package static func isDescribed(
        _ abi: SyscallABI, _ number: UInt32, on architecture: SyscallArchitecture = .current
    ) -> Bool {
        description(abi, number, on: architecture) != nil
    }

    static func description(
        _ abi: SyscallABI, _ number: UInt32, on architecture: SyscallArchitecture
    ) -> SyscallDescription? {
        abi.list(on: architecture)?.table.description(number)
    }
}

/// What the kernel programs have to read when a call is made.
package struct SyscallShape: Equatable, Sendable {
    /// A bit for each argument that points to text, two at most.
    package var strings: UInt8
    /// The argument that points to a socket address which the caller gives; not one that the kernel fills in.
    package var address: UInt8?
    /// The argument that has its length.
    package var addressLength: UInt8?
    package var returns: SyscallReturn

    package init(
        strings: UInt8 = 0, address: UInt8? = nil, addressLength: UInt8? = nil, returns: SyscallReturn = .value
    ) {
        self.strings = strings
        self.address = address
        self.addressLength = addressLength
        self.returns = returns
    }
}

/// What the return of a call is.
package enum SyscallReturn: Sendable {
    case value
    /// An address.
    case pointer
    /// It does not return, except when it is refused.
    case never
    /// Whatever a register had: the call restores registers.
    case register
}

extension SyscallList {
    var table: NumberedCalls {
        switch self {
        case .x64: Tables.x64
        case .x32: Tables.x32
        case .i386: Tables.i386
        case .arm64: Tables.arm64
        case .arm: Tables.arm
        case .ioUring: Tables.ioUring
        }
    }

    /// Each is made when it is first asked for.
    private enum Tables {
        static let x64 = NumberedCalls(.x64)
        static let x32 = NumberedCalls(.x32)
        static let i386 = NumberedCalls(.i386)
        static let arm64 = NumberedCalls(.arm64)
        static let arm = NumberedCalls(.arm)
        static let ioUring = NumberedCalls(.ioUring)
    }
}

/// One list by number.
struct NumberedCalls: Sendable {
    private let text: [UInt8]
    /// In `text`, by number; empty where no call has the number.
    private let names: [Range<Int>]
    /// In `SyscallDescription.all`, by number.
    private let descriptions: [Int?]

    init(_ list: SyscallList) {
        let text = TableText(list.numbers)
        var names: [Range<Int>] = []
        for word in text.parts(of: text.bytes.indices) {
            if text.bytes[word.lowerBound] <= UInt8(ascii: "9"), let number = Int(text.string(word)) {
                names += Array(repeating: 0..<0, count: number - names.count)
            } else {
                names.append(word)
            }
        }
        let places = list.places.compactMap { SyscallDescription.indices[$0] }
        descriptions = names.map { range in
            guard !range.isEmpty else { return nil }
            let name = text.string(range)
            for indices in places {
                if let index = indices[name] { return index }
            }
            return nil
        }
        self.names = names
        self.text = text.bytes
    }

    /// All that have a name.
    var numbers: [UInt32] { names.indices.filter { !names[$0].isEmpty }.map(UInt32.init) }

    func name(_ number: UInt32) -> Bytes? {
        guard number < names.count, !names[Int(number)].isEmpty else { return nil }
        return Bytes(text, names[Int(number)])
    }

    func matches(_ number: UInt32, _ name: String.UTF8View) -> Bool {
        text[names[Int(number)]].elementsEqual(name)
    }

    func description(_ number: UInt32) -> SyscallDescription? {
        guard number < descriptions.count, let index = descriptions[Int(number)] else { return nil }
        return SyscallDescription.all[index]
    }
}
