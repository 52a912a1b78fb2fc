# shellcheck shell=bash disable=SC2154
# Builds the guest's root file system: the machine's own programs and libraries,
# so that tests meet a real shell and real coreutils, and busybox for the rest.
# Sourced by guest, which defines die(), $here, $run and the parsed arguments.

# Those absent from the machine are left to busybox.
programs=(
    sh bash dash
    '[' basename cat chgrp chmod chown chroot cmp comm cp cut date dd df diff
    dirname dnsmasq du echo env expr false find grep groups head id install kill link ln
    ls mkdir mkfifo mknod mktemp mount mountpoint mv nft nice nohup nproc nsenter od
    paste prlimit printf ps readlink realpath rm rmdir script sed seq setpriv
    setsid sha256sum sleep sort stat stty sync tail tee test timeout touch tr
    true truncate tty umount uname uniq unlink unshare wc whoami xargs yes
)

# Merged-/usr links. A path of --add goes through them too: an archive with a
# directory of that name would make the kernel replace the link.
links=(bin sbin lib lib64)

skeleton() {
    local root=$1 link
    mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
    for link in "${links[@]}"; do
        ln -s "usr/$link" "$root/$link"
    done
}

archive() {
    (cd "$1" && find . -mindepth 1 -print0 | sort -z |
        cpio --quiet --null --create --format=newc --owner=+0:+0)
}

# The archive depends on these scripts only: they change, it is built again.
# base_initramfs DIR MODULE... prints its path.
base_initramfs() {
    local dir=$1 key base root
    shift
    key=$(cat "$here"/{guest,initramfs.sh,init} | sha256sum)
    base=$dir/base-${key:0:16}.cpio
    if [[ ! -e $base ]]; then
        rm -rf "$dir"/base-*
        root=$run/base
        mkdir "$root"
        populate "$root" "$dir/kernel" "$@"
        archive "$root" >"$base.part"
        mv "$base.part" "$base"
        rm -rf "$root"
    fi
    echo "$base"
}

populate() {
    local root=$1 kernel_dir=$2
    shift 2
    skeleton "$root"
    mkdir -p "$root"/{dev,etc,home/tester,mnt,opt,proc,root,run,srv,sys,tmp} \
        "$root"/usr/local/{bin,sbin} "$root"/var/{lib,log,tmp} "$root/usr/lib/guest"
    chmod 1777 "$root/tmp" "$root/var/tmp"
    chmod 700 "$root/root"
    add_programs "$root"
    add_iptables "$root"
    add_busybox "$root"
    add_accounts "$root"
    add_modules "$root" "$kernel_dir" "$@"
    install -m 755 "$here/init" "$root/init"
}

add_programs() {
    local root=$1 program path
    for program in "${programs[@]}"; do
        # Not command -v, which names shell builtins without a path.
        path=$(type -P "$program") || continue
        cp -L "$path" "$root/usr/bin/$program"
        add_libraries "$root" "$path"
    done
    ln -sf dash "$root/usr/bin/sh"
}

# The one that speaks to nftables, which the machine may call by another name, with
# the few of its extensions that tests use.
add_iptables() {
    local root=$1 path extension
    path=$(type -P iptables-nft) || return 0
    cp -L "$path" "$root/usr/bin/iptables"
    add_libraries "$root" "$path"
    for extension in standard tcp udp DNAT; do
        path=$(echo /usr/lib/*/xtables/libxt_$extension.so)
        [[ ! -e $path ]] || install -D "$path" "$root$path"
    done
}

add_libraries() {
    local root=$1 library
    # ldd fails on a static program, which needs nothing.
    { ldd "$2" 2>/dev/null || true; } | sed -n 's|^[^/]*\(/[^ ]*\).*|\1|p' | while read -r library; do
        [[ ! -e $root$library ]] || continue
        mkdir -p "$root${library%/*}"
        cp -L "$library" "$root$library"
    done
}

# In a directory of its own, last in PATH: /usr/bin has the real programs only.
add_busybox() {
    local root=$1 busybox applet
    busybox=$(type -P busybox)
    mkdir -p "$root/usr/lib/busybox"
    cp -L "$busybox" "$root/usr/lib/busybox/busybox"
    add_libraries "$root" "$busybox"
    for applet in $("$busybox" --list); do
        [[ $applet == busybox ]] || ln -s busybox "$root/usr/lib/busybox/$applet"
    done
}

add_accounts() {
    local root=$1
    cat >"$root/etc/passwd" <<'PASSWD'
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
tester:x:1000:1000:tester:/home/tester:/bin/bash
PASSWD
    cat >"$root/etc/group" <<'GROUP'
root:x:0:
daemon:x:1:
tty:x:5:
nogroup:x:65534:
tester:x:1000:
GROUP
    echo 'passwd: files' >"$root/etc/nsswitch.conf"
    echo guest >"$root/etc/hostname"
    echo '127.0.0.1 localhost guest' >"$root/etc/hosts"
}

# The modules become numbered plain files: dependencies are resolved and
# compression is undone here, so the guest only has to insert them in order.
add_modules() {
    local root=$1 kernel_dir=$2 version module list=$run/modules file number=10
    shift 2
    version=$(ls "$kernel_dir/lib/modules")
    mkdir -p "$root/lib/modules"
    for module; do
        modprobe -C /dev/null -d "$kernel_dir" -S "$version" --show-depends "${module%\?}" 2>"$run/modprobe" ||
            [[ $module == *\? ]] || die "the kernel $version has no module $module: $(<"$run/modprobe")"
    done >"$list"
    # A line is "insmod PATH" or "builtin NAME"; a shared dependency is repeated.
    sed -n 's/^insmod \(.*[^ ]\) *$/\1/p' "$list" | awk '!seen[$0]++' | while read -r file; do
        module=$root/lib/modules/$((number++))-$(basename "${file%%.ko*}").ko
        case $file in
            *.xz) xz -dc "$file" ;;
            *.zst) zstd -qdc "$file" ;;
            *.gz) gzip -dc "$file" ;;
            *) cat "$file" ;;
        esac >"$module"
    done
}

# run_initramfs BASE RUN: the kernel unpacks concatenated archives one after the
# other, so that what differs between runs need not be in the cached one.
run_initramfs() {
    local base=$1 stage=$2/stage addition
    mkdir "$stage"
    # What a disk is given has no links in the way of its own.
    if [[ $disk ]]; then stage+=/for-disk; else skeleton "$stage"; fi
    mkdir -p "$stage/usr/lib/guest"
    { printf 'exec -- '; printf '%q ' "${command[@]}"; echo; } >"$stage/usr/lib/guest/command"
    for addition in "${additions[@]}"; do
        add_from_host "$stage" "$addition"
    done
    { cat "$base" && archive "$2/stage"; } >"$2/initramfs"
    rm -rf "$2/stage"
}

add_from_host() {
    local stage=$1 host=$2 guest=''
    if [[ ! -e $host && $host == *:* ]]; then
        guest=${host##*:} host=${host%:*}
    fi
    [[ -e $host ]] || die "--add: '$host' does not exist"
    [[ $guest ]] || guest=$(realpath -s "$host")
    [[ $guest == /* ]] || die "--add: '$guest' is not an absolute path"
    [[ $guest != */ ]] || guest+=$(basename "$host")
    case $guest/ in
        /dev/* | /proc/* | /sys/*) die "--add: '$guest' would be hidden by a mount" ;;
    esac
    mkdir -p "$stage$(dirname "$guest")"
    cp -aHT "$host" "$stage$guest" || die "--add: '$host' could not be copied"
}
