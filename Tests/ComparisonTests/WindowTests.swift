// SPDX-License-Identifier: Apache-2.0

import CWire
import Events
import Testing

@testable import Comparison

// Both ends of connections, in any order.

private func key(_ port: UInt16, isAccepted: Bool = false) throws -> PassMatcher.Key {
    PassMatcher.Key(
        namespace: 1, isUDP: false, address: try #require(IPAddress("10.0.0.1")), port: port, isAccepted: isAccepted)
}

private func flow(_ key: PassMatcher.Key) -> PassMatcher.Flow {
    PassMatcher.Flow(
        key: key, owner: 0, process: "app", user: 0, kind: .connections, destination: .init(.init()), isNew: true)
}

@Test func anEndOfASidecarIsJoinedToOneOfAnApplication() throws {
    var matcher = PassMatcher()
    // First the application's, first the sidecar's, and one without.
    matcher.begin(flow(try key(1)))
    matcher.pass(try key(1), time: 10)
    matcher.pass(try key(2), time: 10)
    matcher.begin(flow(try key(2)))
    matcher.begin(flow(try key(3)))
    // Of another direction.
    matcher.pass(try key(3, isAccepted: true), time: 10)
    for port in 1...3 { matcher.update(try key(UInt16(port)), sent: 1, received: 2, closed: 20) }
    #expect(matcher.takeFinished().count { $0.hasPassed } == 2)
    matcher.sweep(20 + 2 * PassMatcher.patience)
    let rest = matcher.takeFinished()
    #expect(rest.count == 1)
    #expect(rest.first?.hasPassed == false)
    #expect(rest.first?.received == 2)
}

@Test func aPortThatIsUsedAgainIsAnotherConnection() throws {
    var matcher = PassMatcher()
    matcher.begin(flow(try key(1)))
    matcher.pass(try key(1), time: 10)
    matcher.update(try key(1), sent: 0, received: 0, closed: 20)
    matcher.begin(flow(try key(1)))
    matcher.update(try key(1), sent: 0, received: 0, closed: 30)
    matcher.finish()
    #expect(matcher.takeFinished().map(\.hasPassed) == [true, false])
}

@Test func aSidecarMayAcceptWhatIsClosedAgain() throws {
    var matcher = PassMatcher()
    matcher.begin(flow(try key(1)))
    matcher.update(try key(1), sent: 3, received: 0, closed: 20)
    matcher.sweep(2_000_000_000)
    #expect(matcher.takeFinished().isEmpty)
    matcher.pass(try key(1), time: 2_000_000_000)
    #expect(matcher.takeFinished().map(\.hasPassed) == [true])
}

@Test func whatWasLedToASidecarTakesItsEndOnlyOnce() throws {
    var matcher = PassMatcher()
    var led = flow(try key(1))
    led.hasPassed = true
    matcher.begin(led)
    matcher.pass(try key(1), time: 10)
    matcher.update(try key(1), sent: 0, received: 0, closed: 20)
    matcher.begin(flow(try key(1)))
    matcher.finish()
    #expect(matcher.takeFinished().map(\.hasPassed) == [true, false])
}

@Test func theEndOfASidecarMayBeAllThatIsToldOfIt() throws {
    var matcher = PassMatcher()
    matcher.passIfWaiting(try key(1))
    matcher.begin(flow(try key(1)))
    matcher.begin(flow(try key(2)))
    matcher.passIfWaiting(try key(2))
    matcher.finish()
    #expect(matcher.takeFinished().count { $0.hasPassed } == 1)
}
