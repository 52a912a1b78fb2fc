// SPDX-License-Identifier: Apache-2.0

import Events
import Testing

struct WalkedPathTests {
    private func host(_ path: WalkedPath) -> [String] {
        var result: [String] = []
        path.forEachHostComponent { result.append(String(decoding: path.bytes.storage[$0], as: UTF8.self)) }
        return result
    }

    private func components(_ path: WalkedPath) -> [String] {
        var result: [String] = []
        path.forEachComponent { result.append(String(decoding: path.bytes.storage[$0], as: UTF8.self)) }
        return result
    }

    @Test func plain() {
        let path = WalkedPath(Bytes("bash\0bin\0usr\0\0"))
        #expect(path.string == "/usr/bin/bash")
        #expect(components(path) == ["usr", "bin", "bash"])
        #expect(path.isRooted)
        #expect(!path.hasHostPart)
        #expect(host(path) == ["usr", "bin", "bash"])
    }

    @Test func root() {
        let path = WalkedPath(Bytes("\0"))
        #expect(path.string == "/")
        #expect(components(path) == [])
        #expect(path.isRooted)
        #expect(!path.hasHostPart)
    }

    @Test func chroot() {
        let path = WalkedPath(Bytes("sh\0bin\0\0jail\0srv\0"))
        #expect(path.string == "/bin/sh")
        #expect(path.hasHostPart)
        #expect(host(path) == ["srv", "jail", "bin", "sh"])
    }

    /// The root directory of a process in a chroot.
    @Test func rootOfChroot() {
        let path = WalkedPath(Bytes("\0jail\0"))
        #expect(path.string == "/")
        #expect(path.hasHostPart)
        #expect(host(path) == ["jail"])
    }

    @Test func memfd() {
        let path = WalkedPath(Bytes("memfd:payload\0"))
        #expect(path.string == "/memfd:payload")
        #expect(!path.isRooted)
        #expect(!path.hasHostPart)
    }

    /// The kernel's walk ended before the root, also in the middle of a component.
    @Test(arguments: ["c\0b\0a\0", "c\0b\0a"])
    func cut(_ bytes: String) {
        let path = WalkedPath(Bytes(bytes))
        #expect(components(path) == ["a", "b", "c"])
        #expect(!path.isRooted)
    }

    @Test func cutAboveTheRoot() {
        let path = WalkedPath(Bytes("a\0\0jail\0sr"))
        #expect(path.string == "/a")
        #expect(host(path) == ["sr", "jail", "a"])
    }

    @Test func nothing() {
        let path = WalkedPath(Bytes(""))
        #expect(components(path) == [])
        #expect(!path.isRooted)
        #expect(!path.hasHostPart)
    }

    /// A path is a range of a larger array: nothing outside of it may be looked at.
    @Test func neighbours() {
        let storage = Array("x\0bash\0bin\0\0y\0".utf8)
        let path = WalkedPath(Bytes(storage, 2..<11))
        #expect(path.string == "/bin/bash")
        #expect(!path.isRooted)
        #expect(WalkedPath(Bytes(storage, 2..<12)).isRooted)
        #expect(!WalkedPath(Bytes(storage, 2..<12)).hasHostPart)
    }
}

struct TextListTests {
    @Test(arguments: [
        ("", []),
        ("a\0", ["a"]),
        ("\0", [""]),
        ("a\0\0b\0", ["a", "", "b"]),
        ("a\0\0", ["a", ""]),
        ("\0\0a\0", ["", "", "a"]),
        ("a\0b", ["a", "b"]),
        ("abc", ["abc"]),
    ])
    func strings(_ bytes: String, _ expected: [String]) {
        #expect(TextList(Bytes(bytes)).strings == expected)
    }

    @Test func neighbours() {
        let storage = Array("x\0a\0b\0y".utf8)
        #expect(TextList(Bytes(storage, 2..<6)).strings == ["a", "b"])
        #expect(TextList(Bytes(storage, 2..<5)).strings == ["a", "b"])
    }
}
