// SPDX-License-Identifier: Apache-2.0

/// One line of `FlagNames`.
struct FlagSet: Sendable {
    /// What a value is that has no name.
    enum Mark: Sendable {
        case choice, decimalChoice, flags
    }

    private struct Entry: Sendable {
        let value: UInt64
        let mask: UInt64
        /// In `FlagSets.text`.
        let name: Range<Int>
    }

    let name: Substring
    let mark: Mark
    /// Whether all 64 bits count.
    private let isWide: Bool
    private let entries: [Entry]

    fileprivate init(_ line: Substring) {
        let head = line.prefix { $0 != " " }
        let marks = head.utf8.reversed().prefix { "=|".utf8.contains($0) }.count
        let isDecimal = head.utf8.last == UInt8(ascii: ":")
        name = head.dropLast(isDecimal ? 1 : marks)
        isWide = marks == 2
        mark = isDecimal ? .decimalChoice : head.utf8.last == UInt8(ascii: "=") ? .choice : .flags
        let isChoice = mark != .flags
        let everything: UInt64 = marks == 2 ? .max : UInt64(UInt32.max)
        let utf8 = FlagNames.text.utf8
        entries = line.dropFirst(head.count).split(separator: " ").map { word in
            let name = word.prefix { $0 != "=" }
            let numbers = word.dropFirst(name.count + 1).split(separator: "/")
            guard let value = UInt64(numbers[0], radix: 16) else { preconditionFailure("\(word) has no value") }
            let mask = numbers.count > 1 ? UInt64(numbers[1], radix: 16) : nil
            let start = utf8.distance(from: utf8.startIndex, to: name.startIndex)
            return Entry(
                value: value, mask: mask ?? (isChoice ? everything : value), name: start..<start + name.utf8.count)
        }
    }

    func value(named name: Substring) -> UInt64? {
        entries.first { FlagSets.text[$0.name].elementsEqual(name.utf8) }?.value
    }

    func append(_ value: UInt64, to text: inout ArgumentText) {
        let value = isWide ? value : value & UInt64(UInt32.max)
        guard mark == .flags else {
            if let entry = entries.first(where: { $0.value == value }) {
                text.append(FlagSets.text[entry.name])
            } else if mark == .decimalChoice {
                text.append(decimal: Int64(Int32(truncatingIfNeeded: value)))
            } else {
                text.append(hexadecimal: value)
            }
            return
        }
        var rest = value
        var isFirst = true
        for entry in entries {
            // A value of 0 is what those bits are when none of them is set; another flag may have had them already.
            let isSet = entry.value == 0 ? value & entry.mask == 0 : rest & entry.mask == entry.value
            guard isSet else { continue }
            if !isFirst { text.append("|") }
            isFirst = false
            text.append(FlagSets.text[entry.name])
            rest &= ~entry.mask
        }
        if isFirst || rest != 0 {
            if !isFirst { text.append("|") }
            text.append(hexadecimal: rest)
        }
    }
}

enum FlagSets {
    /// In `all`: the line for every machine, and the one for ARM, which may be the same.
    struct Index: Equatable, Sendable {
        let generic: UInt16
        let arm: UInt16
    }

    static let text = Array(FlagNames.text.utf8)
    static let all: [FlagSet] = FlagNames.text.split(separator: "\n").map(FlagSet.init)

    private static let byName = Dictionary(uniqueKeysWithValues: all.indices.map { (all[$0].name, UInt16($0)) })

    static func index(named name: Substring) -> Index? {
        guard let generic = byName[name] else { return nil }
        return Index(generic: generic, arm: byName["arm:" + name] ?? generic)
    }

    static func append(_ value: UInt64, _ index: Index, isARM: Bool, to text: inout ArgumentText) {
        all[Int(isARM ? index.arm : index.generic)].append(value, to: &text)
    }
}
