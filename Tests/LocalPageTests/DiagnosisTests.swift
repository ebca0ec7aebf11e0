import Foundation
import GatewayCore
import Signal
import TestSupport
import Testing

@testable import LocalPage

@Suite("What is wrong on the plant's side, in words")
struct DiagnosisTests {
    /// The box with its one unit as the test wants it.
    private func box(
        _ change: (inout GatewaySnapshot.Unit, inout [GatewaySnapshot.Instrument]) -> Void
    ) async throws -> APIBox {
        let box = try await APIBox()
        box.state.withLock { state in
            guard var snapshot = state.snapshot else { return }
            snapshot.buses[0].isUp = true
            snapshot.buses[0].fault = nil
            var unit = snapshot.buses[0].units[0]
            unit.state = "answering"
            unit.silentFor = 0
            for index in snapshot.instruments.indices { snapshot.instruments[index].reason = "ok" }
            change(&unit, &snapshot.instruments)
            snapshot.buses[0].units = [unit]
            state.snapshot = snapshot
        }
        return box
    }

    private func diagnosis(_ box: APIBox) async throws -> [String] {
        try await box.ask("GET", "/api/buses").list.first?["diagnosis"] as? [String] ?? []
    }

    @Test("A broken wire is named by channel and tag, with the current that shows it")
    func wireBreak() async throws {
        let box = try await box { _, instruments in
            instruments[0].reason = "wire-break"
            instruments[0].milliamps = 0.021
        }
        #expect(try await diagnosis(box) == ["wire break (0.02 mA) at AI 1 of ai1 (PT-101)"])
    }

    @Test("A silent unit is named with the time it fell silent, and its channels are left out")
    func silent() async throws {
        let box = try await box { unit, instruments in
            unit.state = "silent"
            unit.silentFor = 4_680
            instruments[0].reason = "wire-break"
        }
        #expect(try await diagnosis(box) == ["unit 4 (ai1) silent since 2026-01-01 22:42 UTC"])
        let never = try await self.box { unit, _ in
            unit.state = "silent"
            unit.silentFor = nil
        }
        #expect(try await diagnosis(never) == ["unit 4 (ai1) has never answered"])
    }

    @Test("A sound bus has nothing to say, and shows the last bytes of its unit")
    func sound() async throws {
        let box = try await box { _, _ in }
        #expect(try await diagnosis(box).isEmpty)
        let bus = try #require(try await box.ask("GET", "/api/buses").list.first)
        let module = try #require((bus["modules"] as? [[String: Any]])?.first)
        #expect(module["last_request_hex"] as? String == "04 03 00 00")
        #expect(module["last_reply_hex"] as? String == "")
        let channels = try #require(module["channels"] as? [[String: Any]])
        #expect(channels.compactMap { $0["tag_number"] as? String } == ["PT-101", "TT-205"])
    }
}
