// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

/// One test: a name and what to do. The names of all of them are in ``allTests``.
struct Test: Sendable {
    let name: String
    /// Whether a kernel can make a difference; where not, a slow machine is spared the test.
    let dependsOnKernel: Bool
    let body: @Sendable (Context) throws -> Void

    init(_ name: String, dependsOnKernel: Bool = true, _ body: @escaping @Sendable (Context) throws -> Void) {
        self.name = name
        self.dependsOnKernel = dependsOnKernel
        self.body = body
    }
}

/// Every test, in the order they run: first what everything else rests on.
let allTests: [Test] = [
    selfTests, loopTests, argumentTests, imageTests, lifeTests, failureTests, userTests, namespaceTests, workloadTests,
    containerScopeTests,
    scopeTests,
    existingTests,
    endTests, programTests, callTests, ringTests, securityTests, signalTests, networkTests, translationTests,
    nodeTests,
    datagramTests, unsentTests, floodTests, baselineTests, connectionFilterTests, handedTests,
    dropTests, rawSocketTests, unixTests, openTests, fileTests, fileChangeTests, routeTests, netChangeTests,
    packageTests,
    policyTests, policyTextTests, namePolicyTests, actorTests, guardTests, wholeHostTests, treeTests, learnTests,
    detectTests, errorTests, statusTests,
    nameTests, resolverTests,
    compareTests, compareEndTests, probeTests, redirectionTests, labTests, browserTests, refusalTests, fieldTests,
    filterTests,
    textTests, summaryTests, reportTests, manualTests, latencyTests, stormTests, recordingTests,
].flatMap { $0 }

/// A machine with more software than a kernel needs.
enum Machine: String {
    case containers, builds

    var tests: [Test] {
        switch self {
        case .containers: containerTests
        case .builds: buildTests
        }
    }
}

/// What `live-tests run` was told.
struct Settings: Sendable {
    /// The machine of Tests/VM/machine that this is, whose tests run and no others.
    var machine: Machine?
    var tool = ""
    /// A machine that needs ten times as long: an emulated one.
    var isSlow = false
    /// Every feature must be there: a skip is a failure.
    var mustNotSkip = false
}

/// Ends a test early.
enum Stop: Error {
    case failed(String)
    case skipped(String)
}

/// What a test is given: the tool, a directory of its own, and a place for what turned out wrong.
final class Context {
    let settings: Settings
    /// Empty at the start, removed at the end; everybody may enter it.
    let scratch: String
    let shared: Shared
    private(set) var failures: [String] = []
    private(set) var notes: [String] = []
    /// Still to be ended when the test is over, however it ends.
    var children: [Child] = []

    init(settings: Settings, scratch: String, shared: Shared) {
        self.settings = settings
        self.scratch = scratch
        self.shared = shared
    }

    /// What to allow on this machine where an ordinary one gets `milliseconds`.
    func allow(milliseconds: Int) -> Int {
        settings.isSlow ? milliseconds * 10 : milliseconds
    }

    func fail(_ reason: String) {
        failures.append(reason)
    }

    /// Where a program of the system is.
    func program(_ name: String) -> String? {
        ["/usr/sbin/\(name)", "/usr/bin/\(name)"].first { unsafe access($0, X_OK) == 0 }
    }

    /// A measured figure, which is printed with the test.
    func note(_ text: String) {
        notes.append(text)
    }

    func expect(_ condition: Bool, _ reason: @autoclosure () -> String) {
        if !condition { fail(reason()) }
    }

    func equal<Value: Equatable>(_ actual: Value, _ expected: Value, _ what: @autoclosure () -> String) {
        if actual != expected { fail("\(what()) is \(shown(actual)), not \(shown(expected))") }
    }

    func require<Value>(_ value: Value?, _ what: @autoclosure () -> String) throws -> Value {
        guard let value else { throw Stop.failed("no \(what())") }
        return value
    }

    /// Skips the test where `feature` is missing, unless this kernel is new enough to have it.
    func requires(_ feature: String, isThere: Bool, sinceKernel version: KernelVersion) throws {
        if isThere { return }
        if KernelVersion.running >= version {
            throw Stop.failed("\(feature) is missing, but Linux \(version) and newer have it")
        }
        throw Stop.skipped("\(feature) needs Linux \(version)")
    }

    private func shown(_ value: some Any) -> String {
        let text =
            switch value {
            case let value as JSON?: value.map { "\($0)" } ?? "absent"
            case let value as Child.ExitStatus?: value.map { "\($0)" } ?? "none"
            case let value as Int?: value.map { "\($0)" } ?? "absent"
            default: "\(value)"
            }
        return text.count > 300 ? "\(text.prefix(300))… (\(text.count) characters)" : text
    }
}

struct KernelVersion: Comparable, Sendable, CustomStringConvertible {
    let major: Int
    let minor: Int

    init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    static let running: KernelVersion = {
        let release = contents(of: "/proc/sys/kernel/osrelease") ?? ""
        let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        return numbers.count == 2 ? KernelVersion(numbers[0], numbers[1]) : KernelVersion(0, 0)
    }()

    var description: String { "\(major).\(minor)" }

    static func < (left: KernelVersion, right: KernelVersion) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}
