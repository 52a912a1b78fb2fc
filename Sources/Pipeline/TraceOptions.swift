// SPDX-License-Identifier: Apache-2.0

internal import CWire
package import Events
package import Policy

/// How events are written.
package enum OutputFormat: String, CaseIterable, Sendable {
    case text, wide, json
}

/// When to colour.
package enum ColorChoice: String, CaseIterable, Sendable {
    case auto, always, never
}

/// What is watched. All commands share one pipeline; they differ in the probes that they add and the events they show.
package enum WatchCommand: String, Sendable {
    case trace
    case watchNet = "watch-net"
    case watchFiles = "watch-files"
    case enforce
    case compareSidecar = "compare-sidecar"

    /// As on the command line and in recordings.
    package var name: String { rawValue }

    /// What it can show.
    package var kinds: [TraceKind] {
        switch self {
        case .trace: [.exec, .failed, .fork, .exit, .syscall, .security, .signal, .oom, .detection]
        case .watchNet:
            [.connect, .accept, .listen, .close, .udp, .dnsQuery, .dnsAnswer, .tlsClientHello, .drop, .rawSocket]
        case .watchFiles:
            [
                .open, .create, .write, .rename, .unlink, .link, .symlink, .mkdir, .rmdir, .mknod, .execMap, .exec,
                .chmod, .chown, .truncate, .setxattr, .removexattr, .mount, .umount, .pivotRoot, .read,
            ]
        case .enforce: [.violation, .detection]
        case .compareSidecar:
            [
                .exec, .fork, .exit, .connect, .accept, .close, .udp, .dnsQuery, .open, .create, .write, .rename,
                .unlink,
            ]
        }
    }

    /// What text shows of each event when `--fields` adds to it or takes away.
    package var textFields: [Field] {
        switch self {
        case .trace: [.timestamp, .eventAction, .processPID, .userName, .processArgs]
        case .watchNet:
            [
                .timestamp, .eventAction, .eventOutcome, .processPID, .processName, .sourceIP, .sourcePort,
                .destinationIP, .destinationPort,
            ]
        case .watchFiles:
            [.timestamp, .eventAction, .eventOutcome, .errorCode, .processPID, .processName, .filePath]
        case .enforce:
            [
                .timestamp, .ebpfguardVerdict, .ebpfguardEnforced, .processPID, .processName, .destinationIP,
                .destinationPort, .ruleReference, .ruleName,
            ]
        case .compareSidecar: []
        }
    }

    /// What its first line says that it watches.
    var subject: String {
        switch self {
        case .trace: "programs"
        case .watchNet: "connections"
        case .watchFiles: "files"
        case .enforce: "violations of the policy"
        case .compareSidecar: "sidecars, and what they see,"
        }
    }

    /// Whether it needs the probes of connections, and those of files.
    var watchesNetwork: Bool { self == .watchNet || self == .compareSidecar }
    var watchesFiles: Bool { self == .watchFiles || self == .compareSidecar }
    /// Whether what processes do is of use by itself.
    var watchesProcesses: Bool { self == .trace || self == .compareSidecar }
}

/// What the commands can show.
package enum TraceKind: String, CaseIterable, Sendable {
    case exec, failed, fork, exit, syscall, security, signal, oom
    case connect, accept, listen, close, udp
    case dnsQuery = "dns_query"
    case dnsAnswer = "dns_answer"
    case tlsClientHello = "tls_client_hello"
    case drop
    case rawSocket = "raw_socket"
    case open, create, rename, unlink, link, symlink, mkdir, rmdir, mknod, write
    case execMap = "exec_map"
    case chmod, chown, truncate, setxattr, removexattr, mount, umount
    case pivotRoot = "pivot_root"
    case read
    case violation = "policy_violation"
    case detection

    /// For a person, forks are noise: each program that starts was forked before.
    package static let textDefault: Set<TraceKind> = [.exec, .failed, .exit, .detection]
}

