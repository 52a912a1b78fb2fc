// SPDX-License-Identifier: Apache-2.0

internal import CLibbpf
internal import CObjects

/// What this executable is made of.
package struct BuildFacts {
    /// As git calls it; `nil` where it was built from something else.
    package let commit: String?
    /// The version of the library that is linked in.
    package let libbpf: String
    /// The processor it is for, as uname(1) has it.
    package let machine: String

    package init() {
        let commit = unsafe String(cString: embedded_commit)
        self.commit = commit.isEmpty ? nil : commit
        libbpf = "\(libbpf_major_version()).\(libbpf_minor_version())"
        #if arch(x86_64)
            machine = "x86_64"
        #elseif arch(arm64)
            machine = "aarch64"
        #endif
    }
}
