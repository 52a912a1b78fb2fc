// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Pipeline
internal import Policy

/// Refuses a name that is empty, as of a variable that is not set.
func checkNamed(_ name: String?, _ option: String, _ what: String = "a file") throws {
    if name == "" { throw Failure(.usage, "\(option) needs \(what)") }
}

/// The kinds that `option` names; `nil` when it is not given.
func chosenKinds(
    _ events: [String], of command: WatchCommand, option: String = "--events", word kindWord: String = "kind"
) throws -> Set<TraceKind>? {
    guard !events.isEmpty else { return nil }
    var kinds: Set<TraceKind> = []
    for word in events.flatMap({ $0.split(separator: ",", omittingEmptySubsequences: false) }) {
        guard let kind = TraceKind(rawValue: String(word)), command.kinds.contains(kind) else {
            let known = command.kinds.map(\.rawValue).joined(separator: ", ")
            throw Failure(.usage, "\(option): there is no \(kindWord) \"\(word)\"", help: "\(kindWord)s: \(known)")
        }
        kinds.insert(kind)
    }
    return kinds
}

/// The detectors that `--detect` names, each once.
func chosenDetectors(_ words: [String]) throws -> [Detector] {
    var detectors: [Detector] = []
    for word in words.flatMap({ $0.split(separator: ",", omittingEmptySubsequences: false) }) {
        guard let detector = Detector.named(String(word)) else {
            throw Failure(
                .usage, "--detect: there is no detector \"\(word)\"",
                help: "detectors: \(Detector.names.joined(separator: ", "))")
        }
        if !detectors.contains(where: { $0.name == detector.name }) { detectors.append(detector) }
    }
    return detectors
}

/// The program behind `--` with its arguments; empty where there is no `--`.
func programArguments(of command: WatchCommand) throws -> [[UInt8]] {
    guard let terminator = CommandLine.arguments.firstIndex(of: "--") else { return [] }
    let count = CommandLine.arguments.count - terminator - 1
    guard count > 0 else {
        throw Failure(
            .usage, "there is no program behind --", help: "write ebpfguard \(command.name) -- PROGRAM ARGS...")
    }
    return rawArguments(last: count)
}

/// Whether a program is named.
var namesProgram: Bool { CommandLine.arguments.contains("--") }

/// The last arguments of this process as the kernel gave them: as a `String`, one that is not UTF-8 would change.
private func rawArguments(last count: Int) -> [[UInt8]] {
    unsafe UnsafeBufferPointer(start: CommandLine.unsafeArgv, count: Int(CommandLine.argc)).suffix(count).map {
        argument in
        guard let argument = unsafe argument else { return [] }
        return unsafe Array(UnsafeRawBufferPointer(start: argument, count: strlen(argument)))
    }
}
