// SPDX-License-Identifier: Apache-2.0

import Events
import Policy
import Testing

/// Which containers the words of a scope mean.
struct WorkloadScopeTests {
    private static let api: [Field: String] = [
        .containerID: "0123456789abcdef", .containerName: "api", .kubernetesPodName: "api-7c9f",
        .kubernetesPodUID: "1b4e28ba-2fa1-11d2-883f-0016d3cca427", .kubernetesNamespaceName: "payments",
    ]
    private static let unnamed: [Field: String] = [.containerID: "fedcba9876543210"]

    private func holds(_ scope: WorkloadScope, _ values: [Field: String]) -> Bool {
        scope.holds { values[$0].map { .text(Bytes($0)) } ?? .absent }
    }

    private func terms(_ texts: [String], _ option: String) throws -> [Scope.Term<WorkloadPattern>] {
        try texts.map { text in
            let negated = text.hasPrefix("!")
            return .init(
                try WorkloadPattern(negated ? String(text.dropFirst()) : text, option: option), negated: negated)
        }
    }

    /// Whether the container with names, the one without, and the host are wanted.
    @Test(arguments: [
        ([], [], [], [true, true, true]),
        (["api"], [], [], [true, false, false]),
        (["a?i"], [], [], [true, false, false]),
        (["!api"], [], [], [false, true, true]),
        (["012345"], [], [], [true, false, false]),
        (["01234"], [], [], [false, false, false]),
        (["!fedcba98"], [], [], [true, false, true]),
        (["*"], [], [], [true, false, false]),
        ([], ["api-7c9f"], [], [true, false, false]),
        ([], ["api"], [], [false, false, false]),
        ([], ["payments/api-*"], [], [true, false, false]),
        ([], ["other/api-*"], [], [false, false, false]),
        ([], ["1b4e28ba-2fa1"], [], [true, false, false]),
        ([], ["other", "api-7c9f"], [], [true, false, false]),
        ([], ["!api-7c9f", "api-*"], [], [false, false, false]),
        ([], [], ["pay*"], [true, false, false]),
        ([], [], ["!payments"], [false, true, true]),
        (["api"], [], ["other"], [false, false, false]),
    ]) func terms(_ containers: [String], _ pods: [String], _ namespaces: [String], _ expected: [Bool]) throws {
        var scope = WorkloadScope()
        scope.containers = try terms(containers, "--container")
        scope.pods = try terms(pods, "--pod")
        scope.namespaces = try terms(namespaces, "--namespace")
        #expect(scope.isEmpty == (containers + pods + namespaces).isEmpty)
        #expect([Self.api, Self.unnamed, [:]].map { holds(scope, $0) } == expected)
    }

    @Test func hostOnly() {
        var scope = WorkloadScope()
        scope.hostOnly = true
        #expect(!scope.isEmpty)
        #expect([Self.api, Self.unnamed, [:]].map { holds(scope, $0) } == [false, false, true])
        #expect(!holds(scope, [.kubernetesPodUID: "1b4e28ba-2fa1-11d2-883f-0016d3cca427"]))
    }

    @Test(arguments: [
        ("", "--pod"), ("a/b", "--container"), ("a/b", "--namespace"), ("/b", "--pod"), ("a/", "--pod"),
        ("a/b/c", "--pod"),
    ]) func mistakes(_ text: String, _ option: String) {
        #expect(throws: ScopeError.self) { try WorkloadPattern(text, option: option) }
    }
}
