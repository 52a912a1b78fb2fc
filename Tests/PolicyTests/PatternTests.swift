// SPDX-License-Identifier: Apache-2.0

import CWire
import Policy
import Testing

/// Path patterns, in the form of the paths on the wire: components from the leaf to the root, each ended by NUL.
struct PatternTests {
    @Test(arguments: [
        ("/usr/bin/bash", "bash\0bin\0usr\0"),
        ("/init", "init\0"),
        ("/usr/bin/*", "*\0bin\0usr\0"),
        ("/usr/bin/python3.?", "python3.?\0bin\0usr\0"),
        ("/opt/*/bin/tool", "tool\0bin\0*\0opt\0"),
        ("/usr/**/bash", "bash\0**usr\0"),
        ("**/bash", "bash\0**"),
        ("**/*.sh", "*.sh\0**"),
        // All below a directory: at least one component.
        ("/tmp/**", "*\0**tmp\0"),
        ("/**", "*\0**"),
        // Slashes too many.
        ("//usr//bin/bash", "bash\0bin\0usr\0"),
        // Bytes beyond ASCII are bytes.
        ("/opt/é", "\u{e9}\0opt\0"),
        ("/memfd:payload", "memfd:payload\0"),
    ])
    func good(_ glob: String, _ pattern: String) throws {
        #expect(String(decoding: try Scope.walkedPattern(glob), as: UTF8.self) == pattern)
    }

    @Test(arguments: [
        ("bash", "is not an absolute path"),
        ("./bash", "is not an absolute path"),
        ("*/bash", "is not an absolute path"),
        ("**", "is not an absolute path"),
        ("", "is not an absolute path"),
        ("~/bash", "is not an absolute path"),
        ("/bin/[ab]", "\"[\" has no meaning here"),
        ("/bin/{a,b}", "\"{\" has no meaning here"),
        ("/bin/a\\*", "\"\\\" has no meaning here"),
        ("/", "is a directory"),
        ("/usr/bin/", "is a directory"),
        ("**/", "is a directory"),
        // "**" that is not a whole component would match nothing, and nobody would know.
        ("/usr/**bin/a", "\"**\" stands for whole directories"),
        ("/tmp/a**", "\"**\" stands for whole directories"),
        ("/tmp/***", "\"**\" stands for whole directories"),
    ])
    func bad(_ glob: String, _ reason: String) {
        let error = #expect(throws: ScopeError.self) { try Scope.walkedPattern(glob) }
        let description = error?.description ?? ""
        #expect(description.hasPrefix("--exe: \"\(glob)\""))
        #expect(description.contains(reason))
    }

    @Test func longest() throws {
        let limit = Int(WIRE_GLOB_SIZE) - 1
        let longest = "/" + String(repeating: "a", count: limit - 1)
        #expect(try Scope.walkedPattern(longest).count == limit)
        #expect(throws: ScopeError.self) { try Scope.walkedPattern(longest + "a") }
        // Counted in bytes.
        #expect(throws: ScopeError.self) { try Scope.walkedPattern("/" + String(repeating: "é", count: 128)) }
    }
}
