// SPDX-License-Identifier: Apache-2.0

import Enrichment
import Events
import Testing

struct CgroupOwnerTests {
    private static let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    private static let other = String(id.reversed())
    private static let uid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
    private static let underscored = "1b4e28ba_2fa1_11d2_883f_0016d3cca427"

    @Test(arguments: [
        "/system.slice/docker-\(id).scope",
        "/docker/\(id)",
        "/machine.slice/libpod-\(id).scope",
        "/machine.slice/libpod-\(id).scope/container",
        "/kubepods.slice/kubepods-pod\(underscored).slice/cri-containerd-\(id).scope",
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(underscored).slice/crio-\(id).scope",
        "/kubepods/besteffort/pod\(uid)/\(id)",
        "/docker/\(other)/kubelet/kubepods/pod\(uid)/\(id)/init.scope",
        "/system.slice/containerd.service/kubepods-pod\(underscored).slice:cri-containerd:\(id)",
    ])
    func container(_ path: String) {
        #expect(CgroupOwner(path: Bytes(path)).containerID?.string == Self.id)
    }

    @Test(arguments: [
        "/kubepods.slice/kubepods-pod\(underscored).slice/cri-containerd-\(id).scope",
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod\(underscored).slice",
        "/kubepods/pod\(uid)/\(id)",
        "/kubepods/burstable/pod\(uid)",
        "/docker/\(other)/kubelet.slice/kubepods.slice/kubepods-pod\(underscored).slice/cri-containerd-\(id).scope",
    ])
    func pod(_ path: String) {
        #expect(CgroupOwner(path: Bytes(path)).podUID?.string == Self.uid)
    }

    private static let kind =
        "/system.slice/docker-\(other).scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
        + "kubelet-kubepods-burstable-pod\(underscored).slice"

