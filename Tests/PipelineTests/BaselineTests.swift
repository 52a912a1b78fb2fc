// SPDX-License-Identifier: Apache-2.0

import Enrichment
import Events
import Glibc
import Testing

@testable import Pipeline

struct BaselineTests {
    /// A line as `watch-net -o json` has it, with `change` for members of an event.
    private func line(
        _ action: String = "connect", direction: String? = "egress", ip: String = "192.0.2.7", port: Int = 443,
        domain: String? = nil, program: String = "/usr/bin/curl", transport: String = "tcp", more: String = ""
    ) -> String {
        var text = #"{"event":{"category":["network"],"action":"\#(action)"},"#
        text += #""process":{"pid":7,"name":"curl","executable":"\#(program)"},"#
        if direction != nil { text += #""source":{"ip":"10.0.0.1","port":40000},"# }
        text += #""destination":{"ip":"\#(ip)","port":\#(port)"#
        if let domain { text += #","domain":"\#(domain)""# }
        text += #"},"network":{"transport":"\#(transport)""#
        if let direction { text += #","direction":"\#(direction)""# }
        return text + "}\(more)}"
    }

    private func listen(
        _ ip: String, _ port: Int = 80, program: String = "/usr/sbin/nginx", more: String = "",
        action: String = "listen"
    ) -> String {
        line(action, direction: nil, ip: ip, port: port, program: program, more: more)
    }

    private func accept(_ ip: String, _ port: Int = 80, program: String = "/usr/sbin/nginx", more: String = "")
        -> String
    {
        line("accept", direction: "ingress", ip: ip, port: port, program: program, more: more)
    }

    private func item(_ line: String) throws -> BaselineItem? {
        try BaselineItem(try #require(BaselineFacts(line: Array(line.utf8))))
    }

    private func baseline(_ lines: String...) throws -> Baseline {
        var baseline = Baseline()
        for line in lines {
            guard let item = try item(line) else { continue }
            let hasRoom = baseline.learn(item)
            #expect(hasRoom)
        }
        return baseline
    }

    private func knows(_ baseline: Baseline, _ line: String) throws -> Bool {
        baseline.knows(try #require(try item(line)))
    }

    // MARK: Destinations

    @Test func byAddress() throws {
        let known = try baseline(line())
        #expect(known.destinationCount == 1 && known.listenerCount == 0)
        #expect(try knows(known, line()))
        #expect(try !knows(known, line(ip: "192.0.2.8")))
        #expect(try !knows(known, line(port: 80)))
        #expect(try !knows(known, line(transport: "udp")))
        #expect(try !knows(known, line(program: "/usr/bin/wget")))
        // A name that is found now for an address that was known without.
        #expect(try knows(known, line(domain: "cdn.test")))
    }

    /// Names have other addresses each time; addresses of many names do not make all of these names known.
    @Test func byName() throws {
        let known = try baseline(line(domain: "CDN.test"), line(ip: "192.0.2.9", domain: "cdn.test"))
        #expect(known.destinationCount == 1)
        #expect(try knows(known, line(ip: "198.51.100.1", domain: "cdn.test")))
        #expect(try !knows(known, line(domain: "evil.test")))
        #expect(try !knows(known, line(port: 8443, domain: "cdn.test")))
        // Without a name, as when the answer was there before the run.
        #expect(try knows(known, line()))
        #expect(try !knows(known, line(ip: "198.51.100.1")))
    }

    @Test func ephemeralPorts() throws {
        let known = try baseline(line(ip: "127.0.0.1", port: 40001), listen("127.0.0.1", 50000))
        #expect(try knows(known, line(ip: "127.0.0.1", port: 60999)))
        #expect(try !knows(known, line(ip: "127.0.0.1", port: 61000)))
        #expect(try !knows(known, line(ip: "127.0.0.2", port: 40001)))
        #expect(try knows(known, listen("127.0.0.1", 32768)))
        #expect(try !knows(known, listen("127.0.0.1", 32767)))
        #expect(try !knows(known, listen("127.0.0.1", 50000, program: "/usr/bin/nc")))
    }

    /// Pods have other addresses each time.
    @Test func pods() throws {
        let pod = #","ebpfguard":{"remote_class":"pod"}"#
        let known = try baseline(line(ip: "10.244.0.7", port: 8080, more: pod))
        #expect(try knows(known, line(ip: "10.244.0.9", port: 8080, more: pod)))
        #expect(try !knows(known, line(ip: "10.244.0.9", port: 8081, more: pod)))
        #expect(try !knows(known, line(ip: "10.244.0.9", port: 8080)))
    }

    // MARK: Listeners

    @Test(arguments: [
        ("0.0.0.0", "10.0.0.1", true), ("0.0.0.0", "127.0.0.1", true), ("0.0.0.0", "::", false),
        ("::", "0.0.0.0", true),
        ("::", "10.0.0.1", true), ("::", "::1", true), ("::", "2001:db8::1", true), ("127.0.0.1", "0.0.0.0", false),
        ("127.0.0.1", "127.0.0.1", true), ("127.0.0.1", "::1", false), ("10.0.0.1", "10.0.0.2", false),
        ("0.0.0.0", "2001:db8::1", false), ("::ffff:10.0.0.1", "10.0.0.1", true),
    ])
    func addresses(_ known: String, _ address: String, _ isKnown: Bool) throws {
        let known = try baseline(listen(known))
        #expect(known.listenerCount == 1)
        #expect(try knows(known, listen(address)) == isKnown)
        #expect(try !knows(known, listen(address, 81)))
    }

    /// Listening sockets that were there, that were closed, and that accepted, are listeners too.
    @Test func waysToKnow() throws {
        for action in ["existing", "close"] {
            #expect(try knows(try baseline(listen("0.0.0.0", action: action)), listen("0.0.0.0")))
        }
        let accepted = try baseline(accept("10.0.0.1"))
        #expect(try knows(accepted, accept("10.0.0.2")))
        #expect(try knows(accepted, listen("0.0.0.0")))
        #expect(try knows(accepted, listen("::")))
        #expect(try !knows(accepted, accept("10.0.0.2", 81)))
        let local = try baseline(accept("127.0.0.1"))
        #expect(try knows(local, listen("127.0.0.1")))
        #expect(try !knows(local, listen("0.0.0.0")))
        #expect(try !knows(local, accept("10.0.0.1")))
        #expect(try knows(try baseline(listen("10.0.0.1")), accept("10.0.0.1")))
        #expect(try !knows(try baseline(listen("10.0.0.1")), accept("127.0.0.1")))
    }

    /// What failed to listen is none.
    @Test func failures() throws {
        let text = listen("0.0.0.0").replacing(#""action""#, with: #""outcome":"failure","action""#)
        #expect(try item(text) == nil)
        #expect(try item(line().replacing(#""action""#, with: #""outcome":"failure","action""#)) != nil)
        #expect(try item(line(port: 0).replacing(#","port":0"#, with: "")) == nil)
    }

    @Test func whichEventIsTold() throws {
        #expect(try item(line())?.isTold == true)
        #expect(try item(line("existing"))?.isTold == true)
        #expect(try item(line("close"))?.isTold == false)
        #expect(try item(line("close", more: #","ebpfguard":{"opened_before":true}"#))?.isTold == true)
        for action in ["dns_query", "dns_answer", "tls_client_hello", "packet"] {
            #expect(try item(line(action)) == nil)
        }
    }

    // MARK: Workloads

    private func pod(_ name: String, _ container: String = "app", image: String = "r/app:1", namespace: String = "shop")
        -> String
    {
        #","container":{"id":"0123","name":"\#(container)","image":{"name":"\#(image)"}},"#
            + #""k8s":{"namespace":{"name":"\#(namespace)"},"pod":{"name":"\#(name)","uid":"u"},"#
            + #""container":{"name":"\#(container)"}}"#
    }

    private func container(_ name: String, image: String?) -> String {
        let image = image.map { #","image":{"name":"\#($0)"}"# } ?? ""
        return #","container":{"id":"0123","name":"\#(name)"\#(image)}"#
    }

    @Test func workloads() throws {
        let known = try baseline(
            line(more: pod("web-7f9c4b5d6-x2x9z")), line(more: container("sad_bell", image: "a:1")))
        #expect(known.destinationCount == 2)
        #expect(try knows(known, line(more: pod("web-6dd8f7b9c-bbbbb", image: "r/app:2"))))
        #expect(try !knows(known, line(more: pod("api-6dd8f7b9c-bbbbb"))))
        #expect(try !knows(known, line(more: pod("web-6dd8f7b9c-bbbbb", "sidecar"))))
        #expect(try !knows(known, line(more: pod("web-6dd8f7b9c-bbbbb", namespace: "test"))))
        #expect(try !knows(known, line()))
        #expect(try knows(known, line(more: container("mad_curie", image: "a:2"))))
        #expect(try !knows(known, line(more: container("sad_bell", image: "b:1"))))
        let unnamed = try baseline(line(more: container("db", image: nil)))
        #expect(try knows(unnamed, line(more: container("db", image: nil))))
        #expect(try !knows(unnamed, line(more: container("web", image: nil))))
    }

    /// A container has another address each time, and what it listens on is not the host's.
    @Test func listenersInContainers() throws {
        let known = try baseline(listen("10.88.0.5", more: container("x", image: "a")))
        #expect(try knows(known, listen("10.88.0.9", more: container("y", image: "a"))))
        #expect(try !knows(known, listen("0.0.0.0", more: container("y", image: "a"))))
        #expect(try !knows(known, listen("10.88.0.5")))
    }

    @Test(arguments: [
        ("web-7f9c4b5d6-x2x9z", "web"), ("web-front-7f9c4b5d6-x2x9z", "web-front"), ("agent-x2x9z", "agent"),
        ("db-0", "db"), ("job-28391234-x2x9z", "job"), ("redis", "redis"), ("my-cache", "my-cache"), ("-", "-"),
        ("", ""), ("x2x9z", "x2x9z"), ("web-x2x9z-x2x9z", "web-x2x9z"), ("a-b-12", "a-b"), ("node-1.eu", "node-1.eu"),
    ])
    func owners(_ pod: String, _ owner: String) {
        #expect(BaselineItem.owner(ofPod: pod) == owner)
    }

    @Test(arguments: [
        ("nginx", "nginx"), ("nginx:1.2", "nginx"), ("r:5000/nginx", "r:5000/nginx"),
        ("r:5000/nginx:1", "r:5000/nginx"),
        ("a/b@sha256:00", "a/b"), ("a/b:1@sha256:00", "a/b"), ("", ""), (":", ""),
    ])
    func images(_ name: String, _ repository: String) {
        #expect(BaselineItem.repository(ofImage: name) == repository)
    }

    // MARK: Files

    private func read(_ text: String, limit: Int = 1000) -> (Baseline?, Failure?) {
        read(Array(text.utf8), limit: limit)
    }

    private func read(_ bytes: [UInt8], limit: Int = 1000) -> (Baseline?, Failure?) {
        var name = Array("/tmp/ebpfguard-baseline-XXXXXX".utf8CString)
        let file = unsafe name.withUnsafeMutableBufferPointer { unsafe mkstemp($0.baseAddress!) }
        let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            close(file)
            unsafe unlink(path)
        }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        do throws(Failure) {
            return (try Baseline(path: path, limit: limit), nil)
        } catch {
            return (nil, error)
        }
    }

    @Test func lines() throws {
        let text = [line(), listen("0.0.0.0"), "", #"{"event":{"action":"loss","category":["host"]}}"#, line(port: 80)]
        for end in ["", "\n", "\r\n"] {
            let (baseline, failure) = read(text.joined(separator: "\n") + end)
            #expect(failure == nil)
            #expect(baseline?.destinationCount == 2)
            #expect(baseline?.listenerCount == 1)
        }
        #expect(read("").0?.destinationCount == 0)
    }

    @Test(arguments: [
        ("{", "not a line of JSON"), ("hello", "not a line of JSON"), ("[1,2]", "has no event.action"),
        (#"{"event":{"action":"exec","category":["process"]}}"#, "tells of \"exec\""),
        (#"{"event":{"action":"connect"}}"#, "has no event.category"),
        (#"{"event":{"action":"connect","category":["network"]}}"#, "has no network.transport"),
        (
            #"{"event":{"action":"connect","category":["network"]},"network":{"transport":"tcp"}}"#,
            "has no destination.ip"
        ),
        (
            #"{"event":{"action":"connect","category":["network"]},"network":{"transport":"tcp"},"#
                + #""destination":{"ip":"x"}}"#, "has no address"
        ),
        (
            #"{"event":{"action":"connect","category":["network"]},"network":{"transport":"tcp"},"#
                + #""destination":{"ip":"::1","port":65536}}"#, "has no port"
        ),
        (
            #"{"event":{"action":"connect","category":["network"]},"network":{"transport":"tcp"},"#
                + #""destination":{"ip":"::1","port":1},"process":{"pid":1}}"#, "has no process.name"
        ),
    ])
    func badLines(_ text: String, _ reason: String) throws {
        let failure = try #require(read(line() + "\n" + text + "\n").1)
        #expect(failure.status == .badData)
        #expect(failure.message.contains("line 2"), "\(failure.message)")
        #expect(failure.message.contains(reason), "\(failure.message)")
        #expect(failure.help?.isEmpty == false)
    }

    @Test func bounds() throws {
        let many = (0..<20).map { line(port: $0 + 1) }.joined(separator: "\n")
        #expect(read(many, limit: 20).1 == nil)
        #expect(read(many, limit: 19).1?.message.contains("more than 19") == true)
        let long = [UInt8](repeating: 0x20, count: 6 << 20)
        #expect(read(long).1?.message.contains("a line of more than 4 MB") == true)
        #expect(read(Array("{\"a\":".utf8) + [UInt8](repeating: 0x5b, count: 1 << 20)).1?.status == .badData)
    }

    @Test func recordings() throws {
        #expect(read([0x89]).1?.status == .badData)
        #expect(read([0x89] + Array("EBGREC\n".utf8)).1?.status == .badData)
        #expect(read([0x89] + Array("EBGREC\n".utf8) + [9, 0, 0, 0, 0, 0, 0, 0]).1?.message.contains("newer") == true)
        #expect(read([0x89] + Array("EBGREX\n".utf8)).1?.message.contains("line 1") == true)
    }

    @Test func noFile() throws {
        func failure(_ path: String) -> Failure? {
            do throws(Failure) {
                _ = try Baseline(path: path)
                return nil
            } catch {
                return error
            }
        }
        #expect(failure("/no/such/file")?.status == .noInput)
        #expect(failure("/")?.status == .badData)
    }
}
