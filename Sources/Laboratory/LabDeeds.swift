// SPDX-License-Identifier: Apache-2.0

internal import CLaboratory

/// What was done in a pod of a laboratory in its scene, as those know it who did it.
package struct LabDeeds: Sendable {
    /// That its client made in its last load.
    package let connections: UInt64
    /// Since the last pod's proxy was killed.
    package let requestsAfter, failuresAfter: UInt64
    /// Acts that succeeded: programs that were started, files that were opened, datagrams and questions that were answered,
    /// connections by name and by an address without one, and as the user whom the rules let pass.
    package let programs, files, datagrams, questions, visits, bypasses: UInt64
    /// By the rules since they were set: connections out of the pod that they led to the proxy.
    package let redirectedOut: UInt64
    /// By the service outside: connections from the pod, and datagrams and questions.
    package let visitsOutside, poolConnections, datagramsOutside, questionsOutside: UInt64
    /// When its proxy was killed, CLOCK_BOOTTIME in nanoseconds; `nil` for never.
    package let killed: UInt64?

    init(_ pod: UnsafeMutablePointer<lab_pod>) {
        func done(_ act: lab_act) -> UInt64 { UInt64(unsafe lab_done(pod, act)) }
        let counted = unsafe pod.pointee
        connections = counted.client.connections
        requestsAfter = counted.client.requests_after
        failuresAfter = counted.client.failures_after
        programs = done(LAB_EXEC)
        files = done(LAB_OPEN)
        datagrams = done(LAB_DATAGRAM)
        questions = done(LAB_NAME)
        visits = done(LAB_TCP) + done(LAB_ADDRESS)
        bypasses = done(LAB_BYPASS)
        redirectedOut = counted.redirected_out
        visitsOutside = counted.outside
        poolConnections = counted.pool
        datagramsOutside = counted.datagrams
        questionsOutside = counted.questions
        killed = counted.killed == 0 ? nil : counted.killed
    }
}
