// SPDX-License-Identifier: Apache-2.0

import Events
import Policy
import Testing

private let key = ProcessKey(pid: 7, start: 1)

/// What a miner's detector sees in bytes, given in pieces.
private func score(_ pieces: [String]) -> Int {
    let ledger = DetectionLedger([.miner])
    let automaton = StreamAutomaton(ledger.patterns)
    var state: UInt16 = 0
    var found: UInt64 = 0
    for piece in pieces { found |= automaton.found(in: piece.utf8, from: &state) }
    return ledger.patternWeights.enumerated().reduce(0) { found >> UInt64($1.offset) & 1 == 1 ? $0 + $1.element : $0 }
}

private func starts(_ arguments: [String], executable: String? = nil) -> Detection? {
    var ledger = DetectionLedger([.miner])
    return ledger.started(ProgramFacts(arguments: arguments, executable: executable), key).first
}

private let wallet = "4" + "4" + String(repeating: "A9xZ", count: 23) + "k"

@Test(arguments: [
    #"{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"\#(wallet)","pass":"","agent":""}}"#,
    #"{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"me","pass":"x","agent":"thing"}}"#,
    #"{ "id": 1, "method": "login", "params": { "login": "me", "agent": "XMRig/6.21" } }"#,
    #"{"id":1,"method":"mining.subscribe","params":[]}"#, #"{"params":[],"method":"mining.authorize","id":2}"#,
    #"{"id":4,"method":"mining.submit","params":["a","b"]}"#,
    #"{"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["0x0"]}"#,
    #"{"id":9,"jsonrpc":"2.0","method":"submit","params":{"id":"a","job_id":"b","nonce":"c","result":"d"}}"#,
])
func minersSpeak(_ line: String) {
    #expect(score([line]) >= Detector.threshold)
    #expect(score(line.map { String($0) }) == score([line]), "split byte by byte")
}

@Test(arguments: [
    #"{"jsonrpc":"2.0","id":1,"method":"login","params":{"user":"me","pass":"x"}}"#,
    #"{"jsonrpc":"2.0","id":1,"method":"login","params":{"login":"me","pass":"x"}}"#,
    #"{"jsonrpc":"2.0","id":1,"method":"submit","params":{"nonce":"a","result":"b"}}"#,
    #"{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}"#,
    #"{"method":"eth_getWork","params":[],"id":1}"#, #"{"algo":["sha256"],"agent":"curl"}"#,
    #"{"text":"what miners call mining.subscribe is a method"}"#, "{}", "[]",
    #"{"a":"4\#(String(repeating: "0", count: 94))"}"#,
])
func othersSpeak(_ line: String) { #expect(score([line]) < Detector.threshold) }

@Test(arguments: [
    ["/opt/x", "-o", "pool.example:3333", "-u", wallet, "-p", "x"],
    ["xmrig", "-o", "a.example:14444", "-u", "me", "--donate-level", "1"],
    ["./kworker", "--url=stratum+tcp://a.example:3333", "--donate-level=0"],
    ["node", "-a", "rx/0", "-o", "gulf.moneroocean.stream:10128", "-u", "x"],
    ["/tmp/.x/a", "--coin", "monero", "-o", "xmr.example:1234", "-u", "me", "--rig-id=1"],
])
func minersStart(_ arguments: [String]) { #expect((starts(arguments)?.score ?? 0) >= Detector.threshold) }

@Test(arguments: [
    ["gcc", "-O2", "-o", "miner.o", "-c", "xmrig.c"], ["grep", "-r", "stratum+tcp://", "/etc"], ["vim", "xmrig.c"],
    ["curl", "-o", "out:3333", "-u", "me:secret", "https://example.org"], ["apt-get", "install", "cpuminer"],
    ["tar", "-a", "-cf", "x.tar.zst", "."], ["sort", "-u", "-o", "a:1", "b"], ["psql", "-a", "-U", "me"],
    ["dig", "pool.supportxmr.com"], ["echo", wallet],
])
func othersStart(_ arguments: [String]) { #expect(starts(arguments) == nil) }

@Test func namesOfPools() {
    var ledger = DetectionLedger([.miner])
    #expect(ledger.named("pool.supportxmr.com", isGreeting: false, by: key).isEmpty, "a question alone")
    #expect(ledger.named("notsupportxmr.com", isGreeting: true, by: key).isEmpty)
    #expect(ledger.named("www.braiins.com", isGreeting: true, by: key).isEmpty)
    let detection = ledger.named("POOL.supportxmr.com", isGreeting: true, by: key).first
    #expect(detection?.score == 110)
    #expect(detection?.reasons == ["asks for the name of a pool (+50)", "greets a pool (+60)"])
    #expect(detection?.evidence == ["pool.supportxmr.com", "POOL.supportxmr.com"])
    #expect(ledger.named("xmrpool.eu", isGreeting: true, by: key).isEmpty, "it is told once")
}

@Test func whatIsFilelessIsNotEnough() {
    var ledger = DetectionLedger([.miner])
    var facts = ProcessFacts(ProgramFacts(arguments: ["x"], executable: "x"))
    facts.marks = ["memfd"]
    facts.busy = 100
    #expect(ledger.runs(facts, key).isEmpty)
    facts.hugePages = 2 << 30
    #expect(ledger.runs(facts, key).first?.score == 60)
}

private func shell(
    _ arguments: [String], _ input: ProcessFacts.Standard, _ output: ProcessFacts.Standard
) -> Detection? {
    var ledger = DetectionLedger([.miner, .reverseShell])
    var facts = ProcessFacts(ProgramFacts(arguments: arguments, executable: "dash"))
    facts.input = input
    facts.output = output
    return ledger.runs(facts, key).first
}

@Test func shellsForOthers() {
    let out = ProcessFacts.Standard.connection(remote: "10.0.0.1:4444", isOutgoing: true)
    let accepted = ProcessFacts.Standard.connection(remote: "10.0.0.1:4444", isOutgoing: false)
    let pipe = ProcessFacts.Standard.pipe(to: "7", remote: "10.0.0.1:4444", isOutgoing: true)
    let server = ProcessFacts.Standard.pipe(to: "7", remote: "10.0.0.1:4444", isOutgoing: false)
    #expect(shell(["sh", "-i"], out, out)?.score == 80)
    #expect(shell(["sh", "-c", "id"], out, out)?.score == 60)
    #expect(shell(["sh"], accepted, accepted)?.score == 60, "one that waits for who connects")
    #expect(shell(["sh", "-i"], pipe, pipe)?.score == 70)
    #expect(shell(["sh", "-c", "make"], pipe, pipe) == nil, "what a CI agent starts")
    #expect(shell(["sh", "-e", "/tmp/script"], pipe, pipe) == nil)
    #expect(shell(["-sh"], server, server) == nil, "what sshd starts without a terminal")
    #expect(shell(["sh", "-c", "id"], accepted, accepted) == nil, "what inetd starts")
    #expect(shell(["sh", "-i"], .other, .other) == nil)
    #expect(shell(["sh", "-i"], out, .other) == nil)
}
