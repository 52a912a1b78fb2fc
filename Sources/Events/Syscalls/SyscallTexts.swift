// SPDX-License-Identifier: Apache-2.0

internal import CWire

extension SyscallRecord {
    /// The arguments for a person: names of flags, paths, addresses, numbers. Made when it is asked for.
    package var argumentTexts: TextList {
        var writer = ArgumentWriter(self)
        guard let description else {
            writer.writeUnknown()
            return TextList(Bytes(writer.text.bytes))
        }
        if abi == .ioUring { writer.writeCaptures() }
        for kind in description.arguments where abi != .ioUring || !kind.isCaptured { writer.write(kind) }
        return TextList(Bytes(writer.text.bytes))
    }

    /// The errno of a call that failed, positive.
    package var error: Int32? {
        guard returnsValue, (-4095 ... -1).contains(fixed.result) else { return nil }
        return Int32(-fixed.result)
    }

    /// The result for a person: a number, an address, the name of an errno, or `?` when there is none.
    package var resultText: String {
        if let error { return errnoName(error).map { "\($0)" } ?? String(-error) }
        guard returnsValue else { return "?" }
        guard description?.shape.returns == .pointer else { return String(fixed.result) }
        let value = UInt64(bitPattern: fixed.result)
        return value == 0 ? "0" : "0x" + String(abi == .compat ? value & UInt64(UInt32.max) : value, radix: 16)
    }

    private var returnsValue: Bool {
        !has(WIRE_SYSCALL_NO_RETURN) && description?.shape.returns != .register
    }
}

extension ArgumentKind {
    /// Whether what is shown is what was read.
    fileprivate var isCaptured: Bool { self == .path || self == .name || self == .address }
}

/// Writes the arguments of one record in their order.
private struct ArgumentWriter {
    private let record: SyscallRecord
    private let registers: [UInt64]
    private let isNarrow: Bool
    private let isARM: Bool
    private(set) var text = ArgumentText()
    private var register = 0
    /// The last choice or flags, for arguments that depend on it.
    private var command: (value: UInt64, set: FlagSets.Index)?

    init(_ record: SyscallRecord) {
        self.record = record
        registers = record.arguments
        let list = record.abi?.list(on: record.architecture)
        isNarrow = list?.isNarrow ?? false
        isARM = list?.isARM ?? (record.architecture == .arm64)
    }

    /// Every register, for a call of which nothing is known.
    mutating func writeUnknown() {
        while register < registers.count {
            guard let capture = record.capture(UInt8(register)) else {
                write(.hex)
                continue
            }
            write(capture)
            register += 1
        }
    }

    mutating func writeCaptures() {
        for capture in record.allCaptures { write(capture) }
    }

    mutating func write(_ kind: ArgumentKind) {
        let value = next()
        switch kind {
        case .descriptor where record.abi == .ioUring && Int32(truncatingIfNeeded: value) < 0: return  // not known
        case .descriptor, .int: text.append(decimal: Int32(truncatingIfNeeded: value))
        case .directory:
            let descriptor = Int32(truncatingIfNeeded: value)
            if descriptor == -100 { text.append("AT_FDCWD") } else { text.append(decimal: descriptor) }
        case .path, .name, .address:
            if let capture = record.capture(UInt8(register - 1)), !capture.isUnreadable {
                write(capture)
                return
            }
            text.append(pointer: value)
        case .pointer:
            // An address that the kernel filled in, or that is in a message.
            if let capture = record.capture(UInt8(register - 1)), !capture.isUnreadable {
                write(capture)
                return
            }
            text.append(pointer: value)
        case .hex: text.append(hexadecimal: value)
        case .uint: text.append(decimal: UInt32(truncatingIfNeeded: value))
        case .long:
            text.append(decimal: isNarrow ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value))
        case .size: text.append(decimal: value)
        case .mode: text.append(octal: value & 0xffff)
        case .modeOfNew:
            // O_CREAT, and what O_TMPFILE has beside O_DIRECTORY.
            guard let command, command.value & 0x400040 != 0 else { return }
            text.append(octal: value & 0xffff)
        case .device: appendDevice(UInt32(truncatingIfNeeded: value))
        case .signal: appendSignal(Int32(truncatingIfNeeded: value))
        case .offset64: text.append(decimal: Int64(bitPattern: value | next() << 32))
        case .flags64(let set): append(value | next() << 32, set)
        case .padding: return
        case .flags(let set):
            command = (value, set)
            append(value, set)
        case .socketProtocol: append(UInt32(truncatingIfNeeded: value), as: protocolNames)
        case .socketOption: append(UInt32(truncatingIfNeeded: value), as: optionNames)
        case .rest(let count):
            register -= 1
            writeRest(count)
            return
        }
        text.endArgument()
    }

    private mutating func next() -> UInt64 {
        guard register < registers.count else { return 0 }
        defer { register += 1 }
        return registers[register]
    }

    private mutating func writeRest(_ count: Int) {
        guard let command, let kinds = CommandArguments.after(command.value & UInt64(UInt32.max), of: command.set)
        else {
            for _ in 0..<count { write(.hex) }
            return
        }
        for kind in kinds { write(kind) }
    }

    private mutating func write(_ capture: SyscallRecord.Capture) {
        if capture.isUnreadable {
            text.append(pointer: registers[min(Int(capture.argument), registers.count - 1)])
        } else if capture.kind == WIRE_CAPTURE_SOCKADDR.rawValue {
            SocketAddress(record.bytes(of: capture)).append(to: &text)
        } else {
            text.append(record.bytes(of: capture).slice)
            if capture.isCut { text.append("...") }
        }
        text.endArgument()
    }

    private mutating func append(_ value: UInt64, _ set: FlagSets.Index) {
        FlagSets.append(value, set, isARM: isARM, to: &text)
    }

    private mutating func append(_ value: UInt32, as names: String?) {
        if let names, let set = FlagSets.index(named: names) {
            append(UInt64(value), set)
        } else {
            text.append(decimal: Int32(bitPattern: value))
        }
    }

    private var protocolNames: String? {
        switch UInt32(truncatingIfNeeded: registers[0]) {
        case 2, 10: "ip_protocol"
        case 16: "netlink_protocol"
        case 17: "packet_protocol"
        default: nil
        }
    }

    private var optionNames: String? {
        switch command.map({ UInt32(truncatingIfNeeded: $0.value) }) {
        case 0: "so_ip"
        case 1: "so_socket"
        case 6: "so_tcp"
        case 41: "so_ipv6"
        case 263: "so_packet"
        case 270: "so_netlink"
        default: nil
        }
    }

    /// As the kernel decodes a dev_t of user space: `major:minor`.
    private mutating func appendDevice(_ device: UInt32) {
        text.append(decimal: device >> 8 & 0xfff)
        text.append(":")
        text.append(decimal: device & 0xff | device >> 12 & 0xfff00)
    }

    private mutating func appendSignal(_ number: Int32) {
        if let name = signalName(number) { text.append(name) } else { text.append(decimal: number) }
    }
}
