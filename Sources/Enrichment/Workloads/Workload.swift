// SPDX-License-Identifier: Apache-2.0

package import Events

/// A container, or a pod where no container in it is known: what its cgroup and the files of the node say. Events of one
/// container share one.
package final class Workload: Sendable {
    /// Whole, as the runtime has it.
    package let containerID: Bytes?
    package let runtime: Bytes?
    package let podUID: Bytes?
    package let names: WorkloadNames
    private let labels: TextList?
    /// Where its cgroup is, and its pod's.
    package let containerPath, podPath: Bytes?
    /// For a line of text: at most 28 characters.
    package let shortLabel: Bytes
    package let label: Bytes
    /// Of its pod.
    package let podLabel: Bytes?

    package init(_ owner: CgroupOwner, _ names: WorkloadNames = WorkloadNames()) {
        containerID = owner.containerID
        runtime = names.runtime ?? owner.runtime.map { Bytes($0.rawValue) }
        podUID = names.podUID ?? owner.podUID
        containerPath = owner.containerPath
        podPath = owner.podPath
        self.names = names
        labels = names.labels.isEmpty ? nil : TextList(Bytes(Array(names.labels.map(\.slice).joined(separator: [0]))))
        let label = WorkloadLabel(containerID: owner.containerID, podUID: podUID, names)
        self.label = label.whole
        shortLabel = label.shortened(to: 28)
        podLabel = label.pod
    }

    /// What is known by a name, and not by an id alone.
    package var isNamed: Bool { names.pod != nil || names.container != nil }
}

/// What files say of a container. Text from outside.
package struct WorkloadNames: Equatable {
    package var runtime, container, image, pod, podUID, namespace, node: Bytes?
    /// KEY=VALUE, each key once.
    package private(set) var labels: [Bytes] = []
    /// Whether the container is the pause container of its pod, which Kubernetes does not name.
    package var isSandbox = false
    /// Whether it was the runtime's own file that said so, so that there is nothing to wait for.
    package var isComplete = false
    /// The shares of CPU that the runtime was told to give it, which Kubernetes makes of a request.
    package var cpuShares: UInt64?

    package init() {}

    package static func == (a: WorkloadNames, b: WorkloadNames) -> Bool {
        a.isSandbox == b.isSandbox && a.isComplete == b.isComplete && a.cpuShares == b.cpuShares
            && a.labels.count == b.labels.count
            && zip(a.texts + a.labels, b.texts + b.labels).allSatisfy {
                $0.map { Array($0.slice) } == $1.map { Array($0.slice) }
            }
    }

    private var texts: [Bytes?] { [runtime, container, image, pod, podUID, namespace, node] }

    /// Keeps what is known here, and takes what is not.
    mutating func fill(from other: WorkloadNames) {
        runtime = runtime ?? other.runtime
        if !isSandbox { container = container ?? other.container }
        image = image ?? other.image
        pod = pod ?? other.pod
        podUID = podUID ?? other.podUID
        namespace = namespace ?? other.namespace
        node = node ?? other.node
        if labels.isEmpty { labels = other.labels }
        isSandbox = isSandbox || other.isSandbox
        isComplete = isComplete || other.isComplete
        cpuShares = cpuShares ?? other.cpuShares
    }

    /// More than these and longer ones are not kept: each event of the container has them.
    private static let labelLimit = 64

    /// Adds a label, unless it says what other fields do.
    mutating func addLabel(_ key: String, _ value: [UInt8]) {
        let isKnown = key.hasPrefix("io.kubernetes.") || key.hasPrefix("annotation.")
        let label = Array("\(key)=".utf8) + value
        guard !isKnown, !key.isEmpty, !key.contains("="), label.count <= 1024, !label.contains(0),
            labels.count < Self.labelLimit, !labels.contains(where: { $0.slice.starts(with: "\(key)=".utf8) })
        else { return }
        labels.append(Bytes(label))
    }

    /// Strings that each end with NUL, first those of a fixed order, then labels, then shares of CPU, as a recording has them.
    var bytes: Bytes {
        let shares = cpuShares.map { Bytes(String($0)) }
        var bytes: [UInt8] = [(isSandbox ? 1 : 0) | (isComplete ? 2 : 0) | (shares == nil ? 0 : 4)]
        for text in texts + labels + (shares.map { [$0] } ?? []) {
            if let text { bytes.append(contentsOf: text.slice) }
            bytes.append(0)
        }
        return Bytes(bytes)
    }

    init(_ bytes: Bytes) {
        guard let flags = bytes.slice.first else { return }
        isSandbox = flags & 1 != 0
        isComplete = flags & 2 != 0
        var texts: [Bytes?] = bytes.slice.dropFirst().split(separator: 0, omittingEmptySubsequences: false).map {
            $0.isEmpty ? nil : Bytes(Array($0))
        }
        while texts.count < 7 { texts.append(nil) }
        (runtime, container, image, pod) = (texts[0], texts[1], texts[2], texts[3])
        (podUID, namespace, node) = (texts[4], texts[5], texts[6])
        labels = texts[7...].compactMap { $0 }
        if flags & 4 != 0 { cpuShares = labels.popLast().flatMap { UInt64($0.string) } }
    }
}

