// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime

extension HostCheck {
    /// How it can be seen that connect, accept and listen return.
    enum ConnectionHook {
        /// The programs and the functions they return from.
        case fexit([String: String])
        case tracepoint
        /// With the reason.
        case none(String)

        /// For the footer.
        var name: String? {
            switch self {
            case .fexit: "fexit/inet_accept, inet_listen, __inet_stream_connect, inet_dgram_connect"
            case .tracepoint: "tracepoint/syscalls/sys_exit_accept, _listen, _connect"
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

    /// The functions that the calls go through, by the program that sees them return. The kernel's own users of sockets and
    /// io_uring go through them too.
    static let connectionFunctions = [
        "connect_allowed": "security_socket_connect", "connect_returned": "__inet_stream_connect",
        "accept_returned": "inet_accept", "inet_listen_returned": "inet_listen",
        "datagram_connect_returned": "inet_dgram_connect",
    ]

    mutating func connectionHook() -> ConnectionHook {
        if probe.support(.functionEntry).isYes {
            let available = Self.connectionFunctions.filter { probe.hasFunction($0.value) }
            if available["accept_returned"] != nil, available["connect_returned"] != nil { return .fexit(available) }
        }
        guard probe.support(.tracepoint).isYes else { return .none("this host allows neither fexit nor tracepoints") }
        guard probe.support(.taskRegisters).isYes else {
            return .none("without fexit it needs Linux \(Feature.taskRegisters.leastKernel)")
        }
        return .tracepoint
    }
}
