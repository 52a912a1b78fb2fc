// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime

/// How UNIX sockets are seen on this host.
struct UnixHook {
    let calls: CallHook
    /// Whether there are tracepoints that tell how much is sent.
    let hasLengths: Bool

    /// What counts bytes, for the footer; `nil` where nothing does.
    var counts: String? {
        switch calls.way {
        case .functions(let functions):
            "fexit/unix_stream_sendmsg, _dgram_sendmsg, _stream_recvmsg, _dgram_recvmsg, _seqpacket_recvmsg, "
                + "_stream_splice_read"
                + (functions["unix_page_sent"] == nil ? "" : ", _stream_sendpage")
        case .tracepoints: hasLengths ? "tp_btf/sock_send_length, sock_recv_length" : nil
        case .none: nil
        }
    }

    var countsByTracepoint: Bool { calls.usesTracepoints && hasLengths }

    /// Why bytes are not counted, where all else is seen.
    var uncounted: String? { calls.usesTracepoints && !hasLengths ? "without fexit that needs Linux 6.3" : nil }

    /// What sees them closed.
    var ends: String? {
        switch calls.way {
        case .functions: "fentry/unix_release_sock"
        case .tracepoints: "tracepoint/syscalls/sys_enter_close, and a look at all of them each second"
        case .none: nil
        }
    }
}

extension HostCheck {
    mutating func unixHook() -> UnixHook {
        let lengths = types?.parameterCounts(ofTracepoints: ["sock_send_length", "sock_recv_length"]) ?? [:]
        return UnixHook(calls: hook(.unixSockets), hasLengths: lengths.count == 2)
    }
}
