// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Enrichment
internal import Events
internal import Glibc
internal import Policy
internal import Rendering

/// The file of `--learn`: what is in it stays, and what the run needed besides is added when it is over.
struct PolicyLearning: ~Copyable {
    private let path: String
    private let descriptor: Int32
    /// What the file has already; `nil` where it has nothing.
    private let policy: PolicyRules?
    private let groups: [PolicyClass]
    private var learner = PolicyLearner()
    private var endsInLine = true

    /// Opens the file before the run, so that a mistake in its name or in its rules costs no run. `nil` where none is named.
    init?(_ options: TraceOptions) throws(Failure) {
        guard let path = options.learnsTo else { return nil }
        self.path = path
        groups =
            switch options.command {
            case .trace: [.exec]
            case .watchNet: [.net]
            case .watchFiles: [.file]
            // The policy that it is held to has its defaults.
            case .enforce, .compareSidecar: []
            }
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Failure(
                errno == ENOENT ? .noInput : .failure,
                "--learn: can't write \(path): \(unsafe String(cString: strerror(errno)))",
                help: "name a file in a directory that is there and writable")
        }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw Failure(.usage, "--learn: \(path) is no file", help: "rules are added to it; name a file")
        }
        guard status.st_size > 0 else {
            policy = nil
            return
        }
        policy = try PolicyFiles.read([path], rules: [])
        var last: UInt8 = 0
        endsInLine = unsafe pread(descriptor, &last, 1, status.st_size - 1) == 1 && last == UInt8(ascii: "\n")
    }

    deinit { close(descriptor) }

    mutating func take(_ event: Event) {
        for need in event.needs {
            learner.add(need, by: event.task.name.string, at: event.host.realtime(event.time))
        }
    }

    /// Adds to the file. Answers what to say of it.
    func finish(_ options: TraceOptions, host: Host, started: UInt64) throws(Failure) -> String {
        let began = host.realtime(started)
        // Of a recording it can't be known any more: its paths stay as they are.
        let isReplay = options.readsFrom != nil
        let result = learner.result(
            beside: policy, groups: groups, isLasting: { isReplay || Self.isThere($0, since: began) },
            timeText: timestampText)
        let count = counted(result.rules, "rule")
        var line = result.text.isEmpty ? "learned: nothing to add to \(path)" : "learned: \(count) into \(path)"
        if result.allowed > 0 { line += "; \(grouped(UInt64(result.allowed))) allowed there before" }
        if learner.missed > 0 { line += "; NOT ALL: \(grouped(learner.missed)) found no room" }
        for (need, rule) in result.refused.prefix(20) { note("--learn: \(need) was needed, and \(rule) is against it") }
        if result.refused.count > 20 { note("--learn: and \(result.refused.count - 20) more") }
        if !result.text.isEmpty {
            try write((endsInLine ? "" : "\n") + heading(options, host, started) + result.text)
        }
        return line
    }

    /// Whether a path is there, and was made before that time, of CLOCK_REALTIME in nanoseconds. What can't be known is
    /// taken for it.
    private static func isThere(_ path: [UInt8], since time: UInt64) -> Bool {
        let birth = unsafe (path + [0]).withUnsafeBufferPointer { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) { unsafe clinux_birth($0.baseAddress!) }
        }
        return birth < 0 ? errno != ENOENT && errno != ENOTDIR : UInt64(birth) < time
    }

    private func heading(_ options: TraceOptions, _ host: Host, _ started: UInt64) -> String {
        let command = options.commandLine.map { $0.contains(" ") ? "'\($0)'" : $0 }.joined(separator: " ")
        let text = command.count > 200 ? command.prefix(200) + "..." : command[...]
        return """
            \(policy == nil ? "" : "\n")# Learned on \(withoutControls(host.name)) from \(timestampText(host.realtime(started))) by
            #   ebpfguard \(withoutControls(String(text)))
            # Read it before it is enforced: each rule is for whoever comes by the same way.

            """
    }

    private func write(_ text: String) throws(Failure) {
        guard writeWhole(Array(text.utf8), to: descriptor) else {
            throw Failure(
                .failure, "--learn: can't write \(path): \(unsafe String(cString: strerror(errno)))",
                help: "what was learned is not whole in it; what was there before is")
        }
    }
}
