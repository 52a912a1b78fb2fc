// SPDX-License-Identifier: Apache-2.0

internal import Events

/// What the kubelet and the container runtimes leave on a node about a container: no socket, no API server.
struct WorkloadFiles: ~Copyable {
    private let node: NodeFiles

    init(root: String) {
        node = NodeFiles(root: root)
    }

    /// Directories in which containerd keeps what it runs: its own, and those of distributions that bring one.
    private static let containerd = [
        "run/containerd", "run/k3s/containerd", "run/k0s/containerd", "var/snap/microk8s/common/run/containerd",
    ].map { $0 + "/io.containerd.runtime.v2.task" }

    /// What is known of a container, or of a pod; `nil` when that is nothing.
    func names(of owner: CgroupOwner) -> WorkloadNames? {
        var names = WorkloadNames()
        if let task = owner.containerdNamespace {
            guard let found = ctr(namespace: task, owner) ?? bare(owner) else { return nil }
            names = found
        } else if !owner.isCertain {
            guard let found = bare(owner) else { return nil }
            names = found
        } else if let id = owner.containerID {
            for source in sources(owner.runtime) {
                if let found = self.names(id.string, source, owner.userID) { names.fill(from: found) }
                if names.isComplete { break }
            }
            if !names.isComplete || names.pod == nil && owner.podUID != nil { names.fill(from: logs(of: id)) }
        }
        if names.pod == nil, let uid = names.podUID ?? owner.podUID { names.fill(from: podLogs(of: uid)) }
        if names.pod != nil { names.node = nodeName() }
        return names == WorkloadNames() ? nil : names
    }

    /// Where the path does not tell. Docker before containerd, which runs Docker's containers without knowing their names.
    private func sources(_ runtime: ContainerRuntime?) -> [ContainerRuntime] {
        guard let runtime else { return [.docker, .containerd, .crio, .podman] }
        return [runtime]
    }

    private func names(_ id: String, _ runtime: ContainerRuntime, _ user: UInt32?) -> WorkloadNames? {
        switch runtime {
        case .containerd: containerd(id)
        case .docker: docker(id, user)
        case .crio: storage(id, .crio, user)
        case .podman: storage(id, .podman, user)
        }
    }

    // MARK: containerd

    private func containerd(_ id: String) -> WorkloadNames? {
        for state in Self.containerd {
            // That of Kubernetes first; then those of nerdctl and others, but not Docker's.
            var namespaces = ["k8s.io"]
            node.forEachName(in: state) { name in
                if let name = Self.safe(name), name != "k8s.io", name != "moby" { namespaces.append(name) }
                return namespaces.count < 64
            }
            for namespace in namespaces {
                if let names = specification("\(state)/\(namespace)/\(id)/config.json", .containerd) { return names }
            }
        }
        return nil
    }

    /// A container that `ctr` made has no other name than its id.
    private func ctr(namespace: Bytes, _ owner: CgroupOwner) -> WorkloadNames? {
        guard let namespace = Self.safe(Array(namespace.slice)), let id = owner.containerID,
            let name = Self.safe(Array(id.slice))
        else { return nil }
        for state in Self.containerd {
            if var names = specification("\(state)/\(namespace)/\(name)/config.json", .containerd) {
                if names.pod == nil { names.container = names.container ?? id }
                return names
            }
        }
        let isThere = owner.isCertain || Self.containerd.contains { node.exists("\($0)/\(namespace)") }
        guard isThere else { return nil }
        var names = WorkloadNames()
        names.container = id
        return names
    }

    /// A container that nobody but an OCI runtime knows: its state is where that keeps it for who does not say.
    private func bare(_ owner: CgroupOwner) -> WorkloadNames? {
        guard let id = owner.containerID, let name = Self.safe(Array(id.slice)) else { return nil }
        let directories = ["run"] + (owner.userID.map { ["run/user/\($0)"] } ?? [])
        for (runtime, file) in [("runc", "state.json"), ("crun", "status")] {
            guard directories.contains(where: { node.exists("\($0)/\(runtime)/\(name)/\(file)") }) else { continue }
            var names = WorkloadNames()
            names.runtime = Bytes(runtime)
            names.container = id
            names.isComplete = true
            return names
        }
        return nil
    }

    /// The OCI runtime's config.json, whose annotations the runtimes fill.
    private func specification(_ path: String, _ runtime: ContainerRuntime) -> WorkloadNames? {
        guard let bytes = node.contents(of: path) else { return nil }
        return Self.specification(bytes, runtime)
    }

