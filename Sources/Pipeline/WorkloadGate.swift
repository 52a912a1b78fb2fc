// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CWire
internal import Enrichment
internal import Events
internal import Policy

/// Holds events to the scopes by container. The kernel programs send what they do not know of, and are told of each
/// cgroup as soon as its names are certain; so nothing of a container that has just started is missed, and what is not
/// wanted soon costs a lookup.
struct WorkloadGate {
    private let scope: WorkloadScope
    /// The programs' map of decisions.
    private let map: BPFMap
    private var decisions: [UInt64: Bool] = [:]
    /// What the containers are called that are there, for a user who mistypes.
    private var names: Set<String> = []
    private var foundOne = false

    init(_ scope: WorkloadScope, _ map: BPFMap) {
        self.scope = scope
        self.map = map
    }

    /// How many cgroups the programs' map has room for.
    static let capacity: UInt32 = 32768

    /// Whether events of a cgroup are wanted, which has this workload.
    mutating func wants(_ cgroup: UInt64, _ workload: Workload?, _ enricher: inout Enricher) -> Bool {
        if let known = decisions[cgroup] { return known }
        let wants = scope.holds { workload?.value(of: $0) ?? .absent }
        guard enricher.isSettled(ofCgroup: cgroup) else { return wants }
        if decisions.count >= 4 * Int(Self.capacity) { decisions.removeAll() }
        decisions[cgroup] = wants
        // Without room there the decision is made here each time.
        try? map.set(cgroup, to: UInt32(wants ? WIRE_CGROUP_IN : WIRE_CGROUP_OUT))
        return wants
    }

    /// Takes note of a cgroup that processes are in at the start.
    mutating func survey(_ cgroup: UInt64, _ enricher: inout Enricher, now: UInt64) {
        guard decisions[cgroup] == nil else { return }
        let workload = enricher.workload(ofCgroup: cgroup, now: now)
        if wants(cgroup, workload, &enricher) { foundOne = true }
        guard let workload else { return }
        let field: Field =
            !scope.namespaces.isEmpty
            ? .kubernetesNamespaceName : !scope.pods.isEmpty ? .kubernetesPodName : .containerName
        if case .text(let name) = workload.value(of: field) { names.insert(name.string) }
    }

    /// What to tell a user whose words match nothing that runs now.
    var hint: String? {
        guard !foundOne else { return nil }
        let wanted = (scope.namespaces + scope.pods + scope.containers).filter { !$0.negated }.map(\.value.text)
        guard let first = wanted.first else { return nil }
        let near = names.sorted { (editDistance($0, first), $0) < (editDistance($1, first), $1) }
        let there =
            near.isEmpty
            ? "no container with a name runs here"
            : "here are " + near.prefix(5).joined(separator: ", ") + (near.count > 5 ? ", ..." : "")
        return "nothing that runs now is \(wanted.joined(separator: " or ")), and it is waited for; \(there)"
    }
}
