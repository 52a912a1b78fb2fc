// SPDX-License-Identifier: Apache-2.0

package import Events

/// What a name was answered with.
package final class Resolution: Sendable {
    /// The name that was asked for.
    package let name: Bytes
    /// The names that it stands for, in order: the addresses are those of the last.
    package let chain: [Bytes]
    package let server: IPAddress
    /// When the answer arrived.
    package let time: UInt64
    /// Who asked; `nil` when that is not known.
    package let asker: ProcessKey?

    init(name: Bytes, chain: [Bytes], server: IPAddress, time: UInt64, asker: ProcessKey?) {
        // Copies: those of a message keep all of its texts.
        self.name = Bytes(Array(name.slice))
        self.chain = chain.map { Bytes(Array($0.slice)) }
        self.server = server
        self.time = time
        self.asker = asker
    }
}

extension DNSMessage {
    /// No real chain is longer. (Resolvers give up earlier.)
    private static let chainLimit = 16

    /// The names that the question's name stands for, and the addresses of the last with their times to live. What
    /// belongs to other names is no answer.
    func resolved() -> (chain: [Bytes], addresses: [(address: IPAddress, timeToLive: UInt32)]) {
        guard let question, question.classNumber == 1 else { return ([], []) }
        var name = question.name
        var chain: [Bytes] = []
        while chain.count < Self.chainLimit, let alias = answers.first(where: { $0.isAlias && $0.name == name }) {
            // A name that stands for itself, or for one that stands for it.
            if alias.data == question.name || chain.contains(where: { $0 == alias.data }) { break }
            chain.append(alias.data)
            name = alias.data
        }
        var addresses: [(IPAddress, UInt32)] = []
        for answer in answers where answer.name == name && answer.classNumber == 1 {
            if let address = answer.address { addresses.append((address.unmapped, answer.timeToLive)) }
            for hint in answer.hints { addresses.append((hint.unmapped, answer.timeToLive)) }
        }
        return (chain, addresses)
    }
}

extension Bytes {
    static func == (a: Bytes, b: Bytes) -> Bool {
        a.count == b.count && a.slice.elementsEqual(b.slice)
    }
}
