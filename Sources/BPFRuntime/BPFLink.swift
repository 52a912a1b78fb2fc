// SPDX-License-Identifier: Apache-2.0

internal import CLibbpf

/// An attached program. The attachment lasts as long as this value and no longer than the process: nothing is pinned,
/// so also SIGKILL detaches.
@safe
package struct BPFLink: ~Copyable {
    private let link: OpaquePointer

    init(_ link: OpaquePointer) {
        unsafe self.link = unsafe link
    }

    /// The descriptor that holds the attachment, for iterators.
    var descriptor: Int32 { unsafe bpf_link__fd(link) }

    deinit {
        unsafe bpf_link__destroy(link)
    }
}
