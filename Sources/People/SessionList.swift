import Signal

/// The sessions that go on. A value; time is monotonic, so no step of the clock ends one.
struct SessionList {
    struct Session: Equatable {
        var person: String
        var started: MonotonicTime
        var ends: MonotonicTime
    }

    private var sessions: [String: Session] = [:]

    /// The person of a session that goes on.
    func person(of id: String, at now: MonotonicTime) -> String? {
        guard let session = sessions[id], session.ends > now else { return nil }
        return session.person
    }

    /// Adds a session and gives those that end for it: expired ones, and the oldest at a limit.
    mutating func begin(
        _ id: String,
        of person: String,
        length: Nanoseconds = PeopleLimits.sessionLength,
        at now: MonotonicTime
    ) -> [String] {
        var ended = end { $0.ends <= now }
        while let oldest = crowded(person) {
            sessions[oldest] = nil
            ended.append(oldest)
        }
        sessions[id] = Session(person: person, started: now, ends: now + length)
        return ended
    }

    /// Ends those that `isOver` names, and gives them.
    mutating func end(where isOver: (Session) -> Bool) -> [String] {
        let over = sessions.filter { isOver($0.value) }.keys.sorted()
        for id in over { sessions[id] = nil }
        return over
    }

    /// The sessions of a person, but for one.
    func sessions(of person: String, except kept: String? = nil) -> [String] {
        sessions.filter { $0.value.person == person && $0.key != kept }.keys.sorted()
    }

    mutating func end(_ id: String) { sessions[id] = nil }

    /// The session that must go before `person` may begin another.
    private func crowded(_ person: String) -> String? {
        func oldest(_ some: [String: Session]) -> String? {
            some.min { ($0.value.started, $0.key) < ($1.value.started, $1.key) }?.key
        }
        let own = sessions.filter { $0.value.person == person }
        if own.count >= PeopleLimits.sessionsPerPerson { return oldest(own) }
        return sessions.count >= PeopleLimits.sessions ? oldest(sessions) : nil
    }
}
