// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import Glibc

extension Failure {
    /// What the kernel's refusal means to the user.
    init(_ error: BPFError) {
        switch error.code {
        case EPERM where error.verifierLog == nil, EACCES where error.verifierLog == nil:
            self.init(
                .unsupported, "the kernel refused: \(error)",
                help: "a security policy of this host forbids it; ebpfguard trace --check shows what is allowed",
                details: error.verifierLog
            )
        case EINVAL where error.verifierLog == nil, ENOTSUP where error.verifierLog == nil,
            ENOENT where error.verifierLog == nil:
            self.init(
                .unsupported, "this kernel (\(kernelRelease())) can't do it: \(error)",
                help: "ebpfguard trace --check shows what is missing", details: error.verifierLog
            )
        case ENOMEM:
            self.init(
                .unsupported, "the kernel gave no memory: \(error)",
                help: "a smaller --buffer-size, or a higher limit of locked memory (ulimit -l) before Linux 5.11"
            )
        default:
            self.init(
                .failure, "\(error)", help: "--verbose shows the whole log; please report it with the kernel's version",
                details: error.verifierLog
            )
        }
    }
}
