// SPDX-License-Identifier: Apache-2.0

import CWire
import Events
import Fixtures
import Testing

@testable import Enrichment

struct EnricherTests {
    private func enricher() -> Enricher { Enricher(host: Fixture.host, failedExecHook: "fexit/test") }

    @Test func lifeOfAProcess() throws {
        var enricher = enricher()
        #expect(enricher.event(for: try Fixture.cgroup.record) == nil)

        let fork = try #require(enricher.event(for: try Fixture.fork.record))
        #expect(fork.action == .fork)
        #expect(fork.executable == nil)
        #expect(fork.cgroup?.string == "/system.slice/demo.service")
        #expect(enricher.processCount == 1)

        let exec = try #require(enricher.event(for: try Fixture.exec.record))
        #expect(exec.action == .exec)
        #expect(exec.executable?.string == "/usr/bin/bash")
        #expect(exec.ancestors.map(\.name.string) == ["sshd", "systemd"])
        enricher.finish(exec)

        let failed = try #require(enricher.event(for: try Fixture.failedExec.record))
        #expect(failed.action == .execFailed)
        #expect(failed.hook.map { "\($0)" } == "fexit/test")

        let exit = try #require(enricher.event(for: try Fixture.exit.record))
        #expect(exit.action == .exit(code: 0x8b))
        // What it was started with is known at its end.
        #expect(exit.process?.image?.arguments?.strings.last == "--password=hunter2")
        #expect(enricher.processCount == 0)
    }

    @Test func kernelThreadsAreNoEvents() throws {
        var bytes = Fixture.existing.bytes
        bytes.set(\wire_header.flags, to: UInt16(WIRE_PROCESS_KERNEL_THREAD))
        var enricher = enricher()
        #expect(enricher.event(for: try decode(bytes)) == nil)
        // But they are somebody's parents.
        #expect(enricher.processCount == 1)
        #expect(enricher.event(for: try Fixture.existing.record)?.action == .existing)
    }
}
