// SPDX-License-Identifier: Apache-2.0

import Glibc
import Workloads

/// A plugin of CNI that gives each pod a cable to the node: 10.77.N.2 there, 10.77.N.1 here, and 10.77.0.1 for all.
enum PodNetwork {
    static let programs = "/run/cni/bin"
    static let configuration = "/run/cni/net.d"
    static let node = "10.77.0.1"

    static func write() throws {
        for directory in ["/run/cni", programs, configuration] where unsafe access(directory, F_OK) != 0 {
            try makeDirectory(directory)
        }
        try LiveTests.write(
            #"{"cniVersion":"1.0.0","name":"pods","plugins":[{"type":"cable"}]}"#,
            to: "\(configuration)/10-pods.conflist")
        // containerd asks for loopback by itself.
        for name in ["cable", "loopback"] {
            try LiveTests.write(plugin, to: "\(programs)/\(name)")
            guard unsafe chmod("\(programs)/\(name)", 0o755) == 0 else { throw Stop.failed("chmod of the plugin") }
        }
    }

    private static let plugin = """
        #!/bin/sh
        export PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/busybox
        cat >/dev/null
        inside() { nsenter --net="$CNI_NETNS" -- busybox ip "$@"; }
        case $CNI_COMMAND in
        VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["0.3.1","0.4.0","1.0.0"]}' ;;
        ADD)
            inside link set lo up || exit 1
            case $0 in
            *loopback)
                echo '{"cniVersion":"1.0.0","interfaces":[{"name":"lo"}],"ips":[{"address":"127.0.0.1/8","interface":0}]}'
                exit ;;
            esac
            n=$(($(cat /run/cni/count 2>/dev/null || echo 0) + 1))
            echo $n >/run/cni/count
            {
                inside link add eth0 type veth && inside link set veth0 name pod$n && inside link set pod$n netns 1 &&
                    inside addr add 10.77.$n.2/24 dev eth0 && inside link set eth0 up &&
                    busybox ip addr add 10.77.$n.1/24 dev pod$n && busybox ip link set pod$n up &&
                    inside route add default via 10.77.$n.1
            } >&2 || exit 1
            cat <<JSON
        {"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"$CNI_NETNS"}],
         "ips":[{"address":"10.77.$n.2/24","gateway":"10.77.$n.1","interface":0}]}
        JSON
            ;;
        esac

        """
}
