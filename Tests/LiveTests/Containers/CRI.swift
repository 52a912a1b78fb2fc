// SPDX-License-Identifier: Apache-2.0

/// Kubernetes' interface of container runtimes, as the kubelet calls it.
struct CRI {
    let socket: String
    let seconds: Int

    /// What the kubelet says of a pod.
    struct Pod {
        let name, namespace, uid: String
        /// The pod's cgroup, in the form of the runtime's driver.
        let cgroupParent: String
        /// A name of the runtime's configuration.
        let handler: String
        /// The node's, or one of its own, which the plugin of the test makes.
        let isOnHostNetwork: Bool
        fileprivate(set) var id = ""

        init(
            _ name: String, _ namespace: String, uid: String, cgroupParent: String, handler: String,
            isOnHostNetwork: Bool = true
        ) {
            self.name = name
            self.namespace = namespace
            self.uid = uid
            self.cgroupParent = cgroupParent
            self.handler = handler
            self.isOnHostNetwork = isOnHostNetwork
        }

        fileprivate var configuration: Message {
            let network = isOnHostNetwork ? Message(.number(1, 2)) : Message()
            return Message(
                .message(1, Message(.text(1, name), .text(2, uid), .text(3, namespace))),
                .message(8, Message(.text(1, cgroupParent), .message(2, Message(.message(1, network))))))
        }
    }

    /// What a container gets beside its image.
    struct Extras {
        /// Directories of the host.
        var mounts: [(inside: String, host: String, isWritable: Bool)] = []
        /// Thousandths of a CPU, as the kubelet makes shares and a quota of them, and bytes.
        var requestCPU = 0, limitCPU = 0, limitMemory = 0

        fileprivate var fields: [Message.Field] {
            var fields: [Message.Field] = mounts.map { mount in
                .message(
                    7,
                    Message(
                        .text(1, mount.inside), .text(2, mount.host), .number(3, mount.isWritable ? 0 : 1)))
            }
            var resources: [Message.Field] = []
            if limitCPU > 0 { resources += [.number(1, 100_000), .number(2, limitCPU * 100)] }
            if requestCPU > 0 { resources.append(.number(3, requestCPU * 1024 / 1000)) }
            if limitMemory > 0 { resources.append(.number(4, limitMemory)) }
            if !resources.isEmpty { fields.append(.message(15, Message(.message(1, Message(resources))))) }
            return fields
        }
    }

    func run(_ pod: inout Pod) throws {
        pod.id = try call("RunPodSandbox", Message(.message(1, pod.configuration), .text(2, pod.handler)))
    }

    /// Gives the container's id.
    func run(
        _ name: String, _ image: String, _ command: [String], in pod: Pod, _ extras: Extras = Extras()
    ) throws -> String {
        let id = try create(name, image, command, in: pod, extras)
        try start(container: id)
        return id
    }

    func create(
        _ name: String, _ image: String, _ command: [String], in pod: Pod, _ extras: Extras = Extras()
    ) throws -> String {
        let configuration = Message(
            [.message(1, Message(.text(1, name))), .message(2, Message(.text(1, image)))] + command.map { .text(3, $0) }
                + extras.fields
        )
        return try call(
            "CreateContainer",
            Message(.text(1, pod.id), .message(2, configuration), .message(3, pod.configuration)))
    }

    func start(container id: String) throws {
        _ = try call("StartContainer", Message(.text(1, id)))
    }

    /// With all that is in it.
    func remove(_ pod: Pod) throws {
        _ = try call("StopPodSandbox", Message(.text(1, pod.id)))
        _ = try call("RemovePodSandbox", Message(.text(1, pod.id)))
    }

    private func call(_ method: String, _ request: Message) throws -> String {
        let call = try RemoteCall(socket: socket, seconds: seconds)
        let answer = try call.answer(of: "/runtime.v1.RuntimeService/\(method)", request)
        return Message.firstText(in: answer) ?? ""
    }
}
