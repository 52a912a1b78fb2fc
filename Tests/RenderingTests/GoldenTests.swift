// SPDX-License-Identifier: Apache-2.0

import Enrichment
import Events
import Fixtures
import Rendering
import Testing

/// One line of each kind of event, whole.
struct GoldenTests {
    private static let host = #""host":{"name":"node-1"}"#
    private static let ancestors =
        #""parent":{"pid":5000000,"entity_id":"0123456789ab-d18c2e2800-5000000","name":"sshd","#
        + #""executable":"/usr/sbin/sshd"},"#
        + #""ancestors":[{"pid":5000000,"entity_id":"0123456789ab-d18c2e2800-5000000","name":"sshd","#
        + #""executable":"/usr/sbin/sshd"},"#
        + #"{"pid":4999999,"entity_id":"0123456789ab-77359400-4999999","name":"systemd"}]},"#
    private static let image =
        #""args":["/bin/bash","./run.sh","","--password=*****"],"args_count":4,"args_truncated":true,"#
        + #""working_directory":"/home/alice","start":"2023-11-14T22:29:59.500000000Z","#
    private static let terminal = #""interactive":true,"tty":{"name":"pts/3"},"#
    private static let marks = #""marks":["upper_layer","setuid"],"#
    private static let user =
        #""real_user":{"id":"1000"},"real_group":{"id":"1000"},"session_leader":{"pid":5000000},"#
        + #""linux":{"cgroup":"/system.slice/demo.service"},"#

    @Test func execJSON() throws {
        let expected =
            #"{"@timestamp":"2023-11-14T22:30:00.123456789Z","event":{"kind":"event","category":["process"],"#
            + #""type":["start"],"action":"exec","outcome":"success","sequence":7},"#
            + #""process":{"pid":5000001,"vpid":17,"entity_id":"0123456789ab-e8b6d7ab00-5000001","name":"run.sh","#
            + #""executable":"/usr/bin/bash","# + Self.image + Self.terminal + #""thread":{"id":5000007},"#
            + Self.marks + Self.user + Self.ancestors
            + #""user":{"id":"0","name":"alice","audit":{"id":"1000"}},"group":{"id":"0"},"# + Self.host
            + #","ebpfguard":{"schema":1,"hook":"a hook","script":"/home/alice/run.sh","interpreter":"/bin/bash","#
            + #""host_path":"/srv/jail/usr/bin/bash","cgroup_id":"4242"}}"# + "\n"
        #expect(String(decoding: json(try Sample.exec.event), as: UTF8.self) == expected)
    }

    @Test func failedExecJSON() throws {
        let expected =
            #"{"@timestamp":"2023-11-14T22:30:01.000000000Z","event":{"kind":"event","category":["process"],"#
            + #""type":["start"],"action":"exec","outcome":"failure","sequence":7},"error":{"code":"ENOENT"},"#
            + #""process":{"pid":5000001,"entity_id":"0123456789ab-e8b6d7ab00-5000001","name":"bash","#
            + #""executable":"/usr/bin/bash","working_directory":"/home/alice","#
            + #""start":"2023-11-14T22:29:59.500000000Z","interactive":false,"# + Self.user + Self.ancestors
            + #""user":{"id":"1000","name":"alice","audit":{"id":"1000"}},"group":{"id":"1000"},"# + Self.host
            + #","ebpfguard":{"schema":1,"hook":"a hook","errno":2,"exec_path":"/opt/tool","#
            + #""exec_args":["tool","-x"],"cgroup_id":"4242"}}"# + "\n"
        #expect(String(decoding: json(try Sample.failedExec.event), as: UTF8.self) == expected)
    }

