// SPDX-License-Identifier: Apache-2.0

/// A dictionary that forgets: when the values that were touched weigh so much, those that were not are gone.
struct Generations<Key: Hashable, Value> {
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]
    private var weight = 0
    private let limit: Int
    private let weigh: (Value) -> Int

    /// What is kept weighs at most twice `limit`.
    init(limit: Int, weigh: @escaping (Value) -> Int = { _ in 1 }) {
        self.limit = limit
        self.weigh = weigh
    }

    var count: Int { young.count + old.count }

    /// What is kept under `key`, which counts as touched.
    mutating func value(of key: Key) -> Value? {
        if let value = young[key] { return value }
        guard let value = old.removeValue(forKey: key) else { return nil }
        set(value, of: key)
        return value
    }

    mutating func set(_ value: Value, of key: Key) {
        _ = remove(key)
        if weight >= limit {
            swap(&young, &old)
            young.removeAll(keepingCapacity: true)
            weight = 0
        }
        young[key] = value
        weight += weigh(value)
    }

    mutating func remove(_ key: Key) -> Value? {
        guard let value = young.removeValue(forKey: key) else { return old.removeValue(forKey: key) }
        weight -= weigh(value)
        return value
    }
}
