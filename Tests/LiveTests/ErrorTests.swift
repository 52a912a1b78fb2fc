// SPDX-License-Identifier: Apache-2.0

import Glibc

// What a mistake is answered with: all of standard error, as a user reads it. Each says what is wrong and where, and most
// of them what to do.

private let answers: [(words: [String], status: Int, errors: String)] = [
    (
        ["trcae"], 64,
        """
        ebpfguard: there is no command "trcae"
          commands: trace, watch-net, watch-files, enforce, compare-sidecar, help; ebpfguard --help tells what they do
        """
    ),
    (
        ["trace", "--pdi", "3"], 64,
        """
        ebpfguard: Unknown option '--pdi'. Did you mean '--pid'?
        Usage: ebpfguard trace [options] [-- PROGRAM ARGS...]
          See 'ebpfguard trace --help' for more information.
        """
    ),
    (
        ["trace", "-p", "x"], 64,
        """
        ebpfguard: --pid: "x" is not a process id
          write a number, such as --pid 4711
        """
    ),
    (
        ["trace", "-p", "999999999"], 64,
        """
        ebpfguard: --pid: "999999999" is not a process id
          write a number, such as --pid 4711
        """
    ),
    (
        ["trace", "--filter", "process.nme == 3"], 64,
        """
        ebpfguard: --filter: there is no field "process.nme"
          process.nme == 3
          ^
          did you mean process.name?
        """
    ),
    (
        ["trace", "--filter", "process.pid == 'a'"], 64,
        """
        ebpfguard: --filter: process.pid is a number, "a" is text
          process.pid == 'a'
                         ^
          write a number, such as 443 or 0x1bb
        """
    ),
    (
        ["trace", "--fail-on", "process.pid =="], 64,
        """
        ebpfguard: --fail-on: here a value should follow
          process.pid ==
                        ^
          write a number, such as 443 or 0x1bb
        """
    ),
    (
        ["trace", "-d", "5x"], 64,
        """
        ebpfguard: --duration: "5x" is not a time
          write 500ms, 30s, 5m or 1h
        """
    ),
    (
        ["trace", "-c", "0"], 64,
        """
        ebpfguard: --count: 0 events end before they begin
          write 1 or more
        """
    ),
    (
        ["trace", "--fields", "bogus"], 64,
        """
        ebpfguard: --fields: there is no field "bogus"
          --list-fields shows them all
        """
    ),
    (
        ["trace", "--fields", "+process.nam"], 64,
        """
        ebpfguard: --fields: there is no field "process.nam"
          did you mean process.name? --list-fields shows them all
        """
    ),
    (
        ["trace", "-r", "/nonexistent"], 66,
        """
        ebpfguard: can't read /nonexistent: No such file or directory
        """
    ),
    (
        ["trace", "-w", "/nonexistent/x", "--", "/bin/true"], 66,
        """
        ebpfguard: can't write the recording /nonexistent/x: No such file or directory
          name a file in a directory that is there and writable, with room for it
        """
    ),
    (
        ["trace", "-w", "", "--", "/bin/true"], 64,
        """
        ebpfguard: --write needs a file
        """
    ),
    (
        ["trace", "--", "/nonexistent"], 127,
        """
        ebpfguard: /nonexistent: No such file or directory
        """
    ),
    (
        ["trace", "--", "/etc/passwd"], 126,
        """
        ebpfguard: /etc/passwd: Permission denied
        """
    ),
    (
        ["trace", "--"], 64,
        """
        ebpfguard: there is no program behind --
          write ebpfguard trace -- PROGRAM ARGS...
        """
    ),
    (
        ["trace", "--syscalls=opn", "--", "/bin/true"], 64,
        """
        ebpfguard: --syscalls: 'opn' is no system call; did you mean 'open'?
        """
    ),
    (
        ["trace", "--signals=FOO"], 64,
        """
        ebpfguard: --signals: there is no signal "FOO"
          did you mean SIGFPE? write names (SIGKILL), 1 to 64, or all
        """
    ),
    (
        ["trace", "--user", "nobodyx"], 64,
        """
        ebpfguard: --user: this host has no user "nobodyx"
          did you mean nobody?
        """
    ),
    (
        ["trace", "--report", "x.foo", "--", "/bin/true"], 64,
        """
        ebpfguard: --report: the suffix of "x.foo" is that of no known form
          name it FILE.md (Markdown), FILE.json, FILE.xml (JUnit), FILE.sarif or FILE.codequality.json (GitLab)
        """
    ),
    (
        ["trace", "--report", "/nonexistent/x.md", "--", "/bin/true"], 66,
        """
        ebpfguard: --report: can't write /nonexistent/x.md: No such file or directory
          name a file in a directory that is there and writable
        """
    ),
    (
        ["trace", "--learn", "/nonexistent/x", "--", "/bin/true"], 66,
        """
        ebpfguard: --learn: can't write /nonexistent/x: No such file or directory
          name a file in a directory that is there and writable
        """
    ),
    (
        ["trace", "--buffer-size", "3", "--", "/bin/true"], 64,
        """
        ebpfguard: --buffer-size: "3" is not a size
          write 64K to 1G, such as 16M
        """
    ),
    (
        ["trace", "--by", "process"], 64,
        """
        ebpfguard: --by is about the table of --summary
          add --summary
        """
    ),
    (
        ["trace", "--max-rate", "0"], 64,
        """
        ebpfguard: --max-rate: 0 would print nothing
          write 1 or more
        """
    ),
    (
        ["trace", "extra"], 64,
        """
        ebpfguard: Unexpected argument 'extra'
        Usage: ebpfguard trace [options] [-- PROGRAM ARGS...]
          See 'ebpfguard trace --help' for more information.
        """
    ),
    (
        ["watch-net", "--events", "bogus"], 64,
        """
        ebpfguard: --events: there is no kind "bogus"
          kinds: connect, accept, listen, close, udp, dns_query, dns_answer, tls_client_hello, drop, raw_socket
        """
    ),
    (
        ["watch-net", "--baseline", "/nonexistent"], 66,
        """
        ebpfguard: can't read the baseline /nonexistent: No such file or directory
          ebpfguard watch-net -w FILE makes one
        """
    ),
    (
        ["watch-net", "--interval", "1ms"], 64,
        """
        ebpfguard: --interval: "1ms" is not a time, or too short
          write 5s, 1m or 100ms
        """
    ),
    (
        ["watch-files", "--ops", "bogus"], 64,
        """
        ebpfguard: --ops: there is no operation "bogus"
          operations: open, create, write, rename, unlink, link, symlink, mkdir, rmdir, mknod, exec_map, exec, chmod, chown, truncate, setxattr, removexattr, mount, umount, pivot_root, read
        """
    ),
    (
        ["watch-files", "--hash", "md5"], 64,
        """
        ebpfguard: The value 'md5' is invalid for '--hash <function>'. Please provide one of 'sha256'.
        Help:  --hash <function>  Hash what is written or executed: sha256, of files up to 16 MiB.
        Usage: ebpfguard watch-files [options] [PATH...] [-- PROGRAM ARGS...]
          See 'ebpfguard watch-files --help' for more information.
        """
    ),
    (
        ["watch-files", "--preset", "secretz"], 64,
        """
        ebpfguard: The value 'secretz' is invalid for '--preset <set>'. Please provide one of 'secrets', 'binaries', 'persistence' or 'k8s-tokens'.
        Help:  --preset <set>  Watch the paths of a set: secrets, binaries, persistence, k8s-tokens.
        Usage: ebpfguard watch-files [options] [PATH...] [-- PROGRAM ARGS...]
          See 'ebpfguard watch-files --help' for more information.
        """
    ),
    (
        ["enforce"], 64,
        """
        ebpfguard: enforce needs a policy
          name a file, or write --rule 'deny net 169.254.169.254'
        """
    ),
    (
        ["enforce", "--rule", "deny nett x"], 65,
        """
        --rule:1:6: error: there is nothing to deny that is called "nett"
          deny nett x
               ^
          did you mean net?
        ebpfguard: the policy has 1 error
          nothing was enforced; ebpfguard-policy(5) tells how rules are written
        """
    ),
    (
        ["enforce", "--rule", "deny net 10.0.0.1", "--rule", "alow net *"], 65,
        """
        --rule(2):1:1: error: a line does not begin with "alow"
          alow net *
          ^
          did you mean allow?
        ebpfguard: the policy has 1 error
          nothing was enforced; ebpfguard-policy(5) tells how rules are written
        """
    ),
    (
        ["enforce", "--rule", "deny net 10.0.0.1/33"], 65,
        """
        --rule:1:19: error: "33" is no length of a network
          deny net 10.0.0.1/33
                            ^
          0 to 32
        ebpfguard: the policy has 1 error
          nothing was enforced; ebpfguard-policy(5) tells how rules are written
        """
    ),
    (
        ["enforce", "--rule", "deny file write /a/*/b"], 65,
        """
        --rule:1:20: error: this is no pattern of a policy
          deny file write /a/*/b
                             ^
          patterns: /path, /dir/** (all below), /dir/* (directly in it), **/name, **/*.suffix
        ebpfguard: the policy has 1 error
          nothing was enforced; ebpfguard-policy(5) tells how rules are written
        """
    ),
    (
        ["enforce", "--rule", "deny net 10.0.0.1", "--explain", "net x"], 64,
        """
        ebpfguard: --explain:1:6: error: this needs a port
          net x
               ^
          write x:443
        """
    ),
    (
        ["enforce", "/nonexistent"], 66,
        """
        ebpfguard: /nonexistent: No such file or directory
          name a file of rules: ebpfguard-policy(5)
        """
    ),
    (
        ["trace", "-p", "4194000"], 64,
        """
        ebpfguard: --pid: there is no process 4194000, and none that descends from it
          ps -e, or ebpfguard trace --existing, shows those that are there
        """
    ),
    (
        ["trace", "--summary=bogus"], 64,
        """
        ebpfguard: --summary: there is no "bogus"
          write only or also
        """
    ),
    (
        ["trace", "--dedup", "x"], 64,
        """
        ebpfguard: --dedup: "x" is not a time
          write 500ms, 10s or 5m
        """
    ),
    (
        ["trace", "--detect", "foo"], 64,
        """
        ebpfguard: --detect: there is no detector "foo"
          detectors: miner, reverse-shell
        """
    ),
    (
        ["trace", "-r", "x", "-w", "y"], 64,
        """
        ebpfguard: --write has no meaning with --read: a recording is of a run that is over
          leave it out; what the recorded run was asked for is what its recording has
        """
    ),
    (
        ["trace", "--root", "/absent"], 66,
        """
        ebpfguard: --root: /absent: No such file or directory
          name the directory that has the node's /var/log and /run
        """
    ),
    (
        ["trace", "--exe", "/bin/[ab]"], 64,
        """
        ebpfguard: --exe: "/bin/[ab]": "[" has no meaning here
          use * and ? within a directory, ** across directories
        """
    ),
    (
        ["trace", "--exe", ""], 64,
        """
        ebpfguard: --exe: "" is not an absolute path
          write /usr/bin/NAME, /dir/*, /dir/** (all below), or **/NAME (anywhere)
        """
    ),
    (
        ["trace", "--signals=!all"], 64,
        """
        ebpfguard: --signals: "!all" leaves no signal
          name one, or all
        """
    ),
    (
        ["watch-files", "--not-path", "/a**b"], 64,
        """
        ebpfguard: --not-path: "/a**b": "**" stands for whole directories
          write * within a name, or /**/ between two
        """
    ),
    (
        ["trace", "--exe", "bin/x"], 64,
        """
        ebpfguard: --exe: "bin/x" is not an absolute path
          write /usr/bin/NAME, /dir/*, /dir/** (all below), or **/NAME (anywhere)
        """
    ),
    (
        ["enforce", "--rule", "deny net 127.0.0.9", "-p", "4194000"], 64,
        """
        ebpfguard: --pid: there is no process 4194000
          ps -e, or ebpfguard trace --existing, shows those that are there
        """
    ),
    (
        ["enforce", "--rule", "deny net 127.0.0.9", "-u", "nobodyx"], 64,
        """
        ebpfguard: --user: this host has no user "nobodyx"
          did you mean nobody?
        """
    ),
    (
        ["enforce", "--rule", "deny net 127.0.0.9", "--container", ""], 64,
        """
        ebpfguard: --container needs a name
        """
    ),
    (
        ["enforce", "--rule", "deny net 127.0.0.9", "--pod", "nosuch", "--", "/bin/true"], 64,
        """
        ebpfguard: --pod and PROGRAM exclude each other
          with PROGRAM the policy is for it and all it starts
        """
    ),
    (
        ["enforce", "--rule", "deny net 127.0.0.9", "--name-grace", "x", "--", "/bin/true"], 64,
        """
        ebpfguard: --name-grace: "x" is not a time
          write 30s or 2m; without it 2m
        """
    ),
    (
        ["enforce", "--explain", "nett x", "--rule", "deny net 127.0.0.9"], 64,
        """
        ebpfguard: --explain:1:1: error: there is nothing to do that is called "nett"
          nett x
          ^
          did you mean net?
        """
    ),
    (
        ["compare-sidecar", "--fail-on", "sidecar.coverag < 1"], 64,
        """
        ebpfguard: --fail-on: there is no figure "sidecar.coverag"
          sidecar.coverag < 1
          ^
          did you mean sidecar.coverage?
        """
    ),
    (
        ["compare-sidecar", "--fail-on", "sidecar.coverage < x"], 64,
        """
        ebpfguard: --fail-on: here a number should stand
          sidecar.coverage < x
                             ^
          write a number, such as 0.9, 90% or 64M
        """
    ),
    (
        ["compare-sidecar", "--report", "x.foo"], 64,
        """
        ebpfguard: --report: the suffix of "x.foo" is that of no known form
          name it FILE.md, FILE.json, FILE.html (a page with charts), FILE.xml (JUnit) or FILE.sarif
        """
    ),
    (
        ["compare-sidecar", "--report", "/absent/x.md"], 66,
        """
        ebpfguard: --report: can't write /absent/x.md: No such file or directory
          name a file in a directory that is there and writable
        """
    ),
    (
        ["compare-sidecar", "--pods", "5"], 64,
        """
        ebpfguard: --pods is of a laboratory
          add --lab, or leave it out
        """
    ),
    (
        ["compare-sidecar", "--lab", "--pods", "500"], 64,
        """
        ebpfguard: --pods: 500 are not 1 to 100
          --pods 10 is the default
        """
    ),
    (
        ["compare-sidecar", "--lab", "-d", "5s"], 64,
        """
        ebpfguard: --duration: a laboratory ends when it has measured
          leave out one of them
        """
    ),
    (
        ["compare-sidecar", "--sidecar-match", ""], 64,
        """
        ebpfguard: --sidecar-match needs a name
          write that of a process, a container or an image
        """
    ),
    (
        ["compare-sidecar", "-d", "0s"], 64,
        """
        ebpfguard: --duration: "0s" is not a time
          write 30s, 5m or 1h
        """
    ),
    (
        ["compare-sidecar", "--", "/bin/true"], 64,
        """
        ebpfguard: compare-sidecar looks at the whole node, and starts no program
          start it beside: PROGRAM & ebpfguard compare-sidecar
        """
    ),
    (
        ["compare-sidecar", "--pod", "x"], 64,
        """
        ebpfguard: compare-sidecar has no --pod; trace, watch-net, watch-files and enforce have
        Usage: ebpfguard compare-sidecar [options]
               ebpfguard compare-sidecar --lab [--pods N] [--proxy NAME] [options]
          See 'ebpfguard compare-sidecar --help' for more information.
        """
    ),
    (
        ["trace", "--existng"], 64,
        """
        ebpfguard: Unknown option '--existng'. Did you mean '--existing'?
        Usage: ebpfguard trace [options] [-- PROGRAM ARGS...]
          See 'ebpfguard trace --help' for more information.
        """
    ),
    (
        ["enforce", "--lab", "--", "/bin/true"], 64,
        """
        ebpfguard: enforce has no --lab; compare-sidecar has
        Usage: ebpfguard enforce [options] POLICY... [-- PROGRAM ARGS...]
          See 'ebpfguard enforce --help' for more information.
        """
    ),
    (
        ["enforce", "--rule", " ", "--", "/bin/true"], 64,
        """
        ebpfguard: --rule needs a rule
          write one, such as --rule 'deny net 169.254.169.254'
        """
    ),
    (
        ["enforce", "deny net 10.0.0.1", "--", "/bin/true"], 66,
        """
        ebpfguard: deny net 10.0.0.1: No such file or directory
          name a file of rules, or write --rule 'deny net 10.0.0.1'
        """
    ),
    (
        ["enforce", "deny", "net", "10.0.0.1", "--", "/bin/true"], 66,
        """
        ebpfguard: deny: No such file or directory
          name a file of rules, or write --rule 'deny ...'
        """
    ),
    (
        ["enforce", "", "--", "/bin/true"], 66,
        """
        ebpfguard: "": No such file or directory
          name a file of rules: ebpfguard-policy(5)
        """
    ),
    (
        ["trace", "--output-file", "", "--", "/bin/true"], 64,
        """
        ebpfguard: --output-file needs a file
        """
    ),
    (
        ["compare-sidecar", "--output-file", ""], 64,
        """
        ebpfguard: --output-file needs a file
        """
    ),
    (
        ["compare-sidecar", "--report", ""], 64,
        """
        ebpfguard: --report needs a file
        """
    ),
    (
        ["compare-sidecar", "--root", ""], 64,
        """
        ebpfguard: --root needs a directory
        """
    ),
    (
        ["compare-sidecar", "-o", "wide"], 64,
        """
        ebpfguard: The value 'wide' is invalid for '-o <text|json>'. Please provide one of 'text' and 'json'.
        Help:  -o <text|json>  Form of the output.
        Usage: ebpfguard compare-sidecar [options]
               ebpfguard compare-sidecar --lab [--pods N] [--proxy NAME] [options]
          See 'ebpfguard compare-sidecar --help' for more information.
        """
    ),
    (
        ["help", "nothing"], 64,
        """
        ebpfguard: there is no page "nothing"
          pages: compare-sidecar, enforce, events, filter, policy, recording, trace, watch-files, watch-net, ebpfguard
        """
    ),
    (
        ["help", "a", "b"], 64,
        """
        ebpfguard: help shows one page
          pages: compare-sidecar, enforce, events, filter, policy, recording, trace, watch-files, watch-net, ebpfguard
        """
    ),
]

