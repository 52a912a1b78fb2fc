// SPDX-License-Identifier: Apache-2.0

extension Detector {
    /// Whoever computes hashes for a pool. What it says to the pool is the strongest sign, since no pool does without.
    package static let miner = Detector(
        name: "miner", meaning: "mines a cryptocurrency", technique: "T1496",
        signals: stratum + pools + switches + hardware)

    /// Stratum is lines of JSON. A single method's name says little: others have a "login" too.
    private static let stratum: [Signal] = [
        .init(60, "stratum: subscribes", .sent(.init(#""mining.subscribe""#))),
        .init(60, "stratum: authorizes", .sent(.init(#""mining.authorize""#))),
        .init(60, "stratum: submits", .sent(.init(#""mining.submit""#))),
        .init(60, "stratum: configures", .sent(.init(#""mining.configure""#))),
        .init(60, "stratum: subscribes", .sent(.init(#""mining.extranonce.subscribe""#))),
        .init(20, "stratum: method login", .sent(.init(#""method":"login""#))),
        .init(20, "stratum: login as a parameter", .sent(.init(#""params":{"login":""#))),
        .init(10, "stratum: password x", .sent(.init(#""pass":"x""#))),
        .init(10, "stratum: agent", .sent(.init(#""agent":""#))),
        .init(30, "stratum: agent of a known miner", .sent(.init(#""agent":"XMRig"#))),
        .init(30, "stratum: list of algorithms", .sent(.init(#""algo":["#))),
        .init(20, "stratum: name of the rig", .sent(.init(#""rigid":""#))),
        .init(30, "stratum: RandomX", .sent(.init(#""rx/0""#))),
        .init(60, "wallet of Monero", .sent(wallet)),
        .init(20, "stratum: method submit", .sent(.init(#""method":"submit""#))),
        .init(30, "stratum: number of a job", .sent(.init(#""job_id":""#))),
        .init(20, "stratum: nonce", .sent(.init(#""nonce":""#))),
        .init(30, "stratum: keeps its pool waiting", .sent(.init(#""method":"keepalived""#))),
        .init(60, "stratum of Ethereum: logs in", .sent(.init(#""eth_submitLogin""#))),
        .init(30, "stratum of Ethereum: asks for work", .sent(.init(#""eth_getWork""#))),
        .init(60, "stratum of Ethereum: submits", .sent(.init(#""eth_submitWork""#))),
    ]

    private static let base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

    private static let wallet =
        StreamPattern(#""4"#) + .any(of: "0123456789AB") + .any(of: base58, count: 93)

    /// A question may be one that a server of names hands on for others; whoever greets a pool is its client.
    private static let pools: [Signal] = [
        .init(50, "asks for the name of a pool", .asked(isPool)),
        .init(60, "greets a pool", .greeted(isPool)),
    ]

    private static let switches: [Signal] = [
        .init(30, "program of a known miner", .started { facts in facts.names.first { isMiner($0) } }),
        .init(
            40, "address of a pool in its arguments",
            .started { facts in
                facts.arguments.first { argument in
                    argument.hasByte(":") && schemes.contains { argument.contains($0) }
                }.map { _ in "stratum" }
            }),
        .init(
            40, "wallet in its arguments",
            .started { facts in
                facts.arguments.dropFirst().lazy.compactMap { wallet(in: $0) }.first.map { "\($0.prefix(12))…" }
            }),
        .init(
            40, "switch of a miner",
            .started { facts in
                facts.arguments.dropFirst().lazy.compactMap { argument in
                    minerSwitches.first { argument == $0 || argument.hasPrefix($0 + "=") }
                }.first
            }),
        .init(
            30, "algorithm of a miner in its arguments",
            .started { facts in facts.value(of: ["-a", "--algo", "--coin"]).flatMap { isAlgorithm($0) ? $0 : nil } }),
        .init(
            20, "pool and user in its arguments",
            .started { facts in
                guard let pool = facts.value(of: ["-o", "--url"]), facts.value(of: ["-u", "--user"]) != nil,
                    let colon = pool.lastIndex(of: ":"), let port = UInt16(pool[pool.index(after: colon)...]),
                    port != 443, port != 80
                else { return nil }
                return "port \(port)"
            }),
        .init(
            30, "name of a pool in its arguments",
            .started { facts in
                facts.arguments.dropFirst().lazy.filter { $0.hasByte(".") }
                    .flatMap { $0.utf8.split { !isHostCharacter($0) } }.compactMap { String($0) }.first { isPool($0) }
            }),
    ]

    private static let hardware: [Signal] = [
        .init(
            30, "program that is no file of its image, and busy",
            .runs { facts in
                facts.isFileless && facts.isBusy
                    ? "\(facts.marks.joined(separator: ", ")), \(facts.busy ?? 0) % of a CPU" : nil
            }),
        .init(
            20, "busy",
            .runs { facts in !facts.isFileless && facts.isBusy ? "\(facts.busy ?? 0) % of a CPU" : nil }),
        .init(
            30, "gigabytes of huge pages",
            .runs { facts in facts.hugePages >= 1 << 30 ? "\(facts.hugePages >> 20) MiB" : nil }),
        .init(30, "registers of the CPU", .runs { facts in facts.registers }),
    ]

    private static let schemes = [
        "stratum+tcp://", "stratum+ssl://", "stratum2+tcp://", "stratum2+ssl://", "stratum://",
    ]

    private static let minerSwitches = [
        "--donate-level", "--randomx-wrmsr", "--randomx-1gb-pages", "--randomx-mode", "--randomx-no-rdmsr",
        "--nicehash", "--cpu-max-threads-hint", "--rig-id", "--asm-optimization", "--tls-fingerprint",
    ]

    private static let miners: Set<String> = [
        "xmrig", "xmr-stak", "minerd", "minergate", "minergate-cli", "cpuminer", "ccminer", "ethminer", "cgminer",
        "bfgminer", "sgminer", "claymore", "nbminer", "t-rex", "gminer", "lolminer", "phoenixminer", "teamredminer",
        "nanominer", "bminer", "wildrig", "wildrig-multi", "srbminer", "srbminer-multi", "xmr-stak-rx", "cpuminer-opt",
    ]

    private static func isMiner(_ name: String) -> Bool { miners.contains(name.lowercased()) }

    private static func isAlgorithm(_ value: String) -> Bool {
        let value = value.lowercased()
        return ["rx/", "cn/", "cn-", "argon2/", "kawpow", "ethash", "etchash", "ghostrider", "randomx", "cryptonight"]
            .contains { value.hasPrefix($0) } || ["monero", "xmr", "ravencoin"].contains(value)
    }

    /// What stands in an argument and looks like a wallet of Monero: 95 characters, and no more.
    private static func wallet(in argument: String) -> String? {
        // Compilers are given kilobytes of arguments: nothing is looked at twice, and nothing as characters.
        guard argument.utf8.count >= 95 else { return nil }
        return argument.utf8.split { !isBase58($0) && $0 != UInt8(ascii: "0") }.first { word in
            guard word.count == 95, word.first == UInt8(ascii: "4") else { return false }
            let second = word.dropFirst()
            let network = second.first ?? 0
            return (isDigit(network) || network == UInt8(ascii: "A") || network == UInt8(ascii: "B"))
                && second.dropFirst().allSatisfy(isBase58)
        }.flatMap { String($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

    private static func isLetter(_ byte: UInt8) -> Bool { UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 }

    private static func isBase58(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0"), UInt8(ascii: "I"), UInt8(ascii: "O"), UInt8(ascii: "l"): false
        default: isDigit(byte) || isLetter(byte)
        }
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        isDigit(byte) || isLetter(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
    }

    /// Exactly, or any depth below.
    @Sendable private static func isPool(_ name: String) -> Bool {
        var rest = Substring(name.lowercased())
        while rest.contains(".") {
            if poolNames.contains(String(rest)) { return true }
            rest = rest.drop { $0 != "." }.dropFirst()
        }
        return false
    }

    /// Without those whose names people look at with a browser more often than miners ask for them.
    private static let poolNames: Set<String> = [
        "nanopool.org", "supportxmr.com", "minexmr.com", "hashvault.pro", "moneroocean.stream", "c3pool.com",
        "c3pool.org", "herominers.com", "2miners.com", "unmineable.com", "kryptex.network", "rplant.xyz",
        "zergpool.com",
        "prohashing.com", "skypool.org", "p2pool.io", "dxpool.com", "mining-dutch.nl", "gntl.uk", "solopool.org",
        "antpool.com", "f2pool.com", "slushpool.com", "ethermine.org", "ethpool.org", "dwarfpool.com", "crypto-pool.fr",
        "minergate.com", "moneropool.com", "xmrpool.eu", "xmrpool.net", "donate.v2.xmrig.com", "pool.braiins.com",
        "stratum.braiins.com", "stratum.nicehash.com", "auto.nicehash.com",
    ]
}

extension String {
    fileprivate func hasByte(_ byte: Unicode.Scalar) -> Bool { utf8.contains(UInt8(ascii: byte)) }
}
