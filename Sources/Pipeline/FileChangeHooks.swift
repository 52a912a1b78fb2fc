// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import Events

extension HostCheck {
    /// A function by which a change of something about a file, or a mount, is seen, or what is read.
    struct ChangeFunction {
        let program: String
        let name: String
        let operations: [FileOperation]
        /// How many parameters it has where the program fits; `nil` for any number.
        var parameters: Int?
    }

    /// By what their programs are called in bpf/include/file_changes.h. Of all kernels: none has all of them.
    static let changeFunctions: [ChangeFunction] = {
        let attributes: [FileOperation] = [.setxattr, .removexattr]
        var functions = [
            ChangeFunction(program: "mode_changed", name: "chmod_common", operations: [.chmod]),
            ChangeFunction(program: "owner_changed", name: "chown_common", operations: [.chown]),
            ChangeFunction(program: "owner_asked", name: "do_fchownat", operations: [.chown]),
            ChangeFunction(program: "size_changed", name: "vfs_truncate", operations: [.truncate]),
            ChangeFunction(program: "file_truncated", name: "do_ftruncate", operations: [.truncate]),
            ChangeFunction(program: "descriptor_truncated", name: "do_sys_ftruncate", operations: [.truncate]),
            ChangeFunction(program: "mount_wanted", name: "mnt_want_write", operations: attributes),
            ChangeFunction(
                program: "attribute_set_5_10", name: "vfs_setxattr", operations: [.setxattr], parameters: 5),
            ChangeFunction(program: "attribute_set", name: "vfs_setxattr", operations: [.setxattr], parameters: 6),
            ChangeFunction(program: "acl_set", name: "vfs_set_acl", operations: [.setxattr]),
            ChangeFunction(
                program: "attribute_removed_5_10", name: "vfs_removexattr", operations: [.removexattr], parameters: 2),
            ChangeFunction(
                program: "attribute_removed", name: "vfs_removexattr", operations: [.removexattr], parameters: 3),
            ChangeFunction(program: "acl_removed", name: "vfs_remove_acl", operations: [.removexattr]),
            ChangeFunction(program: "ring_setxattr_begins", name: "io_setxattr", operations: [.setxattr]),
            ChangeFunction(program: "ring_setxattr_ends", name: "io_setxattr", operations: [.setxattr]),
            ChangeFunction(program: "ring_fsetxattr_begins", name: "io_fsetxattr", operations: [.setxattr]),
            ChangeFunction(program: "ring_fsetxattr_ends", name: "io_fsetxattr", operations: [.setxattr]),
        ]
        // Where they fail before there is a path.
        for (name, operation) in [
            ("chmod", FileOperation.chmod), ("fchmodat", .chmod), ("fchmodat2", .chmod), ("truncate", .truncate),
            ("mount", .mount),
        ] {
            let compat = name == "truncate" ? compatPrefix : "__ia32_sys_"
            functions += [
                ChangeFunction(program: "\(name)_failed", name: callPrefix + name, operations: [operation]),
                ChangeFunction(program: "compat_\(name)_failed", name: compat + name, operations: [operation]),
            ]
        }
        functions += [
            ChangeFunction(
                program: "compat_truncate64_failed", name: "__ia32_sys_ia32_truncate64", operations: [.truncate]),
            ChangeFunction(program: "mounted", name: "path_mount", operations: [.mount]),
            ChangeFunction(program: "umount_begins", name: "path_umount", operations: [.umount]),
            ChangeFunction(program: "umount_ends", name: callPrefix + "umount", operations: [.umount]),
            ChangeFunction(program: "compat_umount_ends", name: "__ia32_sys_umount", operations: [.umount]),
            ChangeFunction(program: "compat_oldumount_ends", name: "__ia32_sys_oldumount", operations: [.umount]),
            ChangeFunction(program: "move_begins", name: "security_move_mount", operations: [.mount]),
            ChangeFunction(program: "move_ends", name: callPrefix + "move_mount", operations: [.mount]),
            ChangeFunction(program: "compat_move_ends", name: "__ia32_sys_move_mount", operations: [.mount]),
            ChangeFunction(program: "pivot_begins", name: "security_sb_pivotroot", operations: [.pivotRoot]),
            ChangeFunction(program: "pivot_ends", name: callPrefix + "pivot_root", operations: [.pivotRoot]),
            ChangeFunction(program: "compat_pivot_ends", name: "__ia32_sys_pivot_root", operations: [.pivotRoot]),
            ChangeFunction(program: "file_read", name: "vfs_read", operations: [.read]),
            ChangeFunction(program: "vector_read", name: "vfs_readv", operations: [.read]),
            ChangeFunction(program: "splice_read", name: "do_splice", operations: [.read]),
            ChangeFunction(program: "sent_read", name: "do_splice_direct", operations: [.read]),
            ChangeFunction(program: "copy_read", name: "vfs_copy_file_range", operations: [.read]),
            ChangeFunction(program: "ring_read", name: "kiocb_done", operations: [.read]),
        ]
        for operation in attributes {
            for suffix in ["", "at"] {
                let function = "path_\(operation.name)\(suffix)"
                for part in ["begins", "ends"] {
                    functions.append(
                        ChangeFunction(
                            program: "\(operation.name)\(suffix)_\(part)", name: function, operations: [operation]))
                }
            }
            functions.append(
                ChangeFunction(
                    program: "f\(operation.name)", name: callPrefix + "f\(operation.name)", operations: [operation]))
            // On arm64 these have the same function.
            functions.append(
                ChangeFunction(
                    program: "compat_f\(operation.name)", name: "__ia32_sys_f\(operation.name)", operations: [operation]
                ))
        }
        return functions
    }()

