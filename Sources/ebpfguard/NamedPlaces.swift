// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Policy

/// The absolute paths that a word of the command line stands for: patterns as they are, a path from the working directory
/// on, and where links in it lead elsewhere, that place too, which is what the kernel will call it. (As it was written it
/// may be a place in a container.)
func placesNamed(_ word: String) -> [String] {
    if word.isEmpty || word.hasPrefix("**/") { return [word] }
    var path = word
    if !word.hasPrefix("/") {
        guard let directory = resolved(".") else { return [word] }
        path = directory == "/" ? "/" + word : "\(directory)/\(word)"
    }
    if PathPattern.isPattern(path) { return [path] }
    guard let place = resolved(path) else { return [path] }
    return word.hasPrefix("/") && place != path ? [path, place] : [place]
}

private func resolved(_ path: String) -> String? {
    guard let place = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(place) }
    return unsafe String(cString: place)
}
