// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
internal import Pipeline

/// Where the names of containers come from: the same options for every command.
struct WorkloadOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the files of the node are that name its containers, such as /host in a pod. Default: /.",
            valueName: "dir"))
    var root: String?

    func apply(to options: inout TraceOptions) throws {
        guard let root else { return }
        try checkNamed(root, "--root", "a directory")
        var status = stat()
        guard unsafe stat(root, &status) == 0 else {
            throw Failure(
                .noInput, "--root: \(root): \(unsafe String(cString: strerror(errno)))",
                help: "name the directory that has the node's /var/log and /run")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw Failure(
                .noInput, "--root: \(root) is not a directory",
                help: "name the directory that has the node's /var/log and /run")
        }
        options.root = root
    }
}
