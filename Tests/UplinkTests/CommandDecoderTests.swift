import Alerts
import Foundation
import GatewayCore
import Signal
import Testing
import Uplink

@Suite struct CommandDecoderTests {
    private static let alert = "3f9a1c2b44d0e1aa-12"

    private func decode(
        _ name: String,
        _ payload: String,
        retained: Bool = false
    ) -> Result<GatewayCommand, CommandRefusal> {
        CommandDecoder.decode(
            UplinkCommand(name: name, payload: payload, retained: retained)
        )
    }

    private func body(_ more: String) -> String {
        #"{"id":"a-1","expires":"2026-03-30T06:00:00Z","by":"4711"\#(more)}"#
    }

    @Test(
        "every command is read with what it wants",
        arguments: [
            ("acknowledge", #","alert":"\#(alert)""#),
            ("resolve", #","alert":"\#(alert)""#),
            ("shelve", #","alert":"\#(alert)","minutes":30,"note":"spare ordered""#),
            ("unshelve", #","alert":"\#(alert)""#),
            ("reset", ""),
            ("maintenance", #","tag":"PT-101","minutes":60,"note":"purge""#),
            ("end-maintenance", #","tag":"PT-101""#),
            ("out-of-service", #","tag":"PT-101","note":"exchange""#),
            ("return-to-service", #","tag":"PT-101""#),
            ("silence", ""),
            ("test-relay", #","seconds":5"#),
        ]
    )
    func known(name: String, more: String) throws {
        let command = try decode(name, body(more)).get()
        #expect(command.id == "a-1")
        #expect(command.by == "4711")
        #expect(command.expires == WallTime(nanosecondsSince1970: 1_774_850_400_000_000_000))
    }

    @Test(
        "what is wrong is told with its key, to whoever can be told",
        arguments: [
            ("acknowledge", "", nil, "no JSON"),
            ("acknowledge", "[]", nil, "wrong type"),
            ("acknowledge", #"{"id":"x"}"#, "x", "expires: is missing"),
            ("acknowledge", #"{"id":"a/b","expires":"x","by":"y"}"#, nil, "id: wanted"),
            ("acknowledge", #"{"id":"x","expires":"soon","by":"y"}"#, "x", "expires: 'soon'"),
            (
                "acknowledge", #"{"id":"x","expires":"2026-03-30T06:00:00Z","by":""}"#, "x",
                "by: say"
            ),
            (
                "acknowledge", #"{"id":"x","expires":"2026-03-30T06:00:00Z","by":"y"}"#, "x",
                "alert: the alert's id is missing"
            ),
            (
                "acknowledge",
                #"{"id":"x","expires":"2026-03-30T06:00:00Z","by":"y","alert":"12"}"#, "x",
                "alert: '12'"
            ),
            (
                "shelve",
                #"{"id":"x","expires":"2026-03-30T06:00:00Z","by":"y","alert":"\#(alert)","minutes":1e300}"#,
                "x", "minutes: a length"
            ),
            (
                "explode", #"{"id":"x","expires":"2026-03-30T06:00:00Z","by":"y"}"#, "x",
                "no command is called 'explode'; there are acknowledge"
            ),
        ]
    )
    func wrong(name: String, payload: String, id: String?, reason: String) {
        guard case .failure(let refusal) = decode(name, payload) else {
            Issue.record("it was taken")
            return
        }
        #expect(refusal.id == id)
        #expect(refusal.reason.contains(reason))
    }

    @Test("a retained command is refused")
    func retained() {
        guard case .failure(let refusal) = decode("silence", body(""), retained: true) else {
            Issue.record("it was taken")
            return
        }
        #expect(refusal.reason.contains("retained"))
    }
}
