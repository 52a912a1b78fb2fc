// SPDX-License-Identifier: Apache-2.0

package import CWire
package import Events
internal import Glibc

/// A process as far as we know it: from its exec, its fork, the iterator at start, or /proc.
package final class Process {
    package let key: ProcessKey
    /// Numbers at the latest event.
    package internal(set) var task: wire_task
    /// What the last exec made, or the parent's when there was none.
    package internal(set) var image: Image?
    /// Parent first.
    package internal(set) var ancestors: [wire_ancestor]
    package internal(set) var parentImage: Image?
    /// What its latest event showed as its ancestors, and what its children share.
    var lineage: KnownLineage?
    var childLineage: KnownLineage?
    var isAncestor = false
    /// Where it is in the v1 hierarchies, when that is a container; `nil` inside when it was asked for and is not.
    var v1Path: Bytes??
    /// What the tree counts for this process.
    var keptBytes = 0

    init(task: wire_task, image: Image?, ancestors: [wire_ancestor], parentImage: Image?) {
        key = task.key
        self.task = task
        self.image = image
        self.ancestors = ancestors
        self.parentImage = parentImage
    }
}

extension Process {
    /// Its root directory, where that is known.
    var root: UserNames.Root? {
        image?.record.map {
            UserNames.Root(
                device: $0.fixed.root_device, inode: $0.fixed.root_inode, generation: $0.fixed.root_generation)
        }
    }
}

/// A lineage, and what it was made from.
struct KnownLineage {
    let lineage: Lineage
    let source: [wire_ancestor]
    /// See `ProcessTree.generation`.
    let generation: Int

    func isFor(_ ancestors: [wire_ancestor], _ generation: Int) -> Bool {
        guard generation == self.generation, source.count == ancestors.count else { return false }
        return unsafe source.withUnsafeBytes { a in
            unsafe ancestors.withUnsafeBytes { b in
                unsafe a.baseAddress == b.baseAddress || memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0
            }
        }
    }
}

/// A program in memory: what an exec made. Shared by the process and by the children that it forks.
package final class Image {
    /// The process that this was exec'd in; for /proc.
    let key: ProcessKey
    package internal(set) var record: ProcessRecord?
    private let knownExecutable: WalkedPath?
    private var knownArguments: TextList?
    /// Whom to ask for the arguments; `nil` when that was done, or is not needed.
    private var lookups: Lookups?

    init(_ record: ProcessRecord, _ lookups: Lookups) {
        key = record.task.key
        self.record = record
        knownExecutable = nil
        if record.kind != WIRE_EXEC.rawValue { setLookups(lookups) }
    }

    /// From /proc, when no record told of it.
    init(_ key: ProcessKey, executable: WalkedPath?, _ lookups: Lookups) {
        self.key = key
        knownExecutable = executable
        setLookups(lookups)
    }

    private func setLookups(_ lookups: Lookups) {
        self.lookups = lookups
        if lookups.asksAtOnce { _ = arguments }
    }

    package var executable: WalkedPath? { record?.executable ?? knownExecutable }

    /// The record of the exec that made this: the only one whose arguments are the program's own.
    private var exec: ProcessRecord? {
        guard let record, record.kind == WIRE_EXEC.rawValue else { return nil }
        return record
    }

    /// The arguments; `nil` when none could be read. Those of a process that was there before us are read from /proc when
    /// first asked for.
    package var arguments: TextList? {
        if let exec { return exec.arguments.bytes.isEmpty ? nil : exec.arguments }
        if let lookups {
            self.lookups = nil
            knownArguments = lookups.arguments(of: key)
        }
        return knownArguments
    }

    /// Whether `arguments` are not all there are.
    package var argumentsAreCut: Bool { exec?.argumentsAreCut ?? false }

    /// The true number of arguments.
    package var argumentCount: Int? {
        if let exec { return Int(exec.fixed.args_count) }
        guard let arguments else { return nil }
        return arguments.reduce(0) { count, _ in count + 1 }
    }

    /// Gives back memory that only a printed exec needs.
    func shrink() {
        record = record?.keepingArguments(1024)
    }

    /// Bytes of memory.
    var size: Int { record?.byteCount ?? 0 }
}
