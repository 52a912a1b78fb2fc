// SPDX-License-Identifier: Apache-2.0

package import Events

extension Event {
    /// The fields that it may have a value of, by what it is about and what parts it has: a quarter of all, so that who
    /// shows them all need not ask for each. The JSON of a debug build checks that it has no other.
    package var fields: FieldSet {
        var fields = process == nil ? FieldSet.ofAny : .ofProcess
        switch action {
        case .exit: fields.formUnion(.ofExit)
        case .execFailed: fields.formUnion(.ofFailedExec)
        case .summary, .netChange: fields.formUnion(rowFields)
        default: break
        }
        if !lost.isEmpty { fields.insert(.ebpfguardLost) }
        if signal != nil { fields.formUnion(.ofSignal) }
        if call != nil { fields.formUnion(.ofCall) }
        if connection != nil { fields.formUnion(.ofConnection) }
        if names != nil { fields.formUnion(.ofNames) }
        if let fact { fields.formUnion(fact.fields) }
        if file != nil { fields.formUnion(.ofFile) }
        if target != nil { fields.formUnion(.ofTarget) }
        if workload != nil { fields.formUnion(.ofWorkload) }
        if executed != nil { fields.insert(.filePath) }
        if hash != nil { fields.insert(.fileHashSHA256) }
        if writer != nil { fields.formUnion(.ofWriter) }
        return fields
    }
}

extension FieldSet {
    fileprivate static let ofAny: FieldSet = [
        .timestamp, .eventKind, .eventCategory, .eventType, .eventAction, .eventOutcome, .eventDuration,
        .eventSequence, .errorCode, .hostName, .ebpfguardSchema, .ebpfguardHook, .ebpfguardErrno,
        .ebpfguardRemoteClass, .ebpfguardNewListener, .ebpfguardFirstSeen, .ebpfguardRepeats,
    ]

    fileprivate static let ofProcess = ofAny.union([
        .processPID, .processVPID, .processEntityID, .processName, .processExecutable, .processArgs,
        .processArgsCount, .processArgsTruncated, .processWorkingDirectory, .processStart, .processInteractive,
        .processTTYName, .processThreadID, .processMarks, .processRealUserID, .processRealGroupID,
        .processSessionLeaderPID, .processCgroup, .parentPID, .parentEntityID, .parentName, .parentExecutable,
        .parentArgs, .processAncestors, .userID, .userName, .userAuditID, .groupID, .ebpfguardScript,
        .ebpfguardInterpreter, .ebpfguardHostPath, .ebpfguardCgroupID,
    ])

    fileprivate static let ofExit: FieldSet = [
        .processEnd, .processExitCode, .processExitSignal, .ebpfguardSignal, .ebpfguardCoreDump,
    ]

    fileprivate static let ofFailedExec: FieldSet = [
        .ebpfguardExecPath, .ebpfguardExecArgs, .ebpfguardExecArgsTruncated,
    ]

    fileprivate static let ofSignal: FieldSet = [.ebpfguardSignal, .ebpfguardSignalResult]

    fileprivate static let ofCall: FieldSet = [
        .filePath, .destinationIP, .destinationPort, .syscallName, .syscallABI, .syscallArgs, .syscallReturn,
    ]

    fileprivate static let ofConnection: FieldSet = [
        .sourceIP, .sourcePort, .sourceBytes, .sourcePackets, .destinationIP, .destinationPort, .destinationBytes,
        .destinationPackets, .destinationNatIP, .destinationNatPort, .networkType, .networkTransport,
        .networkDirection, .networkBytes, .ebpfguardCloseReason, .ebpfguardOpenedBefore, .ebpfguardRoundTrip,
        .ebpfguardRetransmits, .ebpfguardNetworkNamespace,
    ]

