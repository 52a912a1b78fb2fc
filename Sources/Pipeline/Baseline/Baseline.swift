// SPDX-License-Identifier: Apache-2.0

internal import Enrichment
internal import Events
internal import Rendering

/// The listeners and destinations of an earlier run.
struct Baseline {
    /// What is remembered of a thing: names may be long, and there may be many. Two numbers, because one alone may collide
    /// by chance.
    struct Mark: Hashable {
        private let first, second: Int

        init(_ item: BaselineItem, _ place: Place? = nil) {
            func hash(_ seed: Int) -> Int {
                var hasher = Hasher()
                hasher.combine(seed)
                hasher.combine(item.who)
                hasher.combine(item.transport)
                hasher.combine(item.port)
                hasher.combine(place)
                return hasher.finalize()
            }
            first = hash(0)
            second = hash(1)
        }
    }

    /// Where something listens or leads to.
    enum Place: Hashable {
        case address(IPAddress)
        case name(String)
        /// An address that is another one each time.
        case passing

        fileprivate init(_ item: BaselineItem) {
            self = item.address.map { .address($0) } ?? .passing
        }
    }

    /// By the address that they listen on.
    private var listeners: Set<Mark> = []
    /// Those that can be reached from elsewhere, by any address.
    private var reachable: Set<Mark> = []
    private var names: Set<Mark> = []
    /// Addresses that no name led to, and those that one did.
    private var bare: Set<Mark> = []
    private var named: Set<Mark> = []
    let limit: Int

    /// No run has so many, and each takes some 40 bytes.
    init(limit: Int = 200_000) {
        self.limit = limit
    }

    var listenerCount: Int { listeners.count }
    var destinationCount: Int { names.count + bare.count }

    /// False when there is no more room.
    mutating func learn(_ item: BaselineItem) -> Bool {
        switch item.kind {
        case .listener:
            listeners.insert(Mark(item, Place(item)))
            if !item.isLocal { reachable.insert(Mark(item)) }
        case .accepted:
            // It was listening there, or everywhere.
            listeners.insert(Mark(item, item.isLocal ? Place(item) : Self.everywhere))
            if !item.isLocal { reachable.insert(Mark(item)) }
        case .destination:
            if let domain = item.domain {
                names.insert(Mark(item, .name(domain)))
                named.insert(Mark(item, Place(item)))
            } else {
                bare.insert(Mark(item, Place(item)))
            }
        }
        return listeners.count + reachable.count + names.count + bare.count + named.count <= limit
    }

    func knows(_ item: BaselineItem) -> Bool {
        switch item.kind {
        case .accepted where !item.isLocal: return reachable.contains(Mark(item))
        case .listener, .accepted:
            return Self.places(covering: item).contains { listeners.contains(Mark(item, $0)) }
        case .destination:
            if bare.contains(Mark(item, Place(item))) { return true }
            // An address that one name led to may be that of many others; without a name it is what it was.
            guard let domain = item.domain else { return named.contains(Mark(item, Place(item))) }
            return names.contains(Mark(item, .name(domain)))
        }
    }

    /// One thing that may be told of by many events.
    static func mark(_ item: BaselineItem) -> Mark {
        Mark(item, item.domain.map { .name($0) } ?? Place(item))
    }

    /// :: takes IPv4 too.
    private static let everywhere = Place.address(IPAddress("::")!)
    private static let everyIPv4 = Place.address(IPAddress("0.0.0.0")!)

    /// Where a socket listens that can be reached at the same address, or at more of them.
    private static func places(covering item: BaselineItem) -> [Place] {
        item.address?.count == 16 ? [Place(item), everywhere] : [Place(item), everywhere, everyIPv4]
    }
}

extension BaselineItem {
    /// Whether it can be reached only from this host, or from within its pod.
    var isLocal: Bool { address.map { AddressClass($0) } == .loopback }
}

/// Holds the events of a run to a baseline, and counts what is new.
struct BaselineCheck: ~Copyable {
    private let baseline: Baseline
    private var renderer: JSONRenderer
    private var buffer = OutputBuffer()
    private var newListeners: Set<Baseline.Mark> = []
    private var newDestinations: Set<Baseline.Mark> = []

    private static let limit = 65_536

    init(_ baseline: Baseline, host: Host) {
        self.baseline = baseline
        renderer = JSONRenderer(fields: BaselineFacts.fields, host: host, redacts: false)
    }

    /// Marks the event when it tells of something that the baseline does not have.
    mutating func mark(_ event: inout Event) {
        guard event.connection != nil else { return }
        buffer.removeAll()
        renderer.append(event, to: &buffer)
        guard let facts = BaselineFacts(line: buffer.array()), let item = (try? BaselineItem(facts)) ?? nil,
            item.isTold, !baseline.knows(item)
        else { return }
        event.novelty = item.kind == .destination ? .destination : .listener
        let mark = Baseline.mark(item)
        if item.kind == .destination {
            if newDestinations.count < Self.limit { newDestinations.insert(mark) }
        } else if newListeners.count < Self.limit {
            newListeners.insert(mark)
        }
    }

    /// For the footer.
    var line: String {
        func count(_ number: Int, _ what: String, _ limit: Int = .max) -> String {
            "\(number < limit ? "" : "at least ")\(counted(number, what))"
        }
        return "baseline: \(count(baseline.listenerCount, "listener")) and "
            + "\(count(baseline.destinationCount, "destination")) known; "
            + "\(count(newListeners.count, "listener", Self.limit)) and "
            + "\(count(newDestinations.count, "destination", Self.limit)) new"
    }
}
