// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Rendering

/// What runs this as a job, by what it sets in the environment, and how findings are told so that it shows them.
enum JobService {
    case gitHub
    case gitLab
    case azure

    /// `nil` where none of them runs this.
    static var current: JobService? {
        if isSet("GITHUB_ACTIONS", "true") { return .gitHub }
        if isSet("GITLAB_CI", "true") { return .gitLab }
        if isSet("TF_BUILD", "True") { return .azure }
        return nil
    }

    /// The files of the job's repository that reports name.
    static var job: Report.Job {
        var job = Report.Job()
        if let directory = value("CI_PROJECT_DIR") { job.directory = directory }
        if let configuration = value("CI_CONFIG_PATH") { job.configuration = configuration }
        return job
    }

    /// Lines of standard error, in place of `lines`.
    func told(_ lines: [String], command: String) -> [String] {
        switch self {
        case .gitHub: lines.flatMap { [$0, "::error title=ebpfguard \(command)::\(Self.escaped($0, percent: "%25"))"] }
        case .azure:
            lines.flatMap {
                [$0, "##vso[task.logissue type=error]ebpfguard \(command): \(Self.escaped($0, percent: "%AZP25"))"]
            }
        case .gitLab: Self.section(lines, title: "ebpfguard \(command)")
        }
    }

    /// Part of the job's log under a title of its own: https://docs.gitlab.com/ci/jobs/job_logs/. Its name has to be one
    /// that the job has nowhere else.
    private static func section(_ lines: [String], title: String) -> [String] {
        let name = "\(time(nil)):ebpfguard_findings_\(getpid())"
        let count = counted(lines.count, "finding")
        return ["\u{1b}[0Ksection_start:\(name)\r\u{1b}[0K\u{1b}[31;1m\(title): \(count)\u{1b}[0m"] + lines
            + ["\u{1b}[0Ksection_end:\(name)\r\u{1b}[0K"]
    }

    /// What these stand for would end the message: https://github.com/actions/toolkit,
    /// https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands.
    private static func escaped(_ text: String, percent: String) -> String {
        text.map { character in
            switch character {
            case "%": percent
            case "\r": "%0D"
            case "\n": "%0A"
            case "\r\n": "%0D%0A"
            default: String(character)
            }
        }.joined()
    }

    private static func isSet(_ name: String, _ text: String) -> Bool { value(name) == text }

    private static func value(_ name: String) -> String? {
        guard let value = unsafe getenv(name), unsafe value.pointee != 0 else { return nil }
        return unsafe String(cString: value)
    }
}
