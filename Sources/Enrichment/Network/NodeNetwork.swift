// SPDX-License-Identifier: Apache-2.0

internal import Events
internal import Glibc

/// What the node's files, routes and interfaces tell of its own addresses and those of its pods. No API server and no
/// runtime is asked.
enum NodeNetwork {
    /// `root` is where the node's files are. Where that is not the root directory, its process 1 says which routes and
    /// addresses it has: ours may be those of a container.
    static func read(root: String) -> NodeAddresses {
        let files = NodeFiles(root: root)
        var found = NodeAddresses()
        for directory in ["etc/cni/net.d", "var/lib/rancher/k3s/agent/etc/cni/net.d"] {
            files.forEachName(in: directory) { name in
                let name = String(decoding: name, as: UTF8.self)
                guard [".conf", ".conflist", ".json"].contains(where: name.hasSuffix),
                    let bytes = files.contents(of: "\(directory)/\(name)")
                else { return true }
                for prefix in configured(bytes) { found.add(pods: prefix) }
                return true
            }
        }
        if let bytes = files.contents(of: "run/flannel/subnet.env") {
            for prefix in flannel(bytes) { found.add(pods: prefix) }
        }
        // Leases of the host-local IPAM plugin: a file for each address.
        let leases = "var/lib/cni/networks"
        files.forEachName(in: leases) { network in
            files.forEachName(in: "\(leases)/\(String(decoding: network, as: UTF8.self))") { name in
                if let address = IPAddress(String(decoding: name, as: UTF8.self)) {
                    found.add(pods: IPPrefix(address))
                }
                return true
            }
            return true
        }
        let process = root == "/" ? "self" : "1"
        let routes =
            ipv4Routes(files.procContents(of: "proc/\(process)/net/route") ?? [])
            + ipv6Routes(files.procContents(of: "proc/\(process)/net/ipv6_route") ?? [])
        add(routes, to: &found)
        if root == "/" {
            forEachOwnAddress { found.add(node: $0) }
        } else {
            for address in ipv4Addresses(files.procContents(of: "proc/1/net/fib_trie") ?? [])
                + ipv6Addresses(files.procContents(of: "proc/1/net/if_inet6") ?? [])
            {
                found.add(node: address)
            }
        }
        return found
    }

    private static func add(_ routes: [Route], to found: inout NodeAddresses) {
        for route in routes where route.leadsToPods { found.add(pods: route.destination) }
        // Pods behind another node.
        for route in routes where found.isPod(route.destination.first) {
            if let gateway = route.gateway, !found.isPod(gateway) { found.add(node: gateway) }
        }
    }

    // MARK: Files

    /// Networks in the configuration of a CNI plugin.
    static func configured(_ bytes: [UInt8]) -> [IPPrefix] {
        var found: [IPPrefix] = []
        _ = JSONReader.forEachString(in: bytes) { path, value in
            guard isNetwork(path) else { return }
            if let prefix = IPPrefix(text: String(decoding: value, as: UTF8.self)) { found.append(prefix) }
        }
        return found
    }

    /// By its key, or that of the list in which it is.
    private static func isNetwork(_ path: [String]) -> Bool {
        let keys: Set = ["subnet", "subnets", "cidr", "podCIDR"]
        return path.last.map { keys.contains(Int($0) == nil ? $0 : path.dropLast().last ?? "") } ?? false
    }

