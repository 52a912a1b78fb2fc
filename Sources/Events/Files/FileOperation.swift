// SPDX-License-Identifier: Apache-2.0

internal import CWire

/// What was done to a file.
package enum FileOperation: UInt16, CaseIterable, Sendable {
    case open = 1
    case create

    /// `event.action`.
    package var name: StaticString {
        switch self {
        case .open: "open"
        case .create: "create"
        }
    }

    /// `event.type`.
    package var types: [StaticString] {
        switch self {
        case .open: ["access"]
        case .create: ["creation"]
        }
    }
}
