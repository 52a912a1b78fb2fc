// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

// watch-files: what installing, upgrading and removing a package leaves, held against what dpkg says of it.

/// In the working directory: makes demo_VERSION.deb. A script has dpkg's root directory in $DPKG_ROOT.
private let build = """
    set -e
    version=$1
    rm -rf tree
    mkdir -p tree/DEBIAN tree/etc/demo tree/usr/bin tree/usr/share/demo/deep
    printf 'Package: demo\\nVersion: %s\\nArchitecture: all\\nMaintainer: nobody <nobody@example.test>\\nDescription: demo\\n' \\
        "$version" > tree/DEBIAN/control
    echo /etc/demo/demo.conf > tree/DEBIAN/conffiles
    echo 'level = 1' > tree/etc/demo/demo.conf
    printf '#!/bin/sh\\necho %s\\n' "$version" > tree/usr/bin/demo
    chmod 755 tree/usr/bin/demo
    echo "data $version" > tree/usr/share/demo/deep/data
    ln -s deep/data tree/usr/share/demo/link
    echo "only $version" > "tree/usr/share/demo/only-$version"
    cat > tree/DEBIAN/postinst <<'SCRIPT'
    #!/bin/sh
    set -e
    echo installing > "$DPKG_ROOT/var/lib/demo.tmp"
    sleep 0
    mv "$DPKG_ROOT/var/lib/demo.tmp" "$DPKG_ROOT/var/lib/demo.state"
    echo passing > "$DPKG_ROOT/var/lib/demo.passing"
    rm "$DPKG_ROOT/var/lib/demo.passing"
    SCRIPT
    printf '#!/bin/sh\\nrm -f "$DPKG_ROOT/var/lib/demo.state"\\n' > tree/DEBIAN/postrm
    chmod 755 tree/DEBIAN/postinst tree/DEBIAN/postrm
    dpkg-deb --root-owner-group --build tree "demo_$version.deb"
    """

let packageTests = [
    Test("files: what dpkg installs, upgrades and removes", dependsOnKernel: false) { t in
        guard t.program("dpkg") != nil else { throw Stop.skipped("there is no dpkg") }
        let root = "\(t.scratch)/root"
        for directory in [
            "", "/var", "/var/lib", "/var/log", "/var/lib/dpkg", "/var/lib/dpkg/info", "/var/lib/dpkg/updates",
        ] {
            try makeDirectory(root + directory)
        }
        for file in ["status", "available"] { try write("", to: "\(root)/var/lib/dpkg/\(file)") }
        let isExact = try t.hasFunctionEntry()
        for version in ["1", "2"] {
            let child = try Child(["/bin/sh", "-c", "cd \(t.scratch) && sh -c \"$0\" sh \(version)", build])
            child.closeInput()
            t.expect(child.wait(milliseconds: t.allow(milliseconds: 10_000)), "the package is not made")
            guard child.status == .code(0) else { throw Stop.failed("dpkg-deb: \(child.errorText)") }
        }
        let options = ["--root=\(root)", "--force-script-chrootless", "--force-not-root", "--no-triggers"]

        /// Path below the root directory: what became of it. Without dpkg's own files, and those it may have or not.
        func changes(_ arguments: [String]) throws -> [String: String] {
            let run = try t.trace(
                ["--diff", root], ["/usr/bin/dpkg"] + options + arguments, milliseconds: 60_000, command: "watch-files")
            t.equal(run.surelyLost, 0, "what was lost")
            var changes: [String: String] = [:]
            for row in run.events where row.action == "net_change" {
                let path = row.path.dropFirst(root.count)
                if path.hasPrefix("/var/lib/dpkg/") || path == "/var/log/dpkg.log" { continue }
                changes[String(path)] = row["ebpfguard.file.change"]?.string
            }
            return changes
        }
        func listed() throws -> Set<String> {
            let child = try Child(["/usr/bin/dpkg", "--root=\(root)", "-L", "demo"])
            child.closeInput()
            _ = child.wait(milliseconds: t.allow(milliseconds: 10_000))
            return Set(lines(child.outputText).filter { $0 != "/." })
        }

        let installed = try changes(["-i", "\(t.scratch)/demo_1.deb"])
        let package = try listed()
        t.equal(package.count, 12, "what dpkg lists")
        t.equal(Set(installed.keys), package.union(["/var/lib/demo.state"]), "what was installed")
        t.equal(Set(installed.values), ["created"], "what became of it")

        let upgraded = try changes(["-i", "\(t.scratch)/demo_2.deb"])
        // Each file takes the place of the old one, but for the configuration that is as it was. Without fexit nobody knows
        // that there was an old one.
        let replaced = isExact ? "changed" : "created"
        t.equal(
            upgraded,
            [
                "/usr/bin/demo": replaced, "/usr/share/demo/deep/data": replaced, "/usr/share/demo/link": replaced,
                "/usr/share/demo/only-1": "deleted", "/usr/share/demo/only-2": "created",
                "/var/lib/demo.state": "replaced",  // removed by the old package's script, made by the new one's
            ], "what was upgraded")

        let removed = try changes(["--purge", "demo"])
        t.equal(
            Set(removed.keys),
            package.subtracting(["/usr/share/demo/only-1"]).union([
                "/usr/share/demo/only-2", "/var/lib/demo.state",
            ]), "what was removed")
        t.equal(Set(removed.values), ["deleted"], "what became of it")
    }
]

