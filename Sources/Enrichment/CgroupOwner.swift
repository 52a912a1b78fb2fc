// SPDX-License-Identifier: Apache-2.0

package import Events

/// Whose a cgroup is, as far as its path says: container runtimes write the container's id into it, and the kubelet the
/// pod's uid.
package struct CgroupOwner {
    /// 64 hexadecimal digits.
    package let containerID: Bytes?
    package let podUID: Bytes?
    /// The part of the path that is the container's own cgroup, or the pod's.
    package let containerPath, podPath: Bytes?

    /// In nested runtimes (a Kubernetes node that is a container) the innermost counts.
    package init(path: Bytes) {
        var container: Range<Int>?
        var pod: Range<Int>?
        var containerEnd = 0
        var podEnd = 0
        var inPods = false
        var uid: [UInt8]?
        var start = path.range.lowerBound
        while start < path.range.upperBound {
            let end =
                path.storage[start..<path.range.upperBound].firstIndex(of: UInt8(ascii: "/")) ?? path.range.upperBound
            let component = start..<end
            start = end + 1
            if path.storage[component].starts(with: "kubepods".utf8) { inPods = true }
            if inPods, let range = Self.podUID(path.storage, component) {
                pod = range
                podEnd = end
                uid = path.storage[range].map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }
                // A container around this pod is the node.
                container = nil
            }
            if let range = Self.containerID(path.storage, component) {
                container = range
                containerEnd = end
            }
        }
        containerID = container.map { Bytes(path.storage, $0) }
        containerPath = container.map { _ in Bytes(path.storage, path.range.lowerBound..<containerEnd) }
        podUID = pod == nil ? nil : uid.map { Bytes($0) }
        podPath = pod.map { _ in Bytes(path.storage, path.range.lowerBound..<podEnd) }
    }

    /// Such as docker-ID.scope, cri-containerd-ID.scope, libpod-ID.scope, or the id alone. What watches over a container
    /// (conmon) has a cgroup with its id too, and is none of it.
    private static func containerID(_ bytes: [UInt8], _ component: Range<Int>) -> Range<Int>? {
        var start = component.lowerBound
        for index in component.lowerBound...component.upperBound {
            if index < component.upperBound, isHexadecimal(bytes[index]) { continue }
            if index - start == 64 {
                let isWatcher = bytes[component.lowerBound..<start].split(separator: UInt8(ascii: "-")).contains {
                    $0.elementsEqual("conmon".utf8)
                }
                return isWatcher ? nil : start..<index
            }
            start = index + 1
        }
        return nil
    }

    /// Such as podUID, or kubepods-burstable-podUID.slice with "_" for "-". A static pod's uid is a hash without "-".
    private static func podUID(_ bytes: [UInt8], _ component: Range<Int>) -> Range<Int>? {
        var end = component.upperBound
        let suffix = Array(".slice".utf8)
        if bytes[component].reversed().starts(with: suffix.reversed()) { end -= suffix.count }
        let word = Array("pod".utf8)
        guard end - component.lowerBound >= word.count + 32 else { return nil }
        for wordStart in component.lowerBound...end - word.count - 32 {
            let start = wordStart + word.count
            guard wordStart == component.lowerBound || isSeparator(bytes[wordStart - 1]),
                bytes[wordStart..<start].elementsEqual(word),
                bytes[start..<end].allSatisfy({ isHexadecimal($0) || isSeparator($0) })
            else { continue }
            return start..<end
        }
        return nil
    }

    private static func isSeparator(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}
