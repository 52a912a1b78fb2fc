// SPDX-License-Identifier: Apache-2.0

internal import Pipeline

/// The nanoseconds that an option was given; `nil` when it was not. `help` says what to write.
func nanoseconds(
    _ text: String?, of option: String, atLeast least: UInt64 = 1, help: String
) throws(Failure) -> UInt64? {
    guard let text else { return nil }
    if let value = Quantity.nanoseconds(text), value >= least { return value }
    throw Failure(
        .usage, "\(option): \"\(text)\" is not a time" + (least > 1 ? ", or too short" : ""), help: help)
}
