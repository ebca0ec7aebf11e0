import GatewayCore
import Signal
import TestSupport
import Testing

@testable import Profiles

@Suite("Shipped examples") struct ExampleTests {
    /// The loader over the shipped profiles, whatever packages this machine has.
    private func loader(_ environment: [String: String] = [:]) -> ConfigurationLoader {
        ConfigurationLoader(
            environment: environment,
            findModules: { _, read, problems in
                ProfileFolders(
                    folders: [projectFolder + "/firmware-profiles"],
                    read: read,
                    problems: problems
                )
            }
        )
    }

    @Test("The examples load with the shipped profiles, and every instrument has a channel")
    func examples() throws {
        let loaded = try loader().load(projectFolder + "/etc/loopgate.yaml").get()
        let settings = loaded.settings
        #expect(settings.instruments.count == 12)
        #expect(Set(settings.instruments.map(\.type)) == Set(InstrumentType.allCases))
        #expect(settings.modules.map(\.map.channels.count) == [8, 8, 8])
        #expect(settings.connections.map(\.form) == [.cmms, .batch])
        #expect(loaded.loads.allSatisfy { $0.share < 0.5 && !$0.modules.isEmpty })
        // What the example cannot bring along is a warning: keys, certificates, passwords.
        let expected = loaded.warnings.filter {
            $0.keyPath.hasPrefix("uplink[historian]") && $0.what.contains("cannot be read now")
        }
        #expect(expected.count == 4)
        #expect(
            loaded.files.map { $0.path.split(separator: "/").last ?? "" } == [
                "loopgate.yaml", "waveshare-analog-input-8ch.yaml", "advantech-adam-4117.yaml",
                "moxa-iologik-e1240.yaml", "instruments.yaml",
            ]
        )
    }

    @Test(
        "Errors about a shipped profile name the key that mends them",
        arguments: [
            (
                "profile: waveshare-analog-input-8ch", "profile: waveshare-analog-input-8c",
                "modules[boiler-ai].profile: there is no profile called 'waveshare-analog-input-8c'; "
                    + "write 'waveshare-analog-input-8ch' if that is meant"
            ),
            ("range: 4-20mA", "range: 4-21mA", "modules[feed-ai].range: "),
            (
                "profile: advantech-adam-4117", "profile: moxa-iologik-e1242",
                "modules[feed-ai].bus: Moxa ioLogik E1242 speaks Modbus TCP, and its bus is a serial"
            ),
            ("firmware: \"2.00\"", "firmware: newest", "modules[boiler-ai].firmware: "),
            ("profile: moxa-iologik-e1240", "profile: wago-750-455", "modules[tank-ai].base: "),
        ]
    )
    func planted(old: String, new: String, message: String) throws {
        let folder = try TemporaryFolder()
        for file in ["loopgate.yaml", "instruments.yaml"] {
            guard case .success(let bytes) = FileFault.readFile(projectFolder + "/etc/\(file)")
            else {
                Issue.record("no example \(file)")
                return
            }
            let text = String(decoding: bytes, as: UTF8.self)
            let isGateway = file == "loopgate.yaml"
            try folder.write(
                isGateway ? Configured.changed(old, new, in: text) : text,
                to: file
            )
        }
        guard case .failure(let refused) = loader().load(folder.file("loopgate.yaml")) else {
            Issue.record("\(new) was accepted")
            return
        }
        #expect(
            refused.problems.contains { $0.description.contains(message) },
            "\(refused.report)"
        )
    }
}
