import GatewayCore
import Profiles
import Signal
import TestSupport
import Testing

@Suite("Frames of every shipped module")
struct ModuleFrameTests {
    static let library = ModuleLibrary(folders: [shippedProfiles], problems: ProblemList())

    @Test("every shipped module has frames, and no frames are without a module")
    func covered() {
        let withFrames = Set(FrameCase.all.map(\.profile))
        #expect(withFrames == Set(Self.library.names))
        #expect(FrameCase.all.count >= 2 * Self.library.names.count - 10)
    }

    @Test(
        "the frames that the gateway would ask for mean what the case says",
        arguments: FrameCase.all
    )
    func frames(file: FrameCase) throws {
        let golden = try LoadedCase(file)
        let profile = try #require(Self.library.profiles[file.profile])
        let map = try profile.resolve(golden.options).get().map
        let channels = Array(1...map.channels.count)
        #expect(golden.expected.map(\.channel) == channels)

        let asked = PollPlanner.blocks(for: map, channels: channels)
        #expect(Set(asked) == Set(golden.frames.map(\.read)))

        for expected in golden.expected {
            let channel = map.channels[expected.channel - 1]
            let words = try (0..<channel.encoding.words).map {
                try #require(golden.frames.word(channel.table, Int(channel.address) + $0))
            }
            var decoded = channel.encoding.decode(words)
            for status in channel.status {
                let word = try #require(golden.frames.word(status.table, Int(status.address)))
                decoded = decoded.with(
                    status: StatusMeaning.condition(of: word, by: status.meanings)
                )
            }
            #expect(decoded.condition == expected.condition, "channel \(expected.channel)")
            #expect((decoded.milliamps == nil) == (expected.milliamps == nil))
            if let milliamps = decoded.milliamps, let wanted = expected.milliamps {
                #expect(abs(milliamps - wanted) <= 0.0005, "channel \(expected.channel)")
            }
        }
    }

    @Test("identity and settings are told from wrong ones", arguments: FrameCase.all)
    func checks(file: FrameCase) throws {
        let golden = try LoadedCase(file)
        guard !golden.checks.isEmpty else { return }
        let profile = try #require(Self.library.profiles[file.profile])
        let map = try profile.resolve(golden.options).get().map
        let checks = map.identity + map.assumptions
        var results: [Bool] = []
        for check in checks {
            let words = check.expected.indices.map {
                golden.checks.word(check.table, Int(check.address) + $0)
            }
            guard !words.contains(nil) else { continue }
            results.append(check.holds(for: words.compactMap(\.self)))
        }
        // A case of right settings shows every check; one of wrong settings those that matter.
        if golden.checksHold { #expect(results.count == checks.count) }
        #expect(!results.isEmpty)
        #expect(results.allSatisfy { $0 } == golden.checksHold)
    }
}
