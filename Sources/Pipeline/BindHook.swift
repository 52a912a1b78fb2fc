// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime

extension HostCheck {
    /// How it can be seen that bind returns.
    enum BindHook {
        /// The programs and the functions they return from.
        case fexit([String: String])
        case tracepoint
        /// With the reason.
        case none(String)

        /// For the footer.
        var name: String? {
            switch self {
            case .fexit(let functions): "fexit/\(functions.values.sorted().joined(separator: ", "))"
            case .tracepoint: "tracepoint/syscalls/sys_exit_bind"
            case .none: nil
            }
        }

        var functions: [String: String] {
            if case .fexit(let functions) = self { functions } else { [:] }
        }

        var reason: String? {
            if case .none(let reason) = self { reason } else { nil }
        }
    }

    /// The functions that bind goes through, by the program that sees them return. That of IPv6 may be in a module.
    static let bindFunctions = ["inet_bind_returned": "inet_bind", "inet6_bind_returned": "inet6_bind"]

    mutating func bindHook() -> BindHook {
        if probe.support(.functionEntry).isYes {
            let available = Self.bindFunctions.filter { probe.hasFunction($0.value) }
            if available.count == Self.bindFunctions.count { return .fexit(available) }
        }
        guard probe.support(.tracepoint).isYes else { return .none("this host allows neither fexit nor tracepoints") }
        guard probe.support(.taskRegisters).isYes else {
            return .none("without fexit it needs Linux \(Feature.taskRegisters.leastKernel)")
        }
        return .tracepoint
    }
}