/// What is told in place of events.
private let listings = [
    "--version", "--help", "help", "help trace", "trace --help", "help filter", "trace --list-fields",
    "compare-sidecar --list-fields", "--generate-completion-script bash", "--generate-completion-script zsh",
    "--generate-completion-script fish", "trace --check", "watch-net --check -o json",
    "enforce --rule 'deny net 10.0.0.1' --explain 'net 10.0.0.1:1'",
    "enforce --rule 'audit net 10.0.0.1' --check-policy",
]

let errorTests = [
    Test("errors: what is wrong, where, and what to do", dependsOnKernel: false) { t in
        for answer in answers {
            let command = answer.words.first ?? ""
            let run = try t.run(Array(answer.words.dropFirst()), command: command)
            let words = answer.words.joined(separator: " ")
            t.equal(run.status, .code(answer.status), "the exit status of \(words)")
            t.equal(run.errors, answer.errors + "\n", "standard error of \(words)")
            t.equal(run.text, "", "standard output of \(words)")
        }
    },

    Test("errors: of files that can't be read or have no room", dependsOnKernel: false) { t in
        for suffix in ["md", "json", "rec"] { unsafe symlink("/dev/full", "\(t.scratch)/full.\(suffix)") }
        try makeDirectory("\(t.scratch)/directory")
        try write("deny net 127.0.0.9\n", to: "\(t.scratch)/closed", mode: 0o600)
        let copy = "\(t.scratch)/ebpfguard"
        try write(try t.require(bytes(of: t.settings.tool), "tool"), to: copy, mode: 0o755)
        for answer in fileAnswers {
            let tool = answer.user == 0 ? t.settings.tool : copy
            let child = try Child([tool] + answer.words, directory: t.scratch, user: answer.user)
            child.closeInput()
            t.children.append(child)
            let run = try t.finish(child, milliseconds: 20_000, isJSON: false)
            let words = answer.words.joined(separator: " ")
            t.equal(run.status, .code(answer.status), "the exit status of \(words)")
            t.equal(run.errors, answer.errors + "\n", "standard error of \(words)")
        }
    },

    Test("errors: of output that nobody takes", dependsOnKernel: false) { t in
        /// Status and standard error of a shell's command.
        func shell(_ script: String) throws -> (status: Child.ExitStatus?, errors: String) {
            let child = try Child(["bash", "-c", script, t.settings.tool], directory: t.scratch)
            child.closeInput()
            t.children.append(child)
            let run = try t.finish(child, milliseconds: 20_000, isJSON: false)
            return (run.status, run.errors)
        }
        let full = try shell("\"$0\" trace -q -- /bin/true > /dev/full")
        t.equal(full.status, .code(1), "the exit status with a full disk")
        t.equal(
            full.errors, "ebpfguard: can't write to standard output: No space left on device\n", "what is said of it")
        for words in listings {
            let full = try shell("\"$0\" \(words) > /dev/full")
            t.equal(full.status, .code(1), "the exit status of \(words) with a full disk")
            t.equal(
                full.errors, "ebpfguard: can't write to standard output: No space left on device\n",
                "what is said of \(words)")
            let gone = try shell("\"$0\" \(words) | :; exit ${PIPESTATUS[0]}")
            t.equal(gone.status, .code(0), "the exit status of \(words) with a pipe that is closed")
            t.equal(gone.errors, "", "what is said of \(words) then")
        }
        // Who goes away is no error: the program is ended, as the tool is.
        let gone = try shell(
            "\"$0\" trace -q -- sh -c '/bin/true; sleep 60' | head -n 1 > /dev/null; exit ${PIPESTATUS[0]}")
        t.equal(gone.status, .code(143), "the exit status with a pipe that is closed")
        t.equal(gone.errors, "", "what is said of it")
        let closed = try shell("\"$0\" trace -q -- /bin/true >&-")
        t.equal(closed.errors, "", "what is said where standard output is closed from the start")
    },

    Test("errors: of a kernel that tells nothing of its types", dependsOnKernel: false) { t in
        // As one that is too old is, in a mount namespace where the file is hidden.
        let hidden = [
            "unshare", "-m", "sh", "-c", "mount -t tmpfs none /sys/kernel/btf && exec \"$0\" \"$@\"", t.settings.tool,
        ]
        let commands = [
            ["trace"], ["watch-net"], ["watch-files"], ["enforce", "--rule", "deny net 127.0.0.9", "--", "/bin/true"],
            ["compare-sidecar"],
        ]
        let kernel = try t.require(contents(of: "/proc/sys/kernel/osrelease"), "kernel").split(separator: "\n")[0]
        for command in commands {
            let child = try Child(hidden + command)
            child.closeInput()
            t.children.append(child)
            let run = try t.finish(child, milliseconds: 20_000, isJSON: false)
            t.equal(run.status, .code(5), "the exit status of \(command)")
            t.equal(
                run.errors,
                """
                ebpfguard: this host has no kernel type information (BTF): /sys/kernel/btf/vmlinux is missing: the kernel was built without CONFIG_DEBUG_INFO_BTF
                  ebpfguard needs Linux 5.10 or newer with CONFIG_DEBUG_INFO_BTF=y; this is \(kernel)

                """, "standard error of \(command)")
        }
    },
]