    @Test(arguments: [
        ("/system.slice/docker-\(id).scope", ContainerRuntime.docker),
        ("/docker/\(id)", .docker),
        ("/actions_job/\(id)", .docker),
        ("/kubepods.slice/kubepods-pod\(underscored).slice/docker-\(id).scope", .docker),
        ("/kubepods.slice/kubepods-pod\(underscored).slice/cri-containerd-\(id).scope", .containerd),
        ("/system.slice/k3s.service/kubepods/besteffort/pod\(uid)/\(id)", nil),
        ("/kubepods/pod\(uid)/\(id)", nil),
        ("/system.slice/containerd.service/kubepods-pod\(underscored).slice:cri-containerd:\(id)", .containerd),
        ("/system.slice/nerdctl-\(id).scope", .containerd),
        ("/kubepods.slice/kubepods-pod\(underscored).slice/crio-\(id).scope/container", .crio),
        ("/machine.slice/libpod-\(id).scope/container", .podman),
        ("/machine.slice/machine-libpod_pod_\(other).slice/libpod-\(id).scope", .podman),
        ("/libpod_parent/libpod-\(id)", .podman),
        ("/libpod_parent/\(other)/libpod-\(id)", .podman),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(id).scope/container",
            .podman
        ),
        ("\(kind)/cri-containerd-\(id).scope", .containerd),
        ("/docker/\(other)/docker/\(id)", .docker),
        ("/docker/\(id)/system.slice/cron.service", .docker),
    ])
    func runtime(_ path: String, _ runtime: ContainerRuntime?) {
        let owner = CgroupOwner(path: Bytes(path))
        #expect(owner.containerID?.string == Self.id)
        #expect(owner.runtime == runtime)
        #expect(owner.isCertain)
    }

    /// The container that is the node.
    @Test func node() {
        let node = "/system.slice/docker-\(Self.other).scope"
        #expect(CgroupOwner(path: Bytes(Self.kind)).nodePath?.string == node)
        #expect(CgroupOwner(path: Bytes("\(Self.kind)/cri-containerd-\(Self.id).scope")).nodePath?.string == node)
        let docker = CgroupOwner(path: Bytes("/docker/\(Self.other)/docker/\(Self.id)"))
        #expect(docker.nodePath?.string == "/docker/\(Self.other)")
        for path in ["/docker/\(Self.id)/system.slice", "/kubepods/pod\(Self.uid)/\(Self.id)", "/system.slice"] {
            #expect(CgroupOwner(path: Bytes(path)).nodePath == nil)
        }
    }

    @Test func podOfKind() {
        #expect(CgroupOwner(path: Bytes(Self.kind)).podUID?.string == Self.uid)
        #expect(CgroupOwner(path: Bytes(Self.kind)).containerID == nil)
        let colons = "/system.slice/containerd.service/kubepods-pod\(Self.underscored).slice:cri-containerd:\(Self.id)"
        #expect(CgroupOwner(path: Bytes(colons)).podUID?.string == Self.uid)
    }

    @Test func rootlessUser() {
        let path = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(Self.id).scope"
        #expect(CgroupOwner(path: Bytes(path)).userID == 1000)
        #expect(CgroupOwner(path: Bytes("/user.slice/user-x.slice/libpod-\(Self.id)")).userID == nil)
    }

    @Test(arguments: [
        ("/default/web", "default", "web", true), ("/k8s.io/a.b-c_d", "k8s.io", "a.b-c_d", true),
        ("/mine/web/inner", "mine", "web", false),
    ])
    func ctr(_ path: String, _ namespace: String, _ id: String, _ isCertain: Bool) {
        let owner = CgroupOwner(path: Bytes(path))
        #expect(owner.containerdNamespace?.string == namespace)
        #expect(owner.containerID?.string == id)
        #expect(owner.runtime == .containerd)
        #expect(owner.isCertain == isCertain)
        #expect(owner.containerPath?.string == "/\(namespace)/\(id)")
    }

    @Test(arguments: [
        "/default/..", "/../default", "/default/.", "/default/a\nb", "/default/\(String(repeating: "a", count: 255))",
        "/default", "/default//", "/default/-a", "/default/a.service", "/machine/qemu", "/docker/buildx",
        "/kubepods/burstable", "//", "/\u{1b}[31m/x", "/\(String(repeating: "/", count: 255))",
        "/kubepods/pod\(String(repeating: "a", count: 37))",
    ])
    func hostile(_ path: String) {
        let owner = CgroupOwner(path: Bytes(path))
        #expect(owner.containerID == nil || !owner.isCertain)
        #expect(owner.podUID == nil)
    }

    @Test func staticPod() {
        let owner = CgroupOwner(path: Bytes("/kubepods/burstable/pod0123456789abcdef0123456789abcdef/x"))
        #expect(owner.podUID?.string == "0123456789abcdef0123456789abcdef")
        #expect(owner.podPath?.string == "/kubepods/burstable/pod0123456789abcdef0123456789abcdef")
        #expect(owner.containerID == nil)
    }

    @Test func pathsOfTheirOwn() {
        let owner = CgroupOwner(path: Bytes("/kubepods/pod\(Self.uid)/\(Self.id)/init.scope"))
        #expect(owner.containerPath?.string == "/kubepods/pod\(Self.uid)/\(Self.id)")
        #expect(owner.podPath?.string == "/kubepods/pod\(Self.uid)")
    }

    /// The pod's sandbox in a node that is a container is not the node's container.
    @Test func podOfNestedNode() {
        let owner = CgroupOwner(path: Bytes("/docker/\(Self.other)/kubepods/pod\(Self.uid)"))
        #expect(owner.containerID == nil)
        #expect(owner.podUID?.string == Self.uid)
    }

    @Test(arguments: [
        "/", "", "/system.slice/cron.service", "/user.slice/user-1000.slice/session-3.scope",
        "/machine.slice/machine-libpod_pod_\(id).slice", "/libpod_parent/\(id)",
        "/machine.slice/libpod-conmon-\(id).scope", "/crio-conmon-\(id).scope",
        "/x/\(id)0", "/x/\(id.dropLast())", "/x/\(id.uppercased())",
        "/home/pod\(uid)", "/kubepods/tripod\(uid)", "/kubepods/pod1234",
    ])
    func host(_ path: String) {
        let owner = CgroupOwner(path: Bytes(path))
        #expect(owner.containerID == nil || !owner.isCertain)
        #expect(owner.podUID == nil)
        #expect(owner.containerPath == nil || !owner.isCertain)
    }

    /// Anybody may name a cgroup; what is no text is looked through all the same.
    @Test func hostile() {
        let bytes = [0xff, 0x0a, UInt8(ascii: "/")] + Array("/docker/\(Self.id)".utf8)
        #expect(CgroupOwner(path: Bytes(bytes)).containerID?.string == Self.id)
        #expect(CgroupOwner(path: Bytes(Array(repeating: UInt8(ascii: "/"), count: 4096))).containerID == nil)
        #expect(CgroupOwner(path: Bytes("/kubepods/" + String(repeating: "pod", count: 1300))).podUID == nil)
        #expect(CgroupOwner(path: Bytes(String(repeating: "a", count: 4096))).containerID == nil)
    }

    /// A path that is a part of a longer text, as it comes in a record.
    @Test func partOfBytes() {
        let path = Array("/docker/\(Self.id)/x".utf8)
        let owner = CgroupOwner(path: Bytes(Array("noise".utf8) + path + Array("noise".utf8), 5..<5 + path.count))
        #expect(owner.containerID?.string == Self.id)
        #expect(owner.containerPath?.string == "/docker/\(Self.id)")
    }
}