    static func specification(_ bytes: [UInt8], _ runtime: ContainerRuntime) -> WorkloadNames {
        var names = WorkloadNames()
        names.runtime = Bytes(runtime.rawValue)
        var imageName: Bytes?
        var isPodman = runtime == .podman
        let isWhole = JSONReader.forEachScalar(in: bytes) { path, value in
            if case .number(let digits) = value, path == ["linux", "resources", "cpu", "shares"] {
                names.cpuShares = UInt64(String(decoding: digits, as: UTF8.self))
            }
            guard case .string(let value) = value, path.count == 2, path[0] == "annotations" else { return }
            switch path[1] {
            case "io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType":
                names.isSandbox = value.elementsEqual("sandbox".utf8)
            case "io.kubernetes.cri.container-name", "io.kubernetes.container.name", "nerdctl/name":
                names.container = text(value)
            case "io.kubernetes.cri.image-name": imageName = text(value)
            case "io.kubernetes.cri-o.ImageName": imageName = imageName ?? text(value)
            case "io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name": names.pod = text(value)
            case "io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace": names.namespace = text(value)
            case "io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid": names.podUID = text(value)
            case "io.kubernetes.cri-o.Labels":
                _ = JSONReader.forEachString(in: value) { path, value in
                    if path.count == 1 { names.addLabel(path[0], value) }
                }
            case "io.container.manager": isPodman = value.elementsEqual("libpod".utf8)
            default: break
            }
        }
        names.image = imageName
        // podman's says nothing of names.
        if isPodman { names.runtime = Bytes(ContainerRuntime.podman.rawValue) }
        names.isComplete = isWhole && !isPodman
        if names.isSandbox { names.container = nil }
        return names
    }

    // MARK: CRI-O and podman

    /// Both keep containers as the containers/storage library does: root's in fixed places, a user's below the home.
    private func storage(_ id: String, _ runtime: ContainerRuntime, _ user: UInt32?) -> WorkloadNames? {
        var names: WorkloadNames?
        if let user, runtime == .podman {
            // A user's directories: nothing in them leads out of them.
            if let run = NodeFiles("run/user/\(user)/containers", of: node) { names = Self.storage(id, run, runtime) }
            if let home = home(of: user), let store = NodeFiles("\(home)/.local/share/containers/storage", of: node) {
                Self.merge(Self.storage(id, store, runtime), into: &names)
            }
        }
        guard names == nil else { return names }
        for directory in ["run/containers/storage", "var/lib/containers/storage"] {
            guard let store = NodeFiles(directory, of: node) else { continue }
            Self.merge(Self.storage(id, store, runtime), into: &names)
            if names?.isComplete == true { break }
        }
        return names
    }

    private static func merge(_ other: WorkloadNames?, into names: inout WorkloadNames?) {
        guard let other else { return }
        names = names ?? WorkloadNames()
        names?.fill(from: other)
    }

    private static func storage(
        _ id: String, _ store: borrowing NodeFiles, _ runtime: ContainerRuntime
    ) -> WorkloadNames? {
        var names: WorkloadNames?
        if let bytes = store.contents(of: "overlay-containers/\(id)/userdata/config.json") {
            names = specification(bytes, runtime)
        }
        for list in ["containers.json", "volatile-containers.json"] where names?.isComplete != true {
            guard let bytes = store.contents(of: "overlay-containers/\(list)") else { continue }
            merge(listed(id, in: bytes), into: &names)
        }
        return names
    }

    /// Of the list of all containers: names, and a JSON text within the JSON text.
    static func listed(_ id: String, in bytes: [UInt8]) -> WorkloadNames? {
        var position: String?
        let id = Array(id.utf8)
        // Which one it is, is said before its names are, or after.
        _ = JSONReader.forEachString(in: bytes) { path, value in
            if path.count == 2, path[1] == "id", value == id { position = path[0] }
        }
        guard let position else { return nil }
        var names = WorkloadNames()
        var metadata: [UInt8] = []
        let isWhole = JSONReader.forEachString(in: bytes) { path, value in
            guard path.count >= 2, path[0] == position else { return }
            if path[1] == "names", path.count == 3, path[2] == "0" { names.container = text(value) }
            if path[1] == "metadata", path.count == 2 { metadata = value }
        }
        _ = JSONReader.forEachString(in: metadata) { path, value in
            if path == ["image-name"] { names.image = text(value) }
        }
        names.isComplete = isWhole && names.container != nil
        // What CRI-O calls a container there is made up of all its names.
        let isCRIO = names.container?.slice.starts(with: "k8s_".utf8) == true
        names.runtime = Bytes((isCRIO ? ContainerRuntime.crio : .podman).rawValue)
        if isCRIO {
            names.container = nil
            names.isComplete = false
        }
        return names
    }

