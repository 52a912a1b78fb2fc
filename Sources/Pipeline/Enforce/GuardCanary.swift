// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import CWire
internal import Events
internal import Glibc

/// A file that only this run knows, and that the programs refuse to all: as long as attempts to use it are refused, they
/// run. Attaching them shows nothing: what is attached may never be called.
struct GuardCanary: ~Copyable {
    /// A program in memory.
    let file: Int32
    /// A directory that is nowhere mounted.
    let directory: Int32
    /// Of packet sockets. No frame has it: numbers of protocols end at 65535.
    let `protocol`: UInt32

    init() throws(Failure) {
        directory = clinux_private_directory()
        file = clinux_memory_program()
        `protocol` = UInt32.random(in: 0x10000...0x7fff_ffff)
        guard file >= 0, directory >= 0 else {
            throw Failure(
                .unsupported, "can't make a file to try the policy by: \(unsafe String(cString: strerror(errno)))",
                help: "without it it can't be seen whether the policy holds; sysctl vm.memfd_noexec=0")
        }
    }

    deinit { for descriptor in [file, directory] where descriptor >= 0 { close(descriptor) } }

    /// Tries what these hooks are against; answers those that did not refuse. `refused` counts what a hook has refused.
    func failures(_ hooks: [wire_guard_hook], _ refused: (wire_guard_hook) -> UInt64) -> [String] {
        hooks.filter { hook in
            let before = refused(hook)
            // Something else may refuse too, so that the error alone shows nothing.
            return !isRefused(hook) || refused(hook) == before
        }.map { "\(GuardRecord.hooks[Int($0.rawValue)])" }
    }

    private func isRefused(_ hook: wire_guard_hook) -> Bool {
        switch hook {
        case WIRE_GUARD_BPRM:
            let status = clinux_try_exec(file)
            return status >= 0 && status & 0x7f == 0 && status >> 8 == EPERM
        case WIRE_GUARD_TRACEPOINT:
            let status = clinux_try_exec(file)
            return status >= 0 && status & 0x7f == SIGKILL
        case WIRE_GUARD_SOCKET:
            let made = socket(AF_PACKET, Int32(SOCK_RAW.rawValue), Int32(`protocol`))
            if made >= 0 { close(made) }
            return made < 0 && errno == EPERM
        default:
            let name = "\(GuardRecord.hooks[Int(hook.rawValue)])".split(separator: "/").last.map(String.init) ?? ""
            return unsafe clinux_attempt(name, file, directory) == EPERM
        }
    }
}
