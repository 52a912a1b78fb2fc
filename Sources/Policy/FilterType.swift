// SPDX-License-Identifier: Apache-2.0

internal import Events

/// What a field can be compared with: finer than the type that it has in JSON.
enum FilterType: Equatable {
    case boolean
    case number
    /// Nanoseconds; also written as 10ms.
    case duration
    /// A number that is text in JSON.
    case identifier
    case text
    case textList
    /// At most 15 bytes, which is what the kernel keeps.
    case name
    /// One of these, or several.
    case word([String])
    case wordList([String])
    case time
    case address
    /// Has only `exists`.
    case object

    init(_ field: Field) {
        switch field {
        case .eventKind: self = .word(["event", "pipeline_error"])
        case .eventCategory: self = .wordList(Self.categories)
        case .eventType: self = .wordList(Self.types)
        case .eventAction: self = .word(Self.actions)
        case .eventOutcome: self = .word(["success", "failure"])
        case .eventDuration: self = .duration
        case .errorCode: self = .word(Self.errnos)
        case .ebpfguardSignal: self = .word(Self.signals)
        case .syscallABI: self = .word(["x86-64", "i386", "x32", "arm64", "arm", "io_uring"])
        case .processMarks: self = .wordList(["memfd", "deleted", "upper_layer", "setuid"])
        case .processName, .parentName, .targetName: self = .name
        case .userID, .groupID, .userAuditID, .processRealUserID, .processRealGroupID, .ebpfguardCgroupID, .fileUID,
            .fileGID:
            self = .identifier
        case .containerLabels: self = .textList  // KEY=VALUE
        default:
            switch field.type {
            case .boolean: self = .boolean
            case .number: self = .number
            case .text: self = .text
            case .textList: self = .textList
            case .time: self = .time
            case .address: self = .address
            case .object, .objectList: self = .object
            }
        }
    }

    /// With its article, for messages.
    var name: String {
        switch self {
        case .boolean: "a boolean"
        case .number: "a number"
        case .duration: "a number of nanoseconds"
        case .identifier: "a number"
        case .text, .name, .word: "text"
        case .textList, .wordList: "a list of text"
        case .time: "a time"
        case .address: "an address"
        case .object: "an object"
        }
    }

    /// How a value is written.
    var example: String {
        switch self {
        case .boolean: "write true or false"
        case .number, .identifier: "write a number, such as 443 or 0x1bb"
        case .duration: "write 10ms, 5s, 2m, 1h, or nanoseconds"
        case .text, .textList, .name: "write text in quotes"
        case .word(let words), .wordList(let words):
            "write " + words.prefix(2).map { "\"\($0)\"" }.joined(separator: " or ") + (words.count > 2 ? " …" : "")
        case .time: "write \"2026-11-21T08:30:00Z\""
        case .address: "write \"10.0.0.1\" or \"2001:db8::1\""
        case .object: "write exists: what is in it can't be compared"
        }
    }

    /// The words that there are; `nil` when any text can be.
    var words: [String]? {
        switch self {
        case .word(let words), .wordList(let words): words
        default: nil
        }
    }

    static let actions = [
        "existing", "fork", "exec", "exit", "signal", "oom", "syscall", "connect", "accept", "listen", "close", "udp",
        "dns_query", "dns_answer", "tls_client_hello", "drop", "raw_socket", "packet", "open", "create", "write",
        "read",
        "rename", "unlink", "link",
        "symlink", "mkdir", "rmdir", "mknod", "chmod", "chown", "truncate", "setxattr", "removexattr", "mount",
        "umount",
        "pivot_root", "exec_map",
        "net_change", "ptrace", "module_load", "bpf",
        "setuid", "policy_violation", "detection", "loss",
    ]

    private static let errnos = (1...600).compactMap { errnoName($0).map { "\($0)" } }
    private static let signals = (1...64).compactMap { signalName($0).map { "\($0)" } }

    /// What ECS allows.
    private static let categories = [
        "api", "authentication", "configuration", "database", "driver", "email", "file", "host", "iam",
        "intrusion_detection", "library", "malware", "network", "package", "process", "registry", "session", "threat",
        "vulnerability", "web",
    ]
    private static let types = [
        "access", "admin", "allowed", "change", "connection", "creation", "deletion", "denied", "device", "end",
        "error", "group", "indicator", "info", "installation", "protocol", "start", "user",
    ]
}
