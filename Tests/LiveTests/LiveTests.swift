// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

/// `live-tests run` tries the tool on this kernel, as root; `live-tests workload` is what it tries it with.
///
/// One static file, so that it also runs in a virtual machine that holds nothing but a shell.
@main
struct Main {
    static func main() {
        let words = CommandLine.arguments.dropFirst()
        guard words.first == "run" else { Runner.usage() }
        exit(Runner(words.dropFirst()).run())
    }
}

struct Runner {
    private var settings = Settings()
    private var only: [String] = []
    private var repeats = 1
    /// Of each N tests the Kth; all without.
    private var share: (part: Int, of: Int)?
    private var isList = false
    private let shared = Shared()

    static func usage() -> Never {
        say(
            "usage: live-tests run --tool FILE [--only TEXT]... [--repeat N] [--share K/N] [--slow] [--no-skip] [--machine NAME] [--list]"
        )
        say("       live-tests workload NAME [ARGS...]")
        exit(64)
    }

    init(_ words: some Sequence<String>) {
        var words = words.makeIterator()
        func value() -> String {
            guard let word = words.next() else { Self.usage() }
            return word
        }
        while let word = words.next() {
            switch word {
            case "--tool": settings.tool = resolved(value())
            case "--only": only.append(value())
            case "--repeat": repeats = Int(value()) ?? 1
            case "--share":
                let numbers = value().split(separator: "/").compactMap { Int($0) }
                guard numbers.count == 2, (1...max(numbers[1], 1)).contains(numbers[0]) else { Self.usage() }
                share = (numbers[0], numbers[1])
            case "--slow": settings.isSlow = true
            case "--no-skip": settings.mustNotSkip = true
            case "--machine":
                guard let machine = Machine(rawValue: value()) else { Self.usage() }
                settings.machine = machine
            case "--list": isList = true
            default: Self.usage()
            }
        }
    }

    func run() -> Int32 {
        let wanted = (settings.machine?.tests ?? allTests).filter { test in
            only.isEmpty ? test.dependsOnKernel || !settings.isSlow : only.contains { test.name.contains($0) }
        }
        let tests = wanted.enumerated().filter { index, _ in
            share.map { index % $0.of == $0.part - 1 } ?? true
        }.map(\.element)
        if isList {
            for test in tests { Self.say(test.name) }
            return 0
        }
        if settings.tool.isEmpty { Self.usage() }
        guard geteuid() == 0 else {
            Self.say("FAIL: the live tests must run as root")
            return 1
        }
        var passed = 0
        var failed = 0
        var skipped = 0
        for test in tests {
            for round in 1...repeats {
                let name = repeats == 1 ? test.name : "\(test.name) #\(round)"
                let start = live_uptime()
                let outcome = outcome(of: test)
                let seconds = Self.hundredths(live_uptime() - start)
                switch outcome {
                case .passed(let notes):
                    passed += 1
                    Self.say("ok   \(name) (\(([seconds + " s"] + notes).joined(separator: ", ")))")
                case .skipped(let reason):
                    skipped += 1
                    Self.say("skip \(name): \(reason)")
                case .failed(let reasons):
                    failed += 1
                    Self.say("FAIL \(name): \(reasons.prefix(5).joined(separator: "; "))")
                }
            }
        }
        Self.say("\(passed) passed, \(failed) failed, \(skipped) skipped")
        return failed == 0 && passed > 0 ? 0 : 1
    }

    private enum Outcome {
        case passed([String])
        case skipped(String)
        case failed([String])
    }

    private func outcome(of test: Test) -> Outcome {
        guard let scratch = Scratch() else { return .failed(["no directory to work in: \(describe(errno: errno))"]) }
        let context = Context(settings: settings, scratch: scratch.path, shared: shared)
        // Before the directory goes, so that nothing of this test can be in the next.
        defer { context.children.removeAll() }
        do {
            try test.body(context)
        } catch Stop.failed(let reason) {
            context.fail(reason)
        } catch Stop.skipped(let reason) {
            if !settings.mustNotSkip { return .skipped(reason) }
            context.fail("must not be skipped: \(reason)")
        } catch {
            context.fail("\(error)")
        }
        return context.failures.isEmpty ? .passed(context.notes) : .failed(context.failures)
    }

    private static func say(_ line: String) {
        var line = line.map { $0.isNewline ? "⏎" : String($0) }.joined() + "\n"
        line.withUTF8 { _ = unsafe write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    }

    private static func hundredths(_ nanoseconds: Int64) -> String {
        let hundredths = nanoseconds / 10_000_000
        return "\(hundredths / 100).\(hundredths % 100 / 10)\(hundredths % 10)"
    }
}

/// A directory that lives as long as this value.
private struct Scratch: ~Copyable {
    let path: String

    init?() {
        // Not where set-user-id bits or programs are ignored, as on many a /tmp.
        let usable = ["/var/tmp", "/tmp", "/root", "/"].first { place in
            var facts = statvfs()
            return unsafe statvfs(place, &facts) == 0 && facts.f_flag & UInt(MS_NOSUID | MS_NOEXEC) == 0
        }
        guard let usable else { return nil }
        var template = Array("\(usable == "/" ? "" : resolved(usable))/live-tests.XXXXXX".utf8) + [0]
        let isMade = unsafe template.withUnsafeMutableBytes {
            unsafe mkdtemp($0.baseAddress!.assumingMemoryBound(to: CChar.self)) != nil
        }
        guard isMade else { return nil }
        path = String(decoding: template.dropLast(), as: UTF8.self)
        unsafe chmod(path, 0o755)
    }

    deinit {
        unsafe live_remove(path)
    }
}
