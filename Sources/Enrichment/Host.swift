// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Events
internal import Glibc

/// What is fixed about the host for a run: its name, this boot, and how its two clocks lie to each other.
package final class Host: Sendable {
    package let name: String
    let nameBytes: Bytes
    /// 12 hexadecimal digits of the boot id: enough to tell boots apart, short enough to print with every process.
    package let boot: String
    /// CLOCK_REALTIME minus CLOCK_BOOTTIME, nanoseconds.
    package let clockOffset: Int64

    package init(name: String, boot: String, clockOffset: Int64) {
        self.name = name
        nameBytes = Bytes(name)
        self.boot = boot
        self.clockOffset = clockOffset
    }

    /// This host, now.
    package static func current() -> Host {
        var name = utsname()
        unsafe uname(&name)
        let node = unsafe withUnsafeBytes(of: name.nodename) {
            unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        let bootID = contents(ofFile: "/proc/sys/kernel/random/boot_id", limit: 64) ?? []
        let digits = bootID.filter { $0 != UInt8(ascii: "-") && $0 > UInt8(ascii: " ") }.prefix(12)
        return Host(name: node, boot: String(decoding: digits, as: UTF8.self), clockOffset: offset())
    }

    /// CLOCK_REALTIME for a CLOCK_BOOTTIME, both in nanoseconds.
    package func realtime(_ boottime: UInt64) -> UInt64 {
        UInt64(bitPattern: Int64(bitPattern: boottime) &+ clockOffset)
    }

    /// CLOCK_BOOTTIME now, nanoseconds.
    package static func boottime() -> UInt64 { clock(CLOCK_BOOTTIME) }

    private static func clock(_ id: clockid_t) -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(id, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// The reading of both clocks that was interrupted least, of five.
    private static func offset() -> Int64 {
        var best = (width: UInt64.max, offset: Int64(0))
        for _ in 0..<5 {
            let before = clock(CLOCK_BOOTTIME)
            let real = clock(CLOCK_REALTIME)
            let after = clock(CLOCK_BOOTTIME)
            if after - before < best.width {
                best = (after - before, Int64(real) - Int64(before + (after - before) / 2))
            }
        }
        return best.offset
    }
}
