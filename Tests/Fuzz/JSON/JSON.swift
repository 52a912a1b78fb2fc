// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Fixtures

/// Bytes as a file of a container runtime. What a reader of our own output takes, this one takes too.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSON(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    var length = 0
    let isJSON = JSONReader.forEachString(in: bytes) { path, value in
        precondition(path.count <= 64, "too deep")
        precondition(String(validating: value, as: UTF8.self) != nil, "not UTF-8")
        length += value.count
    }
    precondition(length <= count, "longer than the text")
    let brackets = bytes.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") }
    precondition(isJSON || brackets > 64 || (try? JSONValue(bytes)) == nil, "JSON, and refused")
    return 0
}