    #if arch(x86_64)
        private static let callPrefix = "__x64_sys_"
        private static let compatPrefix = "__ia32_compat_sys_"
    #elseif arch(arm64)
        private static let callPrefix = "__arm64_sys_"
        private static let compatPrefix = "__arm64_compat_sys_"
    #endif

    /// Without these the operation is not seen.
    private static let neededFunctions: [(operation: FileOperation, oneOf: [String])] = [
        (.chmod, ["mode_changed"]), (.chown, ["owner_changed"]), (.truncate, ["size_changed"]),
        (.truncate, ["file_truncated", "descriptor_truncated"]),
        (.setxattr, ["setxattr_begins", "setxattrat_begins"]), (.setxattr, ["mount_wanted"]),
        (.setxattr, ["attribute_set", "attribute_set_5_10"]),
        (.removexattr, ["removexattr_begins", "removexattrat_begins"]), (.removexattr, ["mount_wanted"]),
        (.removexattr, ["attribute_removed", "attribute_removed_5_10"]),
        (.mount, ["mounted"]), (.umount, ["umount_begins"]), (.umount, ["umount_ends"]),
        (.read, ["file_read"]), (.pivotRoot, ["pivot_begins"]), (.pivotRoot, ["pivot_ends"]),
    ]

    /// The programs that fit this kernel, with their functions, and what is not seen by them.
    mutating func changePrograms() -> (programs: [String: String], unseen: [FileOperation]) {
        let parameters = types?.parameterStructures(of: Set(Self.changeFunctions.map(\.name))) ?? [:]
        var programs: [String: String] = [:]
        for function in Self.changeFunctions where probe.hasFunction(function.name) {
            if let count = function.parameters, parameters[function.name]?.count != count { continue }
            programs[function.program] = function.name
        }
        // Where one function sees all, those of the calls would tell it again.
        if programs["file_truncated"] != nil { programs["descriptor_truncated"] = nil }
        for name in ["setxattr", "removexattr"] where programs["\(name)at_begins"] != nil {
            programs["f\(name)"] = nil
            programs["compat_f\(name)"] = nil
        }
        let unseen = Self.neededFunctions.filter { needed in !needed.oneOf.contains { programs[$0] != nil } }
        return (programs, FileOperation.allCases.filter { operation in unseen.contains { $0.operation == operation } })
    }
}
