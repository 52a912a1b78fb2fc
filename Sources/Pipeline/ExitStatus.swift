// SPDX-License-Identifier: Apache-2.0

/// The exit status of every command.
package enum ExitStatus: Equatable, Sendable {
    case success
    /// ebpfguard itself failed.
    case failure
    case finding
    /// `--strict`, and events were lost or a probe is missing.
    case incomplete
    /// This host can't do it.
    case unsupported
    case usage
    case badData
    case noInput
    /// What the program behind `--` ended with, or 126 and 127 as a shell has them.
    case program(Int32)

    package var code: Int32 {
        switch self {
        case .success: 0
        case .failure: 1
        case .finding: 3
        case .incomplete: 4
        case .unsupported: 5
        case .usage: 64
        case .badData: 65
        case .noInput: 66
        case .program(let code): code
        }
    }
}

/// An end with a message: one sentence that says what is wrong, and one that says what to do.
package struct Failure: Error, CustomStringConvertible {
    package let status: ExitStatus
    package let message: String
    package let help: String?
    /// More for `--verbose`, such as a verifier log.
    package let details: String?

    package init(_ status: ExitStatus, _ message: String, help: String? = nil, details: String? = nil) {
        self.status = status
        self.message = message
        self.help = help
        self.details = details
    }

    package var description: String { help.map { "\(message)\n\($0)" } ?? message }
}
