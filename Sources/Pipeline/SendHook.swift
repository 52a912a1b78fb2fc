// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime

extension HostCheck {
    /// How UDP sends can be seen to fail.
    enum SendHook {
        /// The programs and the functions they return from.
        case fexit([String: String])
        case tracepoint
        /// With the reason.
        case none(String)

        /// For the footer.
        var name: String? {
            switch self {
            case .fexit(let functions): "fexit/\(functions.values.sorted().joined(separator: ", "))"
            case .tracepoint: "tp_btf/\(HostCheck.sendTracepoint)"
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

    /// The functions that send datagrams, by the program that sees them return. That of IPv6 may be in a module.
    static let sendFunctions = ["udp_send_returned": "udp_sendmsg", "udp6_send_returned": "udpv6_sendmsg"]

    /// Of every send by any socket, with what it returns.
    static let sendTracepoint = "sock_send_length"

    mutating func sendHook() -> SendHook {
        if probe.support(.functionEntry).isYes {
            let available = Self.sendFunctions.filter { probe.hasFunction($0.value) }
            if available.count == Self.sendFunctions.count { return .fexit(available) }
        }
        guard types?.parameterCounts(ofTracepoints: [Self.sendTracepoint]).isEmpty == false else {
            return .none("without fexit it needs Linux 6.3")
        }
        return .tracepoint
    }
}
