// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Up to `limit` bytes of a file; `nil` when it can't be opened.
package func contents(ofFile path: String, limit: Int) -> [UInt8]? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return contents(of: descriptor, limit: limit)
}

func contents(of descriptor: Int32, limit: Int) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
        while count < limit {
            let read = unsafe Glibc.read(descriptor, buffer.baseAddress! + count, limit - count)
            if read < 0 && errno == EINTR { continue }
            if read <= 0 { break }
            count += read
        }
    }
}

/// All of a file, such as one of /proc; `nil` where it can't be opened.
package func readWhole(_ path: String) -> [UInt8]? {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress!, $0.count) }
        guard count > 0 else { return bytes }
        bytes += buffer[..<count]
    }
}

/// Where a symbolic link leads, such as one of /proc; `nil` where there is none.
package func linkTarget(_ path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe buffer.withUnsafeMutableBytes { buffer in
        unsafe readlink(path, buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
}

/// The names of the directories in one; none where it can't be read.
package func directories(in path: String) -> [String] {
    guard let directory = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
        guard unsafe entry.pointee.d_type == UInt8(DT_DIR) else { continue }
        let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names
}
