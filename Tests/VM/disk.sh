# shellcheck shell=bash disable=SC2154
# Builds a disk with systemd and software of Debian, from packages that are unpacked and not configured: what their scripts
# would do is here. Sourced by machine, which defines die(), $here and $run.

# What a test starts, and what a shell script needs, on each disk and on one of them. Dependencies follow.
disk_wanted=(
    base-files bash coreutils dash grep mount passwd procps sed util-linux
    systemd dbus-daemon busybox-static
    apt diffutils dpkg libc-bin tar
)
containers_wanted=(containerd conmon crun docker-cli docker.io haproxy netavark nftables podman runc uidmap)
builds_wanted=(curl dpkg-dev findutils gcc gzip libc6-dev make mawk nginx-light)

# One that a test installs, small and with scripts that leave something: it stays packed.
disk_packed=netcat-traditional

# One whose sources a test builds: one file of C, since compilers take their time when a processor is emulated.
builds_source=ncompress

# Dependencies that nothing here calls: networks of containers, signatures of images, and scripts of packages.
containers_unwanted='adduser|awk|containernetworking-plugins|debconf|dirmngr|gawk|gnupg.*|gpg.*|perl.*|pinentry-.*|tzdata'
builds_unwanted='adduser|bsdextrautils|debconf|gnupg.*|gpg.*|groff-base|man-db|media-types|tzdata'

# disk_packages WORK: of the disk whose name is in $disk_name.
disk_packages() {
    local -n wanted=${disk_name}_wanted unwanted=${disk_name}_unwanted
    private_apt "$1" apt-get install -s --no-install-recommends "${disk_wanted[@]}" "${wanted[@]}" "$disk_packed" |
        sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -vE "^($unwanted)\$" || true
}

# The disk depends on these scripts only, as the base initramfs does. disk_of NAME SUITE DIR prints its path.
disk_of() {
    local disk_name=$1 suite=$2 dir=$3 key disk work log=$run/apt.log
    key=$(cat "$here"/{disk,initramfs,kernel}.sh | sha256sum)
    disk=$dir/$disk_name-${key:0:16}.ext4
    if [[ ! -e $disk ]]; then
        rm -rf "$dir/$disk_name"-* "$dir"/disk.*
        work=$(mktemp -d "$dir/disk.XXXXXX")
        echo "guest: downloading what the machine for $disk_name has of Debian $suite" >&2
        download_packages "$suite" "$work" disk_packages >"$log" 2>&1 || {
            tail -n 20 "$log" >&2
            rm -rf "$work"
            die "software of Debian $suite could not be downloaded"
        }
        populate_disk "$work/root" "$work/debs" >&2
        "populate_$disk_name" "$work" >&2
        # Sparse. All files become root's, whoever builds this.
        truncate -s 2G "$work/disk"
        unshare --map-root-user mkfs.ext4 -q -F -O ^has_journal -m 0 -d "$work/root" "$work/disk" >&2
        mv "$work/disk" "$disk"
        rm -rf "$work"
    fi
    echo "$disk"
}

populate_disk() {
    local root=$1 debs=$2 deb
    skeleton "$root"
    mkdir -p "$root"/var/{cache/apt/archives/partial,lib/apt/lists/partial,lib/dpkg/{info,updates,triggers,alternatives},log/apt}
    for deb in "$debs"/*.deb; do
        if [[ ${deb##*/} == "$disk_packed"_* ]]; then
            install -D -m 644 "$deb" "$root/srv/packages/$disk_packed.deb"
            continue
        fi
        package_status "$root" "$deb"
        dpkg-deb --fsys-tarfile "$deb" |
            tar -x -C "$root" --keep-directory-symlink --exclude='./usr/share/doc' --exclude='./usr/share/man' \
                --exclude='./usr/share/locale' --exclude='./usr/share/*-completion'
    done
    mkdir -p "$root"/{dev,home/tester,mnt,proc,root,run,srv,sys,tmp,var/tmp,usr/lib/guest}
    rm -rf "$root/var/run"
    ln -s ../run "$root/var/run"
    chmod 1777 "$root/tmp" "$root/var/tmp"
    add_busybox "$root"
    add_accounts "$root"
    : >"$root/etc/resolv.conf"
    # A machine that was booted before: systemd has no defaults to set up.
    printf '%032d\n' 1 >"$root/etc/machine-id"
}

populate_containers() { # work
    local root=$1/root
    mkdir -p "$root/etc/containers"
    chmod u+s "$root"/usr/bin/new{uid,gid}map
    echo 'tester:100000:65536' | tee "$root/etc/subuid" >"$root/etc/subgid"
    echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$root/etc/containers/policy.json"
    add_image "$root/srv" "$root/usr/bin/busybox"
}

populate_builds() { # work
    local root=$1/root
    # The alternatives that scripts of packages would have chosen.
    ln -s gcc "$root/usr/bin/cc"
    ln -s mawk "$root/usr/bin/awk"
    mkdir -p "$root/srv/source"
    sed -i 's/^deb \(.*\)/&\ndeb-src \1/' "$1/sources.list"
    {
        private_apt "$1" apt-get update &&
            (cd "$root/srv/source" && private_apt "$1" apt-get source --download-only "$builds_source")
    } >"$run/apt.log" 2>&1 || {
        tail -n 20 "$run/apt.log" >&2
        die "the sources of $builds_source could not be downloaded"
    }
}

# What dpkg would know of a package, but for what it depends on, which is not all there. Which files it has, nothing asks.
package_status() { # root deb
    local name
    name=$(dpkg-deb -f "$2" Package)
    dpkg-deb --show \
        --showformat='Package: ${Package}\nStatus: install ok installed\nMaintainer: ${Maintainer}\nArchitecture: ${Architecture}\nVersion: ${Version}\nDescription: ${Package}\n\n' \
        "$2" >>"$1/var/lib/dpkg/status"
    : >"$1/var/lib/dpkg/info/$name.list"
}

# One image that all runtimes can load, with two names: it holds busybox, and sleeps.
add_image() {
    local srv=$1 busybox=$2 stage=$run/image applet
    mkdir -p "$stage"/rootfs/{bin,dev,etc,proc,sys,tmp}
    cp "$busybox" "$stage/rootfs/bin/busybox"
    for applet in sh sleep true; do
        ln "$stage/rootfs/bin/busybox" "$stage/rootfs/bin/$applet"
    done
    tar -C "$stage/rootfs" --owner=0 --group=0 -cf "$stage/layer.tar" .
    cat >"$stage/config.json" <<JSON
{"architecture":"amd64","os":"linux","config":{"Cmd":["/bin/sleep","1000000"],"Env":["PATH=/bin"]},
 "rootfs":{"type":"layers","diff_ids":["sha256:$(sha256sum <"$stage/layer.tar" | cut -d ' ' -f 1)"]}}
JSON
    cat >"$stage/manifest.json" <<'JSON'
[{"Config":"config.json","RepoTags":["example.test/box:1","example.test/pause:3"],"Layers":["layer.tar"]}]
JSON
    tar -C "$stage" -cf "$srv/image.tar" manifest.json config.json layer.tar
    mv "$stage/rootfs" "$srv/rootfs"
}
