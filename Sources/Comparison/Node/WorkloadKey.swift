// SPDX-License-Identifier: Apache-2.0

package import Enrichment
internal import Events

/// What tells workloads apart.
package enum WorkloadKey: Hashable, Sendable {
    case pod(String)
    case container(String)
    case host

    package init(_ workload: Workload?) {
        if let uid = workload?.podUID?.string {
            self = .pod(uid)
        } else if let id = workload?.containerID?.string {
            self = .container(id)
        } else {
            self = .host
        }
    }
}

extension ComparedWorkload {
    /// As far as an event or a cgroup names it.
    init(_ key: WorkloadKey, _ workload: Workload?) {
        switch key {
        case .pod(let uid):
            self.init(.pod, name: workload?.podLabel?.string ?? uid)
            podUID = uid
            namespace = workload?.names.namespace?.string
        case .container:
            self.init(.container, name: workload?.label.string ?? "")
        case .host:
            self.init(.host, name: "host")
        }
    }
}
