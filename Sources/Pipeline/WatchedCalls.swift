// SPDX-License-Identifier: Apache-2.0

/// Calls of one kind, and what can see them return.
struct WatchedCalls {
    /// With the program for each.
    enum Tracepoints {
        /// Of the system calls: every one of the host pays.
        case ofCalls([(name: String, program: String)])
        /// One of the kernel's typed ones, which is there from `leastKernel` on.
        case typed((name: String, program: String), leastKernel: String)

        var programs: Set<String> {
            switch self {
            case .ofCalls(let tracepoints): Set(tracepoints.map(\.program))
            case .typed(let tracepoint, _): [tracepoint.program]
            }
        }
    }

    /// The functions that they lead to, by the program that sees each. The kernel's own users of sockets and io_uring go
    /// through them too.
    let functions: [String: String]
    /// The programs without which tracepoints are better.
    let required: Set<String>
    /// These functions, for the footer.
    let functionText: String
    /// What sees them without these functions.
    let tracepoints: Tracepoints
    /// For the footer.
    let tracepointText: String

    /// Connect, accept and listen.
    static let connections = WatchedCalls(
        functions: [
            "connect_allowed": "security_socket_connect", "connect_returned": "__inet_stream_connect",
            "accept_returned": "inet_accept", "inet_listen_returned": "inet_listen",
            "datagram_connect_returned": "inet_dgram_connect",
        ],
        required: ["accept_returned", "connect_returned"],
        functionText: "fexit/inet_accept, inet_listen, __inet_stream_connect, inet_dgram_connect",
        tracepoints: .ofCalls([
            ("sys_exit_connect", "call_exited"), ("sys_exit_accept", "call_exited"),
            ("sys_exit_accept4", "call_exited"), ("sys_exit_listen", "call_exited"),
        ]),
        tracepointText: "tracepoint/syscalls/sys_exit_accept, _listen, _connect")

    /// That of IPv6 may be in a module.
    static let binds = WatchedCalls(
        functions: ["inet_bind_returned": "inet_bind", "inet6_bind_returned": "inet6_bind"],
        required: ["inet_bind_returned", "inet6_bind_returned"],
        functionText: "fexit/inet6_bind, inet_bind",
        tracepoints: .ofCalls([("sys_exit_bind", "bind_exited")]),
        tracepointText: "tracepoint/syscalls/sys_exit_bind")

    /// Those of UDP. That of IPv6 may be in a module.
    static let sends = WatchedCalls(
        functions: ["udp_send_returned": "udp_sendmsg", "udp6_send_returned": "udpv6_sendmsg"],
        required: ["udp_send_returned", "udp6_send_returned"],
        functionText: "fexit/udp_sendmsg, udpv6_sendmsg",
        // Of every send by any socket, with what it returns.
        tracepoints: .typed(("sock_send_length", "send_returned"), leastKernel: "6.3"),
        tracepointText: "tp_btf/sock_send_length")

    static let rawSockets = WatchedCalls(
        functions: ["socket_made": "__sock_create"],
        required: ["socket_made"],
        functionText: "fexit/__sock_create",
        tracepoints: .ofCalls([("sys_exit_socket", "socket_call_exited")]),
        tracepointText: "tracepoint/syscalls/sys_exit_socket")

    /// With what is sent, received and released.
    static let unixSockets = WatchedCalls(
        functions: [
            "unix_stream_connected": "unix_stream_connect", "unix_dgram_connected": "unix_dgram_connect",
            "unix_accepted": "unix_accept", "unix_listened": "unix_listen", "unix_bound": "unix_bind",
            "unix_paired": "unix_socketpair", "unix_stream_sent": "unix_stream_sendmsg",
            "unix_dgram_sent": "unix_dgram_sendmsg", "unix_dgram_received": "unix_dgram_recvmsg",
            "unix_stream_received": "unix_stream_recvmsg", "unix_stream_spliced": "unix_stream_splice_read",
            "unix_packet_received": "unix_seqpacket_recvmsg", "unix_page_sent": "unix_stream_sendpage",
            "unix_released": "unix_release_sock",
        ],
        // From 6.5 on there is no sendpage.
        required: [
            "unix_stream_connected", "unix_dgram_connected", "unix_accepted", "unix_listened", "unix_bound",
            "unix_paired", "unix_stream_sent", "unix_dgram_sent", "unix_dgram_received",
            "unix_stream_received", "unix_stream_spliced", "unix_packet_received", "unix_released",
        ],
        functionText: "fexit/unix_stream_connect, _dgram_connect, _accept, _listen, _bind, _socketpair",
        tracepoints: .ofCalls([
            ("sys_enter_close", "unix_closing"), ("sys_exit_connect", "unix_call_exited"),
            ("sys_exit_accept", "unix_call_exited"), ("sys_exit_accept4", "unix_call_exited"),
            ("sys_exit_listen", "unix_call_exited"), ("sys_exit_bind", "unix_call_exited"),
            ("sys_exit_socketpair", "unix_call_exited"),
        ]),
        tracepointText: "tracepoint/syscalls/sys_exit_connect, _accept, _listen, _bind, _socketpair")

    static let all = [connections, binds, sends, rawSockets, unixSockets]
}
