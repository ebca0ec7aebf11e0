import Alerts
import Detection
import Foundation
import GatewayCore
import Signal
import Vault

@testable import Fieldbus
@testable import Journal
@testable import LocalPage
@testable import People
@testable import Profiles
@testable import Uplink

/// Every parser that meets foreign bytes, each as a function of bytes that must come back, whatever
/// they are, and that stops the program where a promise beyond that is broken.
///
/// The fuzzer and the tests feed the same functions.
enum Parser: String, CaseIterable, Sendable {
    /// A Modbus RTU reply to a request that the first bytes describe.
    case rtu
    /// The same over TCP.
    case tcp
    /// What a broker sends, cut into pieces.
    case packets
    /// YAML.
    case document
    /// `loopgate.yaml` and `instruments.yaml`.
    case configuration, instruments
    /// Files of `firmware-profiles`.
    case module, box
    /// A row of the journal, past its checksum.
    case block
    /// The journal's other rows.
    case rows
    /// A command that came by MQTT.
    case command
    /// The body of a request to the page's server.
    case body
    /// The token of a session, forged or signed by us.
    case token

    func feed(_ bytes: [UInt8]) {
        switch self {
        case .rtu: Wire.rtu(bytes)
        case .tcp: Wire.tcp(bytes)
        case .packets: Wire.packets(bytes)
        case .document: Files.document(bytes)
        case .configuration: Files.configuration(bytes, of: "loopgate.yaml")
        case .instruments: Files.configuration(bytes, of: "instruments.yaml")
        case .module: Files.module(bytes)
        case .box: Files.box(bytes)
        case .block: Rows.block(bytes)
        case .rows: Rows.others(bytes)
        case .command: Wire.command(bytes)
        case .body: Pages.body(bytes)
        case .token: Pages.token(bytes)
        }
    }
}

/// What comes over lines and sockets.
private enum Wire {
    /// A request made of four bytes, and the bytes after them.
    private static func split(_ bytes: [UInt8]) -> (request: BusRequest, reply: [UInt8])? {
        guard bytes.count >= 4 else { return nil }
        let table = RegisterTable(rawValue: 1 + bytes[1] % 4) ?? .input
        let most = table.isBits ? 2000 : 125
        let request = BusRequest(
            id: 1,
            unit: UnitAddress(rawValue: bytes[0]),
            table: table,
            address: UInt16(bytes[2]) << 4,
            count: UInt16(1 + Int(bytes[3]) * (most - 1) / 255),
            responseTimeout: .seconds(1)
        )
        return (request, Array(bytes[4...]))
    }

    static func rtu(_ bytes: [UInt8]) {
        guard let (request, reply) = split(bytes) else { return }
        _ = ModbusFrame.rtuRequest(reply.span)
        guard case .frame(let frame) = ModbusFrame.scanRTU(reply.span) else { return }
        precondition(frame.length <= reply.count, "a frame longer than its bytes")
        guard case .data(let count) = frame.body, count == ModbusFrame.byteCount(request) else {
            return
        }
        let values = ModbusFrame.values(reply.span, from: 3, of: request)
        precondition(values.count == Int(request.count), "values too many or too few")
    }

    static func tcp(_ bytes: [UInt8]) {
        guard let (request, reply) = split(bytes) else { return }
        _ = ModbusFrame.isTCPReply(reply.span)
        let verdict = ModbusFrame.judgeTCP(reply.span, answers: request, transaction: 7)
        guard verdict == .answer else { return }
        precondition(reply[6] == request.unit.rawValue, "another unit's answer")
        let values = ModbusFrame.values(reply.span, from: 9, of: request)
        precondition(values.count == Int(request.count), "values too many or too few")
    }