/// In a guest with apt: a package of Debian whose scripts make links by update-alternatives.
let aptTest = Test("containers: watch-files, and what apt-get installs and purges") { t in
    let package = "netcat-traditional"
    let archive = "/srv/packages/\(package).deb"
    let bookkeeping = ["/var/lib/dpkg/", "/var/lib/apt/", "/var/cache/", "/var/log/", "/tmp/", "/dev/"]

    /// What a run leaves, without what apt and dpkg write down for themselves.
    func changes(_ arguments: [String]) throws -> [String: String] {
        let run = try t.trace(
            ["--diff"], ["/usr/bin/apt-get", "-q", "-y"] + arguments, milliseconds: 200_000, command: "watch-files")
        t.equal(run.surelyLost, 0, "what was lost")
        var changes: [String: String] = [:]
        for row in run.events where row.action == "net_change" {
            let isOwn = bookkeeping.contains { row.path.hasPrefix($0) } && !row.path.contains("/alternatives/")
            if !isOwn { changes[row.path] = row["ebpfguard.file.change"]?.string }
        }
        return changes
    }
    func output(_ command: [String]) throws -> [String] {
        let child = try Child(command)
        child.closeInput()
        guard child.wait(milliseconds: t.allow(milliseconds: 20_000)), child.status == .code(0) else {
            throw Stop.failed("\(command): \(child.errorText)")
        }
        return lines(child.outputText)
    }
    func exists(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0
    }
    // Packages may still say /bin, which is a link.
    func resolved(_ paths: some Sequence<String>) -> Set<String> {
        Set(paths.map { $0.hasPrefix("/bin/") ? "/usr\($0)" : $0 })
    }

    // "drwxr-xr-x root/root 0 2024-01-01 00:00 ./usr/bin/", " -> " behind a link.
    let members = try output(["/usr/bin/dpkg-deb", "--contents", archive]).compactMap { line -> String? in
        guard let start = line.firstRange(of: " ./")?.upperBound else { return nil }
        let name = line[start...].prefix(upTo: line[start...].firstRange(of: " -> ")?.lowerBound ?? line.endIndex)
        return "/" + (name.hasSuffix("/") ? name.dropLast() : name)
    }
    let new = resolved(members.filter { $0 != "/" && !exists($0) })
    let installed = try changes(["install", archive])
    let listed = resolved(try output(["/usr/bin/dpkg", "-L", package]))
    t.expect(new.isSubset(of: listed) && new.contains("/usr/bin/nc.traditional"), "new in the package: \(new)")
    // "Link: nc", "Slaves:", " nc.1.gz /usr/share/man/...", ...
    let query = try output(["/usr/bin/update-alternatives", "--query", "nc"])
    var links: Set<String> = ["/var/lib/dpkg/alternatives/nc"]
    for line in query.prefix(while: { !$0.hasPrefix("Status:") }) {
        let words = line.split(separator: " ").map(String.init)
        if words.first == "Name:" { links.insert("/etc/alternatives/\(words[1])") }
        if words.first == "Link:" { links.insert(words[1]) }
        if line.hasPrefix(" "), exists(words[1]) { links.formUnion([words[1], "/etc/alternatives/\(words[0])"]) }
    }
    let expected = new.union(resolved(links))
    t.expect(expected.contains("/usr/bin/nc"), "\(query)")
    t.equal(Set(installed.keys), expected, "what was installed")
    t.equal(Set(installed.values), ["created"], "what became of it")

    let removed = try changes(["purge", package])
    t.equal(Set(removed.keys), expected, "what was removed")
    t.equal(Set(removed.values), ["deleted"], "what became of it")
}
