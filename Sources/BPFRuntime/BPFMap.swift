// SPDX-License-Identifier: Apache-2.0

internal import CLibbpf

/// A map of a loaded object. Borrowed from the object: do not use it after the object is gone.
package struct BPFMap {
    /// Owned by the object.
    package let descriptor: Int32
    private let name: String

    init(name: String, descriptor: Int32) {
        self.name = name
        self.descriptor = descriptor
    }

    /// Sets `key` to `value`; both as large as the map was declared with.
    package func set<Key: BitwiseCopyable, Value: BitwiseCopyable>(_ key: Key, to value: Value) throws(BPFError) {
        var key = key
        var value = value
        guard unsafe bpf_map_update_elem(descriptor, &key, &value, UInt64(BPF_ANY)) == 0 else {
            throw BPFError(lastFailureOf: "update map \(name)")
        }
    }

    /// Sets many at once; one after the other on a kernel whose maps of this type have no such call: hashes have it from
    /// Linux 5.6 on, longest-prefix maps from 5.14 on.
    package func set<Key: BitwiseCopyable, Value: BitwiseCopyable>(_ keys: [Key], to values: [Value]) throws(BPFError) {
        precondition(keys.count == values.count)
        // A call that fails has set some of them.
        if keys.count > 1, setAtOnce(keys, to: values) { return }
        for (key, value) in zip(keys, values) { try set(key, to: value) }
    }

    private func setAtOnce<Key: BitwiseCopyable, Value: BitwiseCopyable>(_ keys: [Key], to values: [Value]) -> Bool {
        var count = UInt32(keys.count)
        let result = unsafe keys.withUnsafeBytes { keys in
            unsafe values.withUnsafeBytes { values in
                unsafe bpf_map_update_batch(descriptor, keys.baseAddress!, values.baseAddress!, &count, nil)
            }
        }
        return result == 0 && count == UInt32(keys.count)
    }

    /// From now on programs may change it, and whoever has its number, this process too, may only read it. Linux 5.2.
    package func freeze() throws(BPFError) {
        guard bpf_map_freeze(descriptor) == 0 else { throw BPFError(lastFailureOf: "freeze map \(name)") }
    }

    /// Removes `key`, where it is there.
    package func remove<Key: BitwiseCopyable>(_ key: Key) {
        var key = key
        _ = unsafe bpf_map_delete_elem(descriptor, &key)
    }

    /// The value of `key`; `nil` when there is none.
    package func value<Key: BitwiseCopyable, Value: BitwiseCopyable>(of key: Key, initial: Value) -> Value? {
        var key = key
        var value = initial
        guard unsafe bpf_map_lookup_elem(descriptor, &key, &value) == 0 else { return nil }
        return value
    }

    /// The values of `key` in a per-CPU map, one for each possible CPU; `nil` when there are none.
    package func perCPUValues<Key: BitwiseCopyable, Value: BitwiseCopyable>(of key: Key, initial: Value) -> [Value]? {
        var key = key
        // Each CPU's value begins at a multiple of 8 bytes.
        precondition(MemoryLayout<Value>.stride % 8 == 0)
        var values = [Value](repeating: initial, count: Self.possibleCPUs)
        let result = unsafe values.withUnsafeMutableBytes { values in
            unsafe bpf_map_lookup_elem(descriptor, &key, values.baseAddress!)
        }
        return result == 0 ? values : nil
    }

    /// All keys that are in the map. One that is added or deleted meanwhile may be missing.
    package func keys<Key: BitwiseCopyable>(initial: Key) -> [Key] {
        var keys: [Key] = []
        var next = initial
        var result = unsafe bpf_map_get_next_key(descriptor, nil, &next)
        while result == 0 {
            keys.append(next)
            var current = next
            result = unsafe bpf_map_get_next_key(descriptor, &current, &next)
        }
        return keys
    }

    private static let possibleCPUs = max(1, Int(libbpf_num_possible_cpus()))
}
