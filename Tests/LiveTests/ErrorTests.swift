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
          name it FILE.md (Markdown), FILE.json, FILE.xml (JUnit) or FILE.sarif
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
    }
]
