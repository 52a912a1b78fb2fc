// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events

/// Who wrote which file in this run, for when it is executed.
struct FileWriters {
    private struct Entry {
        var writer: FileWriter
        /// Where it is, or was last.
        var places: Set<FileDifference.Place> = []
        /// How many names it has; `nil` where that is not known.
        var names: Int?

        /// No name leads to it: its number may be another file's by now.
        var isGone: Bool { names == 0 }
    }

    private var entries: [FileIdentity: Entry] = [:]
    private var identities: [FileDifference.Place: FileIdentity] = [:]
    /// In the order in which they were first written, as a ring: the one that is overwritten next is the oldest.
    private var order: [FileIdentity] = []
    private var oldest = 0
    private let limit: Int

    init(limit: Int = 1 << 14) {
        self.limit = limit
    }

    /// Takes what was done, and marks it with who wrote the file last that it executes.
    mutating func take(_ event: inout Event) {
        if event.action == .exec {
            if let (writer, file) = executed(event) {
                event.writer = writer
                event.executed = file
            }
        } else {
            event.writer = take(event)
        }
    }

    private mutating func take(_ event: Event) -> FileWriter? {
        guard let file = event.file, file.error == nil, let path = file.path else { return nil }
        let identity = FileIdentity(file)
        switch file.operation {
        case .open:
            return file.record.has(WIRE_FILE_EXEC) ? mapped(identity, file) : nil
        case .execMap:
            return mapped(identity, file)
        case .create, .write:
            guard let identity, file.record.isRegular else { return nil }
            wrote(identity, FileDifference.Place(path, event), file, event)
        case .rename:
            let place = FileDifference.Place(path, event)
            guard let source = file.originalPath.map({ FileDifference.Place($0, event) }), source != place else {
                return nil
            }
            if file.record.has(WIRE_FILE_EXCHANGE) {
                let (first, second) = (identities[source], identities[place])
                move(first, from: source, to: place)
                move(second, from: place, to: source)
            } else {
                lose(identities[place], place)
                move(identity ?? identities[source], from: source, to: place)
            }
        case .link:
            guard let source = file.originalPath.map({ FileDifference.Place($0, event) }),
                let identity = identity ?? identities[source], entries[identity] != nil
            else { return nil }
            entries[identity]!.names? += 1
            put(identity, at: FileDifference.Place(path, event))
        case .unlink:
            let place = FileDifference.Place(path, event)
            lose(identity ?? identities[place], place)
        default: break
        }
        return nil
    }

    // MARK: What is executed

    private func mapped(_ identity: FileIdentity?, _ file: FileFact) -> FileWriter? {
        guard let entry = identity.flatMap({ entries[$0] }) else { return nil }
        return entry.isGone && !file.record.has(WIRE_FILE_DELETED) ? nil : entry.writer
    }

    /// An exec does not tell the device, so it has to be the path too. A script is known by its path alone.
    private func executed(_ event: Event) -> (FileWriter, ExecutedFile)? {
        guard let record = event.record else { return nil }
        if let path = event.executable.map({ FilePath.resolved($0) }),
            let identity = identities[FileDifference.Place(path, event)], identity.inode == record.fixed.inode,
            let entry = entries[identity],
            !entry.isGone || record.has(WIRE_PROCESS_DELETED) || record.has(WIRE_PROCESS_MEMFD)
        {
            return (entry.writer, Self.file(path, identity))
        }
        guard record.has(WIRE_PROCESS_SCRIPT) else { return nil }
        let directory = record.has(WIRE_PROCESS_AT_DIRECTORY) ? record.at : record.directory
        let path = FilePath.asked(directory: directory, record.execPath)
        guard let identity = identities[FileDifference.Place(path, event)], let entry = entries[identity],
            !entry.isGone
        else { return nil }
        return (entry.writer, Self.file(path, identity))
    }

    private static func file(_ path: FilePath, _ identity: FileIdentity) -> ExecutedFile {
        ExecutedFile(path: path, inode: identity.inode, device: identity.device)
    }

    /// Where a file that was written in this run may be now; `nil` for one that was not.
    func places(of event: Event) -> [[UInt8]]? {
        guard let identity = event.file.flatMap({ FileIdentity($0) }) else { return nil }
        return entries[identity]?.places.map(\.path)
    }

    // MARK: What is written

    private mutating func wrote(
        _ identity: FileIdentity, _ place: FileDifference.Place, _ file: FileFact, _ event: Event
    ) {
        let writer = FileWriter(key: event.task.key, name: event.task.name, time: event.time)
        let isCreated = file.operation == .create
        if entries[identity] == nil {
            makeRoom(for: identity)
            entries[identity] = Entry(writer: writer)
        } else if isCreated {
            // Another file had its number.
            forgetPlaces(of: identity)
        }
        if isCreated { entries[identity]!.names = file.record.has(WIRE_FILE_TMPFILE) ? 0 : 1 }
        entries[identity]!.writer = writer
        // What is written is told when the file is closed, and it may have another name by then.
        if isCreated || entries[identity]!.places.isEmpty { put(identity, at: place) }
    }

    private mutating func makeRoom(for identity: FileIdentity) {
        if order.count < limit {
            order.append(identity)
            return
        }
        forgetPlaces(of: order[oldest])
        entries[order[oldest]] = nil
        order[oldest] = identity
        oldest = (oldest + 1) % limit
    }

    private mutating func forgetPlaces(of identity: FileIdentity) {
        for place in entries[identity]?.places ?? [] where identities[place] == identity { identities[place] = nil }
        entries[identity]?.places = []
    }

    private mutating func put(_ identity: FileIdentity, at place: FileDifference.Place) {
        guard entries[identity] != nil, entries[identity]!.places.count < Self.mostPlaces else { return }
        if let other = identities.updateValue(identity, forKey: place), other != identity {
            entries[other]?.places.remove(place)
        }
        entries[identity]!.places.insert(place)
    }

    /// Names of one file that are remembered.
    private static let mostPlaces = 8

    private mutating func move(
        _ identity: FileIdentity?, from source: FileDifference.Place, to target: FileDifference.Place
    ) {
        guard let identity, entries[identity] != nil else { return }
        if identities[source] == identity { identities[source] = nil }
        entries[identity]!.places.remove(source)
        put(identity, at: target)
    }

    /// A name of it is gone. What runs without any is known by the last one.
    private mutating func lose(_ identity: FileIdentity?, _ place: FileDifference.Place) {
        guard let identity, let entry = entries[identity] else { return }
        if let names = entry.names { entries[identity]!.names = max(0, names - 1) }
        if entry.names != 1, identities[place] == identity {
            identities[place] = nil
            entries[identity]!.places.remove(place)
        }
    }
}

extension FileDifference.Place {
    /// Where a path that an event tells of is.
    init(_ path: FilePath, _ event: Event) {
        self.init(container: event.workload?.containerID.map { Array($0.slice) } ?? [], path: path.hostPathBytes)
    }
}
