// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Fixtures

/// Bytes as a file of a container runtime. What is taken for JSON has to be JSON for a reader that keeps everything, too.
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
    // The other reader may want surrogates in pairs.
    let hasEscapes = bytes.contains(UInt8(ascii: "\\"))
    precondition(!isJSON || hasEscapes || (try? JSONValue(bytes)) != nil, "not JSON")
    return 0
}
