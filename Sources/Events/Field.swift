// SPDX-License-Identifier: Apache-2.0

/// Every field of every event, in the order in which JSON shows them.
///
/// A field is described here once. JSON, `--fields`, `--list-fields`, filters and the manual follow from this list.
package enum Field: Int, CaseIterable, Sendable {
    case timestamp
    case eventKind, eventCategory, eventType, eventAction, eventOutcome, eventDuration, eventSequence
    case errorCode
    case processPID, processVPID, processEntityID, processName, processExecutable
    case processArgs, processArgsCount, processArgsTruncated
    case processWorkingDirectory, processStart, processEnd, processExitCode, processExitSignal
    case processInteractive, processTTYName, processThreadID, processMarks
    case processRealUserID, processRealGroupID, processSessionLeaderPID, processCgroup
    case parentPID, parentEntityID, parentName, parentExecutable, parentArgs
    case processAncestors
    case userID, userName, userAuditID, groupID
    case containerID, containerName, containerImageName, containerRuntime, containerLabels
    case kubernetesNamespaceName, kubernetesPodName, kubernetesPodUID, kubernetesContainerName, kubernetesNodeName
    case filePath, fileOriginalPath, fileTargetPath, fileType, fileMode, fileUID, fileGID, fileSize, fileInode,
        fileDevice, fileOpenFlags
    case fileHashSHA256
    case sourceIP, sourcePort, sourceBytes, sourcePackets
    case destinationAddress, destinationIP, destinationPort, destinationBytes, destinationPackets, destinationNatIP,
        destinationNatPort,
        destinationDomain
    case networkType, networkTransport, networkIANANumber, networkProtocol, networkDirection, networkBytes
    case dnsType, dnsID, dnsHeaderFlags, dnsQuestionName, dnsQuestionType, dnsQuestionClass
    case dnsResponseCode, dnsAnswers, dnsResolvedIP
    case tlsClientServerName
    case ruleName, ruleCategory, ruleReference
    case threatTechniqueID
    case hostName
    case ebpfguardSchema, ebpfguardHook, ebpfguardErrno, ebpfguardScript, ebpfguardInterpreter
    case ebpfguardExecPath, ebpfguardExecArgs, ebpfguardExecArgsTruncated, ebpfguardHostPath, ebpfguardCgroupID,
        ebpfguardSignal, ebpfguardSignalResult, ebpfguardCoreDump
    case ebpfguardVerdict, ebpfguardEnforced
    case detectionName, detectionScore, detectionReasons, detectionEvidence
    case ebpfguardRemoteClass, ebpfguardCloseReason, ebpfguardOpenedBefore, ebpfguardRoundTrip, ebpfguardRetransmits,
        ebpfguardNetworkNamespace
    case ebpfguardNameSource, ebpfguardNameChain, ebpfguardNameAge, ebpfguardNameTTL, ebpfguardNameServer,
        ebpfguardNameShared, ebpfguardDirectToIP, ebpfguardMessagePartial
    case ebpfguardTLSProtocols, ebpfguardTLSVersion, ebpfguardTLSECH
    case ebpfguardNewListener, ebpfguardFirstSeen
    case ebpfguardDropReason, ebpfguardDropCount
    case ebpfguardSocketFamily, ebpfguardSocketType, ebpfguardSocketProtocol, ebpfguardSocketPair
    case ebpfguardFileBytesWritten, ebpfguardFileBytesRead, ebpfguardFileAttribute, ebpfguardFileMarks
    case fileNetChange, fileNetChanged, fileNetMovedTo, fileNetExecuted
    case fileWrittenByPID, fileWrittenByEntityID, fileWrittenByName, fileWrittenByTime
    case ebpfguardMountType, ebpfguardMountSource, ebpfguardMountFlags
    case syscallName, syscallABI, syscallArgs, syscallReturn
    case targetPID, targetEntityID, targetName, targetExecutable
    case ebpfguardRepeats
    case summaryBy, summaryGroup
    case summaryCalls, summaryErrors, summaryTime, summaryAverage
    case summaryStarts, summaryFailures, summaryExits, summaryFailedExits, summaryKilled, summaryRunning,
        summaryLifetimeAverage, summaryLifetimeLongest
    case summarySignals
    case summaryConnects, summaryFailedConnects, summaryAccepts, summaryCloses, summaryOpen, summarySentBytes,
        summaryReceivedBytes, summaryAddresses
    case summaryOpens, summaryCreations, summaryRenames, summaryDeletions, summaryChanges, summaryWrittenBytes,
        summaryReadBytes, summaryFailedOperations
    case ebpfguardLost

    /// The dotted name, as in ECS where ECS has it.
    package var name: String { Self.table[rawValue].name }
    package var type: FieldType { Self.table[rawValue].type }
    /// One line for a person.
    package var meaning: String { Self.table[rawValue].meaning }

    /// The field with this name.
    package init?(named name: String) {
        guard let field = Self.byName[name] else { return nil }
        self = field
    }

    private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.name, $0) })

    private struct Description {
        let name: String
        let type: FieldType
        let meaning: String

        init(_ name: String, _ type: FieldType, _ meaning: String) {
            self.name = name
            self.type = type
            self.meaning = meaning
        }
    }

    /// In the order of the cases.
    private static let table: [Description] = [
        .init("@timestamp", .time, "when it happened, UTC"),
        .init(
            "event.kind", .text,
            "event, alert for a violation of a policy or a detection, metric for a row of a summary, or pipeline_error for losses"
        ),
        .init("event.category", .textList, "process, network, file or intrusion_detection"),
        .init(
            "event.type", .textList,
            "start, end or info; with connection for connections, protocol for DNS and TLS; access, creation, change or "
                + "deletion of files; denied or allowed for violations of a policy"
        ),
        .init(
            "event.action", .text,
            "exec, fork, exit, existing, syscall, signal, oom, ptrace, setuid, mount, module_load, bpf, connect, "
                + "accept, listen, close, dns_query, dns_answer, tls_client_hello, drop, raw_socket, open, create, "
                + "rename, unlink, link, symlink, mkdir, rmdir, mknod, "
                + "write, read, exec_map, chmod, chown, truncate, setxattr, removexattr, umount, pivot_root, "
                + "policy_violation, detection, summary or loss"
        ),
        .init(
            "event.outcome", .text,
            "success or failure of an exec, a system call, a connection, a question, a file's use"),
        .init(
            "event.duration", .number,
            "nanoseconds: how long the process lived (exit), the call took (syscall), it took to connect, it waited "
                + "to be accepted (accept), it was open (close)"),
        .init("event.sequence", .number, "number of the event in this output, from 1"),
        .init("error.code", .text, "name of the errno of a failed operation, such as ENOENT"),
        .init("process.pid", .number, "process id in the host's pid namespace"),
        .init("process.vpid", .number, "process id as the process itself sees it, where that differs"),
        .init("process.entity_id", .text, "boot, start time and pid: never used again for another process"),
        .init("process.name", .text, "name the kernel keeps, at most 15 bytes"),
        .init("process.executable", .text, "absolute path of the program that runs, as the process sees it"),
        .init("process.args", .textList, "arguments, from the program's name on; whole up to 32 KiB"),
        .init("process.args_count", .number, "how many arguments there are, also of those that are not shown"),
        .init("process.args_truncated", .boolean, "true when arguments are missing or cut"),
        .init("process.working_directory", .text, "working directory, as the process sees it"),
        .init("process.start", .time, "when the process was forked"),
        .init("process.end", .time, "when the process ended"),
        .init("process.exit_code", .number, "status the process gave to exit"),
        .init("process.exit_signal", .number, "signal that killed the process"),
        .init("process.interactive", .boolean, "whether the process has a controlling terminal"),
        .init("process.tty.name", .text, "controlling terminal, such as pts/0"),
        .init("process.thread.id", .number, "thread that acted, where it was not the first"),
        .init("process.marks", .textList, "memfd, deleted, upper_layer, setuid: what is unusual about the executable"),
        .init("process.real_user.id", .text, "real user id"),
        .init("process.real_group.id", .text, "real group id"),
        .init("process.session_leader.pid", .number, "process id of the session's leader"),
        .init("process.linux.cgroup", .text, "path of the cgroup"),
        .init("process.parent.pid", .number, "process id of the parent"),
        .init("process.parent.entity_id", .text, "entity id of the parent"),
        .init("process.parent.name", .text, "name of the parent"),
        .init("process.parent.executable", .text, "program of the parent"),
        .init("process.parent.args", .textList, "arguments of the parent"),
        .init(
            "process.ancestors", .objectList,
            "parent, its parent and so on, up to pid 1 or the container's first process"),
        .init("user.id", .text, "effective user id"),
        .init("user.name", .text, "effective user's name, by the passwd file the process sees"),
        .init("user.audit.id", .text, "login user id, kept through su and sudo"),
        .init("group.id", .text, "effective group id"),
        .init("container.id", .text, "id of the container, whole"),
        .init("container.name", .text, "name of the container"),
        .init("container.image.name", .text, "image that the container was made from"),
        .init("container.runtime", .text, "containerd, cri-o, docker, podman, runc or crun"),
        .init("container.labels", .object, "labels of the container, as far as files have them"),
        .init("k8s.namespace.name", .text, "Kubernetes namespace of the pod"),
        .init("k8s.pod.name", .text, "pod that the container is in"),
        .init("k8s.pod.uid", .text, "uid of the pod; of a static pod, the hash of its manifest"),
        .init("k8s.container.name", .text, "name of the container in its pod; the pause container has none"),
        .init("k8s.node.name", .text, "name of the node in its cluster, for events of pods"),
        .init("file.path", .text, "absolute path of the file, as the process sees it; that a system call was given"),
        .init(
            "file.original_path", .text,
            "old path of a rename or a mount; the existing file of a link; the old root's place"),
        .init("file.target_path", .text, "what a symbolic link contains"),
        .init("file.type", .text, "file, dir, symlink, fifo, socket, char_device or block_device"),
        .init("file.mode", .text, "permissions in octal, such as 0644; those that a chmod asks for"),
        .init("file.uid", .text, "user id that a chown asks for"),
        .init("file.gid", .text, "group id that a chown asks for"),
        .init("file.size", .number, "bytes that a truncate asks for"),
        .init("file.inode", .text, "number of the file in its file system"),
        .init("file.device", .text, "major and minor number of its file system's device, such as 8:1"),
        .init("file.open_flags", .textList, "O_RDONLY, O_CREAT and so on: how it was opened"),
        .init("file.hash.sha256", .text, "SHA-256 of what was written or executed, with --hash"),
        .init("source.ip", .address, "address of who asked for the connection"),
        .init("source.port", .number, "port of who asked for the connection"),
        .init("source.bytes", .number, "bytes that who asked for the connection has sent, each counted once"),
        .init("source.packets", .number, "segments or datagrams that who asked for the connection has sent"),
        .init("destination.address", .text, "path of a UNIX socket, or @ and its abstract name"),
        .init(
            "destination.ip", .address, "address that was asked for, or is listened on; that a system call was given"),
        .init("destination.port", .number, "port that was asked for, or is listened on; that a system call was given"),
        .init("destination.bytes", .number, "bytes that who was asked has sent, each counted once"),
        .init("destination.packets", .number, "segments or datagrams that who was asked has sent"),
        .init("destination.nat.ip", .address, "address that the connection leads to, where another was asked for"),
        .init("destination.nat.port", .number, "port that the connection leads to, where another was asked for"),
        .init("destination.domain", .text, "name that led to the address; see ebpfguard.name_source"),
        .init("network.type", .text, "ipv4 or ipv6, as it is on the wire"),
        .init(
            "network.transport", .text, "tcp or udp; unix; of dropped packets and raw sockets also icmp, sctp and so on"
        ),
        .init("network.iana_number", .text, "number of the transport, of dropped packets and raw sockets"),
        .init("network.protocol", .text, "dns or tls"),
        .init("network.direction", .text, "egress when this side asked for the connection, ingress when the other did"),
        .init("network.bytes", .number, "bytes both ways"),
        .init("dns.type", .text, "query or answer"),
        .init("dns.id", .text, "number of the question, which its answer has too"),
        .init("dns.header_flags", .textList, "AA, TC, RD, RA, AD, CD: what the head of the message says"),
        .init("dns.question.name", .text, "name that was asked for, in small letters, without a last dot"),
        .init("dns.question.type", .text, "what was asked for of it: A, AAAA and so on"),
        .init("dns.question.class", .text, "IN, nearly always"),
        .init("dns.response_code", .text, "NOERROR, NXDOMAIN, SERVFAIL and so on"),
        .init("dns.answers", .objectList, "records of the answer, with name, type, class, ttl and data"),
        .init("dns.resolved_ip", .address, "addresses of the answer"),
        .init("tls.client.server_name", .text, "name that a TLS client asks its server for (SNI)"),
        .init("rule.name", .text, "rule of the policy that decided, as it is written"),
        .init("rule.category", .text, "what the rule is about, such as net or net listen"),
        .init("rule.reference", .text, "file and line of the rule"),
        .init("threat.technique.id", .text, "technique of MITRE ATT&CK that a detection is about, such as T1496"),
        .init("host.name", .text, "name of this host"),
        .init("ebpfguard.schema", .number, "version of this list of fields"),
        .init("ebpfguard.hook", .text, "kernel hook that saw it"),
        .init("ebpfguard.errno", .number, "errno of a failed operation"),
        .init("ebpfguard.script", .text, "script that was executed; process.executable is its interpreter"),
        .init("ebpfguard.interpreter", .text, "interpreter as the script's #! line names it"),
        .init("ebpfguard.exec_path", .text, "program that a failed exec asked for"),
        .init("ebpfguard.exec_args", .textList, "arguments that a failed exec asked for"),
        .init("ebpfguard.exec_args_truncated", .boolean, "true when a failed exec asked for more than is shown"),
        .init(
            "ebpfguard.host_path", .text, "executable, or the file, as the host sees it, where that differs (chroot)"),
        .init("ebpfguard.cgroup_id", .text, "id of the cgroup in its hierarchy"),
        .init(
            "ebpfguard.signal", .text, "name of process.exit_signal, or of the signal that was sent, such as SIGKILL"),
        .init(
            "ebpfguard.signal_result", .text,
            "delivered, ignored, pending (it already was), overflow (queue full) or info_lost: what became of a signal"),
        .init("ebpfguard.core_dump", .boolean, "true when the process left a core dump"),
        .init("ebpfguard.verdict", .text, "allow, audit, deny, drop or kill: what the policy says"),
        .init("ebpfguard.enforced", .boolean, "whether that was done: false with --dry-run, and of audit"),
        .init("ebpfguard.detection.name", .text, "detector that has found something: miner or reverse-shell"),
        .init("ebpfguard.detection.score", .number, "sum of the weights of its reasons; 60 and more is a detection"),
        .init("ebpfguard.detection.reasons", .textList, "what was seen, each with its weight"),
        .init("ebpfguard.detection.evidence", .textList, "where or what that was, in the order of the reasons"),
        .init(
            "ebpfguard.remote_class", .text,
            "loopback, link_local, metadata, node, pod, private, public, multicast, broadcast or unspecified: the other "
                + "side's address"
        ),
        .init(
            "ebpfguard.close_reason", .text,
            "closed, closed_by_peer, reset, reset_by_peer, timed_out or idle: who ended a connection, and how"),
        .init("ebpfguard.opened_before", .boolean, "true when the connection was open before it was first seen"),
        .init("ebpfguard.round_trip", .number, "nanoseconds to the other side and back, smoothed by the kernel"),
        .init("ebpfguard.retransmits", .number, "segments that this side had to send again"),
        .init("ebpfguard.network_namespace", .text, "inode of the network namespace"),
        .init(
            "ebpfguard.name_source", .text,
            "where destination.domain is from: dns (an answer there), sni (its ClientHello) or hosts (/etc/hosts)"),
        .init("ebpfguard.name_chain", .textList, "the names that destination.domain stands for (CNAME), in order"),
        .init("ebpfguard.name_age", .number, "nanoseconds since the answer"),
        .init("ebpfguard.name_ttl", .number, "seconds that the answer said it holds"),
        .init("ebpfguard.name_server", .address, "server that gave the answer"),
        .init("ebpfguard.name_shared", .number, "how many other names led to the same address, at most 15"),
        .init("ebpfguard.direct_to_ip", .boolean, "true for a public address that no answer led to"),
        .init("ebpfguard.message_partial", .boolean, "true when a message was not read to its end"),
        .init("ebpfguard.tls_protocols", .textList, "protocols that a TLS client offers (ALPN), best first"),
        .init("ebpfguard.tls_version", .text, "highest version that a TLS client offers, such as 1.3"),
        .init(
            "ebpfguard.tls_ech", .boolean,
            "true when a ClientHello has an encrypted one, or looks so: its name may not be the real one"),
        .init(
            "ebpfguard.new_listener", .boolean,
            "true for a listening socket, or what it accepted, that --baseline does not have"),
        .init("ebpfguard.first_seen", .boolean, "true for a destination that --baseline does not have"),
        .init("ebpfguard.drop_reason", .text, "why packets were dropped, as the kernel calls it"),
        .init("ebpfguard.drop_count", .number, "how many packets the event tells of"),
        .init("ebpfguard.socket_family", .text, "inet, inet6, packet or xdp: the family of a raw socket"),
        .init("ebpfguard.socket_type", .text, "stream, dgram, seqpacket, raw: the type of a raw or UNIX socket"),
        .init("ebpfguard.socket_protocol", .text, "EtherType of a packet socket, 0x0003 for all"),
        .init("ebpfguard.socket_pair", .boolean, "true of UNIX sockets that socketpair(2) has made and connected"),
        .init("ebpfguard.file.bytes_written", .number, "bytes that the process has written to the open file"),
        .init("ebpfguard.file.bytes_read", .number, "bytes that the process has read from the open file (--ops read)"),
        .init(
            "ebpfguard.file.attribute", .text, "extended attribute that is set or removed, such as security.capability"),
        .init(
            "ebpfguard.file.marks", .textList,
            "exec, as_asked, by_handle, tmpfile, deleted, open, mmap, exchange, replaced, upper_layer: what is unusual"),
        .init("ebpfguard.file.change", .text, "created, changed, replaced or deleted: what the run has left of it"),
        .init("ebpfguard.file.changed", .textList, "content, mode, owner, attributes: what of it was changed"),
        .init("ebpfguard.file.moved_to", .text, "where the file is now that the run has moved away"),
        .init("ebpfguard.file.executed", .boolean, "true when it was executed after it was first made or changed"),
        .init("ebpfguard.file.written_by.pid", .number, "process id of who wrote the file last that is executed"),
        .init("ebpfguard.file.written_by.entity_id", .text, "entity id of who wrote the file last that is executed"),
        .init("ebpfguard.file.written_by.name", .text, "name of who wrote the file last that is executed"),
        .init("ebpfguard.file.written_by.time", .time, "when the file was written last that is executed"),
        .init("ebpfguard.mount.type", .text, "file system that is mounted, such as tmpfs"),
        .init("ebpfguard.mount.source", .text, "what is mounted: a device, a directory for a bind mount, any name"),
        .init("ebpfguard.mount.flags", .textList, "MS_BIND, MNT_DETACH and so on: how it was mounted or unmounted"),
        .init("ebpfguard.syscall.name", .text, "name of the system call, or io_uring:OPERATION"),
        .init("ebpfguard.syscall.abi", .text, "x86-64, i386, x32, arm64, arm or io_uring: how it was called"),
        .init("ebpfguard.syscall.args", .textList, "its arguments: names of flags, paths, addresses; else hexadecimal"),
        .init("ebpfguard.syscall.return", .number, "what it returned; an errno is negative"),
        .init(
            "ebpfguard.target.pid", .number,
            "process id of whom it was done to: a signal, ptrace, the OOM killer; of who has the other end of a UNIX socket"
        ),
        .init("ebpfguard.target.entity_id", .text, "entity id of whom it was done to"),
        .init("ebpfguard.target.name", .text, "name of whom it was done to"),
        .init("ebpfguard.target.executable", .text, "program of whom it was done to"),
        .init("ebpfguard.repeats", .number, "how many events like this one were not printed, this last one included"),
        .init(
            "ebpfguard.summary.by", .text,
            "what the rows of a summary are about: executable, process, syscall and so on"),
        .init("ebpfguard.summary.group", .text, "what this row is about, as text shows it; (others) for all the rest"),
        .init("ebpfguard.summary.calls", .number, "system calls"),
        .init("ebpfguard.summary.errors", .number, "of those, the ones that failed"),
        .init("ebpfguard.summary.time", .number, "nanoseconds that they took together"),
        .init("ebpfguard.summary.average", .number, "nanoseconds that one took on average"),
        .init("ebpfguard.summary.starts", .number, "programs that began to run"),
        .init("ebpfguard.summary.failures", .number, "attempts to run the program that failed"),
        .init("ebpfguard.summary.exits", .number, "processes that ended"),
        .init("ebpfguard.summary.failed_exits", .number, "of those, the ones that gave a status other than 0"),
        .init("ebpfguard.summary.killed", .number, "of those, the ones that a signal killed"),
        .init("ebpfguard.summary.running", .number, "processes that were there already"),
        .init("ebpfguard.summary.lifetime_average", .number, "nanoseconds that those which ended lived on average"),
        .init("ebpfguard.summary.lifetime_longest", .number, "nanoseconds that the one lived that lived longest"),
        .init("ebpfguard.summary.signals", .number, "signals that were sent, or OOM kills"),
        .init("ebpfguard.summary.connects", .number, "connections that were made"),
        .init("ebpfguard.summary.failed_connects", .number, "connections that were asked for and not made"),
        .init("ebpfguard.summary.accepts", .number, "connections that were accepted"),
        .init("ebpfguard.summary.closes", .number, "connections that ended"),
        .init("ebpfguard.summary.open", .number, "connections that were open at the end"),
        .init("ebpfguard.summary.sent_bytes", .number, "bytes that this side has sent in those that ended or are open"),
        .init(
            "ebpfguard.summary.received_bytes", .number,
            "bytes that this side has received in those that ended or are open"),
        .init("ebpfguard.summary.addresses", .number, "addresses on the other side of all these connections"),
        .init("ebpfguard.summary.opens", .number, "files that were opened"),
        .init("ebpfguard.summary.creations", .number, "files, directories and links that were made"),
        .init("ebpfguard.summary.renames", .number, "files that got this name by a rename"),
        .init("ebpfguard.summary.deletions", .number, "names and directories that were removed"),
        .init("ebpfguard.summary.changes", .number, "changes of permissions, owners, sizes, attributes and mounts"),
        .init("ebpfguard.summary.written_bytes", .number, "bytes that were written to files"),
        .init("ebpfguard.summary.read_bytes", .number, "bytes that were read from files (--ops read)"),
        .init("ebpfguard.summary.failed_operations", .number, "what was tried with files and failed"),
        .init("ebpfguard.lost", .object, "events lost since the last loss event, by kind"),
    ]

    /// Fields every event of `trace` may carry, in the order of the list.
    package static func suggestion(for name: String) -> Field? {
        let best = allCases.min { editDistance($0.name, name) < editDistance($1.name, name) }
        guard let best, editDistance(best.name, name) <= max(2, name.utf8.count / 3) else {
            return allCases.first { $0.name.hasSuffix("." + name) }
        }
        return best
    }
}

/// Levenshtein distance, for "did you mean".
package func editDistance(_ a: String, _ b: String) -> Int {
    let a = Array(a.utf8)
    let b = Array(b.utf8)
    var row = Array(0...b.count)
    for i in a.indices {
        var diagonal = row[0]
        row[0] = i + 1
        for j in b.indices {
            let above = row[j + 1]
            row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1))
            diagonal = above
        }
    }
    return row[b.count]
}
