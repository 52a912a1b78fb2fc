// SPDX-License-Identifier: Apache-2.0

internal import BPFRuntime
internal import CObjects
internal import CWire
internal import Glibc

/// The programs that see packets: DNS messages, the beginnings of TLS connections, and UDP, which they count. Their records
/// go into the ring of `TCPProbes`.
struct NameProbes: ~Copyable {
    private let sent, received: BPFLink
    private let object: BPFObject

    static let hooks = "UDP and names by tp_btf/net_dev_queue, tp_btf/netif_receive_skb"

    /// Of bpf/include/flow.h and bound.h.
    static let flowMaps = ["flows", "bound_map"]

    /// What is not seen here, and why.
    let missing: String?

    /// Loads and attaches.
    init(
        _ predicate: wire_predicate, _ config: wire_config, isScoped: Bool, _ types: KernelTypes,
        sharing tcp: borrowing TCPProbes
    ) throws(BPFError) {
        var object = unsafe try BPFObject(embedded_names, types: types)
        try object.configure(config, predicate)
        let missing = try object.configurePackets(isScoped: isScoped, types)
        try object.setSection(".rodata.udp", to: wire_udp(scoped: isScoped ? 1 : 0, unused: 0))
        try object.joinRing(of: tcp.object)
        try object.share(try tcp.sockets(), map: "sockets")
        try object.share(try tcp.translations(), map: "translations")
        try object.load()
        // Answers first: one is of no use without its question.
        let received = try object.attach("message_received")
        let sent = try object.attach("message_sent")
        self.sent = sent
        self.received = received
        self.object = object
        self.missing = missing
    }

    func map(_ name: String) throws(BPFError) -> BPFMap { try object.map(named: name) }

    /// Flows that the filter kept in the kernel.
    func dropped() -> UInt64 { object.dropped() }

    func statistics() -> ProgramStatistics { object.statistics() }
}

extension BPFObject {
    /// Tells programs that look into packets how. Answers what can't be read of them here, and why. Before load.
    func configurePackets(isScoped: Bool, _ types: KernelTypes) throws(BPFError) -> String? {
        var names = wire_names()
        names.scoped = isScoped ? 1 : 0
        names.type_sk_buff = structureIDs(["sk_buff"])[0]
        // The kfunc is older, but not for tracing programs.
        let hasKfunc = kernelVersion() >= (major: 6, minor: 11)
        names.has_dynptr = hasKfunc && types.functions(["bpf_dynptr_from_skb"]).isEmpty == false ? 1 : 0
        if names.has_dynptr == 0, let addresses = MemoryMap.addresses() {
            names.page_offset_base = addresses.memory
            names.vmemmap_base = addresses.pages
        }
        try setSection(".rodata.names", to: names)
        return names.has_dynptr == 0 && names.vmemmap_base == 0
            ? "names in packets of several parts (by TCP and TLS, and long answers): this kernel does not show where it has"
                + " them (/proc/kallsyms, kptr_restrict)" : nil
    }
}

/// Where the kernel has the map of all memory, and the list of its pages.
private enum MemoryMap {
    /// `nil` where the kernel does not tell, or is not for x86-64: elsewhere they are no variables.
    static func addresses() -> (memory: UInt64, pages: UInt64)? {
        let descriptor = unsafe open("/proc/kallsyms", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var memory: UInt64 = 0
        var pages: UInt64 = 0
        var rest: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while memory == 0 || pages == 0 {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return nil }
            var start = 0
            for index in 0..<count where buffer[index] == UInt8(ascii: "\n") {
                let line = rest + buffer[start..<index]
                rest.removeAll(keepingCapacity: true)
                start = index + 1
                // "ffffffff82a3c010 D page_offset_base"
                if line.count == 35, line.ends(with: "page_offset_base") { memory = address(line) }
                if line.count == 31, line.ends(with: "vmemmap_base") { pages = address(line) }
            }
            rest += buffer[start..<count]
        }
        return (memory, pages)
    }

    private static func address(_ line: [UInt8]) -> UInt64 {
        UInt64(String(decoding: line.prefix(16), as: UTF8.self), radix: 16) ?? 0
    }
}

extension [UInt8] {
    fileprivate func ends(with text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}
