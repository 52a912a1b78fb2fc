// SPDX-License-Identifier: Apache-2.0

/// A kind of machine. Its kernel has one native table of system calls and tables for older programs.
package enum SyscallArchitecture: Sendable, CaseIterable {
    case x64, arm64

    #if arch(arm64)
        package static let current = arm64
    #else
        package static let current = x64
    #endif
}

/// How a system call was made: by which table its number is to be read. The same as `enum wire_abi`.
package enum SyscallABI: UInt16, CaseIterable, Sendable {
    case native, compat, x32, ioUring

    package func name(on architecture: SyscallArchitecture = .current) -> StaticString {
        switch (self, architecture) {
        case (.native, .x64): "x86-64"
        case (.native, .arm64): "arm64"
        case (.compat, .x64): "i386"
        case (.compat, .arm64): "arm"
        case (.x32, _): "x32"
        case (.ioUring, _): "io_uring"
        }
    }

    /// `nil` when that architecture has no such calls.
    func list(on architecture: SyscallArchitecture) -> SyscallList? {
        switch (self, architecture) {
        case (.native, .x64): .x64
        case (.native, .arm64): .arm64
        case (.compat, .x64): .i386
        case (.compat, .arm64): .arm
        case (.x32, .x64): .x32
        case (.x32, .arm64): nil
        case (.ioUring, _): .ioUring
        }
    }
}

/// One of the lists in `SyscallNumbers`.
enum SyscallList: CaseIterable {
    case x64, x32, i386, arm64, arm, ioUring

    var numbers: String {
        switch self {
        case .x64: SyscallNumbers.x64
        case .x32: SyscallNumbers.x32
        case .i386: SyscallNumbers.i386
        case .arm64: SyscallNumbers.arm64
        case .arm: SyscallNumbers.arm
        case .ioUring: SyscallNumbers.ioUring
        }
    }

    /// The places in front of names in `SyscallDescriptions` that are about this list, the narrowest first.
    var places: [String] {
        switch self {
        case .x64: ["x86-64", ""]
        case .x32: ["x32", ""]
        case .i386: ["i386", "32", ""]
        case .arm64: ["arm64", ""]
        case .arm: ["arm", "32", ""]
        case .ioUring: [""]
        }
    }

    /// Whether its arguments are 32 bits wide.
    var isNarrow: Bool { self == .i386 || self == .arm }

    /// Whether its flags have the values of ARM.
    var isARM: Bool { self == .arm64 || self == .arm }
}
