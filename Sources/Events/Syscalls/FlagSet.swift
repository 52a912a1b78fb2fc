// SPDX-License-Identifier: Apache-2.0

/// One line of `FlagNames`.
struct FlagSet: Sendable {
    /// What a value is that has no name.
    private enum Mark: Sendable {
        case choice, decimalChoice, flags
    }

    private struct Entry: Sendable {
        let value: UInt64
        let mask: UInt64
        /// In `FlagSets.text`.
        let name: Range<Int>
    }

    let name: String
    private let mark: Mark
    /// Whether all 64 bits count.
    private let isWide: Bool
    private let entries: [Entry]

    /// From a line of `FlagSets.text`.
    fileprivate init(_ line: Range<Int>) {
        let text = FlagSets.text
        var words = text.parts(of: line)
        guard let head = words.next() else { preconditionFailure("an empty line has no flags") }
        let last = text.bytes[head.upperBound - 1]
        isWide = text.bytes[head.upperBound - 2] == last
        name = text.string(head.dropLast(isWide ? 2 : 1))
        mark = last == UInt8(ascii: "|") ? .flags : last == UInt8(ascii: "=") ? .choice : .decimalChoice
        let whole: UInt64? = mark == .flags ? nil : isWide ? .max : UInt64(UInt32.max)
        var entries: [Entry] = []
        for word in words {
            let equals = text.firstIndex(of: UInt8(ascii: "="), in: word)
            let slash = text.firstIndex(of: UInt8(ascii: "/"), in: equals..<word.upperBound)
            let value = text.hexadecimal(equals + 1..<slash)
            let mask = slash < word.upperBound ? text.hexadecimal(slash + 1..<word.upperBound) : whole ?? value
            entries.append(Entry(value: value, mask: mask, name: word.lowerBound..<equals))
        }
        self.entries = entries
    }

    func value(named name: String) -> UInt64? {
        entries.first { FlagSets.text.bytes[$0.name].elementsEqual(name.utf8) }?.value
    }

    func append(_ value: UInt64, to text: inout ArgumentText) {
        let value = isWide ? value : value & UInt64(UInt32.max)
        guard mark == .flags else {
            if let entry = entries.first(where: { $0.value == value }) {
                text.append(FlagSets.text.bytes[entry.name])
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
            text.append(FlagSets.text.bytes[entry.name])
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

    static let text = TableText(FlagNames.text)
    static let all: [FlagSet] = text.lines.map(FlagSet.init)

    private static let byName: [String: Index] = {
        let lines = Dictionary(uniqueKeysWithValues: all.indices.map { (all[$0].name, UInt16($0)) })
        var byName = lines.mapValues { Index(generic: $0, arm: $0) }
        for (name, arm) in lines where name.utf8.starts(with: "arm:".utf8) {
            let generic = String(name.utf8.dropFirst(4)) ?? ""
            if let index = lines[generic] { byName[generic] = Index(generic: index, arm: arm) }
        }
        return byName
    }()

    static func index(named name: String) -> Index? { byName[name] }

    /// The names of the flags in `value`, by a line of `FlagNames`, on this machine.
    static func list(_ value: UInt64, named name: String) -> TextList? {
        guard let index = byName[name] else { return nil }
        #if arch(arm64)
            let isARM = true
        #else
            let isARM = false
        #endif
        var text = ArgumentText()
        append(value, index, isARM: isARM, to: &text)
        return TextList(Bytes(text.bytes.map { $0 == UInt8(ascii: "|") ? 0 : $0 } + [0]))
    }

    static func append(_ value: UInt64, _ index: Index, isARM: Bool, to text: inout ArgumentText) {
        all[Int(isARM ? index.arm : index.generic)].append(value, to: &text)
    }
}
