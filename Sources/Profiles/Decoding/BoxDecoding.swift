import Foundation
import GatewayCore
import Signal

extension DecodingContext {
    /// The box that this gateway runs on, as the configuration names it.
    enum Box {
        case none
        /// Its name is wrong, or its profile is: which has been noted.
        case wrong
        case known(GatewayProfile)
    }

    /// The profile that `box` names: the file `gateways/NAME.yaml` of the first folder that has it.
    func box(_ top: MapReader, folders: [String], read: ConfigurationLoader.Read) -> Box {
        let key = GatewayKeys.Top.box
        guard top.has(key.entry.name) else { return .none }
        guard let name = top.read(key) else { return .wrong }
        for folder in folders {
            let path = "\(folder)/gateways/\(name).yaml"
            switch read(path) {
            case .failure(let fault) where fault.isMissing: continue
            case .failure(let fault):
                top.problem(key.entry.name, "\(path): \(fault.what)", mend: fault.mend)
                return .wrong
            case .success(let bytes):
                let document = Document(file: path, bytes: bytes, problems: problems)
                let profile = document.flatMap {
                    GatewayProfile($0, id: name, problems: problems)
                }
                return profile.map { .known($0) } ?? .wrong
            }
        }
        noSuch(
            "box",
            name,
            among: ProfileFolders.names(in: folders, below: "gateways"),
            key: key.entry.name,
            top
        )
        return .wrong
    }

    /// Warns of what cannot work on the box.
    func checkBox(_ top: MapReader, _ box: Box, _ settings: GatewaySettings) {
        guard case .known(let profile) = box else { return }
        for doubt in profile.doubts(about: settings) {
            top.warn(GatewayKeys.Top.box.entry.name, doubt.what, mend: doubt.mend)
        }
    }

    /// The output or lamp that the box calls `label`, completed by the keys of `reader`; nil where
    /// that cannot be done, which is noted.
    ///
    /// - lights: whether a lamp may carry it.
    func boxOutput(
        _ reader: MapReader,
        label: String,
        completion: BoxCompletion,
        lights: Bool
    ) -> RelaySettings.Output? {
        guard case .known(let profile) = box else {
            if case .none = box {
                reader.problem(
                    "output",
                    "no box is named whose output it could be",
                    mend: "add 'box: …' at the top of the file"
                )
            }
            return nil
        }
        if let output = profile.outputs.first(where: { $0.name == label }) {
            if case .none = output.kind {
                reader.problem(
                    "label",
                    "\(profile.id) has no output of its own",
                    mend: "use an output of another kind"
                )
                return nil
            }
            return completed(output, reader, completion, profile)
        }
        if lights, let lamp = profile.leds.first(where: { $0.name == label }) {
            return completed(lamp, reader, completion, profile)
        }
        let names = profile.outputs.map(\.name) + (lights ? profile.leds.map(\.name) : [])
        noSuch("output of \(profile.id)", label, among: names, key: "label", reader)
        return nil
    }

    /// What the configuration adds where the profile leaves it open.
    struct BoxCompletion {
        var chip: String?
        var path: String?
        var byte: Int?
        var address: Int?
    }

    private func completed(
        _ output: GatewayProfile.Output,
        _ reader: MapReader,
        _ completion: BoxCompletion,
        _ profile: GatewayProfile
    ) -> RelaySettings.Output? {
        let open: String? =
            switch output.kind {
            case .none: nil
            case .gpio(let chip, _, _): chip == nil ? "chip" : nil
            case .processImage(_, let byte, _): byte == nil ? "byte" : nil
            case .sysfs(let path, _, _): path == nil ? "path" : nil
            case .coil(_, _, _, let address): address == nil ? "address" : nil
            }
        guard
            settle(open, reader, "\(output.name) of \(profile.id)", hint: output.offset)
        else { return nil }
        let place = open == "byte" ? completion.byte : completion.address
        return output.setting(
            chip: completion.chip,
            place: place.map { UInt16(clamping: $0) },
            path: completion.path
        )
    }

    private func completed(
        _ lamp: GatewayProfile.LED,
        _ reader: MapReader,
        _ completion: BoxCompletion,
        _ profile: GatewayProfile
    ) -> RelaySettings.Output? {
        let name = "\(lamp.name) of \(profile.id)"
        switch lamp.kind {
        case .ledClass(let folder):
            guard settle(nil, reader, name, hint: nil) else { return nil }
            let (on, off) = lamp.isActiveLow ? ("0", "1") : ("1", "0")
            return .sysfs(
                path: "/sys/class/leds/\(folder)/brightness",
                energised: on,
                safe: off
            )
        case .gpio(let chip, let line):
            guard settle(chip == nil ? "chip" : nil, reader, name, hint: nil),
                let chip = chip ?? completion.chip
            else { return nil }
            return .gpio(chip: chip, line: line, activeLow: lamp.isActiveLow)
        }
    }

    /// Whether just the key that the profile leaves `open` is written; notes what is not so.
    private func settle(
        _ open: String?,
        _ reader: MapReader,
        _ name: String,
        hint: String?
    ) -> Bool {
        var isSettled = true
        for key in ["chip", "path", "byte", "address"] where key != open && reader.has(key) {
            reader.problem(key, "\(name) needs no such key", mend: "delete it")
            isSettled = false
        }
        if let open, !reader.has(open) {
            reader.problem(
                open,
                "the profile of \(name) leaves it open",
                mend: "add '\(open): …' here" + (hint.map { ": \($0)" } ?? "")
            )
            isSettled = false
        }
        return isSettled
    }
}
