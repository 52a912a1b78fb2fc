// SPDX-License-Identifier: Apache-2.0

internal import CZstd

/// Makes blocks small. Each for itself: a block can be read without those before it.
@safe
struct Compressor: ~Copyable {
    private let context: OpaquePointer

    /// Speed counts: what it costs, the events cost.
    private static let level: Int32 = 1

    init() {
        guard let context = unsafe ZSTD_createCCtx() else { fatalError("out of memory") }
        unsafe self.context = context
    }

    deinit {
        unsafe ZSTD_freeCCtx(context)
    }

    func compress(_ bytes: Span<UInt8>) -> [UInt8] {
        let capacity = ZSTD_compressBound(bytes.count)
        return unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            count = unsafe bytes.withUnsafeBytes { source in
                unsafe ZSTD_compressCCtx(
                    context, buffer.baseAddress, capacity, source.baseAddress, source.count, Self.level)
            }
            // The only errors are of room, and there is enough.
            precondition(ZSTD_isError(count) == 0)
        }
    }
}

/// The other way.
@safe
struct Decompressor: ~Copyable {
    private let context: OpaquePointer

    init() {
        guard let context = unsafe ZSTD_createDCtx() else { fatalError("out of memory") }
        unsafe self.context = context
    }

    deinit {
        unsafe ZSTD_freeDCtx(context)
    }

    /// `nil` when `bytes` are not `size` bytes compressed.
    func decompress(_ bytes: Span<UInt8>, size: Int) -> [UInt8]? {
        var isWhole = false
        let result = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let made = unsafe bytes.withUnsafeBytes { source in
                unsafe ZSTD_decompressDCtx(context, buffer.baseAddress, size, source.baseAddress, source.count)
            }
            isWhole = made == size
            count = isWhole ? size : 0
        }
        return isWhole ? result : nil
    }
}
