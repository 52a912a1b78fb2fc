// SPDX-License-Identifier: Apache-2.0

package import CWire

/// What a process did with a program or a file that a policy is against, stopped or not.
package final class GuardRecord: Sendable {
    package let fixed: wire_guard
    /// `nil` where nothing is known of it.
    package let path: WalkedPath?

    package init(_ fixed: wire_guard, path: WalkedPath?) {
        self.fixed = fixed
        self.path = path
    }

    package init(decoding span: RawSpan) throws(DecodeError) {
        fixed = try span.load(wire_guard.self)
        let start = MemoryLayout<wire_guard>.size
        guard fixed.path_size < 1 << 16, start + Int(fixed.path_size) <= span.byteCount else { throw .partsTooLong }
        let bytes = span.copy(start..<start + Int(fixed.path_size))
        path = bytes.isEmpty ? nil : WalkedPath(Bytes(bytes))
    }

    package var time: UInt64 { fixed.header.time }
    package var task: wire_task { fixed.task }
    package var rule: UInt32 { fixed.decision >> 3 & 0x3ff_ffff }
    package var isEnforced: Bool { has(WIRE_GUARD_ENFORCED) }
    package var isExec: Bool { UInt32(fixed.operation) == WIRE_GUARD_EXEC.rawValue }
    /// Whether the call has failed: where there is no hook that can refuse it, it has succeeded, and the process died.
    package var hasFailed: Bool { isEnforced && UInt32(fixed.hook) != WIRE_GUARD_TRACEPOINT.rawValue }

    package func has(_ flag: UInt32) -> Bool { UInt32(fixed.header.flags) & flag != 0 }

    package var verdict: StaticString {
        switch fixed.decision & 7 {
        case WIRE_GUARD_AUDIT.rawValue: "audit"
        case WIRE_GUARD_DENY.rawValue: "deny"
        case WIRE_GUARD_KILL.rawValue: "kill"
        default: "allow"
        }
    }

    package var operation: StaticString {
        switch UInt32(fixed.operation) {
        case WIRE_GUARD_EXEC.rawValue: "exec"
        case WIRE_GUARD_READ.rawValue: "read"
        default: "write"
        }
    }

    /// Names of the hooks, by number.
    package static let hooks: [StaticString] = [
        "lsm/bprm_check_security", "lsm/mmap_file", "lsm/file_mprotect", "tp_btf/sched_process_exec",
        "lsm/file_open", "lsm/file_receive", "lsm/path_link", "lsm/path_rename", "lsm/path_unlink", "lsm/path_rmdir",
        "lsm/path_mkdir", "lsm/path_mknod", "lsm/path_symlink", "lsm/path_truncate", "lsm/path_chmod", "lsm/path_chown",
        "lsm/file_truncate", "lsm/inode_setattr", "lsm/inode_setxattr", "lsm/inode_removexattr", "lsm/inode_set_acl",
        "lsm/inode_remove_acl", "lsm/socket_create",
    ]

    package var hook: StaticString? {
        Int(fixed.hook) < Self.hooks.count ? Self.hooks[Int(fixed.hook)] : nil
    }

    /// What is unusual about it, in a fixed order.
    package var marks: [StaticString] {
        var marks: [StaticString] = []
        if has(WIRE_GUARD_UNLINKED) { marks.append("deleted") }
        if has(WIRE_GUARD_UPPER_LAYER) { marks.append("upper_layer") }
        return marks
    }
}