    @Test func existingJSON() throws {
        let expected =
            #"{"@timestamp":"2023-11-14T22:30:02.000000000Z","event":{"kind":"event","category":["process"],"#
            + #""type":["info"],"action":"existing","sequence":7},"#
            + #""process":{"pid":5000001,"entity_id":"0123456789ab-e8b6d7ab00-5000001","name":"3","#
            + #""executable":"/memfd:payload","working_directory":"/","start":"2023-11-14T22:29:59.500000000Z","#
            + #""interactive":false,"marks":["memfd"],"real_user":{"id":"1000"},"real_group":{"id":"1000"},"#
            + #""linux":{"cgroup":"/system.slice/demo.service"},"# + Self.ancestors
            + #""user":{"id":"1000","name":"alice"},"group":{"id":"1000"},"# + Self.host
            + #","ebpfguard":{"schema":1,"hook":"a hook","cgroup_id":"4242"}}"# + "\n"
        #expect(String(decoding: json(try Sample.existing.event), as: UTF8.self) == expected)
    }

    @Test func forkJSON() throws {
        let expected =
            #"{"@timestamp":"2023-11-14T22:29:59.500000000Z","event":{"kind":"event","category":["process"],"#
            + #""type":["start"],"action":"fork","sequence":7},"#
            + #""process":{"pid":5000001,"entity_id":"0123456789ab-e8b6d7ab00-5000001","name":"sshd","#
            + #""start":"2023-11-14T22:29:59.500000000Z","# + Self.user + Self.ancestors
            + #""user":{"id":"1000","name":"alice","audit":{"id":"1000"}},"group":{"id":"1000"},"# + Self.host
            + #","ebpfguard":{"schema":1,"hook":"a hook","cgroup_id":"4242"}}"# + "\n"
        #expect(String(decoding: json(try Sample.fork.event), as: UTF8.self) == expected)
    }

    @Test func exitJSON() throws {
        let expected =
            #"{"@timestamp":"2023-11-14T22:30:03.250000000Z","event":{"kind":"event","category":["process"],"#
            + #""type":["end"],"action":"exit","duration":3750000000,"sequence":7},"#
            + #""process":{"pid":5000001,"entity_id":"0123456789ab-e8b6d7ab00-5000001","name":"run.sh","#
            + #""executable":"/usr/bin/bash","# + Self.image + #""end":"2023-11-14T22:30:03.250000000Z","#
            + #""exit_signal":11,"# + Self.terminal + Self.marks + Self.user + Self.ancestors
            + #""user":{"id":"1000","name":"alice","audit":{"id":"1000"}},"group":{"id":"1000"},"# + Self.host
            + #","ebpfguard":{"schema":1,"hook":"a hook","script":"/home/alice/run.sh","interpreter":"/bin/bash","#
            + #""host_path":"/srv/jail/usr/bin/bash","cgroup_id":"4242","signal":"SIGSEGV","core_dump":true}}"# + "\n"
        #expect(String(decoding: json(try Sample.exit.event), as: UTF8.self) == expected)
    }

    private static let actor = #""start":"2023-11-14T22:29:59.500000000Z","#
    private static let actingUser =
        #""real_user":{"id":"1000"},"real_group":{"id":"1000"},"session_leader":{"pid":5000000}},"#
        + #""user":{"id":"1000","name":"alice","audit":{"id":"1000"}},"group":{"id":"1000"},"#

    @Test func syscallJSON() throws {
        let expected =
            #"{"@timestamp":"2023-11-14T22:30:00.500000000Z","event":{"kind":"event","category":["file"],"#
            + #""type":["info"],"action":"syscall","outcome":"failure","duration":24256,"sequence":7},"#
            + #""error":{"code":"ENOENT"},"#
            + #""process":{"pid":5000001,"entity_id":"0123456789ab-e8b6d7ab00-5000001","name":"cat","# + Self.actor
            + #""thread":{"id":5000007},"# + Self.actingUser + #""file":{"path":"/srv/missing"},"# + Self.host
            + #","ebpfguard":{"schema":1,"hook":"a hook","errno":2,"cgroup_id":"4242","#
            + #""syscall":{"name":"openat","abi":"x86-64","args":["AT_FDCWD","/srv/missing","O_RDONLY"],"#
            + #""return":-2}}}"# + "\n"
        #expect(String(decoding: json(try Sample.syscall.event), as: UTF8.self) == expected)
    }

