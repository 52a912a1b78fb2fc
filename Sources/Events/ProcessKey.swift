// SPDX-License-Identifier: Apache-2.0

/// A process for all time: pids are reused, pid and start time together are not.
package struct ProcessKey: Hashable, Sendable {
    /// Thread group id in the initial pid namespace.
    package let pid: UInt32
    /// CLOCK_BOOTTIME, nanoseconds.
    package let start: UInt64

    package init(pid: UInt32, start: UInt64) {
        self.pid = pid
        self.start = start
    }
}
