// SPDX-License-Identifier: Apache-2.0

/// Tells by names, users and ports that something is a proxy of a known kind.
package struct SidecarMatcher: Sendable {
    /// Further names of processes, containers or images, in lower case; `*` stands for anything.
    private let named: [String]

    package init(named: [String] = []) {
        self.named = named.map { $0.lowercased() }
    }

    struct Answer: Equatable {
        let product: Sidecar.Product
        let evidence: Evidence
        /// Whether the name is also that of a program which serves by itself, so that it is a sidecar only beside another
        /// container.
        let isGeneric: Bool
    }

    /// What a container is by its name or image; text from outside.
    func match(container: String?, image: String?) -> Answer? {
        if let container {
            if let product = Self.containers[container] {
                return Answer(product: product, evidence: Evidence("container name", container), isGeneric: false)
            }
            if isNamed(container) {
                return Answer(product: .named, evidence: Evidence("--sidecar-match", container), isGeneric: false)
            }
        }
        guard let image else { return nil }
        let path = image.split(separator: "@").first.map(String.init) ?? image
        let last = path.split(separator: "/").last.map(String.init) ?? path
        let base = last.split(separator: ":").first.map(String.init) ?? last
        if let product = Self.images[base] {
            return Answer(product: product, evidence: Evidence("image", image), isGeneric: false)
        }
        if isNamed(base) || isNamed(image) {
            return Answer(product: .named, evidence: Evidence("--sidecar-match", image), isGeneric: false)
        }
        return nil
    }

    /// What a process is by its program or name.
    func match(program: String, name: String, pid: UInt32) -> Answer? {
        for word in [program, name] {
            if let (product, isGeneric) = Self.programs[word] {
                return Answer(product: product, evidence: Evidence("/proc/\(pid)/exe", word), isGeneric: isGeneric)
            }
            if isNamed(word) {
                return Answer(
                    product: .named, evidence: Evidence("--sidecar-match", "\(word), pid \(pid)"), isGeneric: false)
            }
        }
        return nil
    }

    /// What a process is by the user that it runs as, where it listens on a port that belongs to that.
    func match(user: UInt32, listens: [UInt16], pid: UInt32) -> Answer? {
        for (owner, ports, product) in Self.users where owner == user && !ports.isDisjoint(with: listens) {
            let port = ports.intersection(listens).min()!
            return Answer(
                product: product, evidence: Evidence("/proc/\(pid)", "uid \(user) listens on port \(port)"),
                isGeneric: false)
        }
        return nil
    }

    private static let containers: [String: Sidecar.Product] = [
        "istio-proxy": .istio, "linkerd-proxy": .linkerd, "consul-dataplane": .consul, "envoy-sidecar": .consul,
        "kuma-sidecar": .kuma, "daprd": .dapr,
    ]
    private static let images: [String: Sidecar.Product] = [
        "proxyv2": .istio, "consul-dataplane": .consul, "kuma-dp": .kuma, "daprd": .dapr,
    ]
    private static let programs: [String: (Sidecar.Product, Bool)] = [
        "pilot-agent": (.istio, false), "linkerd2-proxy": (.linkerd, false), "linkerd-proxy": (.linkerd, false),
        "consul-dataplane": (.consul, false), "kuma-dp": (.kuma, false), "daprd": (.dapr, false),
        "envoy": (.envoy, true), "haproxy": (.haproxy, true), "nginx": (.nginx, true),
    ]
    private static let users: [(UInt32, Set<UInt16>, Sidecar.Product)] = [
        (1337, [15001, 15006, 15008], .istio), (2102, [4140, 4143], .linkerd), (5678, [15001, 15006], .kuma),
    ]

    /// Whether `--sidecar-match` has it.
    private func isNamed(_ text: String) -> Bool {
        let text = Array(text.lowercased().utf8)[...]
        return named.contains { Self.matches(Array($0.utf8)[...], text) }
    }

    private static func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        // Where the last star was, and what it had taken.
        var (pattern, text) = (pattern, text)
        var star: (pattern: ArraySlice<UInt8>, text: ArraySlice<UInt8>)?
        while let byte = text.first {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                star = (pattern, text)
            } else if pattern.first == byte {
                pattern = pattern.dropFirst()
                text = text.dropFirst()
            } else if let last = star {
                star = (last.pattern, last.text.dropFirst())
                (pattern, text) = (last.pattern, last.text.dropFirst())
            } else {
                return false
            }
        }
        return pattern.allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
