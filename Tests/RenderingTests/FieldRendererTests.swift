// SPDX-License-Identifier: Apache-2.0

import Events
import Fixtures
import Rendering
import Testing

/// `--fields` in text: tabs between values, in the order asked for.
struct FieldRendererTests {
    private func line(_ sample: Sample, _ fields: Field...) throws -> String {
        var renderer = FieldRenderer(fields: fields, host: Fixture.host, redacts: true)
        var buffer = OutputBuffer()
        renderer.append(try sample.event, to: &buffer)
        return String(decoding: buffer.array(), as: UTF8.self)
    }

    @Test func header() {
        let renderer = FieldRenderer(fields: [.processPID, .eventAction], host: Fixture.host, redacts: true)
        #expect(renderer.header == "process.pid\tevent.action")
    }

    @Test func order() throws {
        #expect(try line(.exec, .processName, .processPID, .processName) == "run.sh\t5000001\trun.sh\n")
        #expect(try line(.exec) == "\n")
    }

    @Test(arguments: [
        (Field.timestamp, "2023-11-14T22:30:00.123456789Z"), (.eventType, "start"), (.eventAction, "exec"),
        (.errorCode, "-"), (.processEntityID, "0123456789ab-e8b6d7ab00-5000001"), (.processExecutable, "/usr/bin/bash"),
        (.processArgs, "/bin/bash ./run.sh '' '--password=*****'"), (.processArgsTruncated, "true"),
        (.processMarks, "upper_layer,setuid"), (.userID, "0"), (.processAncestors, "sshd<systemd"),
        (.ebpfguardScript, "/home/alice/run.sh"), (.ebpfguardCgroupID, "4242"), (.ebpfguardSchema, "1"),
    ])
    func values(_ field: Field, _ expected: String) throws {
        #expect(try line(.exec, field) == expected + "\n")
    }

    @Test func otherKinds() throws {
        #expect(try line(.failedExec, .ebpfguardExecPath, .ebpfguardErrno) == "/opt/tool\t2\n")
        #expect(try line(.loss, .processPID, .eventAction, .ebpfguardLost) == "-\tloss\t{\"exec\":3,\"fork\":1}\n")
    }

    /// A value can't end its line or its column.
    @Test func hostileText() throws {
        let event = try Sample.exec("tool", "a\tb\nc")
        var renderer = FieldRenderer(fields: [.processArgs], host: Fixture.host, redacts: true)
        var buffer = OutputBuffer()
        renderer.append(event, to: &buffer)
        #expect(String(decoding: buffer.array(), as: UTF8.self) == "tool $'a\\tb\\nc'\n")
    }

    @Test(arguments: Sample.allCases)
    func everyField(_ sample: Sample) throws {
        var renderer = FieldRenderer(fields: Field.allCases, host: Fixture.host, redacts: true)
        var buffer = OutputBuffer()
        renderer.append(try sample.event, to: &buffer)
        #expect(buffer.array().count { $0 == UInt8(ascii: "\t") } == Field.allCases.count - 1)
        #expect(buffer.array().count { $0 == UInt8(ascii: "\n") } == 1)
    }
}