    /// Of names, and of messages that ask for them.
    fileprivate static let ofNames: FieldSet = [
        .destinationDomain, .ebpfguardNameSource, .ebpfguardNameShared, .ebpfguardNameChain, .ebpfguardNameAge,
        .ebpfguardNameTTL, .ebpfguardNameServer, .ebpfguardDirectToIP, .sourceIP, .sourcePort, .destinationIP,
        .destinationPort, .networkType, .networkTransport, .networkProtocol, .networkDirection,
        .ebpfguardNetworkNamespace, .dnsType, .dnsID, .dnsHeaderFlags, .dnsQuestionName, .dnsQuestionType,
        .dnsQuestionClass, .dnsResponseCode, .dnsAnswers, .dnsResolvedIP, .ebpfguardMessagePartial,
        .tlsClientServerName, .ebpfguardTLSProtocols, .ebpfguardTLSVersion, .ebpfguardTLSECH,
    ]

    fileprivate static let ofFile: FieldSet = [
        .filePath, .ebpfguardFileBytesWritten, .ebpfguardFileBytesRead, .fileOriginalPath, .fileTargetPath, .fileType,
        .fileMode, .fileUID, .fileGID, .fileSize, .ebpfguardFileAttribute, .ebpfguardMountType, .ebpfguardMountSource,
        .ebpfguardMountFlags, .fileInode, .fileDevice, .fileOpenFlags, .ebpfguardFileMarks, .ebpfguardHostPath,
    ]

    fileprivate static let ofTarget: FieldSet = [.targetPID, .targetEntityID, .targetName, .targetExecutable]

    fileprivate static let ofWorkload = FieldSet(Workload.fields)

    fileprivate static let ofWriter: FieldSet = [
        .fileWrittenByPID, .fileWrittenByEntityID, .fileWrittenByName, .fileWrittenByTime,
    ]
}

extension NetworkFact {
    fileprivate var fields: FieldSet {
        switch self {
        case .drop: .ofDrop
        case .rawSocket: .ofRawSocket
        case .unix: .ofUnix
        case .violation: .ofViolation
        case .guarded: .ofGuarded
        case .detection: .ofDetection
        }
    }
}

extension FieldSet {
    fileprivate static let ofDrop: FieldSet = [
        .sourceIP, .sourcePort, .destinationIP, .destinationPort, .networkType, .networkTransport, .networkIANANumber,
        .ebpfguardNetworkNamespace, .ebpfguardDropReason, .ebpfguardDropCount,
    ]

    fileprivate static let ofRawSocket: FieldSet = [
        .networkType, .networkTransport, .networkIANANumber, .ebpfguardNetworkNamespace, .ebpfguardSocketFamily,
        .ebpfguardSocketType, .ebpfguardSocketProtocol,
    ]

    fileprivate static let ofUnix: FieldSet = [
        .sourceBytes, .sourcePackets, .destinationAddress, .destinationBytes, .destinationPackets, .networkTransport,
        .networkDirection, .networkBytes, .ebpfguardCloseReason, .ebpfguardOpenedBefore, .ebpfguardSocketPair,
        .ebpfguardNetworkNamespace, .ebpfguardSocketType,
    ]

    /// What all violations have, whatever they are of.
    private static let ofRule: FieldSet = [
        .ruleName, .ruleCategory, .ruleReference, .ebpfguardVerdict, .ebpfguardEnforced,
    ]

    fileprivate static let ofViolation = ofRawSocket.union(ofRule).union([
        .destinationIP, .destinationPort, .networkDirection, .destinationDomain, .ebpfguardNameSource,
        .ebpfguardNameShared, .dnsQuestionName, .networkProtocol,
    ])

    fileprivate static let ofGuarded = ofRule.union([
        .filePath, .fileInode, .fileDevice, .ebpfguardFileMarks, .ebpfguardHostPath,
    ])

    fileprivate static let ofDetection = ofRule.union([
        .detectionName, .threatTechniqueID, .detectionScore, .detectionReasons, .detectionEvidence, .destinationIP,
        .destinationPort, .networkType, .networkTransport,
    ])
}
