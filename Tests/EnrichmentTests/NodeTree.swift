// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Files of a node, in a directory of their own that is removed with it.
final class NodeTree {
    let path: String

    init() {
        var template = Array("/tmp/ebpfguard-node-XXXXXX".utf8CString)
        _ = unsafe template.withUnsafeMutableBufferPointer { unsafe mkdtemp($0.baseAddress!) }
        path = unsafe template.withUnsafeBufferPointer { unsafe String(cString: $0.baseAddress!) }
    }

    deinit { Self.remove(path) }

    func write(_ name: String, _ text: String) {
        makeParents(of: name)
        let descriptor = unsafe open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        var text = text
        text.withUTF8 { bytes in
            _ = unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        }
    }

    func link(_ name: String, to target: String) {
        makeParents(of: name)
        _ = unsafe symlink(target, "\(path)/\(name)")
    }

    func makeDirectory(_ name: String) { makeParents(of: name + "/x") }

    func makePipe(_ name: String) {
        makeParents(of: name)
        _ = unsafe mkfifo("\(path)/\(name)", 0o600)
    }

    func remove(_ name: String) { Self.remove("\(path)/\(name)") }

    private func makeParents(of name: String) {
        var directory = path
        for part in name.split(separator: "/").dropLast() {
            directory += "/\(part)"
            _ = unsafe mkdir(directory, 0o700)
        }
    }

    private static func remove(_ path: String) {
        if let directory = unsafe opendir(path) {
            var names: [String] = []
            while let entry = unsafe readdir(directory) {
                let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
                    unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { names.append(name) }
            }
            unsafe closedir(directory)
            for name in names {
                // A link is removed, and not what it leads to.
                if unsafe unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
            }
        }
        _ = unsafe Glibc.remove(path)
    }
}
