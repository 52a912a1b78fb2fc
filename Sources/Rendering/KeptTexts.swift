// SPDX-License-Identifier: Apache-2.0

/// What was written of things that many events share, each found by where it lies in memory. The last few are kept, and
/// the things with them, so that nothing else can lie there.
struct KeptTexts<Owner: Sendable>: Sendable {
    private struct Kept: Sendable {
        let place: MemoryPlace
        let owner: Owner
        let text: [UInt8]
    }

    private var kept: [Kept?] = Array(repeating: nil, count: 64)
    /// Bytes: a longer text is not kept.
    private static var limit: Int { 4096 }

    subscript(place: MemoryPlace) -> [UInt8]? {
        guard let kept = kept[place.slot], kept.place == place else { return nil }
        return kept.text
    }

    mutating func keep(_ text: [UInt8], of owner: Owner, at place: MemoryPlace) {
        if text.count <= Self.limit { kept[place.slot] = Kept(place: place, owner: owner, text: text) }
    }
}

/// Where something lies in memory.
struct MemoryPlace: Equatable {
    let address: UInt
    let count: Int

    /// One of 64, by the bits in which addresses differ most: objects lie 16 bytes apart, or more.
    fileprivate var slot: Int { Int((address >> 4 ^ address >> 10) & 63) }
}
