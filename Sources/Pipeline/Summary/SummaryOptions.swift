// SPDX-License-Identifier: Apache-2.0

/// What the rows of a summary are about.
package enum SummaryGrouping: String, CaseIterable, Sendable {
    case executable, process, container, pod, user, syscall
    /// The name or address, and the port, that connections lead to; of accepted ones, that they came to.
    case destination
    /// The name that connections lead to, whatever the port.
    case domain
    /// The path of the file.
    case path

    /// Whether it is about connections, and nothing else.
    var isOfConnections: Bool { self == .destination || self == .domain }

    /// The only command that has it; `nil` where all have.
    var command: WatchCommand? {
        switch self {
        case .syscall: .trace
        case .destination, .domain: .watchNet
        case .path: .watchFiles
        default: nil
        }
    }
}

/// What `--summary` and its companions ask for.
package struct SummaryOptions: Sendable {
    package enum Mode: String, CaseIterable, Sendable {
        /// No events, only the table at the end.
        case only
        case also
    }

    package var mode: Mode
    /// `nil` for the default of each table.
    package var grouping: SummaryGrouping?
    /// How many rows; `nil` for the default of the form.
    package var top: Int?

    package init(mode: Mode, grouping: SummaryGrouping? = nil, top: Int? = nil) {
        self.mode = mode
        self.grouping = grouping
        self.top = top
    }

    /// Rows of text where nothing else is asked for. JSON has all of them.
    static let defaultTop = 20
    /// System calls of each process or container, in text.
    static let defaultParts = 5
}

extension TraceOptions {
    /// How system calls are counted in the kernel instead of told: where nobody wants to see a single one, and no recording
    /// has to have them.
    var syscallCounts: SyscallCounts.Grouping? {
        guard let summary, summary.mode == .only, syscalls != nil, !security, shownKinds?.contains(.syscall) == true,
            filters.isEmpty, until == nil, failOn.isEmpty, expect.isEmpty, recordsTo == nil, readsFrom == nil
        else { return nil }
        return switch summary.grouping {
        case nil, .syscall: .syscall
        case .process: .process
        case .container, .pod: .cgroup
        // The kernel could count these only for what it has seen from the start.
        case .executable, .user, .destination, .domain, .path: nil
        }
    }

    /// What does not go together; `nil` when all does.
    package var summaryMistake: Failure? {
        if summary?.mode == .only {
            if maxRate != nil {
                return Failure(
                    .usage, "--max-rate bounds the events that are printed, and --summary prints none",
                    help: "leave one of them out, or write --summary=also")
            }
            if dedup != nil {
                return Failure(
                    .usage, "--dedup is about the events that are printed, and --summary prints none",
                    help: "leave one of them out, or write --summary=also")
            }
            if count != nil, syscallCounts != nil {
                return Failure(
                    .usage, "--count can't end this run: the kernel counts system calls itself and tells of none",
                    help: "end it with --duration, or write --summary=also")
            }
        }
        if let grouping = summary?.grouping {
            if let owner = grouping.command, owner != command {
                let own = SummaryGrouping.allCases.filter { $0.command == command && $0 != .syscall }
                let names = own.map(\.rawValue) + ["executable", "process", "container", "pod or user"]
                return Failure(
                    .usage, "--by \(grouping.rawValue): \(command.name) has none",
                    help: "choose \(names.joined(separator: ", "))")
            }
            let showsCalls = shownKinds.map { !$0.isDisjoint(with: [.syscall, .security]) } ?? false
            if grouping == .syscall, !showsCalls {
                return Failure(
                    .usage, "--by syscall: no system calls are asked for",
                    help: "add --syscalls or --security, or choose executable, process, container, pod or user")
            }
        }
        return nil
    }
}
