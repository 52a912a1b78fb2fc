# shellcheck shell=bash disable=SC2154
# Brings a Debian kernel into the cache, and the tools to boot it onto the
# machine. Sourced by guest, which defines die() and $run.

suite_of() {
    case $1 in
        5.10) echo bullseye ;;
        6.1) echo bookworm ;;
        6.12) echo trixie ;;
        sid) echo sid ;;
        *) return 1 ;;
    esac
}

# Each program with the package that has it.
tools=(
    qemu-system-x86_64=qemu-system-x86
    cpio=cpio
    busybox=busybox-static
    depmod=kmod
    modprobe=kmod
    xz=xz-utils
    zstd=zstd
    dash=dash
    setpriv=util-linux
    nft=nftables
    iptables-nft=iptables
    dnsmasq=dnsmasq-base
    mkfs.ext4=e2fsprogs
)

missing_packages() {
    local tool
    for tool in "${tools[@]}"; do
        command -v "${tool%%=*}" >/dev/null || echo "${tool#*=}"
    done | sort -u
}

need_tools() {
    local packages log=$run/apt.log
    mapfile -t packages < <(missing_packages)
    ((${#packages[@]})) || return 0
    if ((EUID)) || ! command -v apt-get >/dev/null; then
        die "programs are missing; install these packages: ${packages[*]}"
    fi
    echo "guest: installing ${packages[*]}" >&2
    # A machine without package indexes, or with outdated ones, keeps them as
    # they are: the second attempt reads indexes of its own.
    install_packages >"$log" 2>&1 "${packages[@]}" ||
        install_packages >>"$log" 2>&1 --own-indexes "${packages[@]}" || {
        tail -n 20 "$log" >&2
        die "these packages could not be installed: ${packages[*]}"
    }
    mapfile -t packages < <(missing_packages)
    ((!${#packages[@]})) || die "still missing after installing: ${packages[*]}"
}

install_packages() {
    local options=(-q -y --no-install-recommends -o DPkg::Lock::Timeout=300)
    if [[ $1 == --own-indexes ]]; then
        shift
        mkdir -p "$run/lists/partial"
        options+=(-o Dir::State::Lists="$run/lists" -o Dir::Cache::pkgcache=
            -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root)
        apt-get "${options[@]}" update || return
    fi
    DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install "$@"
}

# The archives the machine itself is configured to use, one URI per line.
# --print-uris on an empty state answers even where apt has no indexes yet.
archives() {
    mkdir -p "$run/no-lists/partial"
    apt-get -o Dir::State::Lists="$run/no-lists" update --print-uris 2>/dev/null |
        sed -n "s|^'\(.*\)/dists/.*|\1|p" | awk '!seen[$0]++'
}

# apt with a root of its own below $1, which knows one suite and no installed
# package. It still reads the machine's apt.conf, for proxies and credentials.
private_apt() {
    local root=$1 program=$2
    shift 2
    "$program" -q \
        -o Dir::State="$root/state" -o Dir::State::status="$root/status" \
        -o Dir::Cache="$root/cache" -o Dir::Etc::sourcelist="$root/sources.list" \
        -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null \
        -o Dir::Etc::preferencesparts=/dev/null \
        -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root \
        -o APT::Architecture=amd64 -o APT::Architectures=amd64 "$@"
}

# fetch_kernel SUITE DIR: DIR/kernel gets vmlinuz, config (if the package has
# one) and lib/modules. It appears by one rename, so it is complete or absent.
fetch_kernel() {
    local suite=$1 dir=$2 work log=$run/apt.log
    [[ ! -d $dir/kernel ]] || return 0
    rm -rf "$dir"/fetch.*
    work=$(mktemp -d "$dir/fetch.XXXXXX")
    echo "guest: downloading the kernel of Debian $suite" >&2
    download_packages "$suite" "$work" kernel_packages >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        rm -rf "$work"
        die "the kernel of Debian $suite could not be downloaded"
    }
    unpack_kernel "$work" || {
        rm -rf "$work"
        die "the kernel packages of Debian $suite lack vmlinuz or modules"
    }
    mv "$work/kernel" "$dir/kernel"
    rm -rf "$work"
}

# download_packages SUITE WORK SELECT: WORK/debs gets the packages that SELECT WORK names.
download_packages() {
    local suite=$1 work=$2 select=$3 keyring archive packages
    for keyring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp,none}; do
        [[ ! -r $keyring ]] || break
    done
    [[ -r $keyring ]] || { echo "the package debian-archive-keyring is missing"; return 1; }
    mkdir -p "$work"/{state/lists/partial,cache/archives/partial,debs}
    : >"$work/status"
    # A machine may know several archives; the one that has the suite, signed by
    # Debian, and the packages in it, is the right one.
    for archive in $(archives); do
        echo "deb [signed-by=$keyring] $archive $suite main" >"$work/sources.list"
        private_apt "$work" apt-get update || continue
        mapfile -t packages < <("$select" "$work")
        ((${#packages[@]})) || continue
        (cd "$work/debs" && private_apt "$work" apt-get download "${packages[@]}") && return
    done
    echo "no archive of this machine's apt configuration has it"
    return 1
}

# The meta package leads to the current kernel, which newer releases split into
# several packages. Those of the kernel have its version in their name.
kernel_packages() {
    private_apt "$1" apt-cache depends --recurse --important linux-image-cloud-amd64 |
        grep -E '^linux-[a-z]+-[0-9].*-cloud-amd64$' | sort -u || true
}

unpack_kernel() {
    local work=$1 deb found
    for deb in "$work"/debs/*.deb; do
        dpkg-deb -x "$deb" "$work/tree" || return
    done
    mkdir -p "$work/kernel/lib/modules"
    found=$(find "$work/tree" -type f -name 'vmlinuz*' -print -quit)
    [[ $found ]] || return
    mv "$found" "$work/kernel/vmlinuz" || return
    found=$(find "$work/tree" -type f \( -path '*/boot/config-*' -o -path '*/lib/modules/*/config' \) -print -quit)
    [[ -z $found ]] || mv "$found" "$work/kernel/config"
    found=$(find "$work/tree" -type d -path '*/lib/modules/*/kernel' -print -quit)
    [[ $found ]] || return
    mv "${found%/kernel}" "$work/kernel/lib/modules/" || return
    # The package leaves this to its postinst, which runs on no machine here.
    depmod -b "$work/kernel" "$(basename "${found%/kernel}")"
}
