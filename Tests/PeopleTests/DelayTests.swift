import Signal
import Testing

@testable import People

@Suite struct DelayTests {
    let start = MonotonicTime(nanoseconds: 1_000_000_000_000)

    private func failing(_ times: Int, _ delays: inout SignInDelays) {
        for _ in 0..<times { _ = delays.fail("anna", "10.0.0.9", at: start) }
    }

    @Test(
        "After five failures the delay is 1 s, doubling to 15 min",
        arguments: [
            (4, 0.0), (5, 1), (6, 2), (7, 4), (10, 32), (14, 512), (15, 900), (200, 900),
        ]
    )
    func doubling(failures: Int, seconds: Double) {
        var delays = SignInDelays()
        failing(failures, &delays)
        let own = SignInDelays.delay(after: failures, of: "anna")
        #expect(own.seconds == seconds)
        #expect(delays.wait("anna", "10.0.0.9", at: start).seconds == seconds)
    }

    @Test("The owner at another address never waits")
    func owner() {
        var delays = SignInDelays()
        failing(10_000, &delays)
        #expect(delays.wait("anna", "10.0.0.1", at: start) == .zero)
    }

    @Test("One address that tries everybody waits too, up to a minute")
    func spraying() {
        var delays = SignInDelays()
        for index in 0..<19 { _ = delays.fail("person-\(index)", "10.0.0.9", at: start) }
        #expect(delays.wait("anna", "10.0.0.9", at: start) == .zero)
        _ = delays.fail("person-19", "10.0.0.9", at: start)
        #expect(delays.wait("anna", "10.0.0.9", at: start) == .seconds(1))
        for index in 20..<200 { _ = delays.fail("person-\(index)", "10.0.0.9", at: start) }
        #expect(delays.wait("anna", "10.0.0.9", at: start) == .seconds(60))
    }

    @Test("A delay runs out, a success clears the account's, an hour clears all")
    func clearing() {
        var delays = SignInDelays()
        failing(6, &delays)
        #expect(delays.wait("anna", "10.0.0.9", at: start + .milliseconds(1_999)) > .zero)
        #expect(delays.wait("anna", "10.0.0.9", at: start + .seconds(2)) <= .zero)
        #expect(delays.fail("anna", "10.0.0.9", at: start + .seconds(3)).failures == 7)
        delays.succeed("anna", "10.0.0.9")
        #expect(delays.wait("anna", "10.0.0.9", at: start + .seconds(3)) == .zero)
        failing(15, &delays)
        #expect(delays.fail("anna", "10.0.0.9", at: start + .seconds(3_601)).failures == 1)
    }

    @Test("The table is bounded, and those with many failures stay in it")
    func bounded() {
        var delays = SignInDelays()
        failing(12, &delays)
        for index in 0..<5_000 {
            _ = delays.fail("a\(index)", "10.1.\(index / 250).\(index % 250)", at: start)
        }
        #expect(delays.count <= PeopleLimits.rememberedFailures)
        #expect(delays.wait("anna", "10.0.0.9", at: start) == .seconds(128))
    }

    @Test("A flood of failures does not fill the audit log, and is counted")
    func notes() {
        var notes = FailureNotes()
        let noted = (0..<10_000).compactMap { _ in notes.note(at: start) }
        #expect(noted.count == PeopleLimits.auditedFailuresPerHour)
        #expect(notes.note(at: start + .seconds(60)) == 10_000 - noted.count)
        #expect(notes.note(at: start + .seconds(60)) == nil)
    }
}

@Suite struct SessionTests {
    let start = MonotonicTime(nanoseconds: 5_000_000_000)

    @Test("A session ends after its length, and at once when it is ended")
    func ends() {
        var sessions = SessionList()
        #expect(sessions.begin("s1", of: "7", at: start).isEmpty)
        let end = start + PeopleLimits.sessionLength
        #expect(sessions.person(of: "s1", at: end - .milliseconds(1)) == "7")
        #expect(sessions.person(of: "s1", at: end) == nil)
        sessions.end("s1")
        #expect(sessions.person(of: "s1", at: start) == nil)
    }

    @Test("In all there are so many sessions: then the oldest ends, whosesoever it is")
    func crowdedInAll() {
        var sessions = SessionList()
        for index in 0..<PeopleLimits.sessions {
            let ended = sessions.begin(
                "s\(index)",
                of: "person \(index)",
                at: start + .seconds(Double(index))
            )
            #expect(ended.isEmpty)
        }
        let later = start + .seconds(1_000)
        #expect(sessions.begin("one more", of: "somebody", at: later) == ["s0"])
        #expect(sessions.person(of: "s1", at: later) == "person 1")
    }

    @Test("At the limit a person's oldest session ends, and nobody else's")
    func crowded() {
        var sessions = SessionList()
        _ = sessions.begin("other", of: "8", at: start)
        for index in 0..<PeopleLimits.sessionsPerPerson {
            _ = sessions.begin("s\(index)", of: "7", at: start + .seconds(Double(index + 1)))
        }
        #expect(sessions.begin("one more", of: "7", at: start + .seconds(99)) == ["s0"])
        #expect(sessions.person(of: "other", at: start) == "8")
        #expect(sessions.sessions(of: "7", except: "one more").count == 15)
        #expect(sessions.person(of: "one more", at: start) == "7")
    }
}