    @Test func signalJSON() throws {
        let expected =
            #"{"@timestamp":"2023-11-14T22:30:00.500000000Z","event":{"kind":"event","category":["process"],"#
            + #""type":["info"],"action":"signal","sequence":7},"#
            + #""process":{"pid":5000001,"entity_id":"0123456789ab-e8b6d7ab00-5000001","name":"sender","# + Self.actor
            + Self.actingUser + Self.host
            + #","ebpfguard":{"schema":1,"hook":"a hook","cgroup_id":"4242","signal":"SIGUSR2","#
            + #""signal_result":"ignored","target":{"pid":5000002,"#
            + #""entity_id":"0123456789ab-e8bccd8c00-5000002","name":"receiver"}}}"# + "\n"
        #expect(String(decoding: json(try Sample.signal.event), as: UTF8.self) == expected)
    }

    @Test func oomJSON() throws {
        let expected =
            #"{"@timestamp":"2023-11-14T22:30:00.500000000Z","event":{"kind":"event","category":["process"],"#
            + #""type":["end"],"action":"oom","sequence":7},"#
            + #""process":{"pid":5000001,"entity_id":"0123456789ab-e8b6d7ab00-5000001","name":"sender","# + Self.actor
            + Self.actingUser + Self.host
            + #","ebpfguard":{"schema":1,"hook":"a hook","cgroup_id":"4242","target":{"pid":5000002,"#
            + #""entity_id":"0123456789ab-e8bccd8c00-5000002","name":"receiver"}}}"# + "\n"
        #expect(String(decoding: json(try Sample.oom.event), as: UTF8.self) == expected)
    }

    @Test func lossJSON() throws {
        let expected =
            #"{"@timestamp":"2023-11-14T22:30:04.000000000Z","event":{"kind":"pipeline_error","action":"loss","#
            + #""sequence":7},"# + Self.host + #","ebpfguard":{"schema":1,"lost":{"exec":3,"fork":1}}}"# + "\n"
        #expect(String(decoding: json(try Sample.loss.event), as: UTF8.self) == expected)
    }

    @Test func summaryJSON() throws {
        let row: [Field: FieldValue] = [
            .summaryBy: .text(Bytes("executable")), .summaryGroup: .text(Bytes("/bin/a\u{1b}")),
            .processExecutable: .text(Bytes("/bin/a\u{1b}")), .summaryStarts: .integer(500), .summaryExits: .integer(0),
        ]
        var event = Event(summary: row, time: 1_004_000_000_000, host: Fixture.host)
        event.sequence = 7
        let expected =
            #"{"@timestamp":"2023-11-14T22:30:04.000000000Z","event":{"kind":"metric","action":"summary","sequence":7},"#
            + #""process":{"executable":"/bin/a\u001b"},"# + Self.host
            + #","ebpfguard":{"schema":1,"summary":{"by":"executable","group":"/bin/a\u001b","starts":500,"exits":0}}}"#
            + "\n"
        #expect(String(decoding: json(event), as: UTF8.self) == expected)
    }

    @Test(arguments: [
        (Sample.exec, 1, "… repeated once in 2.5 s: [upper_layer setuid] /usr/bin/bash"),
        (.exec, 214, "… repeated 214 times in 2.5 s: [upper_layer setuid] /usr/bin/bash"),
        (.failedExec, 2, "… repeated 2 times in 2.5 s: bash could not execute tool: ENOENT"),
        (.fork, 2, "… repeated 2 times in 2.5 s: sshd forked"),
        (.exit, 2, "… repeated 2 times in 2.5 s: run.sh killed by SIGSEGV"),
    ])
    func repeats(_ sample: Sample, _ count: UInt64, _ expected: String) throws {
        var event = try sample.event
        event.repeats = (count, 2_500_000_000)
        #expect(withoutClock(text(event))[0].hasPrefix(" 5000001 alice    " + expected))
        #expect(String(decoding: json(event), as: UTF8.self).contains(#""repeats":\#(count)"#))
    }

