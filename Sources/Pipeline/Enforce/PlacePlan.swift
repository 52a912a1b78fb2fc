// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CWire
internal import Glibc
internal import Policy

/// Files and directories that a policy names, for the programs of one object: see bpf/include/places.h.
struct PlacePlan {
    let lowering: FileLowering
    /// Descriptors of those that are there.
    let found: [(descriptor: Int32, place: Int)]

    /// Before an object is loaded: makes room for the places, of which there may be none.
    static func prepare(_ object: inout BPFObject, _ plan: PlacePlan?) throws(BPFError) {
        let capacity = UInt32(plan?.lowering.capacity ?? 1)
        try object.setSection(".rodata.guard", to: plan?.lowering.settings ?? wire_guard_policy())
        try object.setCapacity(UInt32(max(1, plan?.found.count ?? 0)), map: "marks")
        for map in ["nodes", "names"] { try object.setCapacity(capacity, map: map) }
        try object.setEnabled(plan != nil, program: "inodes_held")
    }

    /// Addresses of inodes by the descriptors that this process has open.
    func inodes(_ object: borrowing BPFObject) throws(BPFError) -> [Int32: UInt64] {
        let records = try object.runIterator("inodes_held")
        var inodes: [Int32: UInt64] = [:]
        let size = MemoryLayout<wire_guard_inode>.stride
        for start in stride(from: 0, to: records.count / size * size, by: size) {
            let record = unsafe records.span.bytes.unsafeLoadUnaligned(
                fromByteOffset: start, as: wire_guard_inode.self)
            inodes[Int32(bitPattern: record.descriptor)] = record.address
        }
        return inodes
    }

    /// Before its programs are attached. Gives what rules that are not for all have become.
    @discardableResult
    func fill(_ object: borrowing BPFObject, _ inodes: [Int32: UInt64]) throws(BPFError) -> PolicyChoices {
        var lowering = lowering
        var places: [UInt64: Int] = [:]
        for (descriptor, place) in found {
            guard let inode = inodes[descriptor] else {
                throw BPFError(step: "find the inode of a place of the policy", code: ENOENT)
            }
            if let known = places[inode] { lowering.unify(known, place) } else { places[inode] = place }
        }
        let tables = lowering.tables()
        let nodes = try object.map(named: "nodes")
        for (number, node) in tables.nodes.enumerated() { try nodes.set(UInt32(number), to: node) }
        let names = try object.map(named: "names")
        for (key, node) in tables.names { try names.set(key, to: node) }
        let marks = try object.map(named: "marks")
        for (inode, place) in places { try marks.set(inode, to: UInt32(lowering.representative(of: place))) }
        for map in [nodes, names, marks] { try map.freeze() }
        return lowering.choices
    }
}
