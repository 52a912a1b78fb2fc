// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

/// One tool that watches everything, for a machine on which starting one takes seconds: it serves all tests that only
/// ask what one program did.
final class Watcher {
    private let child: Child
    private var laws: Laws
    /// How much of its output has been looked at.
    private var position = 0

    init(_ child: Child) {
        self.child = child
        laws = Laws(tool: child.pid)
    }

    deinit {
        child.kill(SIGKILL)
    }

    /// The events since the last call that are about `root` or what it started, up to the exit of `root`.
    func events(of root: Int, _ t: Context) throws -> [Event] {
        var events: [Event] = []
        var problem: (any Error)?
        child.wait(milliseconds: t.allow(milliseconds: 2000)) { child in
            do {
                try readLines { events.append($0) }
            } catch {
                problem = error
            }
            return problem != nil || events.contains { $0.pid == root && $0.action == "exit" }
        }
        if let problem { throw problem }
        for violation in laws.violations.prefix(5) { t.fail(violation) }
        laws.violations.removeAll()

        // As with `-- PROGRAM`: from the exec of the program on.
        var isRunning = false
        var members: Set<Int> = [root]
        return events.filter { event in
            if event.pid == root, event.action == "exec", !event.isFailure { isRunning = true }
            if event.action == "fork", let parent = event["process.parent.pid"]?.integer, members.contains(parent) {
                members.insert(event.pid)
            }
            return isRunning && members.contains(event.pid)
        }
    }

    private func readLines(_ body: (Event) -> Void) throws {
        while let end = child.output[position...].firstIndex(of: UInt8(ascii: "\n")) {
            let event = Event(json: try JSON(parsing: child.output[position..<end]))
            position = end + 1
            laws.check(event)
            body(event)
        }
    }
}

/// What tests share.
final class Shared {
    private var watcher: Watcher?
    let runtimes = Runtimes()
    /// Of the last laboratory.
    var page: String?

    func watcher(_ t: Context) throws -> Watcher {
        if let watcher { return watcher }
        let watcher = Watcher(try t.watch(["-o", "json"]))
        self.watcher = watcher
        return watcher
    }
}

extension Context {
    /// The events of a program and of all that it starts, whichever way the tool comes to see them.
    func trace(
        _ program: [String], directory: String? = nil, milliseconds: Int = 20_000,
        status: Child.ExitStatus? = .code(0)
    ) throws -> Run {
        guard settings.isSlow else {
            return try trace([], program, directory: directory, milliseconds: milliseconds, status: status)
        }
        let watcher = try shared.watcher(self)
        let child = try Child(program, directory: directory)
        children.append(child)
        let run = try finish(child, milliseconds: milliseconds, isJSON: false)
        if let status { equal(run.status, status, "the exit status") }
        return Run(child: child, events: try watcher.events(of: child.pid, self))
    }
}
