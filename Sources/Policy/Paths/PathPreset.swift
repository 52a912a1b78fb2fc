// SPDX-License-Identifier: Apache-2.0

/// Paths that are asked for together, under one name.
package enum PathPreset: String, CaseIterable, Sendable {
    case secrets, binaries, persistence
    case kubernetesTokens = "k8s-tokens"

    /// Whether reading is of interest. Where not, only changes are shown, unless operations are named.
    package var includesReading: Bool {
        switch self {
        case .secrets, .kubernetesTokens: true
        case .binaries, .persistence: false
        }
    }

    /// The manual lists the same.
    package var patterns: [String] {
        switch self {
        case .secrets: Self.secretPaths + Self.tokenPaths
        case .binaries: Self.binaryPaths
        case .persistence: Self.persistencePaths
        case .kubernetesTokens: Self.tokenPaths
        }
    }

    private static let secretPaths = [
        "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/sudoers.d",
        "/etc/ssh/ssh_host_*_key", "/etc/ssl/private", "/etc/pki/tls/private", "/etc/krb5.keytab",
        "/etc/kubernetes/pki", "**/.ssh/**", "**/.gnupg/**", "**/.aws/credentials", "**/.config/gcloud/**",
        "**/.azure/**",
        "**/.docker/config.json", "**/.netrc", "**/.git-credentials", "**/.npmrc", "**/.pypirc", "**/.pgpass",
        "**/.my.cnf",
        "**/.vault-token", "/proc/*/environ", "/proc/*/mem", "/run/secrets",
    ]

    private static let tokenPaths = [
        "/run/secrets/kubernetes.io", "/var/run/secrets/kubernetes.io", "**/kubernetes.io~projected/**",
        "**/kubernetes.io~secret/**", "/var/lib/kubelet/pki", "/etc/kubernetes/*.conf",
        "**/.kube/config", "/etc/rancher/k3s/k3s.yaml", "/var/lib/rancher/k3s/server/token",
    ]

    private static let binaryPaths = [
        "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32",
        "/usr/lib64", "/usr/libexec", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/boot", "/opt/*/bin/**",
    ]

    private static let persistencePaths = [
        "/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly",
        "/var/spool/cron", "/var/spool/at", "/etc/systemd", "/usr/lib/systemd", "/lib/systemd",
        "/usr/local/lib/systemd",
        "/run/systemd/system", "/run/systemd/generator", "**/.config/systemd/**", "/etc/init.d", "/etc/rc.local",
        "/etc/rc?.d/**", "/etc/inittab",
        "/etc/profile", "/etc/profile.d", "/etc/environment", "/etc/bash.bashrc", "/etc/bashrc", "/etc/zsh",
        "**/.bashrc", "**/.bash_profile", "**/.bash_login", "**/.bash_logout", "**/.profile", "**/.zshrc", "**/.zshenv",
        "**/.zprofile", "**/.ssh/authorized_keys", "**/.ssh/authorized_keys2", "**/.ssh/rc", "/etc/ssh/sshd_config",
        "/etc/ssh/sshd_config.d", "/etc/ssh/sshrc", "/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
        "/etc/pam.d", "/etc/security", "/etc/nsswitch.conf", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/sudoers",
        "/etc/sudoers.d", "/etc/modules", "/etc/modules-load.d", "/etc/modprobe.d", "/etc/udev/rules.d",
        "/usr/lib/udev/rules.d", "/etc/xdg/autostart", "**/.config/autostart/**", "/etc/update-motd.d",
        "/etc/apt/apt.conf.d", "/etc/NetworkManager/dispatcher.d", "/etc/network/if-up.d", "/etc/dhcp",
        "/etc/logrotate.d", "/etc/kubernetes/manifests", "**/.git/hooks/**", "**/authorized_keys",
    ]
}
