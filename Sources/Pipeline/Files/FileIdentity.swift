// SPDX-License-Identifier: Apache-2.0

internal import Enrichment

/// What tells files apart, whatever they are called.
struct FileIdentity: Hashable {
    let device: UInt32
    let inode: UInt64

    /// `nil` for a file that is not known.
    init?(_ file: FileFact) {
        guard let inode = file.inode else { return nil }
        self.inode = inode
        device = file.device ?? 0
    }
}
