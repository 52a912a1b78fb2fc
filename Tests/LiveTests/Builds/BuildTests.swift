// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// What real work needs is learned, passes when it is done again, and nothing else does: on a machine that Tests/VM/machine
// made for builds, with everything denied that was not learned.

/// Work of the same kind, done again and again.
private struct Work {
    /// A script, in a directory of its own.
    let script: String
    /// What brings back how it was before, out of anybody's sight.
    var restore = ":"
    /// What is changed then by somebody who should not, and what is added to the script.
    var change = ":"
    var added = ""
    /// Fields of the violation that tells of it.
    let told: [String: String]
    /// More rules than this, nobody reads.
    var most = 60
}

private func run(_ script: String, in directory: String, _ t: Context) throws {
    let child = try Child(["/bin/sh", "-e", "-c", script], directory: directory)
    t.children.append(child)
    child.closeInput()
    guard child.wait(milliseconds: t.allow(milliseconds: 20_000)), child.status == .code(0) else {
        throw Stop.failed("\(script): \(child.errorText.suffix(300))")
    }
}

private func hold(_ work: Work, _ t: Context) throws {
    let base = "\(t.scratch)/base.policy"
    let learned = "\(t.scratch)/learned.policy"
    let place = "\(t.scratch)/work"
    let detectors = "detect miner\ndetect reverse-shell\n"
    try write("default net deny\ndefault exec deny\ndefault file deny\n\(detectors)", to: base)
    try makeDirectory(place)

    func enforce(_ options: [String], _ status: Child.ExitStatus, isChanged: Bool = false) throws -> Run {
        try run(work.restore, in: place, t)
        if isChanged { try run(work.change, in: place, t) }
        let script = isChanged ? "\(work.script)\n\(work.added)" : work.script
        let child = try t.start(
            ["-o", "json"] + options, ["/bin/sh", "-e", "-c", script], directory: place, command: "enforce")
        child.closeInput()
        let run = try t.finish(child, milliseconds: 30_000)
        t.equal(run.status, status, "the exit status of \(options): \(run.errors.suffix(300))")
        return run
    }
    let first = try enforce(["--dry-run", "--learn", learned, base], .code(3))
    t.expect(first.told.count > 50, "only \(first.told.count) violations of a policy that allows nothing")
    let rules = lines(try t.require(contents(of: learned), "policy")).count { $0.hasPrefix("allow ") }
    t.note("\(first.told.count) violations are \(rules) rules")
    t.expect((5...work.most).contains(rules), "\(rules) rules were learned")

    let again = try enforce([base, learned], .code(0))
    t.equal(again.told.map(shown), [], "violations and detections of the same work")

    let report = "\(t.scratch)/report.sarif"
    let changed = try enforce([base, learned, "--report", report], .code(3), isChanged: true)
    let violations = changed.told.filter { $0.action == "policy_violation" }
    let found = violations.first { event in work.told.allSatisfy { text(event, $0.key) == $0.value } }
    t.expect(found != nil, "\(work.told) is not among \(violations.map(shown))")
    t.equal(found?["ebpfguard.enforced"], .bool(true), "ebpfguard.enforced")
    t.equal(found?["rule.reference"]?.string?.hasPrefix(base), true, "the place of the rule")
    let results = try JSON(parsing: try t.require(bytes(of: report), "report"))["runs"]?.array?.first?["results"]?.array
    t.equal(results?.count, violations.count, "results of the report")
}

private func text(_ event: Event, _ field: String) -> String? {
    event[field]?.string ?? event[field]?.integer.map(String.init)
}

/// For who reads a failure.
private func shown(_ event: Event) -> String {
    ["rule.name", "process.executable", "file.path", "destination.ip", "destination.port"]
        .compactMap { text(event, $0) }.joined(separator: " ")
}

let buildTests = [
    Test("builds: the installation of a package, learned and held") { t in
        try hold(
            Work(
                script: "dpkg -i /srv/packages/netcat-traditional.deb",
                restore: "dpkg -P netcat-traditional",
                added: "curl -s http://192.0.2.7/",
                told: ["rule.category": "exec", "file.path": "/usr/bin/curl"]), t)
    },

    Test("builds: a web server that answers, learned and held") { t in
        try write(
            """
            pid nginx.pid; error_log error.log;
            events { worker_connections 64; }
            http { access_log access.log; server { listen 127.0.0.1:8080; root /usr/share/nginx/html; } }

            """, to: "\(t.scratch)/nginx.conf")
        try hold(
            Work(
                script: """
                    nginx -p "$PWD" -e error.log -c ../nginx.conf -g 'daemon off;' &
                    for i in 1 2 3 4 5; do
                        curl -s -o /dev/null --retry 60 --retry-delay 1 --retry-connrefused http://127.0.0.1:8080/
                    done
                    kill -QUIT $!
                    wait
                    """,
                added: "curl -s http://127.0.0.7:9/",
                told: ["destination.ip": "127.0.0.7", "destination.port": "9"]), t)
    },

    Test("builds: a package of Debian's sources, learned, held, and with a line that phones home") { t in
        try run("dpkg-source -x /srv/source/*.dsc source", in: t.scratch, t)
        // By a program that the build starts anyway: what it does is stopped, not that it runs. The build ends there.
        let line =
            "\tperl -e 'socket(S,2,1,0); connect(S, pack(\"Sna4x8\", 2, 80, pack(\"C4\", 192,0,2,7))) or exit 1'\n"
        try write(line, to: "\(t.scratch)/line")
        try hold(
            Work(
                // What debian/rules does, which asks for all flags there are, one by one.
                script: "cd source && make compress CFLAGS=\"$(dpkg-buildflags --get CFLAGS)\" && make check",
                restore: "rm -rf source && cp -a ../source source",
                change: "sed -i '/^compress:/r ../line' source/Makefile.def",
                told: ["destination.ip": "192.0.2.7", "destination.port": "80", "process.name": "perl"]), t)
    },
]
