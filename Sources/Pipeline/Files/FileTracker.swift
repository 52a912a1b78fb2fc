// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events
internal import Policy

/// What a run does to files, all of it taken together: what it leaves changed, and what it has written where it should not.
struct FileTracker: ~Copyable {
    private(set) var difference = FileDifference()
    /// Where a file that was changed is now: what is written is told when the file is closed, and it may have another name
    /// then.
    private var places: [FileIdentity: FileDifference.Place] = [:]
    /// The same the other way, for a rename that does not say which file it is of.
    private var identities: [FileDifference.Place: FileIdentity] = [:]
    /// Paths that are of interest; `nil` for all.
    private let paths: PathSelection?
    /// Where writing is expected; `nil` where nothing was said of it.
    private let inside: PathSelection?
    /// What was written elsewhere, in the order of the first times.
    private(set) var outside: [Outside] = []
    private var outsideIndex: [FileDifference.Place: Int] = [:]
    /// Paths that found no room there.
    private(set) var outsideMissed: UInt64 = 0
    /// Paths are kept up to this many.
    private static let limit = 1 << 16

    struct Outside {
        let path: [UInt8]
        var operations: [FileOperation]
        let who: FileDifference.Who
    }

    init(_ paths: PathSelection?, inside: PathSelection?) {
        self.paths = paths
        self.inside = inside
    }

    mutating func take(_ event: Event) {
        if event.action == .exec, let executable = event.executable {
            difference.executed(FileDifference.Place(.resolved(executable), event))
        }
        guard let file = event.file, file.error == nil, let path = file.path, file.changes else { return }
        let who = FileDifference.Who(pid: event.task.pid, name: event.task.name.string)
        if let inside, !file.isPassing { checkOutside(file, event, inside, who) }
        if let paths, !file.isSelected(by: paths) { return }
        let place = FileDifference.Place(path, event)
        let identity = FileIdentity(file)
        switch file.operation {
        case .create, .mkdir, .mknod, .symlink, .link:
            difference.created(place, by: who)
            remember(identity, place)
        case .unlink, .rmdir:
            difference.removed(place, by: who)
        case .rename:
            guard let source = file.originalPath.map({ FileDifference.Place($0, event) }) else { return }
            if file.record.has(WIRE_FILE_EXCHANGE) {
                difference.exchanged(source, place, by: who)
            } else {
                difference.renamed(source, to: place, isReplacing: file.replaces, by: who)
                remember(identity ?? identities[source], place)
            }
        case .open, .write, .chmod, .chown, .truncate, .setxattr, .removexattr:
            guard let aspect = file.operation.aspect else { return }
            let now = identity.flatMap { places[$0] }.flatMap { difference.isThere($0) == true ? $0 : nil } ?? place
            // It may have been removed, or replaced, while it was open.
            if difference.isThere(now) != false { difference.changed(now, [aspect], by: who) }
        case .execMap, .mount, .umount, .pivotRoot, .read: break
        }
    }

    private mutating func remember(_ identity: FileIdentity?, _ place: FileDifference.Place) {
        guard let identity, places.count < Self.limit || places[identity] != nil else { return }
        if let old = places.updateValue(place, forKey: identity), identities[old] == identity { identities[old] = nil }
        identities[place] = identity
    }

    private mutating func checkOutside(
        _ file: FileFact, _ event: Event, _ inside: PathSelection, _ who: FileDifference.Who
    ) {
        for path in [file.path, file.operation == .rename ? file.originalPath : nil] {
            guard let path, !path.matches(inside) else { continue }
            let place = FileDifference.Place(path, event)
            if let index = outsideIndex[place] {
                if !outside[index].operations.contains(file.operation) {
                    outside[index].operations.append(file.operation)
                }
            } else if outside.count < Self.limit {
                outsideIndex[place] = outside.count
                outside.append(Outside(path: place.path, operations: [file.operation], who: who))
            } else {
                outsideMissed += 1
            }
        }
    }
}

extension FileFact {
    /// Whether it did change a file, and not only might.
    fileprivate var changes: Bool {
        switch operation {
        // What is opened for writing has its own event when something was written. What has no name, or none any more,
        // leaves nothing.
        case .open:
            record.has(WIRE_FILE_HAS_FLAGS) && record.fixed.open_flags & Self.truncates != 0 && mayChange && !isPassing
        case .execMap, .mount, .umount, .pivotRoot, .read: false
        case .write, .truncate: !isPassing && !record.has(WIRE_FILE_TMPFILE) && !record.has(WIRE_FILE_DELETED)
        case .create, .chmod, .chown, .setxattr, .removexattr:
            !record.has(WIRE_FILE_TMPFILE) && !record.has(WIRE_FILE_DELETED)
        default: true
        }
    }

    /// O_TRUNC, the same on x86-64 and arm64.
    private static let truncates: UInt32 = 0o1000

    /// Whether it is no place to leave something: a device, a FIFO, a socket, or a file of procfs.
    fileprivate var isPassing: Bool {
        // What is changed about a device itself stays.
        let isContent = operation.aspect == nil || operation.aspect == .content
        if isContent, record.isSpecial { return true }
        return path.map { $0.bytes.starts(with: "/proc/".utf8) } ?? false
    }

    /// Of a rename, either name.
    func isSelected(by paths: PathSelection) -> Bool {
        if let path, path.matches(paths) { return true }
        guard operation == .rename, let originalPath else { return false }
        return originalPath.matches(paths)
    }
}

extension FileOperation {
    /// What of a file it changes; `nil` where that is its name, or nothing.
    fileprivate var aspect: FileDifference.Aspect? {
        switch self {
        case .open, .write, .truncate: .content
        case .chmod: .mode
        case .chown: .owner
        case .setxattr, .removexattr: .attributes
        case .create, .rename, .unlink, .link, .symlink, .mkdir, .rmdir, .mknod, .execMap, .mount, .umount, .pivotRoot,
            .read:
            nil
        }
    }
}

extension FilePath {
    func matches(_ paths: PathSelection) -> Bool {
        switch self {
        case .resolved(let path): paths.matches(path)
        case .asked: paths.matches(PathNames(asked: bytes))
        }
    }

    /// As the host sees it, as far as that is known; without "." and "..".
    var hostPathBytes: [UInt8] {
        var result: [UInt8] = []
        func append(_ name: ArraySlice<UInt8>) {
            result.append(UInt8(ascii: "/"))
            result += name
        }
        switch self {
        case .resolved(let path): path.forEachHostComponent { append(path.bytes.storage[$0]) }
        case .asked:
            let names = PathNames(asked: bytes)
            for name in names.names { append(names.storage[name]) }
        }
        return result.isEmpty ? [UInt8(ascii: "/")] : result
    }
}
