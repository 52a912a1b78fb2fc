// SPDX-License-Identifier: Apache-2.0

internal import CWire
internal import Events
internal import Policy

/// Bytes as a filter expression, through everything that is done with one.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzFilters(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let text = unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    let filter: Filter
    do {
        filter = try Filter(text)
    } catch {
        // The caret is under the excerpt, or right behind it.
        precondition(error.column <= error.excerpt.unicodeScalars.count, error.description)
        precondition(error.excerpt.unicodeScalars.count <= 80, error.description)
        return 0
    }
    let lowered = filter.lowered(connections: true)
    // Lists without an end would be cut by the limit on the length.
    let printed = filter.description
    let again = printed.utf8.count > 60_000 ? nil : parsed(printed)
    for sample in samples {
        var matcher = filter.matcher(boot: "b")
        let wanted = matcher.matches { sample.values[$0] ?? .absent }
        let passes = unsafe withUnsafePointer(to: lowered.predicate) { predicate in
            unsafe withUnsafePointer(to: sample.facts) { facts in
                unsafe wire_predicate_holds(predicate, facts) != 0
            }
        }
        precondition(passes || !wanted, "the kernel loses an event")
        precondition(!lowered.isExact || passes == wanted, "not exact")
        guard let again else { continue }
        var secondMatcher = again.matcher(boot: "b")
        precondition(secondMatcher.matches { sample.values[$0] ?? .absent } == wanted, "printed as something else")
    }
    return 0
}

private func parsed(_ text: String) -> Filter {
    do {
        return try Filter(text)
    } catch {
        fatalError("\(text)\n\(error)")
    }
}

/// An event, and what the kernel knows of it.
private struct Sample: @unchecked Sendable {
    var values: [Field: FieldValue] = [:]
    var facts = wire_facts()

    init(_ action: StaticString, _ kind: wire_kind, _ name: String) {
        values[.eventAction] = .word(action)
        set(WIRE_FACT_ACTION, Int64(kind.rawValue))
        unsafe withUnsafeMutableBytes(of: &facts.comm) { unsafe $0.copyBytes(from: name.utf8) }
        values[.processName] = .name(CommandName(unsafe unsafeBitCast(facts.comm, to: CommandName.CString.self)))
    }

    mutating func set(_ fact: wire_fact, _ value: Int64) {
        facts.present |= 1 << UInt64(fact.rawValue)
        unsafe withUnsafeMutableBytes(of: &facts.values) {
            unsafe $0.storeBytes(of: value, toByteOffset: Int(fact.rawValue) * 8, as: Int64.self)
        }
    }
}

private let samples: [Sample] = {
    let fork = Sample("fork", WIRE_FORK, "")
    var exec = Sample("exec", WIRE_EXEC_FAILED, "curl")
    exec.values[.processPID] = .integer(1)
    exec.set(WIRE_FACT_PID, 1)
    exec.values[.userID] = .identifier(0)
    exec.set(WIRE_FACT_EUID, 0)
    exec.values[.eventOutcome] = .word("failure")
    exec.set(WIRE_FACT_OUTCOME, Int64(WIRE_OUTCOME_FAILURE.rawValue))
    exec.values[.errorCode] = .word("ENOENT")
    exec.values[.ebpfguardErrno] = .integer(2)
    exec.set(WIRE_FACT_ERROR, 2)
    exec.values[.processArgs] = .texts(TextList(Bytes("curl\0-o\0")))
    exec.values[.processExecutable] = .path(WalkedPath(Bytes("curl\0bin\0\0a\0")))
    exec.values[.ebpfguardScript] = .joinedPath(directory: nil, Bytes("./x"))
    exec.values[.processMarks] = .words(["memfd"])
    exec.values[.destinationIP] = .address(IPPrefix(IPAddress("10.0.0.1")!).first)
    exec.facts.present |= 1 << UInt64(WIRE_FACT_DESTINATION_IP.rawValue)
    exec.facts.destination = (0, 0xffff_0a00_0001)
    exec.values[.destinationPort] = .integer(443)
    exec.set(WIRE_FACT_DESTINATION_PORT, 443)
    exec.values[.networkTransport] = .word("tcp")
    exec.set(WIRE_FACT_TRANSPORT, 6)
    exec.values[.sourceIP] = .address(IPAddress("2001:db8::1")!)
    exec.facts.present |= 1 << UInt64(WIRE_FACT_SOURCE_IP.rawValue)
    exec.facts.source = (0x2001_0db8_0000_0000, 1)
    exec.values[.timestamp] = .time(1_795_249_800_000_000_000)
    exec.values[.processInteractive] = .bool(true)
    var exit = Sample("exit", WIRE_EXIT, "fifteen-bytes-x")
    exit.values[.eventDuration] = .integer(.max)
    exit.set(WIRE_FACT_DURATION, .max)
    exit.values[.ebpfguardCgroupID] = .identifier(.max)
    exit.set(WIRE_FACT_CGROUP, -1)
    exit.values[.processEntityID] = .entity(ProcessKey(pid: 1, start: 0))
    return [fork, exec, exit]
}()
