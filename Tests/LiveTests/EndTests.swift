// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Every way to end: clean, at once, with a footer, and nothing left in the kernel.

let endTests = [
    Test("end: Ctrl-C, SIGTERM and SIGHUP") { t in
        for number in t.settings.isSlow ? [SIGINT] : [SIGINT, SIGTERM, SIGHUP] {
            let programs = Programs()
            let child = try t.watch(["-o", "json"])
            programs.expectSome(t)
            let start = live_uptime()
            child.kill(number)
            let run = try t.finish(child, milliseconds: 2000)
            t.equal(run.status, .code(0), "the exit status after signal \(number)")
            t.expect(run.footer("seen") != nil && run.surelyLost == 0, "no footer: \(run.errors)")
            let milliseconds = (child.ended - start) / 1_000_000
            t.expect(milliseconds <= t.allow(milliseconds: 500), "it took \(milliseconds) ms")
            programs.expectNone(t, "signal \(number)")
        }
    },

    Test("end: SIGKILL leaves nothing in the kernel") { t in
        let programs = Programs()
        let child = try t.watch(["-o", "json"])
        programs.expectSome(t)
        child.kill(SIGKILL)
        child.wait(milliseconds: 2000)
        t.equal(child.status, .signal(9), "the status")
        programs.expectNone(t, "SIGKILL")
    },

    Test("end: -d") { t in
        let programs = Programs()
        let child = try t.watch(["-d", "1s"])
        let start = live_uptime()
        programs.expectSome(t)
        let run = try t.finish(child, milliseconds: 5000, isJSON: false)
        t.equal(run.status, .code(0), "the exit status")
        let milliseconds = (child.ended - start) / 1_000_000
        t.expect((850...1000 + t.allow(milliseconds: 500)).contains(Int(milliseconds)), "it took \(milliseconds) ms")
        t.expect(run.footer("seen") != nil, "no footer: \(run.errors)")
        programs.expectNone(t, "-d")
    },

    Test("end: -d ends a program's run too", dependsOnKernel: false) { t in
        let run = try t.run(["-d", "500ms"], ["sleep", "5"], milliseconds: 3000)
        t.expect(run.text.contains("sleep"), "nothing was printed")
        t.expect(run.child.seconds >= 0.5, "it took only \(run.child.seconds) s")
    },

    Test("end: -c") { t in
        let programs = Programs()
        let child = try t.watch(["-o", "json", "-c", "3"])
        let busy = try Child(["sh", "-c", "while :; do /bin/true; done"])
        let run = try t.finish(child, milliseconds: 5000)
        busy.kill(SIGKILL)
        t.equal(run.status, .code(0), "the exit status")
        t.equal(run.events.count, 3, "the number of events")
        t.equal(run.footer("printed"), 3, "'printed' in the footer")
        programs.expectNone(t, "-c")
    },

    Test("end: the reader of stdout goes away") { t in
        for form in t.settings.isSlow ? ["json"] : ["json", "text"] {
            let programs = Programs()
            let child = try t.watch(["-o", form])
            let busy = try Child(["sh", "-c", "while :; do /bin/true; done"])
            let hasThree = child.wait(milliseconds: t.allow(milliseconds: 2000)) { lines($0.output).count >= 3 }
            t.expect(hasThree, "no three lines")
            child.closeOutput()
            let run = try t.finish(child, milliseconds: 2000, isJSON: false)
            busy.kill(SIGKILL)
            t.equal(run.status, .code(0), "the exit status")
            t.expect(run.footer("seen") != nil, "no footer: \(run.errors)")
            t.expect(!run.errors.lowercased().contains("pipe"), "it complains: \(run.errors)")
            programs.expectNone(t, "the reader left")
        }
    },

    Test("end: -q is quiet, and --strict is satisfied when nothing is lost", dependsOnKernel: false) { t in
        let quiet = try t.run(["-q", "-o", "json"], ["true"])
        t.equal(quiet.status, .code(0), "the exit status")
        t.equal(quiet.errors, "", "stderr")
        t.equal(lines(quiet.text).isEmpty, false, "no events")
        let strict = try t.trace(["--strict"], ["true"])
        t.equal(strict.events.of("exec").count, 1, "the number of execs")
        t.equal(strict.events.of("exit").count, 1, "the number of exits")
    },
]

/// The BPF programs of this host, before and after. Those of others may come and go meanwhile.
private final class Programs {
    private let before = loadedPrograms()
    private var added: Set<UInt32> = []

    /// The tool watches now: it must have loaded something.
    func expectSome(_ t: Context) {
        added = loadedPrograms().subtracting(before)
        t.expect(!added.isEmpty, "it watches without any BPF program")
    }

    /// The kernel frees programs a little after their last user.
    func expectNone(_ t: Context, _ reason: String) {
        var left = added
        for _ in 0..<200 {
            left = loadedPrograms().intersection(added)
            if left.isEmpty { return }
            usleep(10_000)
        }
        t.fail("BPF programs are left after \(reason): \(left.sorted())")
    }
}
