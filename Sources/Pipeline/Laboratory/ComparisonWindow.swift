// SPDX-License-Identifier: Apache-2.0

internal import Comparison

/// A window whose comparison is not for a person, but for whoever asked for it.
final class ComparisonWindow {
    /// Called when everything is watched.
    let begins: () -> Void
    /// When the window is over.
    var comparison: Comparison?
    /// Whether a signal ended it.
    var isInterrupted = false

    init(begins: @escaping () -> Void) {
        self.begins = begins
    }
}