    static func packets(_ bytes: [UInt8]) {
        guard bytes.count >= 2 else { return }
        let stream = Array(bytes[2...])
        var whole: [UInt8] = []
        var one = PacketGuard(isVersion5: bytes[0] & 1 == 0)
        let wholeIsGood = (try? stream.withUnsafeBytes { try one.take($0, passed: &whole) }) != nil
        // Cut anywhere, the same passes.
        var pieces: [UInt8] = []
        var other = PacketGuard(isVersion5: bytes[0] & 1 == 0)
        var piecesAreGood = true
        let step = 1 + Int(bytes[1])
        for start in stride(from: 0, to: stream.count, by: step) where piecesAreGood {
            let piece = stream[start..<min(stream.count, start + step)]
            piecesAreGood =
                (try? piece.withUnsafeBytes { try other.take($0, passed: &pieces) }) != nil
        }
        precondition(wholeIsGood == piecesAreGood, "a cut changes what is malformed")
        precondition(!wholeIsGood || whole == pieces, "a cut changes what passes")
    }

    private static let commands = [
        "acknowledge", "resolve", "shelve", "unshelve", "reset", "maintenance", "end-maintenance",
        "out-of-service", "return-to-service", "train", "activate", "baseline", "calibration",
        "resend", "silence", "test-relay", "",
    ]

    static func command(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let command = UplinkCommand(
            name: commands[Int(first) % commands.count],
            payload: String(decoding: bytes[1...], as: UTF8.self),
            retained: first >= 128
        )
        if case .success = CommandDecoder.decode(command) {
            precondition(!command.retained, "a retained command was taken")
        }
    }
}

/// What people write.
private enum Files {
    static func document(_ bytes: [UInt8]) {
        let problems = ProblemList()
        let document = Document(file: "a.yaml", bytes: bytes, problems: problems)
        precondition(document != nil || !problems.isEmpty, "refused without a word")
    }

    static func module(_ bytes: [UInt8]) {
        let problems = ProblemList()
        guard let document = Document(file: "m.yaml", bytes: bytes, problems: problems) else {
            return
        }
        let profile = ModuleProfile(document, id: "m", problems: problems)
        precondition(profile != nil || !problems.isEmpty, "refused without a word")
        _ = profile?.resolve(ModuleOptions())
    }

    static func box(_ bytes: [UInt8]) {
        let problems = ProblemList()
        guard let document = Document(file: "b.yaml", bytes: bytes, problems: problems) else {
            return
        }
        let profile = GatewayProfile(document, id: "b", problems: problems)
        precondition(profile != nil || !problems.isEmpty, "refused without a word")
    }

    /// One of the two files is given, the other is right.
    static func configuration(_ bytes: [UInt8], of name: String) {
        let loader = ConfigurationLoader(
            environment: [:],
            read: { path in
                let file = path.split(separator: "/").last.map(String.init) ?? ""
                if file == name { return .success(bytes) }
                if let text = right[file] { return .success(Array(text.utf8)) }
                return .failure(FileFault(what: "is not there", mend: "make it", isMissing: true))
            }
        )
        switch loader.load("/etc/loopgate/loopgate.yaml") {
        case .success(let loaded):
            precondition(!loaded.settings.gateway.isEmpty, "a gateway without a name")
        case .failure(let refused):
            precondition(!refused.problems.isEmpty, "refused without a word")
        }
    }

    private static let right = [
        "loopgate.yaml": """
        gateway: gw
        buses: [{name: net, link: tcp, host: 127.0.0.1}]
        modules: [{name: ai, bus: net, unit: 1, profile: ai4}]
        """,
        "instruments.yaml": """
        instruments:
          - {tag: PT-1, type: pressure, unit: bar, lrv: 0, urv: 16, module: ai, channel: 1}
        """,
        "ai4.yaml": """
        profile: 1
        id: ai4
        vendor: Nobody
        model: Four
        summary: Four inputs in microamperes.
        confidence: high
        source: [none]
        bus: both
        channels: {count: 4, table: input, address: 0}
        ranges:
          - name: 4-20mA
            encoding:
              format: unsigned
              low: {raw: 0, mA: 0}
              high: {raw: 20000, mA: 20}
              seesBelowLiveZero: true
        """,
    ]
}

