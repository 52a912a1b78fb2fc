// SPDX-License-Identifier: Apache-2.0

internal import CLaboratory

/// What was done in a pod of a laboratory in its scene, as those know it who did it.
package struct LabDeeds: Sendable {
    /// Of the last load of its client, with those that failed.
    package let connections, requests, failures: UInt64
    /// Since the last pod's proxy was killed.
    package let requestsAfter, failuresAfter: UInt64
    /// Acts that succeeded: programs that were started, files that were opened, datagrams and questions that were answered,
    /// connections by name and by an address without one, and as the user whom the rules let pass.
    package let programs, files, datagrams, questions, visits, bypasses: UInt64
    /// By the rules since they were set: connections that they led to the proxy, out of the pod and into it.
    package let redirectedOut, redirectedIn: UInt64
    /// By the service outside: connections from the pod.
    package let visitsOutside, poolConnections: UInt64
    /// When its proxy was killed, CLOCK_BOOTTIME in nanoseconds; `nil` for never.
    package let killed: UInt64?

    init(_ pod: UnsafeMutablePointer<lab_pod>) {
        func done(_ act: lab_act) -> UInt64 { UInt64(unsafe lab_done(pod, act)) }
        let counted = unsafe pod.pointee
        connections = counted.client.connections
        requests = counted.client.requests
        failures = counted.client.failures
        requestsAfter = counted.client.requests_after
        failuresAfter = counted.client.failures_after
        programs = done(LAB_EXEC)
        files = done(LAB_OPEN)
        datagrams = done(LAB_DATAGRAM)
        questions = done(LAB_NAME)
        visits = done(LAB_TCP) + done(LAB_ADDRESS)
        bypasses = done(LAB_BYPASS)
        redirectedOut = counted.redirected_out
        redirectedIn = counted.redirected_in
        visitsOutside = counted.outside
        poolConnections = counted.pool
        killed = counted.killed == 0 ? nil : counted.killed
    }
}
