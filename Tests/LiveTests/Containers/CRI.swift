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
        fileprivate(set) var id = ""

        init(_ name: String, _ namespace: String, uid: String, cgroupParent: String, handler: String) {
            self.name = name
            self.namespace = namespace
            self.uid = uid
            self.cgroupParent = cgroupParent
            self.handler = handler
        }

        fileprivate var configuration: Message {
            // The node's network: there is no plugin that would make another.
            let network = Message(.number(1, 2))
            return Message(
                .message(1, Message(.text(1, name), .text(2, uid), .text(3, namespace))),
                .message(8, Message(.text(1, cgroupParent), .message(2, Message(.message(1, network))))))
        }
    }

    func run(_ pod: inout Pod) throws {
        pod.id = try call("RunPodSandbox", Message(.message(1, pod.configuration), .text(2, pod.handler)))
    }

    /// Gives the container's id.
    func run(_ name: String, _ image: String, _ command: [String], in pod: Pod) throws -> String {
        let id = try create(name, image, command, in: pod)
        try start(container: id)
        return id
    }

    func create(_ name: String, _ image: String, _ command: [String], in pod: Pod) throws -> String {
        let configuration = Message(
            [.message(1, Message(.text(1, name))), .message(2, Message(.text(1, image)))] + command.map { .text(3, $0) }
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
