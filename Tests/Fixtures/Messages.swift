// SPDX-License-Identifier: Apache-2.0

/// What programs sent over the network, by name.
package enum Messages {
    package static let dns = parse(PackageResources.dns_hex)
    package static let tls = parse(PackageResources.tls_hex)

    private static func parse(_ text: [UInt8]) -> [String: [UInt8]] {
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }
        return Dictionary(
            uniqueKeysWithValues: lines.map { line in
                let words = line.split(separator: " ")
                let digits = Array(words[1].utf8)
                let bytes = stride(from: 0, to: digits.count, by: 2).map {
                    UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)!
                }
                return (String(words[0]), bytes)
            })
    }
}
