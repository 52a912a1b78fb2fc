// SPDX-License-Identifier: Apache-2.0

internal import Events

/// Signals as `--signals=SET` names them.
package enum SignalSet {
    /// Bit n - 1 for signal n. Without a set: all but SIGCHLD, of which every process that ends makes one.
    package static let `default` = ~UInt64(0) & ~bit(17)

    /// "all", names with or without SIG, numbers, separated by commas; "!" in front takes away.
    package static func parse(_ text: String) throws(ScopeError) -> UInt64 {
        let words = text.split(separator: ",", omittingEmptySubsequences: false)
        var set: UInt64 = words.first?.hasPrefix("!") == true ? ~0 : 0
        for word in words {
            let negated = word.hasPrefix("!")
            let name = String(negated ? word.dropFirst() : word)
            let bits = name == "all" ? ~UInt64(0) : bit(try number(name))
            if negated { set &= ~bits } else { set |= bits }
        }
        guard set != 0 else { throw ScopeError("--signals: \"\(text)\" leaves no signal", help: "name one, or all") }
        return set
    }

    private static func bit(_ number: Int32) -> UInt64 { 1 << UInt64(number - 1) }

    private static func number(_ name: String) throws(ScopeError) -> Int32 {
        if let number = Int32(name), (1...64).contains(number) { return number }
        let names = (Int32(1)...64).compactMap { number in signalName(number).map { (number, "\($0)") } }
        let full = name.uppercased().hasPrefix("SIG") ? name.uppercased() : "SIG" + name.uppercased()
        if let known = names.first(where: { $0.1 == full }) { return known.0 }
        let near = names.min { editDistance($0.1, full) < editDistance($1.1, full) }
        let help = near.flatMap { editDistance($0.1, full) <= 2 ? "did you mean \($0.1)? " : nil } ?? ""
        throw ScopeError(
            "--signals: there is no signal \"\(name)\"", help: "\(help)write names (SIGKILL), 1 to 64, or all")
    }
}