    /// Lines KEY=VALUE: the network of all pods, and the part of this node.
    static func flannel(_ bytes: [UInt8]) -> [IPPrefix] {
        let keys: Set = ["FLANNEL_NETWORK", "FLANNEL_SUBNET", "FLANNEL_IPV6_NETWORK", "FLANNEL_IPV6_SUBNET"]
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").flatMap { line -> [IPPrefix] in
            let parts = line.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, keys.contains(String(parts[0])) else { return [] }
            return parts[1].split(separator: ",").compactMap { IPPrefix(text: String($0)) }
        }
    }

    // MARK: Routes

    struct Route: Equatable {
        let interface: String
        let destination: IPPrefix
        let gateway: IPAddress?

        /// Devices that nothing but pods is behind: at this node, or at others through a tunnel.
        private static let devices = [
            "cali", "lxc", "veth", "cni", "cbr", "eni", "azv", "gke", "flannel", "cilium", "vxlan.calico",
            "vxlan-v6.calico", "wireguard.cali", "tunl", "weave", "kube-bridge", "antrea-gw",
        ]

        var leadsToPods: Bool { Self.devices.contains { interface.hasPrefix($0) } }
    }

    /// Lines of /proc/net/route: device, destination, gateway, flags, three numbers, mask. Addresses are in the memory's
    /// order of bytes.
    static func ipv4Routes(_ bytes: [UInt8]) -> [Route] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst().compactMap { line in
            let words = line.split { $0 == "\t" || $0 == " " }
            guard words.count >= 8, let destination = ipv4(words[1]), let gateway = ipv4(words[2]),
                let mask = UInt32(words[7], radix: 16)
            else { return nil }
            let bits = mask.nonzeroBitCount
            guard mask.byteSwapped == (bits == 0 ? 0 : ~UInt32(0) << UInt32(32 - bits)),
                let prefix = IPPrefix(destination, length: bits)
            else { return nil }
            return Route(
                interface: String(words[0]), destination: prefix, gateway: isUnspecified(gateway) ? nil : gateway)
        }
    }

    /// Lines of /proc/net/ipv6_route: destination, length, source, length, gateway, four numbers, device.
    static func ipv6Routes(_ bytes: [UInt8]) -> [Route] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            let words = line.split { $0 == "\t" || $0 == " " }
            guard words.count >= 10, let destination = ipv6(words[0]), let length = Int(words[1], radix: 16),
                let gateway = ipv6(words[4]), let prefix = IPPrefix(destination, length: length)
            else { return nil }
            return Route(
                interface: String(words[9]), destination: prefix, gateway: isUnspecified(gateway) ? nil : gateway)
        }
    }

    private static func ipv4(_ digits: Substring) -> IPAddress? {
        guard digits.utf8.count == 8, let number = UInt32(digits, radix: 16) else { return nil }
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        return IPAddress(bytes.span)
    }

    private static func ipv6(_ digits: Substring) -> IPAddress? {
        let digits = Array(digits.utf8)
        guard digits.count == 32 else { return nil }
        let bytes = stride(from: 0, to: 32, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
        return IPAddress(bytes.span)
    }

    private static func isUnspecified(_ address: IPAddress) -> Bool { AddressClass(address) == .unspecified }

    // MARK: Own addresses

    /// Devices that have addresses of services: whoever connects to one gets to a pod.
    private static let servicesDevice = "kube-ipvs"

    private static func forEachOwnAddress(_ body: (IPAddress) -> Void) {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&list) == 0 else { return }
        defer { unsafe freeifaddrs(list) }
        var next = unsafe list
        while let entry = unsafe next?.pointee {
            unsafe next = entry.ifa_next
            let device = unsafe String(cString: entry.ifa_name)
            guard let socket = unsafe entry.ifa_addr, !device.hasPrefix(servicesDevice) else { continue }
            let family = Int32(unsafe socket.pointee.sa_family)
            guard family == AF_INET || family == AF_INET6 else { continue }
            // Behind family and port, and in IPv6 the flow.
            let start = unsafe UnsafeRawPointer(socket) + (family == AF_INET ? 4 : 8)
            let bytes = unsafe Array(UnsafeRawBufferPointer(start: start, count: family == AF_INET ? 4 : 16))
            if let address = IPAddress(bytes.span) { body(address) }
        }
    }

    /// Of /proc/net/fib_trie, a tree in which "/32 host LOCAL" is below an address of the host.
    static func ipv4Addresses(_ bytes: [UInt8]) -> [IPAddress] {
        var found: [IPAddress] = []
        var leaf: IPAddress?
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            if line.hasSuffix("/32 host LOCAL") {
                if let address = leaf { found.append(address) }
            } else if let mark = line.lastIndex(of: "|") {
                leaf = IPAddress(line[mark...].dropFirst(4))
            }
        }
        return found
    }

    /// Lines of /proc/net/if_inet6: address, four numbers, device.
    static func ipv6Addresses(_ bytes: [UInt8]) -> [IPAddress] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 6, !words[5].hasPrefix(servicesDevice) else { return nil }
            return ipv6(words[0])
        }
    }
}

extension IPPrefix {
    /// "10.244.0.0/16", or an address with nothing behind it.
    init?(text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(parts[0]) else { return nil }
        guard parts.count == 2 else {
            self.init(address)
            return
        }
        guard parts[1].utf8.count <= 3, let length = Int(parts[1]) else { return nil }
        self.init(address, length: length)
    }
}
