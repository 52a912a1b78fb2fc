// SPDX-License-Identifier: Apache-2.0

import Workloads

// Conditions on addresses and ports, which the kernel decides.

private let conditions = [
    "destination.port == 4000", "destination.port != 4000", "not destination.port in (4000, 53)", "source.port > 1",
    "not source.port exists", "destination.ip == '127.0.0.1'", "destination.ip != '127.0.0.1'",
    "destination.ip cidr '127.0.0.0/8'", "not destination.ip cidr '127.0.0.0/8'", "destination.ip cidr '192.0.2.0/31'",
    "not source.ip cidr '::/0'", "source.ip exists", "not source.ip exists", "network.direction == 'ingress'",
    "not network.direction exists", "network.transport == 'tcp'", "network.transport != 'tcp'",
    "event.outcome == 'failure'", "error.code == 'ECONNREFUSED'", "event.duration exists", "event.duration > 1h",
    "event.action == 'close' and destination.port in (4000, 53)", "event.action in ('listen', 'dns_query')",
    "process.name == 'server' or destination.port == 80", "ebpfguard.remote_class == 'public' or source.port == 50000",
]

let connectionFilterTests = [
    Test("net: the kernel decides on addresses and ports as ebpfguard does") { t in
        /// Ports that the kernel chooses are another one each time.
        func events(_ run: Run) -> ([String], Int?) {
            let told = run.told.map { event in
                ["event.action", "error.code", "destination.ip", "source.ip", "network.direction"].map {
                    event[$0]?.string ?? "-"
                }.joined(separator: " ") + " \(event["destination.port"]?.integer ?? 0)"
            }
            return (told.sorted(), run.footer("filtered"))
        }
        let file = "\(t.scratch)/recording"
        let programs = [workload("early"), workload("connections", "4", "5"), workload("datagrams", "4", "5")]
        // Each run starts the tool twice, which takes seconds when the CPU is emulated.
        let few = [[5], [], []]
        for (number, program) in programs.enumerated() where !t.settings.isSlow || !few[number].isEmpty {
            // How the connections of the first end depends on who is faster.
            let kinds = number == 0 ? ["--events", "connect,listen,accept"] : []
            // A recording has everything, so there nothing is decided in the kernel.
            _ = try t.trace(["-w", file, "--filter", conditions[0]], program, command: "watch-net")
            var any = 0
            for (index, condition) in conditions.enumerated() {
                if t.settings.isSlow ? !few[number].contains(index) : index % 6 != number { continue }
                let run = try t.trace(["--filter", condition] + kinds, program, status: nil, command: "watch-net")
                t.equal(run.surelyLost, 0, "what was lost")
                let replay = try t.run(["-o", "json", "-r", file, "--filter", condition] + kinds, command: "watch-net")
                let (inKernel, dropped) = events(run)
                let (here, filtered) = events(Run(child: replay.child, events: try t.events(of: replay.child)))
                t.equal(inKernel, here, "the events with \(condition) of \(program)")
                t.equal(dropped, filtered, "'filtered' in the footer with \(condition) of \(program)")
                if !here.isEmpty { any += 1 }
            }
            t.expect(any > 0, "no condition lets anything pass")
        }
    },

    Test("net: what looks at all events sees those that the filter keeps in the kernel", dependsOnKernel: false) { t in
        let filter = ["--filter", "destination.port == 1"]
        let program = workload("connections", "4", "3")
        for options in [["--fail-on", "destination.port == 4000"], ["--expect", "destination.port == 4001"]] {
            let run = try t.trace(filter + options, program, status: .code(3), command: "watch-net")
            t.equal(run.told.count, 0, "events that are shown")
            t.expect(run.errors.contains("finding: "), "no finding: \(run.errors)")
        }
        _ = try t.trace(filter + ["--expect", "destination.port == 4000"], program, command: "watch-net")
        let until = try t.trace(
            filter + ["--until", "event.action == 'accept'"], workload("standing"), status: nil, command: "watch-net")
        t.equal(until.told.count, 0, "events that are shown")
        let open = try t.trace(
            ["--filter", "destination.port == 4000", "--summary", "--by", "process"], program, command: "watch-net")
        t.equal(
            open.told.reduce(0) { $0 + ($1["ebpfguard.summary.closes"]?.integer ?? 0) }, 6, "closes in a summary")
    },
]
