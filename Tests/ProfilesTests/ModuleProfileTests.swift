import Foundation
import GatewayCore
import Profiles
import Signal
import TestSupport
import Testing

@Suite("Module profiles")
struct ModuleProfileTests {
    static let library = ModuleLibrary(folders: [shippedProfiles], problems: ProblemList())

    @Test("every shipped module profile is without a fault")
    func shipped() {
        let problems = ProblemList()
        let library = ModuleLibrary(folders: [shippedProfiles], problems: problems)
        #expect(problems.problems == [])
        #expect(problems.warnings == [])
        #expect(library.names.count >= 18)
        #expect(library.profiles.values.count { $0.confidence == .high } >= 15)
    }

    @Test("every range and firmware of every shipped profile gives a map", arguments: library.names)
    func everyRange(name: String) throws {
        let profile = try #require(Self.library.profiles[name])
        for layout in profile.layouts {
            let firmware: String? =
                switch layout.firmware {
                case .from(let version): version.description
                case .before: "0.1"
                case nil: nil
                }
            for range in layout.ranges {
                let options = ModuleOptions(
                    range: range.name,
                    firmware: firmware,
                    base: layout.channels.isSlotRelative ? 16 : nil
                )
                let map = try profile.resolve(options).get().map
                #expect(map.channels.count == layout.channels.count)
                #expect(map.channels.allSatisfy { $0.encoding == range.encoding })
                #expect(
                    (range.code == nil)
                        == map.assumptions.allSatisfy { $0.expected != [range.code] }
                )
            }
        }
    }

    @Test("all the encodings that modules use are there")
    func encodings() {
        let encodings = Self.library.profiles.values.flatMap(\.layouts).flatMap(\.ranges)
            .map(\.encoding)
        #expect(Set(encodings.map(\.format)) == Set(RawEncoding.Format.allCases))
        let floats = encodings.filter { $0.format == .float32 }
        #expect(Set(floats.map(\.wordOrder)) == Set(RawEncoding.WordOrder.allCases))
        #expect(encodings.contains { !$0.statusBits.isEmpty })
        #expect(encodings.contains { $0.codes.count > 5 })
        #expect(encodings.contains { !$0.seesBelowLiveZero })
    }

    @Test("what a module bears comes from its profile")
    func limits() throws {
        let adam = try #require(Self.library.profiles["advantech-adam-4017plus"])
        let map = try adam.resolve(ModuleOptions()).get().map
        #expect(map.deafAfterWrite == .seconds(7))
        #expect(map.bridgeableGap == 0)
        // 0xFFFF is three things.
        #expect(map.channels[0].encoding.decode([0xFFFF]).condition == .ambiguous)
        let moxa = try #require(Self.library.profiles["moxa-iologik-e1240"])
        #expect(try moxa.resolve(ModuleOptions()).get().map.bridgeableGap > 0)
    }

    @Test("the map follows the firmware")
    func firmware() throws {
        let profile = try #require(Self.library.profiles["wirenboard-wb-mai2-mini-cc"])
        let newer = try profile.resolve(ModuleOptions(firmware: "4.32")).get().map
        #expect(newer.channels.map(\.address) == [0, 1])
        #expect(newer.requestGap == .zero)
        let older = try profile.resolve(ModuleOptions(firmware: "4.31.9")).get().map
        #expect(older.channels.map(\.address) == [246, 247])
        #expect(older.requestGap == .milliseconds(100))
        #expect(refusal(profile, ModuleOptions())?.key == "firmware")
        #expect(refusal(profile, ModuleOptions(firmware: "new"))?.key == "firmware")
    }

    @Test("the map of a card follows its place in the rack")
    func base() throws {
        let profile = try #require(Self.library.profiles["wago-750-455"])
        let map = try profile.resolve(ModuleOptions(base: 12)).get().map
        #expect(map.channels.map(\.address) == [12, 13, 14, 15])
        #expect(map.identity.first?.address == 0x2000)
        #expect(refusal(profile, ModuleOptions())?.key == "base")
        #expect(refusal(profile, ModuleOptions(base: 65533))?.key == "base")
        #expect(refusal(profile, ModuleOptions(base: -1))?.key == "base")
        #expect(refusal(profile, ModuleOptions(base: .max))?.key == "base")
    }

    @Test(
        "options that the module does not have are named with the mend",
        arguments: [
            (ModuleOptions(range: "4-20ma"), "range", "4-20mA"),
            (ModuleOptions(range: "thermocouple"), "range", "0-20mA"),
            (ModuleOptions(channels: 9), "channels", "1 to 8"),
            (ModuleOptions(channels: 0), "channels", "1 to 8"),
            (ModuleOptions(base: 5), "base", "delete"),
            (ModuleOptions(firmware: "x"), "firmware", "4.32"),
        ]
    )
    func options(options: ModuleOptions, key: String, mend: String) throws {
        let profile = try #require(Self.library.profiles["waveshare-analog-input-8ch"])
        let fault = try #require(refusal(profile, options))
        #expect(fault.key == key)
        #expect(fault.mend.contains(mend), "\(fault.mend)")
    }

    @Test("a range without a default must be given where there are several")
    func noDefault() throws {
        let profile = try #require(Self.library.profiles["icpdas-et-7019z"])
        let fault = try #require(refusal(profile, ModuleOptions()))
        #expect(fault.key == "range")
        #expect(fault.mend.contains("0-20mA"))
    }

    @Test("a range that hides a failed loop is doubted, with the better one named")
    func doubts() throws {
        let profile = try #require(Self.library.profiles["advantech-adam-4117"])
        let doubts = try profile.resolve(ModuleOptions(range: "4-20mA")).get().doubts
        #expect(doubts.count == 1)
        #expect(doubts[0].mend.contains("+-20mA"))
        #expect(try profile.resolve(ModuleOptions(range: "+-20mA")).get().doubts.isEmpty)
        let medium = try #require(Self.library.profiles["phoenix-rad-ai4-ifs"])
        #expect(try medium.resolve(ModuleOptions(base: 0)).get().doubts.count == 1)
    }

    @Test("a channel's range is asserted for that channel alone")
    func assumptions() throws {
        let profile = try #require(Self.library.profiles["icpdas-et-7019z"])
        let map = try profile.resolve(ModuleOptions(range: "+-20mA", channels: 2)).get().map
        #expect(map.assumptions.map(\.channel) == [nil, 1, 2])
        #expect(map.assumptions.map(\.address) == [631, 427, 428])
        #expect(map.assumptions.map(\.expected) == [[0], [0x0D], [0x0D]])
    }

    @Test("a module is recognised by its words or its text")
    func identification() throws {
        let moxa = try #require(Self.library.profiles["moxa-iologik-e1240"]).identification[0]
        let words = CharacterPacking.two.words(of: "E1240 ")
        #expect(moxa.matches(words + Array(repeating: 0, count: 10 - words.count)))
        #expect(!moxa.matches(words))
        #expect(!moxa.matches(Array(repeating: 0x4141, count: 10)))
        let mai6 = try #require(Self.library.profiles["wirenboard-wb-mai6"]).identification[0]
        #expect(mai6.matches(CharacterPacking.one.words(of: "WBMAI6")))
        #expect(!mai6.matches(CharacterPacking.one.words(of: "WBMAI2")))
    }

    @Test(
        "a firmware version is read as each maker writes it",
        arguments: [
            (ModuleProfile.FirmwareRegister.Form.hundredths, [0x0064 as UInt16], "1.00"),
            (.hundredths, [204], "2.04"), (.hexDigits, [0x0123], "1.2.3"),
            (.letterDigits, [0xA104], "A1.04"),
            (.characters, [0x34, 0x2E, 0x33, 0x32, 0], "4.32"),
            (.packedCharacters, [0x312E, 0x3200], "1.2"),
        ]
    )
    func firmwareForms(form: ModuleProfile.FirmwareRegister.Form, words: [UInt16], text: String) {
        let register = ModuleProfile.FirmwareRegister(
            table: .holding,
            address: 0,
            count: words.count,
            form: form
        )
        #expect(register.version(of: words) == text)
    }

    @Test(
        "versions are compared number by number",
        arguments: [("4.32", "4.4"), ("1.10", "1.9.9"), ("2", "1.99"), ("v4.1", "4.0.5")]
    )
    func versions(later: String, earlier: String) throws {
        let a = try #require(FirmwareVersion(later))
        let b = try #require(FirmwareVersion(earlier))
        #expect(b < a)
        #expect(FirmwareVersion("4.0") == FirmwareVersion("4"))
        for text in ["", "4.", ".4", "4.x", "-1", "1.2.3.4.5", "99999999999999999999"] {
            #expect(FirmwareVersion(text) == nil)
        }
    }

    @Test("of two folders the earlier counts; a broken file costs its own profile only")
    func folders() throws {
        let own = try TemporaryFolder()
        let good = try String(
            contentsOfFile: shippedProfiles + "/modules/sequent-megaind.yaml",
            encoding: .utf8
        )
        try own.write(
            good.replacing("Sequent Microsystems", with: "Ours"),
            to: "modules/sequent-megaind.yaml"
        )
        try own.write("profile: [", to: "modules/broken.yaml")
        let problems = ProblemList()
        let library = ModuleLibrary(folders: [own.file(""), shippedProfiles], problems: problems)
        #expect(library.profiles["sequent-megaind"]?.vendor == "Ours")
        #expect(library.names.count == Self.library.names.count)
        #expect(library.broken == ["broken"])
        #expect(problems.problems.count == 1)
        guard case .failure(let fault)? = library.module("broken", ModuleOptions()) else {
            Issue.record("a broken profile must not give a map")
            return
        }
        #expect(fault.key == "profile")
        #expect(library.module("nothing", ModuleOptions()) == nil)
    }

    @Test("the document lists every shipped profile, and its example is one")
    func document() throws {
        let text = try String(
            contentsOfFile: projectFolder + "/docs/profiles.md",
            encoding: .utf8
        )
        let boxes = GatewayLibrary(folders: [shippedProfiles], problems: ProblemList())
        for name in Self.library.names + boxes.names { #expect(text.contains("| `\(name)` |")) }
        let example = try #require(text.split(separator: "```yaml\n").dropFirst().first)
        let yaml = try #require(example.split(separator: "```").first)
        let problems = ProblemList()
        let document = try #require(
            Document(file: "profiles.md", bytes: Array(yaml.utf8), problems: problems)
        )
        let profile = ModuleProfile(document, id: "sequent-megaind", problems: problems)
        #expect(problems.problems == [])
        let shipped = Self.library.profiles["sequent-megaind"]
        #expect(profile?.layouts == shipped?.layouts)
    }

    private func refusal(_ profile: ModuleProfile, _ options: ModuleOptions) -> ModuleFault? {
        guard case .failure(let fault) = profile.resolve(options) else { return nil }
        return fault
    }
}
