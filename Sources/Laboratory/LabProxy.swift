// SPDX-License-Identifier: Apache-2.0

internal import CLaboratory
internal import Glibc

/// A program that serves as the sidecar.
package struct LabProxy: Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        case haproxy, nginx
    }

    package let kind: Kind
    /// Its absolute path, without symbolic links.
    package let program: String
    /// What it says of itself, in one line. From outside.
    package let version: String

    /// haproxy, nginx, or the path of one of them; without a name the first of them that is there. `nil` where there is none,
    /// or it is neither.
    package init?(_ name: String?) {
        let names = name.map { [$0] } ?? Kind.allCases.map(\.rawValue)
        for name in names {
            guard let program = findProgram(name) else { continue }
            var text = [CChar](repeating: 0, count: 256)
            guard unsafe lab_version(program, &text, 256) > 0 else { continue }
            let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            let version = String(decoding: bytes, as: UTF8.self)
            guard let kind = Self.kind(ofVersion: version) else { continue }
            self.kind = kind
            self.program = program
            self.version = Self.short(version)
            return
        }
        return nil
    }

    /// "HAProxy version 2.6.12-1 2023/12/16 - https://haproxy.org/", "HA-Proxy version 2.2.9-2", "nginx version: nginx/1.22.1".
    static func kind(ofVersion text: String) -> Kind? {
        let text = text.lowercased()
        if text.hasPrefix("haproxy ") || text.hasPrefix("ha-proxy ") { return .haproxy }
        return text.hasPrefix("nginx version") ? .nginx : nil
    }

    /// Without the date and the address of haproxy, and without what nginx says twice.
    static func short(_ text: String) -> String {
        let words = text.split(separator: " ")
        if let last = words.last, words.first == "nginx" { return String(last) }
        return words.prefix(3).joined(separator: " ")
    }
}

/// Where a program is: by a path, or else in PATH and where administrators' programs are. Without symbolic links.
package func findProgram(_ name: String) -> String? {
    let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? ""
    let directories =
        path.split(separator: ":").map(String.init) + ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin"]
    for candidate in name.contains("/") ? [name] : directories.map({ "\($0)/\(name)" }) {
        guard unsafe access(candidate, X_OK) == 0, let real = unsafe realpath(candidate, nil) else { continue }
        defer { unsafe free(real) }
        var status = stat()
        guard unsafe stat(real, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
        return unsafe String(cString: real)
    }
    return nil
}
