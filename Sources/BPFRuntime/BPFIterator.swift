// SPDX-License-Identifier: Apache-2.0

internal import CLibbpf
internal import Glibc

extension BPFObject {
    /// Runs an iterator program over all it iterates and gives what it wrote. Linux 5.8; over the elements of `map` 5.9.
    ///
    /// The bytes are what `bpf_seq_write` was called with, in order, without gaps.
    package func runIterator(_ name: String, over map: BPFMap? = nil) throws(BPFError) -> [UInt8] {
        let link: BPFLink
        if let map { link = try attach(name, over: map) } else { link = try attach(name) }
        let descriptor = bpf_iter_create(link.descriptor)
        guard descriptor >= 0 else { throw BPFError(lastFailureOf: "run iterator \(name)") }
        defer { close(descriptor) }
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress!, $0.count) }
            if count > 0 {
                result.append(contentsOf: chunk[..<count])
            } else if count == 0 {
                return result
            } else if errno != EAGAIN && errno != EINTR {  // EAGAIN: a million tasks without output
                throw BPFError(lastFailureOf: "read iterator \(name)")
            }
        }
    }
}
