// SPDX-License-Identifier: Apache-2.0

/// A class of system calls, named `%file` and so on: those of strace, and one of ours.
package enum SyscallClass: UInt16, CaseIterable, Sendable {
    case file, desc, network, process, memory, signal, ipc, creds, clock, pure, security

    /// The name behind the "%".
    package var name: String { "\(self)" }

    /// One line for a person.
    package var meaning: StaticString {
        switch self {
        case .file: "calls that take a file name"
        case .desc: "calls that take or make a file descriptor"
        case .network: "sockets (also %net)"
        case .process: "start, end, wait for and signal processes"
        case .memory: "memory mappings and policies"
        case .signal: "signals"
        case .ipc: "System V communication"
        case .creds: "user and group ids, capabilities"
        case .clock: "read and set clocks"
        case .pure: "calls that have no arguments and cannot fail"
        case .security: "change privileges, namespaces, mounts, the kernel, or other processes"
        }
    }

    /// The class called `name`, without "%".
    package init?(named name: String) {
        let name = name == "net" ? "network" : name
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    /// The class's letter in `SyscallDescriptions`. `%security` has its own list.
    init?(letter: UInt8) {
        switch UnicodeScalar(letter) {
        case "f": self = .file
        case "d": self = .desc
        case "n": self = .network
        case "p": self = .process
        case "m": self = .memory
        case "s": self = .signal
        case "i": self = .ipc
        case "c": self = .creds
        case "k": self = .clock
        case "u": self = .pure
        default: return nil
        }
    }
}

package struct SyscallClasses: OptionSet, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    package init(_ element: SyscallClass) {
        rawValue = 1 << element.rawValue
    }

    package func contains(_ element: SyscallClass) -> Bool { contains(Self(element)) }
}
