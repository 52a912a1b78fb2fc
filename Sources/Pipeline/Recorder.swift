// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Events
internal import Glibc
internal import Recording

/// Writes down what a run takes in, so that another can take in the same later.
struct Recorder: ~Copyable {
    private let path: String
    private var writer: RecordingWriter
    private var lookups: Lookups
    private var flushed: UInt64 = 0

    /// Creates the file, before anything is attached.
    init(path: String, lookups: Lookups) throws(Failure) {
        self.path = path
        self.lookups = lookups
        do throws(RecordingError) {
            writer = try RecordingWriter(path: path)
        } catch {
            throw Self.failure(error, path)
        }
    }

    mutating func begin(_ values: [(String, String)]) throws(Failure) {
        do throws(RecordingError) {
            try writer.begin(values)
        } catch {
            throw Self.failure(error, path)
        }
    }

    /// A record that was looked at. What had to be asked for it goes in front.
    mutating func add(_ kind: EntryKind, _ record: RawSpan) {
        addAnswers()
        writer.append(kind, record)
    }

    mutating func add(lost: [(name: String, count: UInt64)], time: UInt64) {
        unsafe writer.append(.loss, RecordedLoss(time: time, lost: lost).bytes.span.bytes)
    }

    private mutating func addAnswers() {
        guard lookups.hasAnswers else { return }
        for (question, answer) in lookups.takeAnswers() {
            unsafe writer.append(.answer, RecordedAnswer(question: question, answer: answer).bytes.span.bytes)
        }
    }

    /// Whether the loop should come by.
    var hasWholeBlock: Bool { writer.hasWholeBlock }
    var isBehind: Bool { writer.isBehind }

    /// Writes whole blocks, and after a while also one that is not full: a crash costs no more than that.
    mutating func flush(now: UInt64) throws(Failure) {
        do throws(RecordingError) {
            if now - flushed >= Self.interval {
                flushed = now
                try writer.flush()
            } else {
                try writer.flushWholeBlocks()
            }
        } catch {
            throw Self.failure(error, path)
        }
    }

    private static let interval: UInt64 = 750_000_000
    /// How long the loop may sleep while something is not written, in milliseconds.
    static let patience: Int32 = 200

    mutating func finish(_ values: [(String, String)]) throws(Failure) {
        do throws(RecordingError) {
            try writer.finish(
                values + [
                    ("records", String(writer.count(of: .record, .known, .existing))),
                    ("answers", String(writer.count(of: .answer))), ("losses", String(writer.count(of: .loss))),
                ])
        } catch {
            throw Self.failure(error, path)
        }
    }

    private static func failure(_ error: RecordingError, _ path: String) -> Failure {
        guard case .unwritable(let code) = error else { return Failure(.failure, "can't write \(path)") }
        return Failure(
            code == ENOENT ? .noInput : .failure,
            "can't write the recording \(path): \(unsafe String(cString: strerror(code)))",
            help: "name a file in a directory that is there and writable, with room for it"
        )
    }
}

/// How an answer lies in a recording: subject, whether there is an answer, six bytes that are not used, number, start,
/// and the answer itself.
struct RecordedAnswer {
    let question: Question
    let answer: Bytes?

    init(question: Question, answer: Bytes?) {
        self.question = question
        self.answer = answer
    }

    /// `nil` for a subject that is not known, or too few bytes.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.headSize, let subject = Question.Subject(rawValue: bytes[0]) else { return nil }
        question = Question(
            subject, bytes.littleEndian(at: 8, UInt64.self), start: bytes.littleEndian(at: 16, UInt64.self))
        answer = bytes[1] == 0 ? nil : Bytes(bytes, Self.headSize..<bytes.count)
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = [question.subject.rawValue, answer == nil ? 0 : 1, 0, 0, 0, 0, 0, 0]
        bytes.append(littleEndian: question.number)
        bytes.append(littleEndian: question.start)
        if let answer { bytes.append(contentsOf: answer.slice) }
        return bytes
    }

    private static let headSize = 24
}

/// How losses lie in a recording: the time, then for each kind its count, the length of its name, and the name.
struct RecordedLoss {
    let time: UInt64
    let lost: [(name: String, count: UInt64)]

    init(time: UInt64, lost: [(name: String, count: UInt64)]) {
        self.time = time
        self.lost = lost
    }

    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 8 else { return nil }
        time = bytes.littleEndian(at: 0, UInt64.self)
        var lost: [(name: String, count: UInt64)] = []
        var sum: UInt64 = 0
        var start = 8
        while start < bytes.count {
            guard bytes.count - start >= 9 else { return nil }
            let end = start + 9 + Int(bytes[start + 8])
            guard end <= bytes.count else { return nil }
            let name = bytes[start + 9..<end]
            // It becomes the name of a member in JSON. Counts that can't be added up are no counts.
            guard name.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "_") })
            else { return nil }
            let count = bytes.littleEndian(at: start, UInt64.self)
            let (more, overflow) = sum.addingReportingOverflow(count)
            guard !overflow else { return nil }
            sum = more
            lost.append((String(decoding: name, as: UTF8.self), count))
            start = end
        }
        self.lost = lost
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: time)
        for (name, count) in lost {
            bytes.append(littleEndian: count)
            let name = Array(name.utf8.prefix(255))
            bytes.append(UInt8(name.count))
            bytes.append(contentsOf: name)
        }
        return bytes
    }
}
