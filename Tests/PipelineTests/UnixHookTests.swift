// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Pipeline

struct UnixHookTests {
    private static func hook(_ way: CallHook.Way, hasLengths: Bool) -> UnixHook {
        UnixHook(calls: CallHook(calls: .unixSockets, way: way), hasLengths: hasLengths)
    }

    /// No guest refuses fexit and is older than 6.3.
    @Test func bytesThatNothingCounts() {
        let hook = Self.hook(.tracepoints, hasLengths: false)
        #expect(hook.counts == nil && !hook.countsByTracepoint)
        #expect(hook.uncounted == "without fexit that needs Linux 6.3")
        #expect(hook.calls.name != nil && hook.ends != nil)
        let hooks = NetworkHooks(
            connections: hook.calls, binds: hook.calls, sends: hook.calls, rawSockets: hook.calls, unixSockets: hook)
        let bytes = TraceHook.network(nil, hooks).filter { $0.kind == "unix_bytes" }
        #expect(bytes.map(\.hook) == [nil] && bytes.map(\.reason) == ["without fexit that needs Linux 6.3"])
    }

    @Test func bytesThatAreCounted() {
        let tracepoints = Self.hook(.tracepoints, hasLengths: true)
        #expect(tracepoints.counts == "tp_btf/sock_send_length, sock_recv_length" && tracepoints.uncounted == nil)
        let functions = Self.hook(.functions(["unix_page_sent": "unix_stream_sendpage"]), hasLengths: true)
        #expect(functions.counts?.hasSuffix("_stream_sendpage") == true && !functions.countsByTracepoint)
        #expect(functions.uncounted == nil)
        let none = Self.hook(.none("it is refused"), hasLengths: true)
        #expect(none.counts == nil && none.ends == nil && none.calls.reason == "it is refused")
    }

    @Test(arguments: WatchedCalls.all.indices) func calls(_ index: Int) {
        let calls = WatchedCalls.all[index]
        #expect(calls.required.isSubset(of: calls.functions.keys) && !calls.required.isEmpty)
        #expect(calls.functions.count <= 14, "more than CallLinks holds")
        #expect(calls.functions.keys.allSatisfy { !calls.tracepoints.programs.contains($0) })
        if case .ofCalls(let tracepoints) = calls.tracepoints {
            #expect(tracepoints.count + 2 <= 14, "more than CallLinks holds, with those that count first")
        }
    }

    /// Only tracepoints of system calls cost all of them something.
    @Test func whoPays() {
        let sends = CallHook(calls: .sends, way: .tracepoints)
        #expect(sends.usesTracepoints && !sends.taxesSystemCalls && sends.typedPrograms == ["send_returned"])
        let binds = CallHook(calls: .binds, way: .tracepoints)
        #expect(binds.usesTracepoints && binds.taxesSystemCalls && binds.typedPrograms == [])
        let functions = CallHook(calls: .binds, way: .functions(WatchedCalls.binds.functions))
        #expect(!functions.taxesSystemCalls)
        #expect(functions.typedPrograms == ["inet6_bind_returned", "inet_bind_returned"])
        let none = CallHook(calls: .sends, way: .none("it is refused"))
        #expect(!none.taxesSystemCalls && none.typedPrograms == [] && none.name == nil)
    }
}