/// namespace/pod:container, the container's name, or a short id.
private struct WorkloadLabel {
    private let namespace, podName, container: [Unicode.Scalar]
    private let shortID: [Unicode.Scalar]

    init(containerID: Bytes?, podUID: Bytes?, _ names: WorkloadNames) {
        let id = (containerID ?? podUID)?.string ?? ""
        // 64 digits say no more than 12. Shorter ids are names, or uids.
        shortID = Array((id.utf8.count == 64 ? String(id.prefix(12)) : id).unicodeScalars)
        namespace = Array((names.namespace?.string ?? "").unicodeScalars)
        podName = Array((names.pod?.string ?? "").unicodeScalars)
        container = Array((names.container?.string ?? "").unicodeScalars)
    }

    var whole: Bytes { Self.bytes(joined(namespace, podName, container)) }

    var pod: Bytes? {
        podName.isEmpty ? nil : Self.bytes(joined(namespace, podName, nil))
    }

    /// The pod is cut first, and keeps its end, which tells replicas apart; then the rest.
    func shortened(to width: Int) -> Bytes {
        func fits(_ text: [Unicode.Scalar]) -> Bool { text.count <= width }
        let whole = joined(namespace, podName, container)
        if fits(whole) { return Self.bytes(whole) }
        guard !podName.isEmpty else { return Self.bytes(Self.cut(whole, to: width)) }
        let podWidth = max(9, width - (whole.count - podName.count))
        let pod = Self.cut(podName, to: podWidth)
        var text = joined(namespace, pod, container)
        if fits(text) { return Self.bytes(text) }
        let containerWidth = max(8, width - (text.count - container.count))
        text = joined(namespace, pod, Self.cut(container, to: containerWidth))
        if fits(text) { return Self.bytes(text) }
        let namespaceWidth = max(8, width - (text.count - namespace.count))
        text = joined(Self.cut(namespace, to: namespaceWidth), pod, Self.cut(container, to: containerWidth))
        return Self.bytes(fits(text) ? text : Self.cut(text, to: width))
    }

    private func joined(
        _ namespace: [Unicode.Scalar], _ pod: [Unicode.Scalar], _ container: [Unicode.Scalar]?
    ) -> [Unicode.Scalar] {
        if pod.isEmpty { return container.flatMap { $0.isEmpty ? nil : $0 } ?? shortID }
        var text = namespace.isEmpty ? pod : namespace + ["/"] + pod
        if let container, !container.isEmpty { text += [":"] + container }
        return text
    }

    /// Takes from the middle.
    private static func cut(_ text: [Unicode.Scalar], to width: Int) -> [Unicode.Scalar] {
        guard text.count > width else { return text }
        let end = width / 2
        return text.prefix(width - end - 1) + ["…"] + text.suffix(end)
    }

    private static func bytes(_ scalars: [Unicode.Scalar]) -> Bytes {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return Bytes(String(text))
    }
}

extension Workload {
    /// The value of one of the fields that name it.
    package func value(of field: Field) -> FieldValue {
        switch field {
        case .containerID: .init(containerID)
        case .containerName: .init(names.container)
        case .containerImageName: .init(names.image)
        case .containerRuntime: containerID == nil ? .absent : .init(runtime)
        case .containerLabels: labels.map { .labels($0) } ?? .absent
        case .kubernetesNamespaceName: .init(names.namespace)
        case .kubernetesPodName: .init(names.pod)
        case .kubernetesPodUID: .init(podUID)
        case .kubernetesContainerName: names.pod == nil ? .absent : .init(names.container)
        case .kubernetesNodeName: .init(names.node)
        default: .absent
        }
    }

    /// Those that name its pod, and not the container.
    package static let podFields: [Field] = [
        .kubernetesNamespaceName, .kubernetesPodName, .kubernetesPodUID, .kubernetesNodeName,
    ]
    package static let fields: [Field] =
        [.containerID, .containerName, .containerImageName, .containerRuntime, .containerLabels] + podFields
        + [.kubernetesContainerName]
}
