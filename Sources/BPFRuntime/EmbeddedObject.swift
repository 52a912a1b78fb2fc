// SPDX-License-Identifier: Apache-2.0

package import CObjects
internal import CZstd

extension embedded_object {
    /// Its bytes; `nil` where they are damaged.
    package func decompressed() -> [UInt8]? {
        let size = unsafe ZSTD_getFrameContentSize(bytes, self.size)
        guard size < 16 << 20 else { return nil }  // the values for errors are larger
        var isWhole = false
        let image = unsafe [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
            count = unsafe ZSTD_decompress(buffer.baseAddress, buffer.count, bytes, self.size)
            isWhole = ZSTD_isError(count) == 0
            if !isWhole { count = 0 }
        }
        return isWhole ? image : nil
    }
}
