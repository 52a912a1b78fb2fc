// SPDX-License-Identifier: Apache-2.0

/// Numbers from a seed, so that what fails fails again.
struct Numbers {
    var state: UInt64

    mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }

    mutating func pick<T>(_ values: [T]) -> T { values[next(values.count)] }
}
