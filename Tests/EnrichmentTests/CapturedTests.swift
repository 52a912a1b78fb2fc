// SPDX-License-Identifier: Apache-2.0

import Events
import Testing

@testable import Enrichment

/// What containerd 1.7, Docker 26.1 and podman 5.4 of Debian trixie left in a guest, shortened. By hand are: what follows
/// Config in Docker's file, its name among it; the image of podman's other container; the names of services.
struct CapturedTests {
    private func workload(_ tree: NodeTree, _ path: String) -> Workload? {
        var workloads = Workloads(lookups: Lookups(root: tree.path))
        return workloads.workload(ofCgroup: 1, path: Bytes(path), now: 1)
    }

    private static let sandbox = "9c4b1a2afd292284fe79270b5f2a3631f9ff9b41172ad1ed3e15f27c82937dd4"

    @Test func sandboxOfContainerd() throws {
        let tree = NodeTree()
        tree.write(
            "run/containerd/io.containerd.runtime.v2.task/k8s.io/\(Self.sandbox)/config.json",
            """
            {"ociVersion":"1.2.0","process":{"user":{"uid":0,"gid":0},"args":["/bin/sleep","1000000"],\
            "env":["PATH=/bin"],"cwd":"/","noNewPrivileges":true,"oomScoreAdj":-998},\
            "root":{"path":"rootfs","readonly":true},"mounts":[{"destination":"/proc","type":"proc","source":"proc",\
            "options":["nosuid","noexec","nodev"]}],"annotations":{"io.kubernetes.cri.container-type":"sandbox",\
            "io.kubernetes.cri.sandbox-id":"\(Self.sandbox)","io.kubernetes.cri.sandbox-log-directory":"",\
            "io.kubernetes.cri.sandbox-name":"api-systemd","io.kubernetes.cri.sandbox-namespace":"payments",\
            "io.kubernetes.cri.sandbox-uid":"1b4e28ba-2fa1-11d2-883f-0016d3cca428"},"linux":{"resources":{"devices":\
            [{"allow":false,"access":"rwm"}],"cpu":{"shares":2}}}}
            """)
        let slice = "kubepods-burstable-pod1b4e28ba_2fa1_11d2_883f_0016d3cca428.slice"
        let found = workload(
            tree, "/kubepods.slice/kubepods-burstable.slice/\(slice)/cri-containerd-\(Self.sandbox).scope")
        let pod = try #require(found)
        #expect(pod.label.string == "payments/api-systemd")
        #expect(pod.podUID?.string == "1b4e28ba-2fa1-11d2-883f-0016d3cca428")
        #expect(pod.runtime?.string == "containerd")
        #expect(pod.names.container == nil)
    }

    @Test func docker() throws {
        let id = "57a388abbdd6b25dee6a8f472bfbb6f50c331e11590141cbbed834f8c790234e"
        let tree = NodeTree()
        tree.write(
            "var/lib/docker/containers/\(id)/config.v2.json",
            """
            {"StreamConfig":{},"State":{"Running":true,"Paused":false,"Pid":578,"ExitCode":0,"Error":"","Health":null},\
            "ID":"\(id)","Created":"2026-11-21T06:59:37.151132914Z","Managed":false,"Path":"/bin/sleep","Args":["1000"],\
            "Config":{"Hostname":"57a388abbdd6","User":"","Tty":false,"Env":["PATH=/bin"],"Cmd":["/bin/sleep","1000"],\
            "Image":"example.test/box:1","Volumes":null,"Entrypoint":null,"Labels":{}},\
            "Image":"sha256:76a2b3373363ea81bda2b7483b380b5bffee157a198efb7822825b13ea5e78b5","ImageManifest":null,\
            "LogPath":"","Name":"/d1","Driver":"overlay2","OS":"linux"}
            """)
        for path in ["/system.slice/docker-\(id).scope", "/docker/\(id)"] {
            let found = workload(tree, path)
            let container = try #require(found)
            #expect(container.names.container?.string == "d1")
            #expect(container.names.image?.string == "example.test/box:1")
            #expect(container.runtime?.string == "docker")
        }
    }

    /// Where podman puts a container: with each driver, in the cgroup of its service, and as a user.
    @Test(arguments: [
        "/libpod_parent/libpod-@", "/machine.slice/libpod-@.scope", "/system.slice/web.service/libpod-payload-@",
        "/user.slice/user-1000.slice/user@1000.service/app.slice/web.service/libpod-payload-@",
        "/user.slice/user-1000.slice/user@1000.service/app.slice/@",
    ])
    func podman(_ path: String) throws {
        let id = "eedd11bd48d44b3ddce2201ed9e35adf5e9f0a2006c1d480b7e95a85a35c95d2"
        let image = "76a2b3373363ea81bda2b7483b380b5bffee157a198efb7822825b13ea5e78b5"
        let tree = NodeTree()
        let home = path.contains("user-1000") ? "home/tester/.local/share" : "var/lib"
        tree.write("etc/passwd", "tester:x:1000:1000:tester:/home/tester:/bin/bash\n")
        tree.write(
            "\(home)/containers/storage/overlay-containers/containers.json",
            #"""
            [{"id":"17b12189ab80d6ed6ed27150aa85bbd3e4ff331f780d548ccb37954d1b226f04","names":["p1"],"image":"\#(image)",\#
            "metadata":"{\"image-name\":\"example.test/other:1\",\"name\":\"p1\",\"created-at\":1795244319}"},\#
            {"id":"\#(id)","names":["p2"],"image":"\#(image)","layer":"94f924332d2809ef5e4600a11d94926d","metadata":\#
            "{\"image-name\":\"example.test/box:1\",\"image-id\":\"\#(image)\",\"name\":\"p2\",\"created-at\":1795244323}",\#
            "created":"2026-11-21T06:58:43.42750889Z","flags":{"MountLabel":"","ProcessLabel":""}}]
            """#)
        let found = workload(
            tree, path.replacing("@1000", with: "#").replacing("@", with: id).replacing("#", with: "@1000"))
        let container = try #require(found)
        #expect(container.containerID?.string == id)
        #expect(container.names.container?.string == "p2")
        #expect(container.names.image?.string == "example.test/box:1")
        #expect(container.runtime?.string == "podman")
    }
}
