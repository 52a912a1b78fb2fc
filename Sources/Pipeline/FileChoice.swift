// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Events
internal import Policy

/// The part of what is asked for that the programs of files can decide, so that the rest costs less.
struct FileChoice {
    /// From `operations` on in struct wire_files, up to its places.
    let words: [UInt32]
    let operations: Set<FileOperation>

    init(_ options: TraceOptions) {
        let kinds = options.shownKinds ?? []
        // A recording has all operations, and these look at all of them.
        let isAll =
            options.recordsTo != nil || options.until != nil || !options.failOn.isEmpty || !options.expect.isEmpty
            || options.needsAllFiles
        operations = Set(
            FileOperation.allCases.filter { isAll && $0 != .read || kinds.contains(TraceKind($0)) })
        let bits = operations.reduce(into: UInt32(0)) { $0 |= 1 << UInt32($1.rawValue) }
        // What is written elsewhere is looked for everywhere.
        let places = options.writesInside == nil ? Self.places(options.paths?.places ?? []) : []
        words =
            [bits, options.failedOnly && !isAll ? 1 : 0, UInt32(places.count)]
            + places.flatMap { $0 }
            + [UInt32](
                repeating: 0, count: (Int(WIRE_FILE_PLACES_MAX) - places.count) * (Int(WIRE_FILE_PLACE_SIZE) / 4 + 1))
    }

    /// struct wire_file_place of each; none where there is no room for one.
    private static func places(_ places: [[[UInt8]]]) -> [[UInt32]] {
        guard places.count <= Int(WIRE_FILE_PLACES_MAX) else { return [] }
        var result: [[UInt32]] = []
        for names in places {
            let bytes: [UInt8] = names.reversed().flatMap { $0 + [0] }
            // The root directory is everything.
            guard !bytes.isEmpty, bytes.count <= Int(WIRE_FILE_PLACE_SIZE) else { return [] }
            var words = [UInt32](repeating: 0, count: Int(WIRE_FILE_PLACE_SIZE) / 4)
            for (index, byte) in bytes.enumerated() { words[index / 4] |= UInt32(byte) << UInt32(8 * (index % 4)) }
            result.append(words + [UInt32(bytes.count)])
        }
        return result
    }
}
