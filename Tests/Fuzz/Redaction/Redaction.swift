// SPDX-License-Identifier: Apache-2.0

internal import Events
internal import Rendering

/// Bytes as an argument list.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRedaction(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    let list = TextList(Bytes(bytes))
    let shown = Redaction.arguments(list)
    let before = list.map { Array(bytes[$0]) }
    let after = shown.map { Array(shown.bytes.storage[$0]) }
    precondition(before.count == after.count)
    // What is not a mask was there before, in the same order.
    for (before, after) in zip(before, after) where before != after {
        var rest = before[...]
        for piece in pieces(of: after) {
            guard let range = rest.firstRange(of: piece) else { preconditionFailure("made up: \(piece)") }
            rest = rest[range.upperBound...]
        }
    }
    // An option that says so has its value masked, whatever that is.
    let secret = bytes.filter { $0 != 0 }
    if !secret.isEmpty && secret[0] != UInt8(ascii: "-") {
        let option = Redaction.arguments(TextList(Bytes(Array("--token\0".utf8) + secret)))
        precondition(option.strings == ["--token", "*****"])
    }
    return 0
}

/// What stands between the masks.
private func pieces(of text: [UInt8]) -> [[UInt8]] {
    var pieces: [[UInt8]] = [[]]
    for byte in text {
        if byte == UInt8(ascii: "*") { pieces.append([]) } else { pieces[pieces.count - 1].append(byte) }
    }
    return pieces.filter { !$0.isEmpty }
}
