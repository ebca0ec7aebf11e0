// swift-tools-version: 6.2

import PackageDescription

/// `LOOPGATE_FUZZER=1` (set by `scripts/fuzz`) makes the package a fuzzer of its own parsers:
/// everything of ours is watched by libFuzzer and AddressSanitizer, and the target `fuzzer` is there.
let isFuzzed = Context.environment["LOOPGATE_FUZZER"] != nil
let sanitizers = ["-sanitize=fuzzer,address"]

/// `LOOPGATE_STRICT=1` (set by `.ci/run`) turns every warning of ours into an error.
let strict: [SwiftSetting] =
    (Context.environment["LOOPGATE_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)])
    + (isFuzzed ? [.unsafeFlags(sanitizers)] : [])

/// A pure room: no I/O, no clock, no Foundation.
func pure(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// An edge room: one wrapper around one real thing.
func edge(
    _ name: String,
    _ dependencies: [Target.Dependency],
    resources: [Resource]? = nil
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        resources: resources,
        swiftSettings: strict
    )
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let real: Target.Dependency = .product(name: "RealModule", package: "swift-numerics")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let core: [Target.Dependency] = ["Signal", "Detection", "Alerts", "GatewayCore"]
/// The rooms whose parsers meet foreign bytes.
let parsers = core + ["Fieldbus", "Journal", "LocalPage", "People", "Profiles", "Uplink", "Vault"]

let package = Package(
    name: "loopgate",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "loopgate", targets: ["loopgate"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-numerics", exact: "1.1.1"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird",
            exact: "2.28.1",
            traits: []
        ),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        pure("Signal", [real]),
        pure("Detection", ["Signal", real]),
        pure("Alerts", ["Signal"]),
        pure("GatewayCore", ["Signal", "Detection", "Alerts"]),

        .systemLibrary(
            name: "CModbus",
            pkgConfig: "libmodbus",
            providers: [.apt(["libmodbus-dev"])]
        ),
        .systemLibrary(
            name: "CMosquitto",
            pkgConfig: "libmosquitto",
            providers: [.apt(["libmosquitto-dev", "libssl-dev"])]
        ),
        .systemLibrary(
            name: "CGPIOD",
            pkgConfig: "libgpiod",
            providers: [.apt(["libgpiod-dev"])]
        ),
        .systemLibrary(
            name: "CSQLite",
            pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"])]
        ),
        .systemLibrary(name: "CCrypt", providers: [.apt(["libcrypt-dev"])]),
        .systemLibrary(
            name: "COpenSSL",
            pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"])]
        ),
        .systemLibrary(
            name: "CSystemd",
            pkgConfig: "libsystemd",
            providers: [.apt(["libsystemd-dev"])]
        ),

        edge("Runtime", []),
        edge("Vault", ["CCrypt", "COpenSSL"]),
        edge("People", core + ["Runtime", "Vault"]),
        edge("Fieldbus", core + ["Runtime", "CModbus"]),
        edge("Journal", core + ["Runtime", "Vault", "CSQLite"]),
        edge("Uplink", core + ["Runtime", "CMosquitto"]),
        edge("Relay", core + ["Runtime", "CGPIOD"]),
        edge("Profiles", core + [.product(name: "Yams", package: "Yams")]),
        edge(
            "LocalPage",
            core + [
                "Runtime", "Vault", "People", "Journal", log,
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
            ],
            resources: [.embedInCode("Page")]
        ),
        edge(
            "Plant",
            core + [
                "Runtime",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        edge("Evaluation", ["Signal", "Detection"]),
        .executableTarget(
            name: "loopgate",
            dependencies: core + [
                "Runtime", "Fieldbus", "Journal", "Uplink", "Relay", "Profiles", "Vault",
                "People", "LocalPage", "Plant", "Evaluation", "CSystemd", log,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),

        .target(
            name: "TestSupport",
            dependencies: core + ["Runtime", "People"],
            path: "Tests/TestSupport",
            swiftSettings: strict
        ),
        // The gateway and its journal under a clock of their own; `endure` runs days of it.
        .target(
            name: "Endurance",
            dependencies: core + ["Runtime", "Journal"],
            path: "Tests/Endurance",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "endure",
            dependencies: core + ["Endurance"],
            path: "Tests/EnduranceRun",
            swiftSettings: strict
        ),
        // `loopgate sim` alone: worlds without the rest of the program, quick to build.
        .executableTarget(
            name: "worlds",
            dependencies: ["Plant"],
            path: "Tests/WorldRun",
            swiftSettings: strict
        ),
        // A disk between SQLite and the real one that loses power and fails on demand.
        .target(name: "CFaultVFS", dependencies: ["CSQLite"], path: "Tests/CFaultVFS"),
        tests("SignalTests", ["Signal", "TestSupport"]),
        tests("DetectionTests", ["Detection", "TestSupport"]),
        tests("AlertsTests", ["Alerts", "TestSupport"]),
        tests("GatewayCoreTests", core + ["TestSupport"]),
        tests("RuntimeTests", ["Runtime", "TestSupport"]),
        tests("VaultTests", ["Vault", "TestSupport"]),
        tests("PeopleTests", core + ["People", "Vault", "Runtime", "TestSupport"]),
        tests("FieldbusTests", core + ["Fieldbus", "Plant", "TestSupport"]),
        tests("JournalTests", core + ["Journal", "CSQLite", "CFaultVFS", "TestSupport"]),
        tests("UplinkTests", core + ["Uplink", "TestSupport"]),
        tests("RelayTests", core + ["Relay", "TestSupport"]),
        tests("ProfilesTests", core + ["Profiles", "TestSupport"]),
        tests(
            "LocalPageTests",
            core + [
                "LocalPage", "People", "Journal", "Runtime", "Vault", log, "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ]
        ),
        tests("PlantTests", core + ["Plant", "Profiles", "Runtime", "TestSupport"]),
        tests("EvaluationTests", ["Signal", "Detection", "Evaluation", "TestSupport"]),
        .testTarget(
            name: "FuzzTests",
            dependencies: parsers + ["TestSupport"],
            exclude: ["Corpus", "Fuzzer.swift"],
            swiftSettings: strict
        ),
        tests("HouseTests", ["TestSupport"]),
        tests(
            "DaemonTests",
            core + [
                "Runtime", "Journal", "People", "Plant", "Profiles", "Endurance", "TestSupport",
                "loopgate",
            ]
        ),
    ]
)

if isFuzzed {
    package.targets.append(
        .executableTarget(
            name: "fuzzer",
            dependencies: parsers,
            path: "Tests/FuzzTests",
            sources: ["Parsers.swift", "Fuzzer.swift"],
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])],
            linkerSettings: [.unsafeFlags(sanitizers)]
        )
    )
    // A source belongs to one target.
    package.targets.removeAll { $0.name == "FuzzTests" }
}
