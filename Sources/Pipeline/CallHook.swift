// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime

/// How calls are seen to return on this host.
struct CallHook {
    enum Way {
        /// At the functions that they lead to, by the program that sees each: no other call pays anything.
        case functions([String: String])
        case tracepoints
        /// With the reason.
        case none(String)
    }

    let calls: WatchedCalls
    let way: Way

    /// For the footer; `nil` where there is none.
    var name: String? {
        switch way {
        case .functions: calls.functionText
        case .tracepoints: calls.tracepointText
        case .none: nil
        }
    }

    /// The functions in use, by their programs.
    var functions: [String: String] {
        if case .functions(let functions) = way { functions } else { [:] }
    }

    var usesTracepoints: Bool {
        if case .tracepoints = way { true } else { false }
    }

    /// Whether every system call of the host pays.
    var taxesSystemCalls: Bool {
        if case .ofCalls = calls.tracepoints { usesTracepoints } else { false }
    }

    /// The programs in use that know themselves what to attach to.
    var typedPrograms: [String] {
        if usesTracepoints, case .typed(let tracepoint, _) = calls.tracepoints { return [tracepoint.program] }
        return functions.keys.sorted()
    }

    /// Why there is none.
    var reason: String? {
        if case .none(let reason) = way { reason } else { nil }
    }
}

extension HostCheck {
    mutating func hook(_ calls: WatchedCalls) -> CallHook {
        CallHook(calls: calls, way: way(calls))
    }

    private mutating func way(_ calls: WatchedCalls) -> CallHook.Way {
        if probe.support(.functionEntry).isYes {
            let available = calls.functions.filter { probe.hasFunction($0.value) }
            if calls.required.isSubset(of: available.keys) { return .functions(available) }
        }
        if case .typed(let tracepoint, let leastKernel) = calls.tracepoints {
            let isThere = types?.parameterCounts(ofTracepoints: [tracepoint.name]).isEmpty == false
            return isThere ? .tracepoints : .none("without fexit it needs Linux \(leastKernel)")
        }
        guard probe.support(.tracepoint).isYes else { return .none("this host allows neither fexit nor tracepoints") }
        guard probe.support(.taskRegisters).isYes else {
            return .none("without fexit it needs Linux \(Feature.taskRegisters.leastKernel)")
        }
        return .tracepoints
    }
}

extension BPFObject {
    /// Leaves out the programs that this hook has no use for. Before load.
    mutating func prepare(_ hook: CallHook) throws(BPFError) {
        for program in hook.calls.functions.keys {
            if let function = hook.functions[program] {
                try setTarget(function, program: program)
            } else {
                try setEnabled(false, program: program)
            }
        }
        for program in hook.calls.tracepoints.programs {
            try setEnabled(hook.usesTracepoints, program: program)
        }
    }
}

/// What attaches the programs of a hook. To be destroyed before their object.
struct CallLinks: ~Copyable {
    /// As many as the calls of one kind have functions, at most.
    private let links: InlineArray<14, BPFLink?>
    /// The hook in use, for the footer; `nil` when there is none.
    let hook: String?
    /// Why the calls are not seen, or not all of them.
    let refusal: String?
    let taxesSystemCalls: Bool

    /// Attaches `others` first.
    init(_ hook: CallHook, in object: borrowing BPFObject, after others: [String] = []) {
        var links = InlineArray<14, BPFLink?> { _ in nil }
        var refusal = hook.reason
        do throws(BPFError) {
            for (index, program) in (others + hook.typedPrograms).enumerated() {
                links[index] = try object.attach(program)
            }
            if hook.usesTracepoints, case .ofCalls(let tracepoints) = hook.calls.tracepoints {
                for (index, tracepoint) in tracepoints.enumerated() {
                    links[others.count + index] = try object.attach(
                        tracepoint.program, tracepoint: tracepoint.name, of: "syscalls")
                }
            }
        } catch {
            refusal = error.description
        }
        self.links = links
        self.refusal = refusal
        self.hook = refusal == nil ? hook.name : nil
        taxesSystemCalls = hook.taxesSystemCalls && refusal == nil
    }
}

/// How `watch-net` sees calls on sockets.
struct NetworkHooks {
    let connections, binds, sends, rawSockets: CallHook
    let unixSockets: UnixHook
}

extension HostCheck {
    mutating func networkHooks() -> NetworkHooks {
        NetworkHooks(
            connections: hook(.connections), binds: hook(.binds), sends: hook(.sends),
            rawSockets: hook(.rawSockets), unixSockets: unixHook())
    }
}
