// SPDX-License-Identifier: Apache-2.0

import BPFRuntime
import Testing

struct BPFErrorTests {
    @Test(arguments: [
        ("", "no reason given"),
        ("processed 12 insns (limit 1000000)\n", "no reason given"),
        ("invalid mem access 'scalar'\n", "invalid mem access 'scalar'"),
        (
            "0: R1=ctx()\n1: (79) r0 = *(u64 *)(r1 +8)\nR1 invalid mem access 'scalar'\n"
                + "verification time 32 usec\nstack depth 0\nprocessed 2 insns (limit 1000000) max_states_per_insn 0\n"
                + "-- END PROG LOAD LOG --\n",
            "R1 invalid mem access 'scalar' (2 lines of verifier log omitted)"
        ),
    ])
    func summary(_ log: String, _ expected: String) {
        #expect(BPFError.summary(of: log) == expected)
    }

    @Test func description() {
        #expect(BPFError(step: "load program exec", code: -1).code == 1)
        #expect(
            BPFError(step: "load program exec", code: 1).description == "load program exec: Operation not permitted")
        #expect(
            BPFError(step: "load", code: 13, verifierLog: "unknown func\nprocessed 1 insns\n").description
                == "load: Permission denied: unknown func")
        // A code of libbpf's own: no errno.
        #expect(!BPFError(step: "open", code: 4001).description.contains("Unknown error"))
    }
}
