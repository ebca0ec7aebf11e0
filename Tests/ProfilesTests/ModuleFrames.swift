import Foundation
import GatewayCore
import Profiles
import Signal
import TestSupport

/// The folder of shipped profiles.
let shippedProfiles = projectFolder + "/firmware-profiles"

/// One reply frame of a golden case: where the request asked, and what the reply holds.
struct CaseFrame {
    var read: BlockRead
    var words: [UInt16]
}

/// One golden case: `modules/PROFILE/CASE.yaml`.
struct FrameCase: CustomStringConvertible, Sendable {
    var profile: String
    var path: String
    var description: String { "\(profile)/\((path as NSString).lastPathComponent)" }

    /// Every case of every shipped module.
    static let all: [FrameCase] = {
        let root = shippedProfiles + "/modules"
        let files = FileManager.default
        return ((try? files.contentsOfDirectory(atPath: root)) ?? []).sorted().flatMap { profile in
            ((try? files.contentsOfDirectory(atPath: "\(root)/\(profile)")) ?? []).sorted()
                .filter { $0.hasSuffix(".yaml") }
                .map { FrameCase(profile: profile, path: "\(root)/\(profile)/\($0)") }
        }
    }()
}

/// A golden case read from its file.
struct LoadedCase {
    struct Expected {
        var channel: Int
        var milliamps: Double?
        var condition: ChannelCondition
    }
    var options = ModuleOptions()
    var frames: [CaseFrame] = []
    var checks: [CaseFrame] = []
    var checksHold = true
    var expected: [Expected] = []

    init(_ file: FrameCase) throws {
        let problems = ProblemList()
        guard let top = Document(path: file.path, problems: problems)?.map(problems) else {
            throw TestFailure("\(problems.problems)")
        }
        _ = top.string("case")
        _ = top.choice("origin", among: [("documented", 0), ("captured", 1)])
        if let section = top.map("options") {
            options = ModuleOptions(
                range: section.string(ifPresent: "range"),
                firmware: section.string(ifPresent: "firmware"),
                base: section.integer(ifPresent: "base", in: 0...0xFFFF),
                channels: section.integer(ifPresent: "channels", in: 1...64)
            )
            section.finish()
        }
        frames = try top.maps("frames").map(LoadedCase.frame)
        checks = try top.maps("checks").map(LoadedCase.frame)
        checksHold = top.bool("checksHold", default: true)
        expected = top.maps("expect").compactMap { line in
            let channel = line.integer("channel", in: 1...64)
            let condition = line.choice("condition", ChannelCondition.self)
            let none = line.value("mA")?.text == "none"
            let milliamps = none ? nil : line.double("mA")
            line.finish()
            guard let channel, let condition else { return nil }
            return Expected(channel: channel, milliamps: milliamps, condition: condition)
        }
        top.finish()
        guard problems.isEmpty else { throw TestFailure("\(problems.problems)") }
    }

    private static func frame(_ reader: MapReader) throws -> CaseFrame {
        let address = reader.integer("address", in: 0...0xFFFF) ?? 0
        let count = reader.integer("count", in: 1...125) ?? 1
        let isTCP = reader.has("tcp")
        let text = reader.string(isTCP ? "tcp" : "rtu") ?? ""
        reader.finish()
        let bytes = text.split(separator: " ").compactMap { UInt8($0, radix: 16) }
        let reply = try isTCP ? tcpReply(bytes) : rtuReply(bytes)
        guard reply.count > 2, let table = RegisterTable(rawValue: reply[0]),
            Int(reply[1]) == reply.count - 2
        else { throw TestFailure("no reply to a read: \(text)") }
        let data = reply[2...]
        var words: [UInt16] = []
        for index in 0..<count {
            if table.isBits {
                guard index / 8 < data.count else { throw TestFailure("too short: \(text)") }
                words.append(UInt16(data[2 + index / 8] >> UInt8(index % 8) & 1))
            } else {
                guard data.count == 2 * count else { throw TestFailure("length: \(text)") }
                words.append(UInt16(data[2 + 2 * index]) << 8 | UInt16(data[3 + 2 * index]))
            }
        }
        return CaseFrame(
            read: BlockRead(table: table, address: UInt16(address), count: UInt16(count)),
            words: words
        )
    }

    /// Function, length and data of an RTU frame whose check sum is right.
    private static func rtuReply(_ bytes: [UInt8]) throws -> [UInt8] {
        var crc: UInt16 = 0xFFFF
        for byte in bytes {
            crc ^= UInt16(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xA001 : crc >> 1 }
        }
        // The sum over a frame with its own sum is zero.
        guard bytes.count > 4, crc == 0 else { throw TestFailure("check sum: \(bytes)") }
        return Array(bytes[1...].dropLast(2))
    }

    /// Function, length and data of a TCP frame whose header is right.
    private static func tcpReply(_ bytes: [UInt8]) throws -> [UInt8] {
        guard bytes.count > 8, bytes[2] == 0, bytes[3] == 0,
            Int(bytes[4]) << 8 | Int(bytes[5]) == bytes.count - 6
        else { throw TestFailure("header: \(bytes)") }
        return Array(bytes[7...])
    }
}

extension [CaseFrame] {
    /// The cell at `address`, from whichever frame holds it.
    func word(_ table: RegisterTable, _ address: Int) -> UInt16? {
        for frame in self where frame.read.table == table {
            let index = address - Int(frame.read.address)
            if frame.words.indices.contains(index) { return frame.words[index] }
        }
        return nil
    }
}
