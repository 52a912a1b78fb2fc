// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// Reports that are read when a run is over.

let reportTests = [
    Test("report: every form, of what failed and what did not", dependsOnKernel: false) { t in
        let paths = ["md", "json", "xml", "sarif"].map { "\(t.scratch)/report.\($0)" }
        let page = "\(t.scratch)/page"
        try write("before\n", to: page)
        let run = try t.run(
            paths.flatMap { ["--report", $0] } + [
                "--fail-on", "process.args_count == 3 and event.action == 'exec'", "--fail-on", "user.id == '4711'",
                "--expect", "event.action == 'exec'", "--strict",
            ], ["/bin/sh", "-c", "/bin/true 'a`|<b' second; exit 0"],
            environment: ["GITHUB_STEP_SUMMARY=\(page)", "GITHUB_ACTIONS=true"])
        t.equal(run.status, .code(3), "the exit status")
        t.equal(lines(run.errors).count { $0.hasPrefix("finding: ") }, 2, "findings in \(run.errors)")
        t.equal(
            lines(run.errors).count { $0.hasPrefix("::error title=ebpfguard trace::finding: ") }, 2, "annotations")

        let report = try JSON(parsing: try t.require(bytes(of: paths[1]), "report"))
        t.equal(report["status"]?.integer, 3, "status")
        t.equal(report["passed"], .bool(false), "passed")
        let checks = report["checks"]?.array ?? []
        t.equal(checks.map { $0["check"]?.string ?? "" }, ["fail-on", "fail-on", "expect", "strict"], "checks")
        t.equal(checks.map { $0["passed"] == .bool(true) }, [false, true, true, true], "which of them passed")
        let finding = checks.first?["findings"]?.array?.first
        // What the shell was started with has three words too.
        t.equal(checks.first?["findings"]?.array?.count, 2, "findings")
        t.equal(finding?["action"]?.string, "exec", "the action of a finding")

        let sarif = try JSON(parsing: try t.require(bytes(of: paths[3]), "report"))
        t.equal(sarif["version"]?.string, "2.1.0", "version of SARIF")
        let results = sarif["runs"]?.array?.first?["results"]?.array ?? []
        t.equal(results.count, 2, "results")
        t.equal(results.map { $0["ruleId"]?.string ?? "" }, ["fail-on/1", "fail-on/1"], "rules of the results")

        let xml = try t.require(contents(of: paths[2]), "report")
        t.expect(xml.contains("tests=\"4\" failures=\"1\""), "numbers in \(xml)")
        t.expect(xml.contains("a`|&lt;b"), "what is special in XML: \(xml)")
        let markdown = try t.require(contents(of: paths[0]), "report")
        t.expect(markdown.hasPrefix("## ebpfguard trace: 1 of 4 checks failed\n"), "the title of \(markdown)")
        t.equal(contents(of: page) ?? "", "before\n" + markdown, "the job's page")

        // With nothing to check it says that the run came to its end; a recording gives the same findings.
        _ = try t.trace(["--report", paths[2]], ["/bin/true"])
        let alone = try t.require(contents(of: paths[2]), "report")
        t.expect(alone.contains("<testcase name=\"run\""), "no case 'run' in \(alone)")
    },

    Test("report: of a policy, by rule", dependsOnKernel: false) { t in
        let paths = ["md", "json", "xml", "sarif"].map { "\(t.scratch)/report.\($0)" }
        let rules = ["deny net 127.0.0.1:20099", "audit net 127.0.0.1:20098", "deny net 127.0.0.1:20097"]
        let attempts = ["tcp 127.0.0.1 20099", "tcp 127.0.0.1 20098", "udp 127.0.0.1 20099"]
        let run = try t.run(
            paths.flatMap { ["--report", $0] } + rules.flatMap { ["--rule", $0] }, workload("policy") + attempts,
            environment: ["GITHUB_ACTIONS=true"], milliseconds: 40_000, command: "enforce")
        t.equal(run.status, .code(3), "the exit status")
        let denied = "2 violations of deny net 127.0.0.1:20099 (--rule:1)"
        t.expect(lines(run.errors).contains("finding: \(denied)"), "findings in \(run.errors)")
        t.expect(
            lines(run.errors).contains("::error title=ebpfguard enforce::finding: \(denied)"), "annotations")
        let report = try JSON(parsing: try t.require(bytes(of: paths[1]), "report"))
        t.equal(report["passed"], .bool(false), "passed")
        t.equal(report["checks"]?.array?.map { $0["findings"]?.array?.count }, [2, 1], "findings of each rule")
        let sarif = try JSON(parsing: try t.require(bytes(of: paths[3]), "report"))
        let results = sarif["runs"]?.array?.first?["results"]?.array ?? []
        t.equal(results.map { $0["ruleId"]?.string ?? "" }, ["policy/1", "policy/1", "policy/2"], "rules of results")
        let markdown = try t.require(contents(of: paths[0]), "report")
        t.expect(markdown.hasPrefix("## ebpfguard enforce: 2 of 2 checks failed\n"), "the title of \(markdown)")
    },

    Test("report: findings as the services that run jobs take them", dependsOnKernel: false) { t in
        let rules = ["deny net 127.0.0.1:20096", "audit net 127.0.0.1:20095"]
        let policy = "\(t.scratch)/ci.policy"
        try write("# 100% hostile\n\(rules[0])\n", to: policy)
        let path = "\(t.scratch)/gl-code-quality-report.json"
        func run(_ environment: [String]) throws -> [String] {
            let run = try t.run(
                ["-q", policy, "--rule", rules[1], "--expect", "process.pid == 1"]
                    + ["--report", path],
                workload("policy") + ["tcp 127.0.0.1 20096", "tcp 127.0.0.1 20095"], environment: environment,
                milliseconds: 40_000, command: "enforce")
            t.equal(run.status, .code(3), "the exit status")
            return lines(run.errors).filter { $0.contains("inding") || $0.contains("section_") }
        }
        let findings = [
            "finding: 1 violation of deny net 127.0.0.1:20096 (\(policy):2)",
            "finding: 1 violation of audit net 127.0.0.1:20095 (--rule:1)",
            "finding: no event matched --expect process.pid == 1",
        ]
        t.equal(try run([]), findings, "findings where nobody asks for another form")
        t.equal(try run(["GITLAB_CI=false"]), findings, "findings outside of GitLab")
        t.equal(
            try run(["TF_BUILD=True"]),
            findings.flatMap { [$0, "##vso[task.logissue type=error]ebpfguard enforce: \($0)"] }, "findings on Azure")

        let told = try run(["GITLAB_CI=true", "CI_PROJECT_DIR=\(t.scratch)", "CI_CONFIG_PATH=ci/jobs.yml"])
        t.equal(told.dropFirst().dropLast(), findings[...], "findings on GitLab")
        let start = try t.require(
            told.first?.wholeMatch(of: #/\e\[0Ksection_start:(\d+):(\w+)\r\e\[0K(.*)/#), "section")
        t.equal(start.output.3, "\u{1b}[31;1mebpfguard enforce: 3 findings\u{1b}[0m", "the title of the section")
        t.equal(
            told.last, "\u{1b}[0Ksection_end:\(start.output.1):\(start.output.2)\r\u{1b}[0K", "its end")

        let issues = try JSON(parsing: try t.require(bytes(of: path), "report")).array ?? []
        t.equal(issues.count, 3, "issues")
        t.equal(
            issues.map { $0["description"]?.string ?? "" },
            [
                "ebpfguard enforce: 1 violation (policy \(rules[0]) (\(policy):2))",
                "ebpfguard enforce: 1 violation (policy \(rules[1]) (--rule:1))",
                "ebpfguard enforce: no event matched (--expect process.pid == 1)",
            ], "what is told of them")
        t.equal(
            issues.map { $0["location.path"]?.string ?? "" }, ["ci.policy", "ci/jobs.yml", "ci/jobs.yml"], "their files"
        )
        t.equal(issues.map { $0["location.lines.begin"]?.integer }, [2, 1, 1], "their lines")
        t.equal(Set(issues.map { $0["severity"]?.string ?? "" }), ["major"], "their severity")
        let fingerprints = issues.map { $0["fingerprint"]?.string ?? "" }
        t.equal(Set(fingerprints).count, 3, "different fingerprints")
        t.expect(fingerprints.allSatisfy { $0.count == 32 && $0.allSatisfy(\.isHexDigit) }, "\(fingerprints)")
        _ = try run([])
        let again = try JSON(parsing: try t.require(bytes(of: path), "report")).array ?? []
        t.equal(again.map { $0["fingerprint"]?.string ?? "" }, fingerprints, "fingerprints of another run")
        t.equal(again.first?["location.path"]?.string, policy, "the path where no repository is known")
    },

    Test("report: of a comparison, by condition", dependsOnKernel: false) { t in
        let paths = ["xml", "sarif", "codequality.json"].map { "\(t.scratch)/report.\($0)" }
        let run = try t.run(
            ["-q", "-d", "100ms", "--strict", "--fail-on", "ebpf.cpu >= 0", "--fail-on", "ebpf.cpu < 0"]
                + paths.flatMap { ["--report", $0] },
            environment: ["GITHUB_ACTIONS=true"], command: "compare-sidecar")
        t.equal(run.status, .code(3), "the exit status")
        let told = "finding: --fail-on ebpf.cpu >= 0"
        t.expect(lines(run.errors).contains(told), run.errors)
        t.expect(lines(run.errors).contains("::error title=ebpfguard compare-sidecar::\(told)"), run.errors)
        let xml = try t.require(contents(of: paths[0]), "report")
        t.expect(xml.contains("tests=\"3\""), "cases in \(xml.prefix(500))")
        t.expect(xml.contains("<failure message=\"the figures are so\" type=\"fail-on\">"), "failures in \(xml)")
        let sarif = try JSON(parsing: try t.require(bytes(of: paths[1]), "report"))
        let results = sarif["runs"]?.array?.first?["results"]?.array ?? []
        t.equal(results.first?["ruleId"]?.string, "fail-on/1", "the rule of the first result")
        let issues = try JSON(parsing: try t.require(bytes(of: paths[2]), "report")).array ?? []
        t.equal(
            issues.first?["description"]?.string,
            "ebpfguard compare-sidecar: the figures are so (--fail-on ebpf.cpu >= 0)", "the first issue")
    },

    Test("report: of a recording, and in files that can't be", dependsOnKernel: false) { t in
        let recording = "\(t.scratch)/run.rec"
        let path = "\(t.scratch)/report.json"
        _ = try t.trace(["-w", recording], ["/bin/true"])
        let replay = try t.run(
            ["-r", recording, "--fail-on", "event.action == 'exit'", "--report", path])
        t.equal(replay.status, .code(3), "the exit status of a replay")
        t.expect(!replay.child.output.isEmpty, "nothing on standard output")
        let report = try JSON(parsing: try t.require(bytes(of: path), "report"))
        t.equal(report["checks"]?.array?.first?["findings"]?.array?.count, 1, "findings")

        let suffix = try t.run(["--report", "\(t.scratch)/report.txt", "--", "/bin/true"])
        t.equal(suffix.status, .code(64), "the exit status for an unknown suffix")
        t.expect(suffix.errors.contains("FILE.sarif"), "help: \(suffix.errors)")
        let absent = try t.run(["--report", "\(t.scratch)/none/report.md", "--", "/bin/true"])
        t.equal(absent.status, .code(66), "the exit status for a directory that is not there")
        t.expect(absent.errors.contains("none/report.md"), "the name of the file: \(absent.errors)")
        // The run is told as ever when its report finds no room.
        let full = "\(t.scratch)/full.md"
        unsafe symlink("/dev/full", full)
        let unwritten = try t.run(["--report", full], ["/bin/true"])
        t.equal(unwritten.status, .code(1), "the exit status for a full disk")
        t.expect(unwritten.errors.contains("can't write \(full): No space left"), "the message: \(unwritten.errors)")
    },
]
