// SPDX-License-Identifier: Apache-2.0

/// What a policy has done with an operation, the less strict first: between rules that are equally specific the stricter
/// one wins.
package enum Verdict: String, CaseIterable, Comparable, Sendable {
    case allow
    /// Reported, and let be.
    case audit
    /// The call fails with EPERM.
    case deny
    /// The packet is lost without a word.
    case drop
    /// The process dies, and what it asked for is not done.
    case kill

    package var strictness: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    package static func < (a: Verdict, b: Verdict) -> Bool { a.strictness < b.strictness }

    /// Whether what was asked for does not happen.
    package var stops: Bool { self > .audit }
}

/// What a default is for.
package enum PolicyClass: String, CaseIterable, Sendable {
    case net, file, exec
}

/// What a rule is about.
package enum PolicyOperation: String, CaseIterable, Sendable {
    /// To connect, and to send without.
    case connect = "net"
    case listen = "net listen"
    case raw = "net raw"
    case ask = "dns"
    case read = "file read"
    case write = "file write"
    case execute = "exec"
    case detect

    /// Whose default holds where no rule does.
    package var defaultClass: PolicyClass? {
        switch self {
        case .connect, .listen: .net
        case .read, .write: .file
        case .execute: .exec
        case .raw, .ask, .detect: nil
        }
    }

    /// A verdict that has no meaning here stands for the next one that has.
    package func applied(_ verdict: Verdict) -> Verdict {
        verdict == .drop && self != .connect && self != .ask ? .deny : verdict
    }
}
