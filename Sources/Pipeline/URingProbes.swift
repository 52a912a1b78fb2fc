// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CObjects
internal import CWire

/// The programs that see operations of io_uring. Their records go into the ring of the system calls.
struct URingProbes: ~Copyable {
    private let submissions, completions: BPFLink
    private let object: BPFObject
    let hooks: String

    /// The programs that fit this kernel's tracepoints, which differ by version; `nil` where none does (before 5.15, and
    /// 5.10 before 5.10.162).
    struct Programs {
        let submission, completion: String
        let tracepoint: String

        init?(_ types: KernelTypes) {
            self.init(
                types.parameterCounts(
                    ofTracepoints: ["io_uring_submit_req", "io_uring_submit_sqe", "io_uring_complete"]))
        }

        /// From how many parameters the tracepoints have.
        init?(_ counts: [String: Int]) {
            if counts["io_uring_submit_req"] != nil {
                submission = "request_submitted"
                tracepoint = "io_uring_submit_req"
            } else if let count = counts["io_uring_submit_sqe"], count == 2 || count == 7 {
                submission = count == 2 ? "entry_submitted" : "entry_submitted_to_ring"
                tracepoint = "io_uring_submit_sqe"
            } else {
                return nil
            }
            switch counts["io_uring_complete"] {
            case 3: completion = "entry_completed"
            case 4: completion = "ring_completed"
            case 5, 7: completion = "request_completed"
            default: return nil
            }
            // A submission of the older kind is known by its ring, and so must its completion be.
            guard (submission == "entry_submitted_to_ring") == (completion == "ring_completed") else { return nil }
        }
    }

    /// Loads and attaches. `calls` is the object of the system calls.
    init(
        _ programs: Programs, rules: [UInt32], _ predicate: wire_predicate, _ config: wire_config, _ types: KernelTypes,
        sharing calls: borrowing BPFObject
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_uring, types: types)
        try object.configure(config, predicate)
        try object.setSection(".rodata.syscalls", words: rules)
        try object.joinRing(of: calls)
        for program in [
            "request_submitted", "entry_submitted", "entry_submitted_to_ring", "ring_completed", "request_completed",
            "entry_completed",
        ] {
            try object.setEnabled(program == programs.submission || program == programs.completion, program: program)
        }
        try object.load()
        let completions = try object.attach(programs.completion)
        let submissions = try object.attach(programs.submission)
        self.completions = completions
        self.submissions = submissions
        self.object = object
        hooks = "io_uring by tp_btf/\(programs.tracepoint), io_uring_complete"
    }

    /// Events that the filter kept in the kernel.
    func dropped() -> UInt64 { object.dropped() }

    func statistics() -> ProgramStatistics { object.statistics() }
}