/// In a directory with files that have no room, one that is closed to others, and a directory.
private let fileAnswers: [(words: [String], user: Int, status: Int, errors: String)] = [
    (
        ["trace", "-q", "-w", "full.rec", "--", "/bin/true"], 0, 1,
        """
        ebpfguard: can't write the recording full.rec: No space left on device
          name a file in a directory that is there and writable, with room for it
        """
    ),
    (
        ["trace", "-q", "--output-file", "full.json", "--", "/bin/true"], 0, 1,
        """
        ebpfguard: --output-file: can't write full.json: No space left on device
          the last line in it may be cut; the run is over
        """
    ),
    (
        ["trace", "-q", "--report", "full.md", "--", "/bin/true"], 0, 1,
        """
        ebpfguard: --report: can't write full.md: No space left on device
          the report is not whole; the run is over
        """
    ),
    (
        ["compare-sidecar", "-q", "-d", "100ms", "--report", "full.json"], 0, 1,
        """
        ebpfguard: --report: can't write full.json: No space left on device
          what is in it is not whole; the run is over
        """
    ),
    (
        ["trace", "-q", "--output-file", "directory", "--", "/bin/true"], 0, 1,
        """
        ebpfguard: can't write directory: Is a directory
          name a file in a directory that is there and writable
        """
    ),
    (
        ["trace", "-r", "directory"], 0, 65,
        """
        ebpfguard: directory is a directory, not a recording
        """
    ),
    (
        ["watch-net", "--baseline", "directory", "--", "/bin/true"], 0, 65,
        """
        ebpfguard: can't read the baseline directory: Is a directory
          name a file: a recording, or lines of JSON
        """
    ),
    (
        ["trace", "-r", "closed"], 65534, 66,
        """
        ebpfguard: can't read closed: Permission denied
        """
    ),
    (
        ["enforce", "closed", "--", "/bin/true"], 65534, 66,
        """
        ebpfguard: closed: Permission denied
          name a file of rules: ebpfguard-policy(5)
        """
    ),
    (
        ["enforce", "--rule", "deny net 127.0.0.9", "--", "/bin/true"], 65534, 5,
        """
        ebpfguard: enforce loads programs into the kernel: you are not root
          run it with sudo
        """
    ),
    (
        ["compare-sidecar", "--lab"], 65534, 5,
        """
        ebpfguard: --lab makes network namespaces and cgroups, for which it must be root
          sudo ebpfguard compare-sidecar --lab
        """
    ),
    (
        ["trace", "--", "closed"], 0, 127,
        """
        ebpfguard: closed: command not found
          nothing was watched
        """
    ),
]