/// What the journal's file holds: a flipped bit must not stop the program.
private enum Rows {
    /// A codebook learnt from a plain plant, so that coded rows have something to be coded by.
    private static let book: Codebook = {
        var trainer = CodebookTrainer()
        for second in 0..<60 {
            let stamp = Stamp(
                monotonic: MonotonicTime(nanoseconds: Int64(second) * 1_000_000_000),
                wall: WallTime(nanosecondsSince1970: 1_700_000_000_000_000_000),
                clock: .synced
            )
            let rows = (1...8).map { channel -> SequencedReading in
                let raw = Int64(8_000 + channel * 500 + second * 7 % 13)
                let milliamps = Double(raw) / 1000
                return SequencedReading(
                    sequence: UInt64(second * 8 + channel),
                    reading: Reading(
                        instrument: InstrumentID(rawValue: UInt32(channel)),
                        stamp: stamp,
                        raw: raw,
                        current: LoopCurrent(milliamps: milliamps),
                        value: (milliamps - 4) / 16 * 100,
                        quality: .good
                    )
                )
            }
            trainer.observe(rows)
        }
        guard let entries = trainer.proposal() else { return .empty }
        return Codebook(id: 5, entries: entries)
    }()

    static func block(_ bytes: [UInt8]) {
        let key = RowKey(run: 1, sequence: 1)
        for book in [Codebook.empty, book] {
            guard let block = try? Block(payload: bytes[...], key: key, codebook: { _ in book })
            else { continue }
            precondition(block.readings.count <= Block.mostReadings, "a row beyond its limit")
            // What was read can be written, and is then read as the same.
            let again = try? Block(decoding: block.encoded(with: book), key: key) { _ in book }
            precondition(again?.readings.count == block.readings.count, "a row that does not last")
        }
    }

    static func others(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let payload = Array(bytes[1...])
        switch first % 7 {
        case 0: _ = try? Codebook.decode(id: 5, payload[...])
        case 1: _ = try? StagedRollups.decode(Sealed.seal(payload, key: 9), key: 9)
        case 2:
            for level in [RollupLevel.minute, .hour, .day] {
                let sealed = Sealed.seal(payload, key: 9)
                _ = try? RollupRow.decode(sealed, row: 3, level: level, key: 9)
            }
        case 3:
            var reader = Journal.ByteReader(payload[...])
            _ = try? StoredMark(&reader)
        case 4:
            let key = RowKey(run: 1, sequence: 1)
            _ = try? Segment(Sealed.seal(payload, key: key.rowid), key: key)
        case 5: _ = RecordRow.decode(String(decoding: payload, as: UTF8.self))
        default:
            // A model's checksum (FNV-1a) is made right, so that what lies behind it is met.
            let sum = payload.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
                ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3
            }
            let tail = (0..<8).map { UInt8(truncatingIfNeeded: sum >> ($0 * 8)) }
            if let model = try? TrainedModel(decoding: payload + tail) {
                precondition(!model.encoded.isEmpty, "a model that cannot be kept")
            }
        }
    }
}

/// What a browser sends, or somebody who only says to be one.
private enum Pages {
    /// Every kind of field that bodies have.
    private struct Body: RequestBodyFields {
        var name: String
        var at: ISOTime?
        var limit: Change<Double>
        var count: Int?
        var isOn: Bool?
        var tags: [String]?

        enum CodingKeys: String, CodingKey, CaseIterable {
            case name, at, limit, count
            case isOn = "is_on"
            case tags
        }
    }

    static func body(_ bytes: [UInt8]) {
        do {
            let body = try JSON.decode(Body.self, from: Data(bytes))
            if let at = body.at {
                precondition(ISOTime(at.text)?.wall == at.wall, "a time that does not last")
            }
        } catch {
            precondition((400..<500).contains(error.status.code), "a server's fault")
        }
    }

    private static let secret = [UInt8](repeating: 7, count: Digest.byteCount)
    private static let mint = TokenMint(secret: secret)

    /// The bytes as a token, and as the claims of one that is signed rightly.
    static func token(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        precondition(mint.claims(of: text) == nil, "a forged token was taken")
        let signed = TokenMint.header + "." + Base64URL.encode(bytes)
        let mark = Base64URL.encode(Digest.hmac(Array(signed.utf8), key: secret))
        guard let claims = mint.claims(of: signed + "." + mark) else { return }
        precondition(mint.claims(of: mint.token(claims)) == claims, "claims that do not last")
        if let part = Base64URL.decode(text) {
            precondition(Base64URL.encode(part) == text, "two texts for the same bytes")
        }
    }
}
