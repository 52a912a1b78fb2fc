// SPDX-License-Identifier: Apache-2.0

package import Events

/// Which containers a run is about, by name. Names are found in user space, which tells the kernel programs of each cgroup
/// once it is certain of it.
package struct WorkloadScope: Sendable {
    package var containers: [Scope.Term<WorkloadPattern>] = []
    package var pods: [Scope.Term<WorkloadPattern>] = []
    package var namespaces: [Scope.Term<WorkloadPattern>] = []
    /// Only what is in no container.
    package var hostOnly = false

    package init() {}

    package var isEmpty: Bool { containers.isEmpty && pods.isEmpty && namespaces.isEmpty && !hostOnly }

    /// Whether what has these values is wanted: `value` gives those of a container's or a pod's fields, all absent on the
    /// host.
    package func holds(_ value: (Field) -> FieldValue) -> Bool {
        func text(_ field: Field) -> Bytes? {
            if case .text(let bytes) = value(field) { bytes } else { nil }
        }
        if hostOnly, text(.containerID) != nil || text(.kubernetesPodUID) != nil { return false }
        let namespace = text(.kubernetesNamespaceName)
        return Self.holds(containers) { pattern in
            pattern.names(text(.containerName)) || pattern.identifies(text(.containerID))
        }
            && Self.holds(pods) { pattern in
                pattern.names(text(.kubernetesPodName), in: namespace) || pattern.identifies(text(.kubernetesPodUID))
            }
            && Self.holds(namespaces) { $0.names(namespace) }
    }

    private static func holds(
        _ terms: [Scope.Term<WorkloadPattern>], _ matches: (WorkloadPattern) -> Bool
    ) -> Bool {
        if terms.contains(where: { $0.negated && matches($0.value) }) { return false }
        let positive = terms.filter { !$0.negated }
        return positive.isEmpty || positive.contains { matches($0.value) }
    }
}

/// What a user writes for a container, a pod or a namespace: a name, with `*` and `?`; a pod also as NAMESPACE/POD; an id
/// or the start of one.
package struct WorkloadPattern: Sendable {
    package let text: String
    private let name: Glob
    private let namespace: Glob?

    package init(_ text: String, option: String) throws(ScopeError) {
        guard !text.isEmpty else { throw ScopeError("\(option) needs a name") }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 1 || parts.count == 2 && option == "--pod" && !parts.contains("") else {
            throw ScopeError(
                "\(option) \"\(text)\": a name has no \"/\"", help: "write NAME, and of a pod NAME or NAMESPACE/NAME")
        }
        self.text = text
        name = Glob(Array(parts[parts.count - 1].utf8))
        namespace = parts.count == 2 ? Glob(Array(parts[0].utf8)) : nil
    }

    func names(_ value: Bytes?, in namespace: Bytes? = nil) -> Bool {
        guard let value, name.matches(value.span) else { return false }
        guard let wanted = self.namespace else { return true }
        return namespace.map { wanted.matches($0.span) } ?? false
    }

    /// Shorter ones than this are names.
    private static let shortestID = 6

    func identifies(_ id: Bytes?) -> Bool {
        guard let id, text.utf8.count >= Self.shortestID else { return false }
        return id.slice.starts(with: text.utf8)
    }
}
