// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Pipeline

struct WatchNetCommand: WatchArguments {
    static let configuration = CommandConfiguration(
        commandName: "watch-net",
        abstract: "Show who connects to whom, live.",
        usage: "ebpfguard watch-net [options] [-- PROGRAM ARGS...]",
        discussion: """
            Shows TCP connections that are made, refused, accepted and closed, and UDP flows, with process, container, \
            addresses, names, bytes and times, and who starts to listen. With -- PROGRAM, starts PROGRAM when the probes are in place, watches \
            only it and its descendants, ends with it, and has its exit status; its standard output goes to standard \
            error.
            """
    )

    static let watched = WatchCommand.watchNet

    @OptionGroup(title: "Scope, decided in the kernel (repeats are ORed, kinds ANDed, ! negates)")
    var scope: ScopeOptions

    @OptionGroup(title: "What to show")
    var selection: NetworkSelection

    @OptionGroup
    var common: WatchOptions
}

/// What `watch-net` shows of what it sees.
struct NetworkSelection: WatchSelection {
    @Option(
        help: ArgumentHelp(
            """
            Kinds to show, separated by commas: connect, accept, listen, close, udp, dns_query, dns_answer, \
            tls_client_hello, raw_socket, drop. Default: all.
            """, valueName: "kinds"))
    var events: [String] = []

    @Flag(help: "Show the connections and listening sockets that are already there first.")
    var existing = false

    @Flag(help: "Show UNIX sockets too: who connects to which path or abstract name, who has it, with bytes.")
    var unix = false

    @Flag(help: "Show packets that the kernel drops too, with its reason.")
    var drops = false

    @Option(help: ArgumentHelp("Show what is open again and again after this time, with its bytes.", valueName: "time"))
    var interval: String?

    @Option(
        help: ArgumentHelp(
            "A UDP flow ends when nothing has passed for this time, or its socket is closed. Default: 30s.",
            valueName: "time"))
    var idle: String?

    @Option(
        help: ArgumentHelp(
            "Mark what this earlier run did not have: a recording (-w), or its JSON. - is standard input.",
            valueName: "file"))
    var baseline: String?

    func apply(to options: inout TraceOptions) throws {
        options.existing = existing
        options.baseline = baseline
        if let idle = try nanoseconds(
            idle, of: "--idle", atLeast: 1_000_000_000, help: "write 30s or 5m; at least 1s")
        {
            options.udpIdle = idle
        }
        options.kinds = try chosenKinds(events, of: .watchNet)
        options.unix = unix
        options.drops = drops || options.kinds?.contains(.drop) == true
        options.interval = try nanoseconds(
            interval, of: "--interval", atLeast: 100_000_000, help: "write 5s, 1m or 100ms")
    }
}
