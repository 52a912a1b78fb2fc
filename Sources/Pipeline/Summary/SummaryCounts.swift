// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Events

/// Numbers that add up.
protocol SummaryCounts {
    init()
    mutating func add(_ other: Self)
}

/// What became of programs and processes.
struct ProcessCounts: SummaryCounts, Equatable {
    var starts: UInt64 = 0
    var failures: UInt64 = 0
    var exits: UInt64 = 0
    /// Of the exits, those with a status other than 0.
    var failedExits: UInt64 = 0
    /// Of the exits, those by a signal.
    var killed: UInt64 = 0
    var running: UInt64 = 0
    /// Nanoseconds, of all that ended.
    var lifetime: UInt64 = 0
    var longestLifetime: UInt64 = 0

    mutating func add(_ other: ProcessCounts) {
        starts += other.starts
        failures += other.failures
        exits += other.exits
        failedExits += other.failedExits
        killed += other.killed
        running += other.running
        lifetime &+= other.lifetime
        longestLifetime = max(longestLifetime, other.longestLifetime)
    }

    /// `code` is as wait(2) reports it.
    mutating func addExit(code: UInt32, lifetime: UInt64) {
        add(
            ProcessCounts(
                exits: 1, failedExits: code & 0x7f == 0 && code >> 8 & 0xff != 0 ? 1 : 0,
                killed: code & 0x7f != 0 ? 1 : 0, lifetime: lifetime, longestLifetime: lifetime))
    }
}

/// What became of system calls.
struct CallCounts: SummaryCounts, Equatable {
    var calls: UInt64 = 0
    var errors: UInt64 = 0
    /// Nanoseconds.
    var time: UInt64 = 0

    mutating func add(_ other: CallCounts) {
        calls += other.calls
        errors += other.errors
        time &+= other.time
    }
}

/// What became of connections.
struct ConnectionCounts: SummaryCounts, Equatable {
    var connects: UInt64 = 0
    var failedConnects: UInt64 = 0
    var accepts: UInt64 = 0
    var closes: UInt64 = 0
    /// At the end.
    var open: UInt64 = 0
    /// Bytes of those two.
    var sent: UInt64 = 0
    var received: UInt64 = 0
    /// Of the other side, as far as there is room for them.
    var addresses: Set<IPAddress> = []

    mutating func add(_ other: ConnectionCounts) {
        connects += other.connects
        failedConnects += other.failedConnects
        accepts += other.accepts
        closes += other.closes
        open += other.open
        sent &+= other.sent
        received &+= other.received
        if !other.addresses.isEmpty { addresses.formUnion(other.addresses) }
    }
}

/// What was done to files.
struct FileCounts: SummaryCounts, Equatable {
    var opens: UInt64 = 0
    var creations: UInt64 = 0
    var renames: UInt64 = 0
    var deletions: UInt64 = 0
    /// Of permissions, owners, sizes, attributes and mounts.
    var changes: UInt64 = 0
    var written: UInt64 = 0
    var read: UInt64 = 0
    /// Of all that was tried.
    var failures: UInt64 = 0

    init() {}

    init(_ file: FileFact) {
        guard file.error == nil else {
            failures = 1
            return
        }
        switch file.operation {
        case .open, .execMap: opens = 1
        case .write: written = file.record.bytesWritten ?? 0
        case .read: read = file.record.bytesRead ?? 0
        case .create, .link, .symlink, .mkdir, .mknod: creations = 1
        case .rename: renames = 1
        case .unlink, .rmdir: deletions = 1
        case .chmod, .chown, .truncate, .setxattr, .removexattr, .mount, .umount, .pivotRoot: changes = 1
        }
    }

    var succeeded: UInt64 { opens + creations + renames + deletions + changes }

    mutating func add(_ other: FileCounts) {
        opens += other.opens
        creations += other.creations
        renames += other.renames
        deletions += other.deletions
        changes += other.changes
        written &+= other.written
        read &+= other.read
        failures += other.failures
    }
}

/// How often a signal was sent.
struct SignalCounts: SummaryCounts, Equatable {
    var signals: UInt64 = 0

    mutating func add(_ other: SignalCounts) { signals += other.signals }
}
