// SPDX-License-Identifier: Apache-2.0

/// All addresses that begin with the same bits, such as 10.0.0.0/8. IPv4 and IPv6 have none in common, but for IPv6's
/// own way to write IPv4 (::ffff:10.0.0.1), which is taken for IPv4.
package struct IPPrefix: Hashable, Sendable {
    /// The first address; never one of the form ::ffff:10.0.0.1.
    package let first: IPAddress
    /// How many bits are fixed: 0 to 32, or to 128.
    package let length: Int

    /// One address.
    package init(_ address: IPAddress) {
        first = address.unmapped
        length = first.count * 8
    }

    /// `nil` when the address does not have `length` bits. Bits behind them are cleared.
    package init?(_ address: IPAddress, length: Int) {
        guard length >= 0, length <= address.count * 8 else { return nil }
        let first = address.keeping(bits: length)
        let unmapped = first.unmapped
        // Shorter than the 96 bits in front of an IPv4 address it is about IPv6.
        self.first = length >= 96 ? unmapped : first
        self.length = length >= 96 && unmapped.count < first.count ? length - 96 : length
    }

    package func contains(_ address: IPAddress) -> Bool {
        let address = address.unmapped
        return address.count == first.count && address.keeping(bits: length) == first
    }
}
