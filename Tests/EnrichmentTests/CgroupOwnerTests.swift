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
        "/machine.slice/libpod-conmon-\(id).scope", "/crio-conmon-\(id).scope",
        "/x/\(id)0", "/x/\(id.dropLast())", "/x/\(id.uppercased())",
        "/home/pod\(uid)", "/kubepods/tripod\(uid)", "/kubepods/pod1234",
    ])
    func host(_ path: String) {
        let owner = CgroupOwner(path: Bytes(path))
        #expect(owner.containerID == nil)
        #expect(owner.podUID == nil)
        #expect(owner.containerPath == nil)
    }
}