/// Everything a run is asked for, checked.
package struct TraceOptions: Sendable {
    package let command: WatchCommand
    package var scope = Scope()
    /// `nil` for the default of the form.
    package var kinds: Set<TraceKind>?
    package var existing = false
    /// Nanoseconds between two looks at what is open.
    package var interval: UInt64?
    /// Nanoseconds without a datagram that end a UDP flow.
    package var udpIdle: UInt64 = 30_000_000_000
    /// The file of an earlier run: what it does not have is marked.
    package var baseline: String?
    /// Where the files of the node are that name its containers.
    package var root = "/"
    /// System calls to show; `nil` for none.
    package var syscalls: SyscallSet?
    package var security = false
    /// Bit n - 1 for signal n.
    package var signals: UInt64 = 0
    /// Whether dropped packets are watched.
    package var drops = false
    /// Whether UNIX sockets are watched.
    package var unix = false
    /// Whether only what fails is shown.
    package var failedOnly = false
    /// The files that are watched; `nil` for all.
    package var paths: PathSelection?
    /// Whether only what changes files is shown.
    package var changesOnly = false
    /// Whether what is left changed is printed when the run is over, and nothing else.
    package var difference = false
    /// Whether what is written or executed is hashed.
    package var hashes = false
    /// Where alone files may be written; `nil` where nothing was said of it.
    package var writesInside: PathSelection?
    /// How that was said.
    package var writesInsideText = ""
    /// What is looked for, beside what the policy says.
    package var detectors: [Detector] = []
    /// What sidecars are compared by; `nil` where they are not.
    package var comparison: ComparisonOptions?
    /// The file that gets the comparison as JSON.
    package var comparisonFile: String?
    /// What is enforced, and whether violations are only told.
    package var policy: PolicyRules?
    package var dryRun = false
    /// What becomes of connections that were there before the policy.
    package var openConnections = OpenConnectionAnswer.keep
    /// Whether a policy that is not for one program spares those that it was started by, and those that run the host.
    package var sparesOwn = true
    /// Whether it may cut off the session that it was typed in.
    package var isForced = false
    /// The file that gets the policy which the run needed.
    package var learnsTo: String?
    /// Seconds that an address counts for its name beyond its time to live.
    package var nameGrace: UInt32 = 120
    package var summary: SummaryOptions?
    /// Nanoseconds in which equal events are folded.
    package var dedup: UInt64?
    /// An event is shown when all of these match.
    package var filters: [Filter] = []
    /// The run ends with the first event that matches. Like the next two it is about all events in scope.
    package var until: Filter?
    /// Each event that one of these matches is a finding.
    package var failOn: [Filter] = []
    /// Each of these that no event matches is a finding.
    package var expect: [Filter] = []
    package var format = OutputFormat.text
    /// In the order asked for; `nil` for all.
    package var fields: [Field]?
    package var outputFile: String?
    package var color = ColorChoice.auto
    package var quiet = false
    package var redacts = true
    /// Nanoseconds.
    package var duration: UInt64?
    package var count: UInt64?
    /// Events per second that are printed.
    package var maxRate: UInt64?
    /// Bytes, a power of two.
    package var bufferSize = 8 << 20
    package var strict = false
    /// Files to report in when the run is over, in the forms that their suffixes say.
    package var reports: [String] = []
    package var verbose = false
    /// The file to record in, and the words of the command line for it.
    package var recordsTo: String?
    package var commandLine: [String] = []
    package var toolVersion = ""
    /// The recording to read, instead of watching this host.
    package var readsFrom: String?
    /// Whether what was recorded is held against a policy.
    var judges: Bool { policy != nil && readsFrom != nil }
    /// The program behind `--` and its arguments, byte for byte.
    package var program: [[UInt8]] = []

    package init(_ command: WatchCommand = .trace) {
        self.command = command
    }

    /// Those that are asked for, and those that the policy has rules about.
    var chosenDetectors: [Detector] {
        let rules = policy?.rules.compactMap { rule in
            if case .detector(let name) = rule.subject { Detector.named(name) } else { nil }
        }
        return Detector.all.filter { one in (detectors + (rules ?? [])).contains { $0.name == one.name } }
    }

    /// The kinds to show; `nil` for the default of the form. What is asked for by an option of its own is shown alone,
    /// unless kinds are named.
    var shownKinds: Set<TraceKind>? {
        if let kinds { return kinds }
        // There are many reads: they have to be asked for.
        if command != .trace { return Set(command.kinds).subtracting([.read]) }
        var asked: Set<TraceKind> = []
        if syscalls != nil { asked.insert(.syscall) }
        if security { asked.insert(.security) }
        if signals != 0 { asked.formUnion([.signal, .oom]) }
        if !detectors.isEmpty { asked.insert(.detection) }
        return asked.isEmpty ? nil : asked
    }

    /// What the kernel programs of system calls, signals and connections may decide of the filter. (Those of processes send everything:
    /// what one event shows is known from others.) A recording has what was captured, whatever was shown of it.
    var predicate: wire_predicate {
        guard !filters.isEmpty, recordsTo == nil, baseline == nil else { return wire_predicate() }
        // These look at all events.
        let others = (until.map { [$0] } ?? []) + failOn + expect
        return Filter.any([Filter.all(filters)] + others)
            .lowered(syscalls: SyscallTable.facts, connections: command == .watchNet).predicate
    }

    /// Whether what is done to files is taken together: as it must be where it is asked for, and can be where nothing that
    /// belongs to it is left out.
    var tracksFiles: Bool {
        command == .watchFiles && (needsAllFiles || (kinds == nil && !failedOnly))
    }

    /// Whether all that is done to files is needed, whatever of it is shown.
    var needsAllFiles: Bool { difference || writesInside != nil || kinds?.contains(.exec) == true }

    /// Whether failed execs are wanted, which cost every system call where they can't be had by fexit.
    var watchesFailures: Bool { shownKinds?.contains(.failed) ?? true }
}
