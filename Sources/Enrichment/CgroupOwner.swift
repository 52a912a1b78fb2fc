// SPDX-License-Identifier: Apache-2.0

package import Events

/// Whose a cgroup is, as far as its path says: container runtimes write the container's id into it, and the kubelet the
/// pod's uid.
package struct CgroupOwner {
    /// 64 hexadecimal digits; or any name, in a path of `ctr`.
    package let containerID: Bytes?
    package let podUID: Bytes?
    /// The part of the path that is the container's own cgroup, or the pod's.
    package let containerPath, podPath: Bytes?
    /// The container around it, where that is a node of its own: of kind, or of Docker in Docker.
    package let nodePath: Bytes?
    /// As the path has it; `nil` where runtimes share a form.
    package let runtime: ContainerRuntime?
    /// containerd's own namespace, where the path names it.
    package let containerdNamespace: Bytes?
    /// False when only the shape of the path says that this may be a container: then a file of it must be there.
    package let isCertain: Bool
    /// In whose slice it is: whose podman, or Docker, is not root's.
    package let userID: UInt32?

    /// In nested runtimes (a Kubernetes node that is a container) the innermost counts.
    package init(path: Bytes) {
        var container: (range: Range<Int>, end: Int, runtime: ContainerRuntime?)?
        var pod: (range: Range<Int>, end: Int)?
        var inPods = false
        var nodeEnd: Int?
        var user: UInt32?
        let components = Self.components(of: path)
        for (index, component) in components.enumerated() {
            let text = path.storage[component]
            if text.starts(with: "kubepods".utf8) || Self.contains(text, "-kubepods") { inPods = true }
            if let id = Self.userID(text) { user = id }
            if inPods, let range = Self.podUID(path.storage, component) {
                pod = (range, component.upperBound)
                // A container around this pod is the node.
                if let container { nodeEnd = container.end }
                container = nil
            }
            if let range = Self.containerID(path.storage, component) {
                let parent = index == 0 ? [] : path.storage[components[index - 1]]
                let prefix = path.storage[component.lowerBound..<range.lowerBound]
                // A pod of podman has a cgroup too, which is no container's.
                if Self.contains(prefix, "libpod_pod_") || prefix.isEmpty && parent.elementsEqual("libpod_parent".utf8)
                {
                    continue
                }
                // What a node inside a container has in its pods is not in the pod around it.
                if let container { nodeEnd = container.end }
                container = (range, component.upperBound, Self.runtime(prefix: prefix, parent: parent))
            }
        }
        userID = user
        nodePath = nodeEnd.map { Bytes(path.storage, path.range.lowerBound..<$0) }
        podUID = pod.map { pod in
            Bytes(path.storage[pod.range].map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 })
        }
        podPath = pod.map { Bytes(path.storage, path.range.lowerBound..<$0.end) }
        let task = container == nil && pod == nil ? Self.containerdTask(path.storage, components) : nil
        containerdNamespace = task.map { Bytes(path.storage, $0.namespace) }
        let bare = container == nil && pod == nil && task == nil ? Self.bareContainer(path.storage, components) : nil
        isCertain = task?.isCertain ?? (bare == nil)
        let end = container?.end ?? task?.id.upperBound ?? bare?.end
        containerID = (container?.range ?? task?.id ?? bare?.id).map { Bytes(path.storage, $0) }
        containerPath = end.map { Bytes(path.storage, path.range.lowerBound..<$0) }
        runtime = container.map(\.runtime) ?? (task == nil ? nil : .containerd)
    }

    private static func components(of path: Bytes) -> [Range<Int>] {
        var components: [Range<Int>] = []
        var start = path.range.lowerBound
        while start < path.range.upperBound {
            let rest = path.storage[start..<path.range.upperBound]
            let end = rest.firstIndex(of: UInt8(ascii: "/")) ?? path.range.upperBound
            if end > start { components.append(start..<end) }
            start = end + 1
        }
        return components
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

    /// By what stands in front of the id, or else by the directory that the id is in.
    private static func runtime(prefix: ArraySlice<UInt8>, parent: ArraySlice<UInt8>) -> ContainerRuntime? {
        if prefix.elementsEqual("docker-".utf8) { return .docker }
        if prefix.elementsEqual("crio-".utf8) { return .crio }
        if prefix.elementsEqual("libpod-".utf8) { return .podman }
        if prefix.elementsEqual("nerdctl-".utf8) || contains(prefix, "cri-containerd") { return .containerd }
        guard prefix.isEmpty else { return nil }
        if parent.elementsEqual("docker".utf8) || parent.elementsEqual("actions_job".utf8) { return .docker }
        return nil
    }

    /// /NAMESPACE/ID, where `ctr` puts containers.
    private static func containerdTask(_ bytes: [UInt8], _ components: [Range<Int>])
        -> (namespace: Range<Int>, id: Range<Int>, isCertain: Bool)?
    {
        guard components.count >= 2, components[..<2].allSatisfy({ isIdentifier(bytes[$0]) }) else { return nil }
        let namespace = bytes[components[0]]
        guard !isOthers(namespace) else { return nil }
        let isCertain = namespace.elementsEqual("default".utf8) || namespace.elementsEqual("k8s.io".utf8)
        return (components[0], components[1], isCertain)
    }

    /// What is kept below it has a form of its own.
    private static func isOthers(_ name: ArraySlice<UInt8>) -> Bool {
        ["docker", "kubepods", "libpod_parent", "actions_job", "machine", "lxc", "system", "user"].contains {
            name.elementsEqual($0.utf8)
        }
    }

    /// Where an OCI runtime puts a container that no engine asked it for: ID, or runc-ID.scope, somewhere.
    private static func bareContainer(_ bytes: [UInt8], _ components: [Range<Int>]) -> (id: Range<Int>, end: Int)? {
        for component in components.suffix(2).reversed() {
            for prefix in ["runc-", "crun-"] where bytes[component].starts(with: prefix.utf8) {
                guard bytes[component].suffix(6).elementsEqual(".scope".utf8) else { continue }
                let id = component.lowerBound + prefix.utf8.count..<component.upperBound - 6
                if isIdentifier(bytes[id]) { return (id, component.upperBound) }
            }
        }
        guard let last = components.last, isIdentifier(bytes[last]), !isOthers(bytes[components[0]]) else { return nil }
        return (last, last.upperBound)
    }

    /// As containerd wants names of containers and namespaces: letters and digits, with single "." "_" "-" between; at
    /// most 76. systemd's units have such names too.
    private static func isIdentifier(_ text: ArraySlice<UInt8>) -> Bool {
        guard (1...76).contains(text.count) else { return false }
        var last = UInt8(ascii: ".")
        for byte in text {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"):
                break
            case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                if [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains(last) { return false }
            default: return false
            }
            last = byte
        }
        guard ![UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains(last) else { return false }
        return ![".slice", ".scope", ".service", ".mount", ".socket", ".swap"].contains { suffix in
            text.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
        }
    }

    /// Such as podUID, or kubepods-burstable-podUID.slice with "_" for "-". A static pod's uid is a hash without "-".
    private static func podUID(_ bytes: [UInt8], _ component: Range<Int>) -> Range<Int>? {
        var end = component.upperBound
        // Where the cgroupfs driver meets systemd's form: kubepods-podUID.slice:cri-containerd:ID.
        if let colon = bytes[component].firstIndex(of: UInt8(ascii: ":")) { end = colon }
        let suffix = Array(".slice".utf8)
        if bytes[component.lowerBound..<end].suffix(suffix.count).elementsEqual(suffix) { end -= suffix.count }
        let word = Array("pod".utf8)
        guard end - component.lowerBound >= word.count + 32 else { return nil }
        for wordStart in component.lowerBound...end - word.count - 32 {
            let start = wordStart + word.count
            guard wordStart == component.lowerBound || isSeparator(bytes[wordStart - 1]),
                bytes[wordStart..<start].elementsEqual(word), end - start <= 36,
                bytes[start..<end].allSatisfy({ isHexadecimal($0) || isSeparator($0) })
            else { continue }
            return start..<end
        }
        return nil
    }

    /// Of user-UID.slice.
    private static func userID(_ text: ArraySlice<UInt8>) -> UInt32? {
        guard text.starts(with: "user-".utf8), text.suffix(6).elementsEqual(".slice".utf8) else { return nil }
        return UInt32(String(decoding: text.dropFirst(5).dropLast(6), as: UTF8.self))
    }

    private static func contains(_ text: ArraySlice<UInt8>, _ word: String) -> Bool {
        let word = Array(word.utf8)
        guard text.count >= word.count else { return false }
        return (text.startIndex...text.endIndex - word.count).contains { start in
            text[start..<start + word.count].elementsEqual(word)
        }
    }

    private static func isSeparator(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}

/// What made a container, by the names that Kubernetes has for them.
package enum ContainerRuntime: String, CaseIterable, Sendable {
    case containerd
    case crio = "cri-o"
    case docker, podman
}
