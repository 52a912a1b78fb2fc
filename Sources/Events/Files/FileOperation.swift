// SPDX-License-Identifier: Apache-2.0

internal import CWire

/// What was done to a file.
package enum FileOperation: UInt16, CaseIterable, Sendable {
    case open = 1
    case create, rename, unlink, link, symlink, mkdir, rmdir, mknod, write, execMap
    case chmod, chown, truncate, setxattr, removexattr
    case mount, umount, pivotRoot
    case read

    /// `event.action`.
    package var name: StaticString {
        switch self {
        case .open: "open"
        case .create: "create"
        case .rename: "rename"
        case .unlink: "unlink"
        case .link: "link"
        case .symlink: "symlink"
        case .mkdir: "mkdir"
        case .rmdir: "rmdir"
        case .mknod: "mknod"
        case .write: "write"
        case .execMap: "exec_map"
        case .chmod: "chmod"
        case .chown: "chown"
        case .truncate: "truncate"
        case .setxattr: "setxattr"
        case .removexattr: "removexattr"
        case .mount: "mount"
        case .umount: "umount"
        case .pivotRoot: "pivot_root"
        case .read: "read"
        }
    }

    /// `event.type`.
    package var types: [StaticString] {
        switch self {
        case .open, .execMap, .read: ["access"]
        case .create, .link, .symlink, .mkdir, .mknod: ["creation"]
        case .rename, .write, .chmod, .chown, .truncate, .setxattr, .removexattr: ["change"]
        case .unlink, .rmdir: ["deletion"]
        case .mount, .umount, .pivotRoot: ["info"]
        }
    }
}
