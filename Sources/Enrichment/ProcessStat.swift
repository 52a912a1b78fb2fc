// SPDX-License-Identifier: Apache-2.0

/// What /proc/PID/stat says of a process (proc_pid_stat(5)).
package struct ProcessStat: Sendable, Equatable {
    /// Of what it executes, cut by the kernel, or as it has called itself: from outside.
    package let name: String
    /// Whether it has ended, and was not waited for yet.
    package let hasEnded: Bool
    package let parent: UInt32
    /// Nanoseconds of CPU since it began, whole ticks.
    package let cpu: UInt64
    package let threads: Int
    /// Ticks since boot.
    package let start: UInt64
    /// Pages that it has in memory.
    package let pages: UInt64

    /// Nanoseconds: USER_HZ is 100 on every architecture this runs on.
    package static let tick: UInt64 = 10_000_000

    /// Of the process that has this pid now; `nil` where none has.
    package init?(_ pid: UInt32) {
        guard let text = contents(ofFile: "/proc/\(pid)/stat", limit: 4096) else { return nil }
        self.init(parsing: text)
    }

    /// PID (NAME) STATE PARENT ...: the last ")" ends a name, which may hold blanks and parentheses.
    package init?(parsing text: [UInt8]) {
        guard let open = text.firstIndex(of: UInt8(ascii: "(")), let close = text.lastIndex(of: UInt8(ascii: ")")),
            open < close
        else { return nil }
        let fields = text[(close + 1)...].split(separator: UInt8(ascii: " "))
        func number(_ index: Int) -> UInt64? { UInt64(String(decoding: fields[index], as: UTF8.self)) }
        guard fields.count > 21, let parent = number(1).flatMap({ UInt32(exactly: $0) }), let user = number(11),
            let system = number(12), let threads = number(17), let start = number(19), let pages = number(21)
        else { return nil }
        name = String(decoding: text[(open + 1)..<close], as: UTF8.self)
        hasEnded = fields[0].first == UInt8(ascii: "Z") || fields[0].first == UInt8(ascii: "X")
        self.parent = parent
        cpu = (user &+ system) &* Self.tick
        self.threads = Int(clamping: threads)
        self.start = start
        self.pages = pages
    }
}
