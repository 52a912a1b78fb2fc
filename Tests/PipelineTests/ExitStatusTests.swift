// SPDX-License-Identifier: Apache-2.0

import Pipeline
import Testing

struct ExitStatusTests {
    @Test(
        arguments: [
            (.success, 0), (.failure, 1), (.finding, 3), (.incomplete, 4), (.unsupported, 5), (.usage, 64),
            (.badData, 65), (.noInput, 66), (.program(0), 0), (.program(7), 7), (.program(137), 137),
        ] as [(Pipeline.ExitStatus, Int32)])
    func code(_ status: Pipeline.ExitStatus, _ code: Int32) {
        #expect(status.code == code)
    }

    @Test func failure() {
        #expect(Failure(.usage, "no").description == "no")
        #expect(Failure(.usage, "no", help: "do").description == "no\ndo")
        #expect(Failure(.usage, "no", help: "do", details: "log").description == "no\ndo")
    }
}
