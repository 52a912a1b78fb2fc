// SPDX-License-Identifier: Apache-2.0

extension Detector {
    /// A shell that somebody elsewhere types into.
    package static let reverseShell = Detector(
        name: "reverse-shell", meaning: "is a shell for somebody elsewhere", technique: "T1059.004",
        signals: [
            .init(
                40, "shell on a connection",
                .runs { facts in
                    guard facts.program.isShell, case .connection(let remote, _) = facts.input,
                        case .connection = facts.output
                    else { return nil }
                    return remote
                }),
            .init(
                30, "shell on pipes to who has a connection",
                .runs { facts in
                    guard facts.program.isShell, let holder = facts.holder else { return nil }
                    return holder
                }),
            .init(
                20, "the connection was made from here",
                .runs { facts in facts.program.isShell && facts.isOutgoing ? "outgoing" : nil }),
            .init(
                20, "it waits for commands",
                .runs { facts in
                    facts.program.isShell && facts.program.isInteractive && facts.isRemote ? "interactive" : nil
                }),
        ])
}

extension ProgramFacts {
    private static let shells: Set<String> = [
        "sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "csh", "tcsh", "fish", "rbash",
    ]

    /// Shells, also by the name that they are called by.
    package var isShell: Bool {
        names.contains { Self.shells.contains($0.hasPrefix("-") ? String($0.dropFirst()) : $0) }
            || (names.contains("busybox") && ["sh", "ash"].contains(arguments.dropFirst().first ?? ""))
    }

    /// Without a script and without -c: commands are read from standard input. A login shell is what remote access makes.
    var isInteractive: Bool {
        guard arguments.first?.hasPrefix("-") != true else { return false }
        let rest = arguments.dropFirst(names.contains("busybox") ? 2 : 1)
        return rest.allSatisfy { $0.hasPrefix("-") && !($0.contains("c") && !$0.hasPrefix("--")) }
    }
}

extension ProcessFacts {
    fileprivate var ends: [Standard] { [input, output] }

    /// Who has the other ends of both pipes.
    fileprivate var holder: String? {
        guard case .pipe(let holder, let remote, _) = input, case .pipe = output else { return nil }
        return "\(holder), \(remote)"
    }

    fileprivate var isRemote: Bool { !ends.contains(.other) }

    fileprivate var isOutgoing: Bool {
        isRemote
            && ends.allSatisfy { end in
                switch end {
                case .connection(_, let isOutgoing), .pipe(_, _, let isOutgoing): isOutgoing
                case .other: false
                }
            }
    }
}
