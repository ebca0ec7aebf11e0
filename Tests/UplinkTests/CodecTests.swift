import Alerts
import Foundation
import GatewayCore
import Signal
import TestSupport
import Testing

@testable import Uplink

struct Codecs {
    private func encoded(
        _ content: OutgoingMessage.Content,
        backlog: ConnectionSettings.Backlog? = nil
    ) throws -> (topic: String, payload: String) {
        var codec = PayloadCodec(
            settings: connection([1], backlog: backlog),
            gateway: "gw1",
            directory: try directory()
        )
        codec.encode(content)
        let topic = codec.topic.dropLast().map { UInt8(bitPattern: $0) }
        return (
            String(decoding: topic, as: UTF8.self), String(decoding: codec.payload, as: UTF8.self)
        )
    }

    private func parsed(_ text: String) throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
        return try #require(object as? [String: Any])
    }

    @Test("A good reading is what the central CMMS reads, and more")
    func good() throws {
        let message = try encoded(.reading(reading(17), epoch: testEpoch, historical: false))
        #expect(message.topic == "cimms/instruments/PT-101/reading")
        #expect(
            message.payload
                == #"{"value":7.512,"unit":"bar","timestamp":"2026-03-30T05:32:42.123Z","#
                + #""quality":"good","reason":"ok","mA":12.5,"seq":17,"#
                + #""epoch":"3f9a1c2b44d0e1aa","gateway":"gw1"}"#
        )
    }

    @Test("Only a historical reading says so, and a sibling backlog goes to its own topic")
    func historical() throws {
        let content = OutgoingMessage.Content.reading(
            reading(1),
            epoch: testEpoch,
            historical: true
        )
        let ordered = try encoded(content)
        #expect(ordered.topic == "cimms/instruments/PT-101/reading")
        #expect(ordered.payload.hasSuffix(#","historical":true}"#))
        let sibling = try encoded(content, backlog: .sibling)
        #expect(sibling.topic == "cimms/instruments/PT-101/reading/backlog")
        #expect(sibling.payload == ordered.payload)
        let live = OutgoingMessage.Content.reading(reading(1), epoch: 1, historical: false)
        #expect(try encoded(live, backlog: .sibling).topic == "cimms/instruments/PT-101/reading")
    }

    @Test(
        "A bad reading never meets the main topic and never carries a value",
        arguments: [true, false]
    )
    func bad(historical: Bool) throws {
        for quality in Quality.allCases where quality.level == .bad {
            let row = reading(3, value: 5, milliamps: 3.2, quality: quality)
            let message = try encoded(.reading(row, epoch: 1, historical: historical))
            #expect(message.topic == "cimms/instruments/PT-101/reading/bad")
            let object = try parsed(message.payload)
            #expect(object["value"] is NSNull)
            #expect(object["quality"] as? String == "bad")
            #expect(object["reason"] as? String == quality.reason)
            #expect(object["mA"] as? Double == 3.2)
        }
    }

    @Test("An uncertain reading goes to the main topic with its reason")
    func uncertain() throws {
        let row = reading(3, quality: .rateOfChange)
        let message = try encoded(.reading(row, epoch: 1, historical: false))
        #expect(message.topic == "cimms/instruments/PT-101/reading")
        #expect(message.payload.contains(#""quality":"uncertain","reason":"rate-of-change""#))
    }

    @Test("A time that cannot be trusted is left out", arguments: ClockState.allCases)
    func clocks(state: ClockState) throws {
        let message = try encoded(
            .reading(reading(1, clock: state), epoch: 1, historical: false)
        )
        let object = try parsed(message.payload)
        #expect((object["timestamp"] != nil) == state.isTrusted)
    }

    @Test(
        "Every finite number is read back exactly",
        arguments: [
            0, -0.0, 1, 0.1, 1.0 / 3, 7.512, -40, 100, 1e15, 1e16, 123_456_789_012_345_680, 1e22,
            1e-5, .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude,
            -1.7976931348623157e308,
            3.9999999999999996, 4.000000000000001, 1e-300,
        ]
    )
    func numbers(value: Double) throws {
        let row = reading(1, value: value, milliamps: value)
        let message = try encoded(.reading(row, epoch: 1, historical: false))
        // JSONSerialization rounds the seventeenth digit away; the decoder does not.
        struct Numbers: Decodable { var value, mA: Double }
        let read = try JSONDecoder().decode(Numbers.self, from: Data(message.payload.utf8))
        #expect(read.value.bitPattern == value.bitPattern)
        #expect(read.mA.bitPattern == value.bitPattern)
    }

    @Test(
        "What is no number becomes null, never NaN",
        arguments: [Double.nan, .infinity, -.infinity]
    )
    func noNumbers(value: Double) throws {
        var row = reading(1, milliamps: nil)
        row.reading.value = value
        let message = try encoded(.reading(row, epoch: 1, historical: false))
        let object = try parsed(message.payload)
        #expect(object["value"] is NSNull)
        #expect(object["mA"] is NSNull)
    }

    @Test("Units with quotes, backslashes and other letters survive")
    func units() throws {
        let message = try encoded(.reading(reading(1, instrument: 3), epoch: 1, historical: false))
        #expect(try parsed(message.payload)["unit"] as? String == "m³/h \"wet\"\\")
    }

    @Test("The same reading is the same bytes, whatever was encoded between")
    func repeats() throws {
        var codec = PayloadCodec(
            settings: connection([1]),
            gateway: "gw1",
            directory: try directory()
        )
        let content = OutgoingMessage.Content.reading(reading(9), epoch: 7, historical: false)
        codec.encode(content)
        let first = (codec.topic, codec.payload)
        codec.encode(.batch([reading(1), reading(2)], epoch: 7, historical: true))
        codec.encode(content)
        #expect(codec.topic == first.0)
        #expect(codec.payload == first.1)
    }

    @Test("Sequences up to the largest are written in full", arguments: [0, 9, 10, 99, UInt64.max])
    func sequences(number: UInt64) throws {
        let message = try encoded(.reading(reading(number), epoch: number, historical: false))
        #expect(message.payload.contains("\"seq\":\(number),"))
        let hex = String(number, radix: 16)
        let padded = String(repeating: "0", count: 16 - hex.count) + hex
        #expect(message.payload.contains("\"epoch\":\"\(padded)\""))
    }

    @Test("An instrument may change its tag while the gateway runs")
    func directoryChanges() throws {
        let directory = try directory()
        var codec = PayloadCodec(settings: connection([1]), gateway: "gw1", directory: directory)
        let content = OutgoingMessage.Content.reading(
            reading(1, instrument: 9),
            epoch: 1,
            historical: false
        )
        codec.encode(content)
        #expect(codec.topic == cString("cimms/instruments/instrument-9/reading"))
        directory.update([try instrument(9, "LT-9", unit: "m")])
        codec.encode(content)
        #expect(codec.topic == cString("cimms/instruments/LT-9/reading"))
        #expect(String(decoding: codec.payload, as: UTF8.self).contains(#""unit":"m""#))
        codec.encode(.reading(reading(1), epoch: 1, historical: false))
        #expect(codec.topic == cString("cimms/instruments/PT-101/reading"))
    }

    @Test("A batch is one message of columns of equal length")
    func batch() throws {
        let rows = [
            reading(5), reading(6, value: 21.5, instrument: 2, clock: .unset),
            reading(8, value: 3, milliamps: 3.2, quality: .failLow),
        ]
        let message = try encoded(.batch(rows, epoch: testEpoch, historical: true))
        #expect(message.topic == "cimms/instruments/gateways/gw1/batch")
        let object = try parsed(message.payload)
        #expect(object["gateway"] as? String == "gw1")
        #expect(object["epoch"] as? String == "3f9a1c2b44d0e1aa")
        #expect(object["historical"] as? Bool == true)
        #expect(object["count"] as? Int == 3)
        #expect(object["seq"] as? [Int] == [5, 6, 8])
        #expect(object["tag"] as? [String] == ["PT-101", "TT-205", "PT-101"])
        #expect(object["unit"] as? [String] == ["bar", "°C", "bar"])
        #expect(object["quality"] as? [String] == ["good", "good", "bad"])
        #expect(object["reason"] as? [String] == ["ok", "ok", "failure-current-low"])
        #expect(object["mA"] as? [Double] == [12.5, 12.5, 3.2])
        let values = try #require(object["value"] as? [Any])
        #expect(values[1] as? Double == 21.5)
        #expect(values[2] is NSNull)
        let times = try #require(object["time"] as? [Any])
        #expect(times[0] as? Int64 == 1_774_848_762_123)
        #expect(times[1] is NSNull)
        let live = try encoded(.batch([], epoch: 1, historical: false))
        #expect(try parsed(live.payload)["historical"] == nil)
    }

    @Test("An alert tells its whole story, in any language, on its subject's topic")
    func alert() throws {
        let transition = AlertTransition(
            alert: AlertID(epoch: 1, number: 12),
            instrument: InstrumentID(rawValue: 1),
            subject: "PT-101",
            type: .ruleViolation,
            severity: .critical,
            state: .raised,
            value: 9.8,
            explanation: "9.8 bar > 9.5 bar\nfor 30 s \u{1} «hoch»",
            raisedAt: stamp(),
            at: stamp(clock: .unset),
            by: "system",
            note: nil
        )
        let record = SequencedRecord(sequence: 4, stamp: stamp(), body: .alert(transition))
        let message = try encoded(.record(record, epoch: testEpoch))
        #expect(message.topic == "cimms/instruments/alerts/PT-101")
        let object = try parsed(message.payload)
        #expect(object["id"] as? String == "0000000000000001-12")
        #expect(object["tag"] as? String == "PT-101")
        #expect(object["type"] as? String == "rule_violation")
        #expect(object["severity"] as? String == "critical")
        #expect(object["state"] as? String == "raised")
        #expect(object["value"] as? Double == 9.8)
        #expect(object["explanation"] as? String == transition.explanation)
        #expect(object["raisedAt"] as? String == "2026-03-30T05:32:42.123Z")
        #expect(object["at"] is NSNull)
        #expect(object["by"] as? String == "system")
        #expect(object["note"] is NSNull)
        #expect(object["seq"] as? Int == 4)
        #expect(object["epoch"] as? String == "3f9a1c2b44d0e1aa")
        #expect(object["gateway"] as? String == "gw1")
    }

    @Test("Gaps, audit entries, health and answers have topics of their own")
    func others() throws {
        let gap = GapRecord(
            epoch: 2,
            first: 10,
            last: 20,
            from: morning,
            to: nil,
            cause: .storeFault
        )
        let gapMessage = try encoded(
            .record(SequencedRecord(sequence: 1, stamp: stamp(), body: .gap(gap)), epoch: 3)
        )
        #expect(gapMessage.topic == "cimms/instruments/gateways/gw1/gaps")
        let gapObject = try parsed(gapMessage.payload)
        #expect(gapObject["cause"] as? String == "store-fault")
        #expect(gapObject["lostEpoch"] as? String == "0000000000000002")
        #expect(gapObject["first"] as? Int == 10)
        #expect(gapObject["last"] as? Int == 20)
        #expect(gapObject["to"] is NSNull)
        #expect(gapObject["epoch"] as? String == "0000000000000003")

        let entry = AuditEntry(
            who: "4711",
            action: "alert.acknowledge",
            subject: "PT-101",
            old: nil,
            new: "\"x\""
        )
        let audit = try encoded(
            .record(SequencedRecord(sequence: 2, stamp: stamp(), body: .audit(entry)), epoch: 3)
        )
        #expect(audit.topic == "cimms/instruments/gateways/gw1/audit")
        #expect(try parsed(audit.payload)["new"] as? String == "\"x\"")

        let health = try encoded(.health(#"{"ok":true}"#))
        #expect(health == ("cimms/instruments/gateways/gw1/health", #"{"ok":true}"#))
        let response = try encoded(.response(command: "c-1", body: "{}"))
        #expect(response == ("cimms/instruments/gateways/gw1/responses/c-1", "{}"))
    }

    @Test(
        "Foreign text never adds a topic level or a wildcard",
        arguments: [
            ("a/b", "a_b"), ("#", "_"), ("+/+", "___"), ("", "_"),
            ("bus 1: line é", "bus_1__line__"),
            (String(repeating: "x", count: 500), String(repeating: "x", count: 64)),
        ]
    )
    func topicLevels(text: String, level: String) {
        #expect(Topics.level(text) == level)
    }

    @Test(
        "Dates follow the Gregorian calendar",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_774_848_762_123, "2026-03-30T05:32:42.123Z"),
        ]
    )
    func dates(milliseconds: Int64, text: String) {
        var writer = ByteWriter()
        writer.time(WallTime(nanosecondsSince1970: milliseconds * 1_000_000))
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "\"\(text)\"")
    }

    @Test("Dates agree with the system's calendar over the whole range of the clock")
    func datesAgainstTheSystem() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let wall = WallTime(
                nanosecondsSince1970: Int64.random(in: .min + 1_000_000 ... .max, using: &random)
            )
            var seconds = time_t(floorDivide(wall.nanosecondsSince1970, 1_000_000_000))
            var parts = tm()
            gmtime_r(&seconds, &parts)
            let civil = CivilTime(wall)
            let same =
                civil.year == Int(parts.tm_year) + 1900 && civil.month == Int(parts.tm_mon) + 1
                && civil.day == Int(parts.tm_mday) && civil.hour == Int(parts.tm_hour)
                && civil.minute == Int(parts.tm_min) && civil.second == Int(parts.tm_sec)
            #expect(same, "\(wall)")
        }
    }

    @Test("The birth names the run before; the last will names the run that ended")
    func status() throws {
        let birth = BirthInfo(
            epoch: 2,
            previous: .init(epoch: 1, lastReading: 900, lastRecord: 7),
            version: "1.0",
            now: stamp()
        )
        let online = try parsed(
            String(decoding: GatewayStatus.online(gateway: "gw1", birth), as: UTF8.self)
        )
        #expect(online["state"] as? String == "online")
        #expect(online["epoch"] as? String == "0000000000000002")
        #expect(online["previousEpoch"] as? String == "0000000000000001")
        #expect(online["previousLastStored"] as? [String: Int] == ["readings": 900, "records": 7])
        #expect(online["timestamp"] as? String == "2026-03-30T05:32:42.123Z")
        let first = BirthInfo(epoch: 2, previous: nil, version: "1.0", now: stamp(clock: .unset))
        let alone = try parsed(
            String(decoding: GatewayStatus.online(gateway: "gw1", first), as: UTF8.self)
        )
        #expect(alone["previousEpoch"] is NSNull)
        #expect(alone["timestamp"] == nil)
        let offline = try parsed(
            String(
                decoding: GatewayStatus.offline(gateway: "gw1", epoch: 2, because: .lost),
                as: UTF8.self
            )
        )
        #expect(offline["state"] as? String == "offline")
        #expect(offline["reason"] as? String == "lost")
    }
}
