// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// What uname(2) calls the kernel: "6.12.107+deb13-cloud-amd64".
package func kernelRelease() -> String {
    var name = utsname()
    unsafe uname(&name)
    return unsafe withUnsafeBytes(of: name.release) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}

/// The first two numbers of the release. Only for what can't be tried.
package func kernelVersion() -> (major: Int, minor: Int) {
    let numbers = kernelRelease().split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
    return (numbers.first ?? 0, numbers.count > 1 ? numbers[1] : 0)
}
