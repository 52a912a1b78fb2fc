// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// One set of rules for every target: a warning stops the build, and each unsafe use says so in the source.
let swift: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]

let c: [CSetting] = [
    .unsafeFlags(["-Wall", "-Wextra", "-Werror"])
]

/// What the executable and its tests are linked with, in the order in which a static link needs it: newer versions of
/// libelf compress with zstd.
let libraries: [LinkerSetting] = [
    .linkedLibrary("bpf"), .linkedLibrary("elf"), .linkedLibrary("z"), .linkedLibrary("zstd"), .linkedLibrary("crypto"),
]

let package = Package(
    name: "ebpfguard",
    products: [
        .executable(name: "ebpfguard", targets: ["ebpfguard"]),
        .executable(name: "live-tests", targets: ["LiveTests"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        .systemLibrary(
            name: "CLibbpf",
            providers: [.apt(["libbpf-dev", "libelf-dev", "zlib1g-dev"])]
        ),
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CCrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CLinux", cSettings: c),
        .target(name: "CLaboratory", dependencies: ["CLinux"], cSettings: c),
        .target(name: "CProbing", dependencies: ["CLinux"], cSettings: c),
        .target(name: "CWire", cSettings: c),
        .target(name: "CObjects", cSettings: c),
        .target(name: "BPFRuntime", dependencies: ["CLibbpf", "CLinux", "CObjects", "CZstd"], swiftSettings: swift),
        .target(
            name: "Events", dependencies: ["CWire"], exclude: ["Syscalls/generate"], swiftSettings: swift),
        .target(name: "Enrichment", dependencies: ["Events", "CLinux"], swiftSettings: swift),
        .target(name: "Policy", dependencies: ["Events", "CWire"], swiftSettings: swift),
        .target(name: "Rendering", dependencies: ["CWire", "Events", "Enrichment"], swiftSettings: swift),
        .target(
            name: "Comparison", dependencies: ["CLinux", "CProbing", "CWire", "Enrichment", "Events", "Rendering"],
            swiftSettings: swift
        ),
        .target(name: "ComparisonPage", dependencies: ["Comparison", "Rendering"], swiftSettings: swift),
        .target(
            name: "Laboratory", dependencies: ["CLaboratory", "Comparison", "Enrichment"], swiftSettings: swift),
        .target(name: "Recording", dependencies: ["CZstd"], swiftSettings: swift),
        .target(
            name: "Pipeline",
            dependencies: [
                "BPFRuntime", "CCrypto", "CLinux", "CWire", "Comparison", "ComparisonPage", "Enrichment", "Events",
                "Laboratory", "Policy", "Recording", "Rendering",
            ],
            swiftSettings: swift
        ),
        .executableTarget(
            name: "ebpfguard",
            dependencies: [
                "Comparison", "Pipeline", "Policy", "Rendering", "Events",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swift,
            linkerSettings: libraries
        ),
        .target(name: "Workloads", path: "Tests/Workloads", cSettings: c),
        .executableTarget(
            name: "LiveTests", dependencies: ["Workloads"], path: "Tests/LiveTests", swiftSettings: swift),
        .target(
            name: "Fixtures",
            dependencies: ["CWire", "Enrichment", "Events"],
            path: "Tests/Fixtures",
            resources: [
                .embedInCode("exec.hex"), .embedInCode("exec_failed.hex"), .embedInCode("existing.hex"),
                .embedInCode("fork.hex"), .embedInCode("exit.hex"), .embedInCode("cgroup.hex"),
                .embedInCode("syscall.hex"), .embedInCode("connect.hex"), .embedInCode("signal.hex"),
                .embedInCode("oom.hex"), .embedInCode("question.hex"), .embedInCode("answer.hex"),
                .embedInCode("hello.hex"),
                .embedInCode("dns.hex"), .embedInCode("tls.hex"),
                .embedInCode("connected.hex"), .embedInCode("unreachable.hex"),
                .embedInCode("reset.hex"), .embedInCode("listening.hex"), .embedInCode("drop.hex"),
            ],
            swiftSettings: swift
        ),
        .testTarget(name: "EventsTests", dependencies: ["CWire", "Events", "Fixtures"], swiftSettings: swift),
        .testTarget(
            name: "EnrichmentTests", dependencies: ["CWire", "Enrichment", "Events", "Fixtures"], swiftSettings: swift
        ),
        .testTarget(name: "PolicyTests", dependencies: ["CWire", "Events", "Policy"], swiftSettings: swift),
        .testTarget(
            name: "RenderingTests", dependencies: ["CWire", "Enrichment", "Events", "Fixtures", "Rendering"],
            swiftSettings: swift
        ),
        .testTarget(
            name: "ComparisonTests", dependencies: ["CWire", "Comparison", "Events", "Rendering"],
            swiftSettings: swift
        ),
        .testTarget(
            name: "ComparisonPageTests", dependencies: ["Comparison", "ComparisonPage"], swiftSettings: swift
        ),
        .testTarget(name: "LaboratoryTests", dependencies: ["Laboratory"], swiftSettings: swift),
        .testTarget(
            name: "RecordingTests", dependencies: ["CLinux", "Recording"], swiftSettings: swift,
            linkerSettings: [.linkedLibrary("zstd")]
        ),
        .testTarget(
            name: "PipelineTests",
            dependencies: [
                "BPFRuntime", "CWire", "Enrichment", "Events", "Fixtures", "Pipeline", "Policy", "Rendering",
            ],
            swiftSettings: swift,
            linkerSettings: libraries
        ),
        .testTarget(
            name: "BPFRuntimeTests", dependencies: ["BPFRuntime"], swiftSettings: swift, linkerSettings: libraries),
        .target(
            name: "FuzzRecords", dependencies: ["CWire", "Enrichment", "Events", "Fixtures", "Rendering"],
            path: "Tests/Fuzz/Records", swiftSettings: swift
        ),
        .target(
            name: "FuzzRecordings", dependencies: ["CLinux", "Recording"], path: "Tests/Fuzz/Recordings",
            swiftSettings: swift
        ),
        .executableTarget(
            name: "RecordingBench", dependencies: ["Enrichment", "Fixtures", "Events", "Recording", "Rendering"],
            path: "Tests/Bench/Recording", swiftSettings: swift, linkerSettings: [.linkedLibrary("zstd")]
        ),
        .target(
            name: "FuzzRedaction", dependencies: ["Events", "Rendering"], path: "Tests/Fuzz/Redaction",
            swiftSettings: swift
        ),
        .target(
            name: "FuzzJSON", dependencies: ["Enrichment", "Fixtures"], path: "Tests/Fuzz/JSON", swiftSettings: swift
        ),
        .target(name: "FuzzDNS", dependencies: ["Events"], path: "Tests/Fuzz/DNS", swiftSettings: swift),
        .target(name: "FuzzTLS", dependencies: ["Events"], path: "Tests/Fuzz/TLS", swiftSettings: swift),
        .target(
            name: "FuzzFilters", dependencies: ["CWire", "Events", "Policy"], path: "Tests/Fuzz/Filters",
            swiftSettings: swift
        ),
        .target(name: "FuzzPolicies", dependencies: ["Policy"], path: "Tests/Fuzz/Policies", swiftSettings: swift),
    ],
    cLanguageStandard: .c2x
)
