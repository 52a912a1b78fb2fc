// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Laboratory

@Test(arguments: [
    (
        "HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/", LabProxy.Kind.haproxy,
        "HAProxy version 2.6.12-1+deb12u4"
    ),
    (
        "HA-Proxy version 2.2.9-2+deb11u6 2023/12/16 - https://haproxy.org/", .haproxy,
        "HA-Proxy version 2.2.9-2+deb11u6"
    ),
    ("nginx version: nginx/1.22.1", .nginx, "nginx/1.22.1"),
])
func proxiesAreToldByWhatTheySay(text: String, kind: LabProxy.Kind, short: String) {
    #expect(LabProxy.kind(ofVersion: text) == kind)
    #expect(LabProxy.short(text) == short)
}

@Test(arguments: ["", "Version: 1.2", "envoy  version: abc/1.30", "haproxy: unknown option", "nginx: invalid option"])
func othersAreNoProxies(text: String) {
    // haproxy starts its complaints with its name and a colon.
    #expect(LabProxy.kind(ofVersion: text) == nil)
}

@Test func whatIsNotThereIsNotFound() {
    #expect(findProgram("/nonexistent/haproxy") == nil)
    #expect(findProgram("no-such-program-anywhere") == nil)
    #expect(findProgram("/") == nil)
    #expect(findProgram("sh") != nil)
    #expect(LabProxy("sh") == nil)
}

@Test func numbersAreReadFromTheirLine() {
    let text = Array("usage_usec 1234\nuser_usec 7\nPss:                 28 kB\n".utf8)
    #expect(Laboratory.number(after: "usage_usec", in: text) == 1234)
    #expect(Laboratory.number(after: "Pss:", in: text) == 28)
    #expect(Laboratory.number(after: "usage", in: text) == nil)
}
