// SPDX-License-Identifier: Apache-2.0

internal import Events

/// Bytes as the first segment of a connection.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTLS(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let hello = unsafe TLSClientHello(bytes.span.bytes) else { return 0 }
    precondition(unsafe TLSClientHello.begins(bytes.span.bytes))
    precondition(hello.version >> 8 == 3 || hello.versionText == nil)
    if let name = hello.serverName { precondition((1...255).contains(name.count)) }
    var length = 0
    for item in hello.protocols {
        precondition((1...255).contains(item.count))
        length += item.count + 1
    }
    precondition(length <= count)
    return 0
}
