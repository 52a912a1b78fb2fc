// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Events
internal import Glibc

/// Files below a directory that is taken for the root of the file system: no symbolic link leads out of it, nothing but
/// a regular file is read, none blocks, and none is read that is too large.
struct NodeFiles: ~Copyable {
    private let root: Int32

    init(root: String) {
        self.root = unsafe open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }

    /// A directory below another.
    init?(_ path: String, of files: borrowing NodeFiles) {
        let descriptor = files.openFile(path)
        guard descriptor >= 0 else { return nil }
        root = descriptor
    }

    deinit {
        if root >= 0 { close(root) }
    }

    static let sizeLimit = 4 << 20
    private static let entryLimit = 65_536

    /// The whole file; `nil` when there is none that may be read.
    func contents(of path: String) -> [UInt8]? {
        let descriptor = openFile(path)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            status.st_size <= Self.sizeLimit
        else { return nil }
        return Enrichment.contents(of: descriptor, limit: Int(status.st_size))
    }

    /// The same of a file of /proc, which has no size. Cut at the limit.
    func procContents(of path: String) -> [UInt8]? {
        let descriptor = openFile(path)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Enrichment.contents(of: descriptor, limit: Self.sizeLimit)
    }

    func exists(_ path: String) -> Bool {
        let descriptor = openFile(path)
        guard descriptor >= 0 else { return false }
        close(descriptor)
        return true
    }

    /// Calls `body` with the names in a directory until it says false.
    func forEachName(in path: String, _ body: (_ name: [UInt8]) -> Bool) {
        let descriptor = openFile(path)
        guard descriptor >= 0 else { return }
        guard let directory = unsafe fdopendir(descriptor) else {
            close(descriptor)
            return
        }
        defer { unsafe closedir(directory) }
        for _ in 0..<Self.entryLimit {
            guard let entry = unsafe readdir(directory) else { return }
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { unsafe Array($0.prefix { $0 != 0 }) }
            if name.first == UInt8(ascii: ".") { continue }
            if !body(name) { return }
        }
    }

    /// Where a symbolic link in a directory points to.
    func target(of name: [UInt8], in path: String) -> [UInt8]? {
        let descriptor = openFile(path)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe (name + [0]).withUnsafeBytes { name in
            unsafe buffer.withUnsafeMutableBytes { buffer in
                unsafe readlinkat(
                    descriptor, name.baseAddress!.assumingMemoryBound(to: CChar.self),
                    buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
            }
        }
        return count > 0 ? Array(buffer[..<count]) : nil
    }

    private func openFile(_ path: String) -> Int32 {
        guard root >= 0 else { return -1 }
        return unsafe clinux_open_beneath(root, path)
    }
}
