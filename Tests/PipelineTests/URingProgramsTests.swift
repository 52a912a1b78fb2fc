// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Pipeline

struct URingProgramsTests {
    struct Kernel {
        let name: String
        /// Parameters of each tracepoint.
        let counts: [String: Int]
        let submission, completion: String
    }

    static let kernels = [
        Kernel(
            name: "6.18", counts: ["io_uring_submit_req": 1, "io_uring_complete": 3], submission: "request_submitted",
            completion: "entry_completed"),
        Kernel(
            name: "6.12", counts: ["io_uring_submit_req": 1, "io_uring_complete": 7], submission: "request_submitted",
            completion: "request_completed"),
        Kernel(
            name: "6.1", counts: ["io_uring_submit_sqe": 2, "io_uring_complete": 7], submission: "entry_submitted",
            completion: "request_completed"),
        Kernel(
            name: "5.15, 5.10.162", counts: ["io_uring_submit_sqe": 7, "io_uring_complete": 4],
            submission: "entry_submitted_to_ring", completion: "ring_completed"),
    ]

    @Test(arguments: kernels) func fitting(_ kernel: Kernel) throws {
        let programs = try #require(URingProbes.Programs(kernel.counts), "\(kernel.name)")
        #expect(programs.submission == kernel.submission)
        #expect(programs.completion == kernel.completion)
        #expect(kernel.counts[programs.tracepoint] != nil)
    }

    /// A kernel whose tracepoints do not name the request, one that is newer than this, and one without io_uring.
    @Test(arguments: [
        ["io_uring_submit_sqe": 5, "io_uring_complete": 3], ["io_uring_submit_req": 1, "io_uring_complete": 9],
        ["io_uring_submit_sqe": 7, "io_uring_complete": 7], ["io_uring_submit_req": 1], [:],
    ])
    func none(_ counts: [String: Int]) {
        #expect(URingProbes.Programs(counts) == nil)
    }
}
