// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A line to standard error, or more. On a terminal none is wider than it is: a terminal breaks lines within words.
package func note(_ text: String) {
    var text = text
    if let columns = terminalColumns(2) { text = fold(text, columns) }
    var bytes = Array(text.utf8)
    bytes.append(UInt8(ascii: "\n"))
    _ = unsafe bytes.withUnsafeBytes { unsafe write(2, $0.baseAddress!, $0.count) }
}

/// How wide the terminal is that a descriptor leads to, `nil` where it is none.
func terminalColumns(_ descriptor: Int32) -> Int? {
    var size = winsize()
    guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 else { return nil }
    return size.ws_col > 20 ? Int(size.ws_col) : 80
}

/// Breaks lines of more than `columns` characters at blanks, and indents what follows. What has no blank stays whole: it is
/// a path or a command, and is copied.
func fold(_ text: String, _ columns: Int) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line -> Substring in
        guard line.unicodeScalars.count > columns else { return line }
        let margin = line.prefix { $0 == " " }
        let indent = String(repeating: " ", count: min(margin.count + 2, columns / 2))
        var folded = String(margin)
        var width = margin.count
        var isFirst = true
        for word in line.dropFirst(margin.count).split(separator: " ", omittingEmptySubsequences: false) {
            let length = word.unicodeScalars.count
            if isFirst {
                folded += word
                width += length
            } else if width + 1 + length <= columns {
                folded += " \(word)"
                width += 1 + length
            } else {
                folded += "\n\(indent)\(word)"
                width = indent.count + length
            }
            isFirst = false
        }
        return folded[...]
    }.joined(separator: "\n")
}