    /// By the node's passwd file.
    private func home(of user: UInt32) -> String? {
        guard let bytes = node.contents(of: "etc/passwd") else { return nil }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard fields.count >= 6, UInt32(String(decoding: fields[2], as: UTF8.self)) == user else { continue }
            let home = String(decoding: fields[5], as: UTF8.self)
            return home.isEmpty || home == "/" ? nil : home
        }
        return nil
    }

    // MARK: Docker

    private func docker(_ id: String, _ user: UInt32?) -> WorkloadNames? {
        var bytes = node.contents(of: "var/lib/docker/containers/\(id)/config.v2.json")
        if bytes == nil, let user, let home = home(of: user),
            let store = NodeFiles("\(home)/.local/share/docker/containers", of: node)
        {
            bytes = store.contents(of: "\(id)/config.v2.json")
        }
        return bytes.map(Self.docker)
    }

    static func docker(_ bytes: [UInt8]) -> WorkloadNames {
        var names = WorkloadNames()
        names.runtime = Bytes(ContainerRuntime.docker.rawValue)
        var name: Bytes?
        var kubernetesName: Bytes?
        names.isComplete = JSONReader.forEachString(in: bytes) { path, value in
            switch path.count {
            case 1 where path[0] == "Name":
                name = text(Array(value.first == UInt8(ascii: "/") ? value.dropFirst() : value[...]))
            case 2 where path == ["Config", "Image"]: names.image = text(value)
            case 3 where path[0] == "Config" && path[1] == "Labels":
                switch path[2] {
                case "io.kubernetes.pod.name": names.pod = text(value)
                case "io.kubernetes.pod.namespace": names.namespace = text(value)
                case "io.kubernetes.pod.uid": names.podUID = text(value)
                case "io.kubernetes.container.name": kubernetesName = text(value)
                case "io.kubernetes.docker.type": names.isSandbox = value.elementsEqual("podsandbox".utf8)
                default: names.addLabel(path[2], value)
                }
            default: break
            }
        }
        names.container = names.isSandbox ? nil : names.pod == nil ? name : kubernetesName
        return names
    }

    // MARK: Kubernetes

    /// POD_NAMESPACE_CONTAINER-ID.log is a link to /var/log/pods/NAMESPACE_POD_UID/CONTAINER/N.log. None of these names
    /// may have "_" in it.
    private func logs(of id: Bytes) -> WorkloadNames {
        var names = WorkloadNames()
        let suffix = [UInt8(ascii: "-")] + id.slice + Array(".log".utf8)
        node.forEachName(in: "var/log/containers") { name in
            guard name.suffix(suffix.count).elementsEqual(suffix) else { return true }
            let parts = name.dropLast(suffix.count).split(
                separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
            guard parts.count == 3 else { return true }
            names.pod = text(Array(parts[0]))
            names.namespace = text(Array(parts[1]))
            names.container = text(Array(parts[2]))
            guard let target = node.target(of: name, in: "var/log/containers") else { return false }
            let components = target.split(separator: UInt8(ascii: "/"))
            if components.count >= 3 {
                let pod = components[components.count - 3].split(separator: UInt8(ascii: "_"))
                if pod.count == 3 { names.podUID = text(Array(pod[2])) }
            }
            return false
        }
        return names
    }

    /// NAMESPACE_POD_UID, a directory that is there when the pod is.
    private func podLogs(of uid: Bytes) -> WorkloadNames {
        var names = WorkloadNames()
        let suffix = [UInt8(ascii: "_")] + uid.slice
        node.forEachName(in: "var/log/pods") { name in
            guard name.suffix(suffix.count).elementsEqual(suffix) else { return true }
            let parts = name.dropLast(suffix.count).split(
                separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
            guard parts.count == 2 else { return true }
            names.namespace = text(Array(parts[0]))
            names.pod = text(Array(parts[1]))
            names.podUID = uid
            return false
        }
        return names
    }

    /// The name that the kubelet has for itself: the user system:node:NAME, in a context system:node:NAME@CLUSTER.
    private func nodeName() -> Bytes? {
        guard let bytes = node.contents(of: "etc/kubernetes/kubelet.conf") else { return nil }
        let mark = Array("system:node:".utf8)
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let words = line.split { " \"'".utf8.contains($0) }
            if let word = words.last, word.starts(with: mark) {
                return text(Array(word.dropFirst(mark.count).prefix { $0 != UInt8(ascii: "@") }))
            }
        }
        return nil
    }

    /// A name that is one component of a path.
    private static func safe(_ name: [UInt8]) -> String? {
        guard !name.isEmpty, !name.contains(UInt8(ascii: "/")), !name.elementsEqual("..".utf8),
            !name.elementsEqual(".".utf8)
        else { return nil }
        return String(validating: name, as: UTF8.self)
    }
}

/// A value that is kept: not empty, without NUL, and of some length at most.
private func text(_ bytes: [UInt8]) -> Bytes? {
    let bytes = Array(bytes.prefix { $0 != 0 }.prefix(1024))
    return bytes.isEmpty ? nil : Bytes(bytes)
}
