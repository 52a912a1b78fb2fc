// SPDX-License-Identifier: Apache-2.0

internal import Laboratory
internal import Rendering

/// What `compare-sidecar --lab` is asked for, checked.
package struct LabOptions: Sendable {
    package static let podsDefault = 10
    package static let podsMost = 100

    package let pods: Int
    /// haproxy, nginx, or the path of one; `nil` for the first that is there.
    package let proxy: String?

    package init(pods: Int, proxy: String?) throws(Failure) {
        guard (1...Self.podsMost).contains(pods) else {
            throw Failure(.usage, "--pods: \(pods) are not 1 to \(Self.podsMost)", help: "--pods 10 is the default")
        }
        self.pods = pods
        self.proxy = proxy
    }

    /// With how many pods the cost is measured: from few to all, so that it shows how it grows.
    var steps: [Int] { [1, 5, 10, 25, 50].filter { $0 < pods } + [pods] }
}

/// What a laboratory is made with.
typealias LabNeeds = (proxy: LabProxy, nft: String, cgroup: LabCgroup)

extension LabOptions {
    /// What this host must have for it. The error says what to install.
    func needs() throws(Failure) -> LabNeeds {
        guard let proxy = LabProxy(self.proxy) else {
            let names = LabProxy.Kind.allCases.map(\.rawValue)
            guard let name = self.proxy else {
                throw Failure(
                    .unsupported, "--lab needs a proxy: neither \(names.joined(separator: " nor ")) is in PATH",
                    help: "apt-get install haproxy, or name one with --proxy")
            }
            if name.contains("/") || !names.contains(name) {
                throw Failure(
                    .unsupported,
                    "--proxy: \(escaped(Array(name.utf8))) is not \(names.joined(separator: " or ")), by what -v says",
                    help: "apt-get install haproxy, and write --proxy haproxy")
            }
            throw Failure(.unsupported, "--lab: there is no \(name) in PATH", help: "apt-get install \(name)")
        }
        guard let nft = findProgram("nft") else {
            throw Failure(
                .unsupported, "--lab needs nft, for rules that lead to the proxy", help: "apt-get install nftables")
        }
        guard let cgroup = LabCgroup() else {
            throw Failure(
                .unsupported, "--lab needs the cgroup2 file system, and to make a cgroup below its own",
                help: "mount -t cgroup2 none /sys/fs/cgroup, or run it outside of containers")
        }
        return (proxy, nft, cgroup)
    }
}
