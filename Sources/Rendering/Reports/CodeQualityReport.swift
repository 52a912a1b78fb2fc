// SPDX-License-Identifier: Apache-2.0

extension Report {
    /// Where a job runs, for forms that name files of its repository.
    package struct Job: Sendable {
        /// The repository's directory; empty where it is not known.
        package var directory: String
        /// What says how the job runs, below that.
        package var configuration: String

        package init(directory: String = "", configuration: String = ".gitlab-ci.yml") {
            self.directory = directory
            self.configuration = configuration
        }
    }

    /// GitLab's form of Code Climate's: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format. An
    /// issue for each check that failed, not for each event: GitLab tells what is new by the fingerprint, so that it must
    /// be the same in the next run.
    func codeQuality() -> String {
        var seen: Set<String> = []
        let issues = checks.compactMap { check -> JSONDocument? in
            guard !check.isMet, seen.insert(check.title).inserted else { return nil }
            return .object([
                ("description", .string("ebpfguard \(command): \(check.outcome) (\(check.title))")),
                ("check_name", .string("ebpfguard/\(check.name)")),
                ("fingerprint", .string(Self.fingerprint("\(command)\0\(check.title)"))),
                ("severity", .string("major")),
                (
                    "location",
                    .object([
                        ("path", .string(check.place.map { path($0.file) } ?? job.configuration)),
                        ("lines", .object([("begin", .number(UInt64(check.place?.line ?? 1)))])),
                    ])
                ),
            ])
        }
        return JSONDocument.array(issues).text
    }

    /// As git has it.
    private func path(_ file: String) -> String {
        let directory = job.directory.hasSuffix("/") ? job.directory : job.directory + "/"
        var path = !job.directory.isEmpty && file.hasPrefix(directory) ? file.dropFirst(directory.count) : file[...]
        while path.hasPrefix("./") { path = path.dropFirst(2) }
        return String(path)
    }

    /// FNV-1a, twice.
    private static func fingerprint(_ text: String) -> String {
        var hashes: [UInt64] = [0xcbf2_9ce4_8422_2325, 0x8422_2325_cbf2_9ce4]
        for byte in text.utf8 {
            for index in hashes.indices { hashes[index] = (hashes[index] ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        return hashes.map { hash in
            let digits = String(hash, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
