// SPDX-License-Identifier: Apache-2.0

/// The value of one field of one event, in a form that costs nothing to make: text is formatted only when it is printed.
package enum FieldValue {
    /// Not known, or does not apply. Never shown as empty or 0.
    case absent
    case bool(Bool)
    case integer(Int64)
    /// A 64-bit identifier, shown as a string: JSON numbers are exact only to 2^53.
    case identifier(UInt64)
    /// A word of ours.
    case word(StaticString)
    case words([StaticString])
    case text(Bytes)
    case name(CommandName)
    case texts(TextList)
    /// KEY=VALUE texts, each key once: an object.
    case labels(TextList)
    case path(WalkedPath)
    /// A path above or beside `directory`, joined when it is relative.
    indirect case joinedPath(directory: WalkedPath?, Bytes)
    case address(IPAddress)
    case addresses([IPAddress])
    case answers([DNSMessage.Answer])
    /// CLOCK_REALTIME, nanoseconds.
    case time(UInt64)
    case entity(ProcessKey)
    /// "pts/0": pseudo terminals are in a directory, others are their driver's name and number.
    case terminal(driver: CommandName, number: UInt16)
    case ancestors(Lineage)
    case counts([(name: String, count: UInt64)])

    package var isAbsent: Bool {
        if case .absent = self { true } else { false }
    }
}

/// The ancestors of a process, parent first. Siblings share one, so that what is made of it once serves them all.
package final class Lineage: Sendable {
    package let ancestors: [Ancestor]

    package init(_ ancestors: [Ancestor]) {
        self.ancestors = ancestors
    }

    package static let none = Lineage([])
}

/// One element of `process.ancestors`.
package struct Ancestor: Sendable {
    package let key: ProcessKey
    package let name: CommandName
    package let executable: WalkedPath?

    package init(key: ProcessKey, name: CommandName, executable: WalkedPath?) {
        self.key = key
        self.name = name
        self.executable = executable
    }
}

/// What a field may be compared with in a filter, and how it is documented.
package enum FieldType: String, Sendable {
    case boolean
    case number
    case text
    case textList = "list of text"
    case time
    case address
    case object
    case objectList = "list of objects"
}
