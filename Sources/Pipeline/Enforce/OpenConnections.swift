// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CLinux
internal import CObjects
internal import CWire
internal import Enrichment
internal import Events
internal import Glibc
internal import Policy

/// What becomes of connections that were made before a policy held, and that it would not have let.
package enum OpenConnectionAnswer: String, CaseIterable, Sendable {
    case keep, report, close
}

/// The TCP connections that are open when a policy begins to hold.
enum OpenConnections {
    /// A record of each, and of each socket that listens, by a look at all descriptors: nothing is attached for it.
    static func records(
        _ config: wire_config, _ types: KernelTypes, sharing processes: borrowing BPFObject
    ) throws(BPFError) -> [UInt8] {
        var object = unsafe try BPFObject(embedded_tcp, types: types)
        try object.configure(config)
        let ids = object.structureIDs(["sock", "tcp_sock"])
        var settings = wire_network()
        settings.type_sock = ids[0]
        settings.type_tcp_sock = ids[1]
        try object.setSection(".rodata.network", to: settings)
        try object.joinScope(of: processes)
        try object.setCapacity(4096, map: "ring")
        for program in object.programs where program != "socket_existing" {
            try object.setEnabled(false, program: program)
        }
        try object.load()
        try object.map(named: "look_map").set(UInt32(0), to: wire_look(number: 1, flags: 0))
        return try object.runIterator("socket_existing")
    }

    /// Those that this side asked for. Who has a port on which somebody listens was asked.
    static func outgoing(_ records: [UInt8]) -> [wire_connection] {
        var connections: [wire_connection] = []
        var listeners: Set<UInt64> = []
        func place(_ connection: wire_connection) -> UInt64 {
            UInt64(connection.namespace) << 16 | UInt64(connection.local.port)
        }
        let size = MemoryLayout<wire_connection>.stride
        for start in stride(from: 0, to: records.count / size * size, by: size) {
            let connection = unsafe records.span.bytes.unsafeLoadUnaligned(
                fromByteOffset: start, as: wire_connection.self)
            if UInt32(connection.header.flags) & WIRE_CONNECTION_LISTENER != 0 {
                listeners.insert(place(connection))
            } else {
                connections.append(connection)
            }
        }
        return connections.filter { connection in
            UInt32(connection.header.flags) & WIRE_CONNECTION_INCOMING == 0 && !listeners.contains(place(connection))
        }
    }

    /// Breaks one off. False where it has ended by itself.
    static func close(_ connection: wire_connection) throws(Failure) -> Bool {
        let namespace = try namespace(of: connection)
        defer { Glibc.close(namespace) }
        let error = close(connection.local, connection.remote, in: namespace)
        guard error == 0 || error == ENOENT else { throw failure(error) }
        return error == 0
    }

    /// A descriptor of the network namespace that a process is in; `nil` where it has ended.
    static func namespace(of task: wire_task) -> Int32? {
        let file = unsafe open("/proc/\(task.pid)/ns/net", O_RDONLY | O_CLOEXEC)
        return file >= 0 ? file : nil
    }

    /// Breaks off one that a detector has found, where the kernel does that for others. Closes the namespace.
    static func breakOff(_ detected: wire_detect, in namespace: Int32) {
        _ = close(detected.source, detected.destination, in: namespace)
        Glibc.close(namespace)
    }

    /// The error; 0 for none.
    private static func close(_ local: wire_address, _ remote: wire_address, in namespace: Int32) -> Int32 {
        unsafe withUnsafeBytes(of: local.bytes) { bytes in
            unsafe withUnsafeBytes(of: remote.bytes) { others in
                unsafe clinux_close_connection(
                    namespace, bytes.baseAddress!.assumingMemoryBound(to: UInt8.self), local.port,
                    others.baseAddress!.assumingMemoryBound(to: UInt8.self), remote.port)
            }
        }
    }

    /// Why none can be closed on this host; `nil` where they can.
    static func obstacle() -> Failure? {
        let error = clinux_try_to_close_connection()
        return error == 0 ? nil : failure(error)
    }

    private static func failure(_ error: Int32) -> Failure {
        Failure(
            .unsupported, "--existing close: can't close a connection: \(unsafe String(cString: strerror(error)))",
            help: error == EOPNOTSUPP || error == ENOENT
                ? "it takes CONFIG_INET_DIAG_DESTROY and the module tcp_diag; --existing report tells of them" : nil)
    }

    /// A descriptor of its network namespace: its process may be in another one by now.
    private static func namespace(of connection: wire_connection) throws(Failure) -> Int32 {
        let pids = [String(connection.task.pid)] + directories(in: "/proc").filter { UInt32($0) != nil }
        for pid in pids {
            let file = unsafe open("/proc/\(pid)/ns/net", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { continue }
            var status = stat()
            if unsafe fstat(file, &status) == 0, status.st_ino == UInt(connection.namespace) { return file }
            Glibc.close(file)
        }
        throw Failure(.failure, "no process is in the network namespace \(connection.namespace) any more")
    }
}
