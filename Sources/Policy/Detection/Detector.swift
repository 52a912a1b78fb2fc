// SPDX-License-Identifier: Apache-2.0

/// A kind of misbehaviour that is built in: signals with weights, and how much of them together is taken for it.
package struct Detector: Sendable {
    /// As rules and `--detect` name it.
    package let name: String
    /// For a person: what somebody is when it is found.
    package let meaning: String
    /// Of MITRE ATT&CK.
    package let technique: String
    package let signals: [Signal]

    /// The sum of weights that is a detection. Nothing that ordinary programs do weighs as much alone.
    package static let threshold = 60

    package struct Signal: Sendable {
        /// For a person: what was seen.
        package let reason: String
        package let weight: Int
        package let look: Look

        init(_ weight: Int, _ reason: String, _ look: Look) {
            self.weight = weight
            self.reason = reason
            self.look = look
        }
    }

    /// Where a signal is looked for.
    package enum Look: Sendable {
        /// In what a process sends by a connection that begins like JSON.
        case sent(StreamPattern)
        /// In the name that a process asks for.
        case asked(@Sendable (String) -> Bool)
        /// In the name that a process greets a TLS server by.
        case greeted(@Sendable (String) -> Bool)
        /// In arguments and program. Answers what it has found.
        case started(@Sendable (ProgramFacts) -> String?)
        /// In what a process is and does now, looked at now and then. The same.
        case runs(@Sendable (ProcessFacts) -> String?)
    }

    /// All there are.
    package static let all = [miner, reverseShell]
    package static var names: [String] { all.map(\.name) }
    package static func named(_ name: String) -> Detector? { all.first { $0.name == name } }
}

/// What a process was started as.
package struct ProgramFacts: Sendable {
    /// With the program's name as the first.
    package let arguments: [String]
    /// The last part of the path of the executable; `nil` where that is not known.
    package let executable: String?

    package init(arguments: [String], executable: String?) {
        self.arguments = arguments
        self.executable = executable
    }

    /// Names that it goes by, without directories.
    var names: [String] {
        [executable, arguments.first.map { String($0.split(separator: "/").last ?? "") }].compactMap { $0 }
    }

    /// The value of one of these options: behind it, or behind "=".
    func value(of options: [String]) -> String? {
        for (index, argument) in arguments.enumerated().dropFirst() {
            if options.contains(argument) { return index + 1 < arguments.count ? arguments[index + 1] : nil }
            for option in options where option.hasPrefix("--") && argument.hasPrefix(option + "=") {
                return String(argument.dropFirst(option.count + 1))
            }
        }
        return nil
    }
}

/// What a process is and does at a moment.
package struct ProcessFacts: Sendable {
    package var program: ProgramFacts
    /// memfd, deleted, upper_layer: what its executable is.
    package var marks: [String] = []
    /// Hundredths of a CPU that it has used since the last look; `nil` where that is not known yet.
    package var busy: Int?
    /// Bytes of huge pages that it has.
    package var hugePages: UInt64 = 0
    /// Model specific registers that it has open.
    package var registers: String?
    /// Where its standard input and output lead.
    package var input = Standard.other
    package var output = Standard.other

    package enum Standard: Sendable, Equatable {
        case other
        /// A connected socket of the Internet. `isOutgoing` unless this side listens at its port.
        case connection(remote: String, isOutgoing: Bool)
        /// A pipe, to a process that has such a socket.
        case pipe(to: String, remote: String, isOutgoing: Bool)
    }

    package init(_ program: ProgramFacts) { self.program = program }

    var isFileless: Bool { !marks.isEmpty }
    var isBusy: Bool { busy.map { $0 >= 80 } ?? false }
}
