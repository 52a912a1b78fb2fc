// SPDX-License-Identifier: Apache-2.0

import Events
import Testing

@testable import Policy

struct PathSelectionTests {
    @Test(arguments: [
        ("/etc", "/etc", true), ("/etc", "/etc/passwd", true), ("/etc", "/etc/ssl/certs/a", true),
        ("/etc", "/etcetera", false), ("/etc", "/srv/etc", false), ("/etc/", "/etc/passwd", true), ("/", "/etc", true),
        ("/", "/", true),
        ("/etc/*", "/etc/passwd", true), ("/etc/*", "/etc/ssl/a", false), ("/etc/*", "/etc", false),
        ("/etc/**", "/etc/ssl/certs/a", true), ("/etc/**", "/etc", false),
        ("**/passwd", "/etc/passwd", true), ("**/passwd", "/passwd", true), ("**/passwd", "/etc/passwd/x", false),
        ("**/*.so", "/usr/lib/x.so", true), ("**/*.so", "/usr/lib/x.so.1", false),
        ("/home/*/.ssh/**", "/home/al/.ssh/id", true), ("/home/*/.ssh/**", "/home/al/x/.ssh/id", false),
        ("**/.ssh/**", "/root/.ssh/keys/id", true), ("**/.ssh/**", "/root/.ssh", false),
        ("/a/**/b/**/c", "/a/x/b/y/z/c", true), ("/a/**/b/**/c", "/a/b/c", true), ("/a/**/b/**/c", "/a/c/b", false),
        ("/tmp/x?", "/tmp/xy", true), ("/tmp/x?", "/tmp/x", false), ("/tmp/a\\*", "/tmp/a*", true),
        ("/tmp/a\\*", "/tmp/ab", false), ("/./etc", "/etc/a", true),
    ])
    func fits(_ pattern: String, _ path: String, _ expected: Bool) throws {
        let selection = try PathSelection([pattern])
        #expect(selection.matches(PathNames(path)) == expected)
        #expect(selection.matches(Self.walked(path)) == expected)
    }

    @Test func exclusionsWin() throws {
        let selection = try PathSelection(["/etc"], excluding: ["/etc/ssl", "**/*.dpkg-new"])
        #expect(selection.matches(PathNames("/etc/passwd")))
        #expect(!selection.matches(PathNames("/etc/ssl/certs")))
        #expect(!selection.matches(PathNames("/etc/passwd.dpkg-new")))
        let others = try PathSelection([], excluding: ["/proc"])
        #expect(others.matches(PathNames("/etc")))
        #expect(!others.matches(PathNames("/proc/1/stat")))
    }

    /// A container's /etc is asked for by "/etc" as well as by where the host has it.
    @Test func bothViews() throws {
        let path = WalkedPath(Bytes(Array("passwd\0etc\0\0root\0srv\0".utf8)))
        #expect(try PathSelection(["/etc"]).matches(path))
        #expect(try PathSelection(["/srv/root"]).matches(path))
        #expect(try !PathSelection(["/root"]).matches(path))
        #expect(try !PathSelection(["/etc"], excluding: ["/srv"]).matches(path))
    }

    @Test(arguments: ["etc", "", "./etc", "/etc/../srv", "/a**/b", "*.so"])
    func refused(_ pattern: String) {
        #expect(throws: ScopeError.self) { try PathSelection([pattern]) }
        #expect(throws: ScopeError.self) { try PathSelection([], excluding: [pattern]) }
    }

    @Test(arguments: PathPreset.allCases)
    func presets(_ preset: PathPreset) throws {
        let selection = try PathSelection([], presets: [preset])
        #expect(!selection.matches(PathNames("/srv/data")))
        let inside =
            switch preset {
            case .secrets: "/home/al/.ssh/id_ed25519"
            case .binaries: "/usr/bin/ls"
            case .persistence: "/var/spool/cron/crontabs/root"
            case .kubernetesTokens: "/run/secrets/kubernetes.io/serviceaccount/token"
            }
        #expect(selection.matches(PathNames(inside)))
    }

    private static func walked(_ path: String) -> WalkedPath {
        let names = path.split(separator: "/").reversed().map { Array($0.utf8) + [0] }
        return WalkedPath(Bytes(Array(names.joined()) + [0]))
    }
}
