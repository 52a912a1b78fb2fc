// SPDX-License-Identifier: Apache-2.0

internal import CLibbpf
internal import Glibc

/// An attached program. The attachment lasts as long as this value and no longer than the process: nothing is pinned,
/// so also SIGKILL detaches.
@safe
package struct BPFLink: ~Copyable {
    @safe
    private enum Attachment {
        /// Of libbpf, which also owns a perf event.
        case link(OpaquePointer)
        case descriptor(Int32)
    }

    private let attachment: Attachment

    init(_ link: OpaquePointer) {
        attachment = unsafe .link(link)
    }

    /// Takes over the descriptor of a link, or throws what a negative one stands for.
    init(_ descriptor: Int32, of program: String) throws(BPFError) {
        guard descriptor >= 0 else { throw BPFError(step: "attach \(program)", code: descriptor) }
        attachment = .descriptor(descriptor)
    }

    /// The descriptor that holds the attachment, for iterators.
    var descriptor: Int32 {
        switch attachment {
        case .link(let link): unsafe bpf_link__fd(link)
        case .descriptor(let descriptor): descriptor
        }
    }

    deinit {
        switch attachment {
        case .link(let link): unsafe bpf_link__destroy(link)
        case .descriptor(let descriptor): close(descriptor)
        }
    }
}
