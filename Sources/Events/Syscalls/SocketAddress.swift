// SPDX-License-Identifier: Apache-2.0

/// A struct sockaddr as it was read. Its bytes are whatever the caller gave.
package struct SocketAddress: Sendable {
    package let bytes: Bytes

    init(_ bytes: Bytes) {
        self.bytes = bytes
    }

    private static let unix: UInt16 = 1
    private static let inet: UInt16 = 2
    private static let inet6: UInt16 = 10
    private static let netlink: UInt16 = 16
    private static let vsock: UInt16 = 40

    /// `nil` when there is not even a family.
    package var family: UInt16? { littleEndian(at: 0, 2).map(UInt16.init(truncatingIfNeeded:)) }

    /// An internet address; `nil` for other families and for one that is too short.
    package var internet: (address: IPAddress, port: UInt16)? {
        let range: Range<Int>
        switch family {
        case Self.inet where bytes.count >= 8: range = 4..<8
        case Self.inet6 where bytes.count >= 24: range = 8..<24
        default: return nil
        }
        guard let address = IPAddress(bytes.span.extracting(range)) else { return nil }
        return (address, UInt16(byte(2)) << 8 | UInt16(byte(3)))
    }

    func append(to text: inout ArgumentText) {
        if let internet {
            if internet.address.count == 16 { text.append("[") }
            internet.address.append(to: &text)
            if let scope, scope != 0 {
                text.append("%")
                text.append(decimal: scope)
            }
            text.append(internet.address.count == 16 ? "]:" : ":")
            text.append(decimal: internet.port)
            return
        }
        switch family {
        case Self.unix: appendUnix(to: &text)
        case Self.netlink where bytes.count >= 12:
            text.append("netlink:pid=")
            text.append(decimal: littleEndian(at: 4, 4) ?? 0)
            if let groups = littleEndian(at: 8, 4), groups != 0 {
                text.append(",groups=")
                text.append(hexadecimal: UInt64(groups))
            }
        case Self.vsock where bytes.count >= 12:
            text.append("vsock:")
            text.append(decimal: littleEndian(at: 8, 4) ?? 0)
            text.append(":")
            text.append(decimal: littleEndian(at: 4, 4) ?? 0)
        case let family?:
            text.append("family=")
            if let names = FlagSets.index(named: "family") {
                FlagSets.append(UInt64(family), names, isARM: false, to: &text)
            }
        case nil: text.append("family=?")
        }
    }

    /// A path ends at its NUL; an abstract name begins with one and is as long as the address.
    private func appendUnix(to text: inout ArgumentText) {
        text.append("unix:")
        let name = bytes.slice.dropFirst(2)
        text.append(name.first == 0 ? name : name.prefix { $0 != 0 })
    }

    /// The interface of an IPv6 address that needs one.
    private var scope: UInt32? { family == Self.inet6 ? littleEndian(at: 24, 4) : nil }

    private func byte(_ offset: Int) -> UInt8 { bytes.storage[bytes.range.lowerBound + offset] }

    private func littleEndian(at offset: Int, _ count: Int) -> UInt32? {
        guard offset + count <= bytes.count else { return nil }
        return (0..<count).reduce(0) { $0 | UInt32(byte(offset + $1)) << UInt32(8 * $1) }
    }
}

extension IPAddress {
    /// For messages and policies.
    package var text: String {
        var text = ArgumentText()
        append(to: &text)
        return String(decoding: text.bytes, as: UTF8.self)
    }

    /// 10.0.0.1, or IPv6 by RFC 5952; where that only carries IPv4, it ends like IPv4.
    func append(to text: inout ArgumentText) {
        let carried = unmapped
        if carried.count < count {
            text.append("::ffff:")
            carried.append(to: &text)
            return
        }
        if count == 4 {
            for index in 0..<4 {
                if index > 0 { text.append(".") }
                text.append(decimal: self[index])
            }
            return
        }
        let zeros = longestZeros
        var index = 0
        while index < 8 {
            if index == zeros.lowerBound && !zeros.isEmpty {
                text.append("::")
                index = zeros.upperBound
                continue
            }
            if index > 0 && (zeros.isEmpty || index != zeros.upperBound) { text.append(":") }
            text.append(String(word(index), radix: 16).utf8)
            index += 1
        }
    }
}
