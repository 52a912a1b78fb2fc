// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CWire
internal import Enrichment
internal import Events
internal import Glibc
internal import Policy

/// Tells the programs which conditions on containers, pods and namespaces a cgroup meets, as soon as its names are certain.
/// Until then they take what is not known for held.
struct ActorWorkloads {
    private let conditions: PolicyConditions
    private let maps: [BPFMap]
    private var told: Set<UInt64> = []

    /// `nil` where no condition is about them. `maps` are those of the programs' objects.
    init?(_ policy: PolicyRules?, _ maps: [BPFMap]) {
        guard let policy, !maps.isEmpty else { return nil }
        conditions = PolicyConditions(policy)
        self.maps = maps
        if conditions.bits(of: [.container, .pod, .namespace]) == 0 { return nil }
    }

    /// Takes note of all cgroups that there are, so that nobody who comes into one is a stranger.
    mutating func surveyAll(_ enricher: inout Enricher, now: UInt64) {
        for hierarchy in [CgroupHierarchy.v2(), CgroupHierarchy.v1()].compactMap({ $0 }) {
            var waiting = [hierarchy.mountPoint]
            while let path = waiting.popLast() {
                var status = stat()
                // Linux 5.5: the inode's number is what programs know a cgroup by.
                guard unsafe stat(path, &status) == 0 else { continue }
                survey(UInt64(status.st_ino) | hierarchy.mark, &enricher, now: now)
                waiting += directories(in: path).map { "\(path)/\($0)" }
            }
        }
    }

    /// Takes note of a cgroup.
    mutating func survey(_ cgroup: UInt64, _ enricher: inout Enricher, now: UInt64) {
        guard cgroup != 0, !told.contains(cgroup) else { return }
        let workload = enricher.workload(ofCgroup: cgroup, now: now)
        // A container's names may be on their way; that something is in no container is seen at once.
        guard workload == nil || enricher.isSettled(ofCgroup: cgroup) else { return }
        // Rather again than no longer.
        if told.count >= Int(WorkloadGate.capacity) { told.removeAll() }
        told.insert(cgroup)
        let actor = PolicyActor(PolicyActor.facts(ofWorkload: { workload?.value(of: $0) ?? .absent }))
        let holds = conditions.held(by: actor)
        // What has no room there stays unknown.
        for map in maps { try? map.set(cgroup, to: holds) }
    }
}

extension PolicyActor {
    /// What scopes and exceptions ask of a container and its pod: `value` gives those of their fields.
    static func facts(ofWorkload value: (Field) -> FieldValue) -> [PolicyActorKind: [[UInt8]]] {
        func text(_ field: Field) -> [UInt8]? {
            if case .text(let bytes) = value(field) { Array(bytes.slice) } else { nil }
        }
        let namespace = text(.kubernetesNamespaceName)
        let pod = text(.kubernetesPodName)
        let both = pod.flatMap { pod in namespace.map { $0 + Array("/".utf8) + pod } }
        let facts: [PolicyActorKind: [[UInt8]?]] = [
            .namespace: [namespace], .pod: [pod, both, text(.kubernetesPodUID)],
            .container: [text(.containerName), text(.containerID)],
        ]
        return facts.mapValues { $0.compactMap { $0 } }.filter { !$1.isEmpty }
    }
}
