// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Events

/// What a line of JSON says that `--baseline` compares. Events of this run are read from their lines too, so that they and
/// those of a file can't differ.
struct BaselineFacts {
    var action = "", transport = ""
    var categories: [String] = []
    var isFailure = false
    /// The network's, from where this side stands; empty of what only listens.
    var direction = ""
    var openedBefore = false
    var hasProcess = false
    var program = "", name = ""
    var container, containerName, image: String?
    var namespace, pod, podUID, podContainer: String?
    var hasSource = false
    var address: String?
    var port: UInt64?
    var domain: String?
    var remoteClass = ""

    static let fields: Set<Field> = [
        .eventCategory, .eventAction, .eventOutcome, .processPID, .processName, .processExecutable, .containerID,
        .containerName, .containerImageName, .kubernetesNamespaceName, .kubernetesPodName, .kubernetesPodUID,
        .kubernetesContainerName, .sourceIP, .destinationIP, .destinationPort, .destinationDomain, .networkTransport,
        .networkDirection, .ebpfguardRemoteClass, .ebpfguardOpenedBefore,
    ]

    /// Objects that have none of these are not looked into any further.
    private static let objects: Set = [
        "event", "process", "container", "k8s", "source", "destination", "network", "ebpfguard",
    ]

    /// `nil` when the line is not JSON.
    init?(line: [UInt8]) {
        var facts = Self()
        let isJSON = JSONReader.forEachScalar(in: line) { path, value in
            guard (2...4).contains(path.count), Self.objects.contains(path[0]) else { return }
            switch value {
            case .string(let text): facts.take(path, String(decoding: text, as: UTF8.self))
            case .number(let digits): facts.take(path, number: String(decoding: digits, as: UTF8.self))
            case .boolean(let value):
                if value, path == ["ebpfguard", "opened_before"] { facts.openedBefore = true }
            case .null: break
            }
        }
        guard isJSON else { return nil }
        self = facts
    }

    private init() {}

    private mutating func take(_ path: [String], _ text: String) {
        switch path[0] {
        case "event":
            switch path[1] {
            case "category" where path.count == 3: categories.append(text)
            case "action" where path.count == 2: action = text
            case "outcome" where path.count == 2: isFailure = text == "failure"
            default: break
            }
        case "process" where path.count == 2:
            if path[1] == "executable" { program = text } else if path[1] == "name" { name = text }
        case "container":
            switch path[1] {
            case "id" where path.count == 2: container = text
            case "name" where path.count == 2: containerName = text
            case "image" where path.count == 3 && path[2] == "name": image = text
            default: break
            }
        case "k8s" where path.count == 3:
            switch (path[1], path[2]) {
            case ("namespace", "name"): namespace = text
            case ("pod", "name"): pod = text
            case ("pod", "uid"): podUID = text
            case ("container", "name"): podContainer = text
            default: break
            }
        case "source" where path.count == 2 && path[1] == "ip": hasSource = true
        case "destination" where path.count == 2:
            if path[1] == "ip" { address = text } else if path[1] == "domain" { domain = text }
        case "network" where path.count == 2:
            if path[1] == "transport" { transport = text } else if path[1] == "direction" { direction = text }
        case "ebpfguard" where path == ["ebpfguard", "remote_class"]: remoteClass = text
        default: break
        }
    }

    private mutating func take(_ path: [String], number: String) {
        if path == ["destination", "port"] { port = UInt64(number) ?? .max }
        if path == ["process", "pid"] { hasProcess = true }
    }
}
