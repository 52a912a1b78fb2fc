// SPDX-License-Identifier: Apache-2.0

import Workloads

// Live means now.

let latencyTests = [
    Test("latency: a line is there within 20 ms of the exec") { t in
        let program = try makeProgram("\(t.scratch)/program")
        let child = try t.watch(["-o", "text", "--exe", program])
        var latencies: [Double] = []
        for number in 10..<30 {
            child.wait(milliseconds: 200) { _ in false }
            let start = live_uptime()
            let mark = "tick-\(number)"
            let tick = try Child([program, mark])
            let isThere = child.wait(milliseconds: t.allow(milliseconds: 500)) { $0.outputText.contains(mark) }
            latencies.append(Double(live_uptime() - start) / 1e6)
            t.expect(isThere, "no line for \(mark)")
            tick.wait(milliseconds: t.allow(milliseconds: 500))
        }
        latencies.sort()
        let median = latencies[latencies.count / 2]
        let allowed = t.settings.isSlow ? 200.0 : 20.0
        t.expect(median <= allowed, "the median is \(median) ms, the worst \(latencies[latencies.count - 1]) ms")
        _ = try t.finish(stopped(child), milliseconds: 2000, isJSON: false)
    }
]

private func stopped(_ child: Child) -> Child {
    child.kill(2)
    return child
}