    @Test(arguments: [
        (
            Sample.exec,
            " 5000001 alice    sshd > [upper_layer setuid] /usr/bin/bash ./run.sh '' '--password=*****'"
                + " ... (4 arguments in all)"
        ),
        (.failedExec, " 5000001 alice    bash could not execute tool: ENOENT"),
        (.existing, " 5000001 alice    running 2.5 s  [memfd] /memfd:payload"),
        (.fork, " 5000001 alice    sshd forked"),
        (.exit, " 5000001 alice    run.sh killed by SIGSEGV (core dumped) after 3.7 s"),
        (.syscall, " 5000001 alice    cat openat(AT_FDCWD, /srv/missing, O_RDONLY) = ENOENT  24.2 us"),
        (.connect, " 5000001 alice    bash connect(3, 127.0.0.1:1, 16) = ECONNREFUSED  24.2 us"),
        (.signal, " 5000001 alice    sender SIGUSR2 to 5000002 receiver (ignored)"),
        (.oom, " 5000001 alice    OOM killer chose 5000002 receiver when sender asked for memory"),
        (.loss, " LOST 4 events: exec 3 fork 1"),
    ])
    func textLine(_ sample: Sample, _ expected: String) throws {
        #expect(withoutClock(text(try sample.event)) == [expected])
    }

    @Test(arguments: [
        (
            Sample.exec,
            " 5000001 5000000 alice            [upper_layer setuid] /usr/bin/bash ./run.sh '' '--password=*****'"
                + " ... (4 arguments in all)  cwd=/home/alice  tty=pts/3  cgroup=/system.slice/demo.service"
                + "  by systemd > sshd"
        ),
        (.fork, " 5000001 5000000 alice            sshd forked  by systemd > sshd"),
        (.loss, " LOST 4 events: exec 3 fork 1"),
    ])
    func wideLine(_ sample: Sample, _ expected: String) throws {
        #expect(withoutClock(text(try sample.event, wide: true)) == [expected])
    }

    private static let names: WorkloadNames = {
        var names = WorkloadNames()
        names.container = Bytes("api")
        names.image = Bytes("api:1\u{1b}")
        names.namespace = Bytes("payments")
        names.pod = Bytes("api-7c9f6d5b8-x2x9q")
        return names
    }()

    @Test func workloadJSON() throws {
        let id = String(repeating: "0123456789abcdef", count: 4)
        let expected =
            #""container":{"id":"\#(id)","name":"api","image":{"name":"api:1\u001b"},"runtime":"docker"},"#
            + #""k8s":{"namespace":{"name":"payments"},"pod":{"name":"api-7c9f6d5b8-x2x9q"},"container":{"name":"api"}},"#
        #expect(String(decoding: json(try Sample.fork(in: Self.names)), as: UTF8.self).contains(expected + Self.host))
    }

    /// Whole in wide; what is known only by its id by a part of that.
    @Test func workloadLine() throws {
        let event = try Sample.fork(in: Self.names)
        let parent = withoutClock(text(try Sample.fork(in: WorkloadNames())))[0].split(separator: "  ").last ?? ""
        #expect(
            withoutClock(text(event)) == [" 5000001 alice    payments/api-7c9…8-x2x9q:api  \(parent)"])
        #expect(
            withoutClock(text(event, wide: true))[0].contains(
                " alice            payments/api-7c9f6d5b8-x2x9q:api  \(parent)"))
        #expect(
            withoutClock(text(try Sample.fork(in: WorkloadNames()))) == [
                " 5000001 alice    0123456789ab  \(parent)"
            ])
    }

    /// The header's words stand above what they name.
    @Test func headers() throws {
        for wide in [false, true] {
            let header = TextRenderer.header(wide: wide)
            let line = text(try Sample.fork.event, wide: wide)
            #expect(place("USER", header) == place("alice", line))
            #expect(place("WHAT", header) == place("sshd", line))
            #expect(place("PID", header).map { $0 + 3 } == place("5000001", line).map { $0 + 7 })
        }
    }

    private func place(_ word: String, _ text: String) -> Int? {
        text.ranges(of: word).first.map { text.distance(from: text.startIndex, to: $0.lowerBound) }
    }
}
