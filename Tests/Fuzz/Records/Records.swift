// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Enrichment
internal import Events
internal import Fixtures
internal import Rendering

/// Bytes as if from the ring: records one after the other, through everything that happens to them on their way out.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRecords(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    var tree = ProcessTree()
    // Asks the system nothing.
    var enricher = Enricher(host: Fixture.host, failedExecHook: "hook", lookups: Lookups(.recording))
    var output = Output()
    var offset = 0
    while offset < bytes.count {
        let rest = Array(bytes[offset...])
        guard let record = try? decode(rest) else { break }
        if case .message(let message) = record {
            for event in enricher.events(for: message) { output.check(event) }
        } else if isFact(record) {
            if let event = enricher.event(for: record) { output.check(event) }
        } else if let event = event(for: record, &tree) {
            output.check(event)
        }
        offset += max(16, length(rest))
    }
    return 0
}

/// Whether the enricher alone makes an event of it.
private func isFact(_ record: Record) -> Bool {
    switch record {
    case .drop, .rawSocket, .unix, .violation: true
    default: false
    }
}

private func length(_ bytes: [UInt8]) -> Int {
    Int(bytes[0]) | Int(bytes[1]) << 8 | Int(bytes[2]) << 16 | Int(bytes[3]) << 24
}

private func event(for record: Record, _ tree: inout ProcessTree) -> Event? {
    func make(_ action: Event.Action, _ time: UInt64, _ process: Process, _ record: ProcessRecord? = nil) -> Event {
        let name = Bytes(process.task.name.array)
        return Event(
            action, time: time, process: process, record: record, userName: name, cgroup: name,
            lineage: tree.lineage(of: process), hook: "hook", host: Fixture.host
        )
    }
    switch record {
    case .process(let record):
        switch record.kind {
        case WIRE_EXEC.rawValue: return make(.exec, record.time, tree.exec(record), record)
        case WIRE_EXEC_FAILED.rawValue: return make(.execFailed, record.time, tree.failedExec(record), record)
        default: return make(.existing, record.time, tree.add(existing: record), record)
        }
    case .fork(let task, let time): return make(.fork, time, tree.fork(task))
    case .exit(let task, let code, let time): return make(.exit(code: code), time, tree.exit(task))
    case .cgroup, .message, .drop, .rawSocket, .unix, .violation, .detected: return nil
    case .guarded(let violation):
        return Event(
            .violation, time: violation.time, process: tree.acting(violation.task), task: violation.task,
            fact: .guarded(violation, nil), hook: violation.hook, host: Fixture.host)
    case .file(let file):
        return Event(
            .file(file.operation), time: file.time, process: tree.acting(file.task), task: file.task,
            file: FileFact(file), hook: "hook", host: Fixture.host)
    case .syscall(let call):
        return Event(
            .syscall, time: call.time, process: tree.acting(call.task), task: call.task, call: call, hook: "hook",
            host: Fixture.host)
    case .signal(let signal):
        return Event(
            .signal, time: signal.header.time, process: tree.acting(signal.task), task: signal.task, signal: signal,
            target: .init(task: signal.target, process: nil), hook: "hook", host: Fixture.host)
    case .oom(let record):
        return Event(
            .oom, time: record.header.time, process: tree.acting(record.task), task: record.task,
            target: .init(task: record.target, process: nil), hook: "hook", host: Fixture.host)
    case .connection(let connection):
        let actions: [Event.Action] = [.connect, .accept, .listen, .close, .open]
        let process = connection.hasOwner ? tree.acting(connection.task) : nil
        return Event(
            actions[Int(connection.kind - WIRE_CONNECT.rawValue) % actions.count], time: connection.time,
            process: process,
            task: process == nil ? nil : connection.task, connection: connection, hook: "hook", host: Fixture.host)
    }
}

/// Every form of output, and what must hold for it whatever came in.
private struct Output {
    private var json = JSONRenderer(fields: Set(Field.allCases), host: Fixture.host, redacts: true)
    private var fields = FieldRenderer(fields: Field.allCases, host: Fixture.host, redacts: false)
    private var text = TextRenderer(options: .init(columns: 80, colors: false, wide: false, redacts: true))
    private var wide = TextRenderer(options: .init(columns: nil, colors: false, wide: true, redacts: false))

    mutating func check(_ event: Event) {
        var buffer = OutputBuffer()
        json.append(event, to: &buffer)
        let line = buffer.array()
        precondition(line.last == UInt8(ascii: "\n"))
        do {
            _ = try JSONValue(line.dropLast())
        } catch {
            fatalError("\(error): \(String(decoding: line, as: UTF8.self))")
        }
        checkLine(line)

        for render in [
            { $0.fields.append(event, to: &$1) }, { $0.text.append(event, to: &$1) },
            { $0.wide.append(event, to: &$1) },
        ]
            as [(inout Output, inout OutputBuffer) -> Void]
        {
            var buffer = OutputBuffer()
            render(&self, &buffer)
            checkLine(buffer.array())
        }
    }

    /// One line, and nothing in it that acts on a terminal but the tabs between columns.
    private func checkLine(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { fatalError("not UTF-8") }
        precondition(bytes.last == UInt8(ascii: "\n"))
        for scalar in text.unicodeScalars.dropLast() {
            precondition(scalar == "\t" || scalar.value >= 0x20 && !(0x7f..<0xa0).contains(scalar.value), text)
            precondition(!scalar.properties.isBidiControl, text)
        }
    }
}
