// SPDX-License-Identifier: Apache-2.0

/// Text of arguments in the making: each ends with a NUL, and none has another.
struct ArgumentText {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
    }

    /// A NUL in `text` is shown as "@", as the kernel shows it in socket names.
    mutating func append(_ text: some Sequence<UInt8>) {
        for byte in text { bytes.append(byte == 0 ? UInt8(ascii: "@") : byte) }
    }

    mutating func append(decimal value: some BinaryInteger) {
        append(String(value).utf8)
    }

    /// `0x1f`, and 0 as `0`.
    mutating func append(hexadecimal value: UInt64) {
        if value != 0 { append("0x") }
        append(String(value, radix: 16).utf8)
    }

    /// `0644`, and 0 as `0`.
    mutating func append(octal value: UInt64) {
        if value != 0 { append("0") }
        append(String(value, radix: 8).utf8)
    }

    mutating func append(pointer value: UInt64) {
        if value == 0 { append("NULL") } else { append(hexadecimal: value) }
    }

    mutating func removeLast(_ count: Int) {
        bytes.removeLast(count)
    }

    mutating func endArgument() {
        bytes.append(0)
    }
}
