import GatewayCore
import Signal
import Vault

extension PeopleDesk {
    /// Everybody, the inactive too, by employee number.
    public var people: [Person] {
        members.values.map(\.person).sorted { $0.employeeNumber < $1.employeeNumber }
    }

    /// Adds a person with a password that must be changed at the first sign-in.
    ///
    /// - Throws: `.field` for what cannot be taken, `.conflict` for a number that is in use.
    public func create(_ new: NewPerson, by: String) async throws(PeopleFault) -> Person {
        try await create(new, by: by, mustChange: true) { true }
    }

    /// As `create(_:by:)`.
    ///
    /// - mustChange: false where nobody else knows the password.
    /// - isStillWanted: asked after the password was hashed, which takes a while.
    public func create(
        _ new: NewPerson,
        by: String,
        mustChange: Bool,
        isStillWanted: () -> Bool
    ) async throws(PeopleFault) -> Person {
        if let (field, why) = PersonRule.fault(of: new) { throw .field(field, why) }
        if let why = PasswordRule.fault(new.password, of: new.employeeNumber) {
            throw .field("password", why)
        }
        try checkRoom(for: new.employeeNumber)
        let hash = try await hash(new.password)
        try checkRoom(for: new.employeeNumber)
        guard isStillWanted() else { throw .conflict("there is an admin already: sign in") }
        let person = Person(
            employeeNumber: new.employeeNumber,
            fullName: new.fullName,
            email: new.email,
            role: new.role,
            mustChangePassword: mustChange,
            createdAt: outside.now().wall
        )
        try await put(
            Member(person: person, passwordHash: hash),
            recording: Self.entry("create", person.employeeNumber, by: by, new: person.summary)
        )
        return person
    }

    private func checkRoom(for number: String) throws(PeopleFault) {
        if members[Self.key(number)] != nil {
            throw .conflict("the employee number \(number) is in use")
        }
        guard members.count < PeopleLimits.people else {
            throw .conflict("there are \(PeopleLimits.people) people already")
        }
    }

    /// Changes a person; whoever becomes inactive is signed out everywhere.
    ///
    /// - Throws: `.unknown`, `.field`, or `.conflict` where no admin would be left.
    public func change(
        _ number: String,
        _ change: PersonChange,
        by: String
    ) async throws(PeopleFault) -> Person {
        var member = try member(number)
        let before = member.person
        if let name = change.fullName { member.person.fullName = name }
        if let email = change.email { member.person.email = email }
        if let role = change.role { member.person.role = role }
        if let isActive = change.isActive { member.person.isActive = isActive }
        if let (field, why) = PersonRule.fault(of: member.person) { throw .field(field, why) }
        let after = member.person
        guard after != before else { return after }
        let wasAdmin = before.role == .admin && before.isActive
        let isAdmin = after.role == .admin && after.isActive
        if wasAdmin, !isAdmin, !hasAdmin(beside: before.employeeNumber) {
            throw .conflict(
                "\(before.employeeNumber) is the only active admin: make another one first"
            )
        }
        let (old, new) = Person.differences(before, after)
        try await put(
            member,
            ending: after.isActive ? [] : sessions.sessions(of: after.employeeNumber),
            recording: Self.entry("change", after.employeeNumber, by: by, old: old, new: new)
        )
        return after
    }

    private func hasAdmin(beside number: String) -> Bool {
        members.values.contains {
            $0.person.role == .admin && $0.person.isActive && $0.person.employeeNumber != number
        }
    }

    /// Gives a person another password, which they must change; they are signed out everywhere.
    public func resetPassword(
        _ number: String,
        to password: String,
        by: String
    ) async throws(PeopleFault) {
        let person = try member(number).person
        if let why = PasswordRule.fault(password, of: person.employeeNumber) {
            throw .field("password", why)
        }
        let hash = try await hash(password)
        var member = try member(number)
        member.passwordHash = hash
        member.person.mustChangePassword = true
        try await put(
            member,
            ending: sessions.sessions(of: person.employeeNumber),
            recording: Self.entry("reset-password", person.employeeNumber, by: by)
        )
    }

    /// Changes the password of whoever is signed in; their other sessions end.
    ///
    /// - Throws: `.wrong` for a wrong present password, `.wait` after several, `.field`.
    public func changePassword(
        of signedIn: SignedIn,
        from current: String,
        to password: String,
        at address: String
    ) async throws(PeopleFault) {
        let number = signedIn.person.employeeNumber
        let account = Self.key(number)
        try checkDelay(of: account, from: address)
        let known = try member(number)
        let isRight = try await hashing(for: address) {
            await self.outside.hasher.matches(current, known.passwordHash)
        }
        guard isRight else {
            await failed(account, shown: number, from: address)
            throw .wrong
        }
        if let why = PasswordRule.fault(password, of: number) { throw .field("new_password", why) }
        guard password != current else {
            throw .field("new_password", "it is the present password: choose another")
        }
        let hash = try await hash(password, for: address)
        var member = try member(number)
        member.passwordHash = hash
        member.person.mustChangePassword = false
        try await put(
            member,
            ending: sessions.sessions(of: number, except: signedIn.session),
            recording: Self.entry("change-password", number, by: number)
        )
    }

    // MARK: From the box itself

    /// Gives a person a new password made here, and makes them active again.
    ///
    /// For whoever is root on the box and locked out; the password must be changed.
    public func rescue(_ number: String, by: String) async throws(PeopleFault) -> String {
        let password = Chance.word(letters: PeopleLimits.codeLetters)
        try await resetPassword(number, to: password, by: by)
        _ = try await change(number, PersonChange(isActive: true), by: by)
        return password
    }

    /// Adds an admin with a password made here, which must be changed.
    public func addAdmin(
        _ number: String,
        _ name: String,
        by: String
    ) async throws(PeopleFault) -> String {
        let password = Chance.word(letters: PeopleLimits.codeLetters)
        let new = NewPerson(
            employeeNumber: number,
            fullName: name,
            role: .admin,
            password: password
        )
        _ = try await create(new, by: by)
        return password
    }

    // MARK: Keeping

    private func hash(
        _ password: String,
        for address: String = "here"
    ) async throws(PeopleFault) -> String {
        let hash = try await hashing(for: address) { await self.outside.hasher.hash(password) }
        guard let hash else { throw .unkept("the password could not be hashed") }
        return hash
    }

    /// Takes a member in, ends sessions, and keeps it all with its record; where that fails
    /// everything is as before.
    private func put(
        _ member: Member,
        ending ended: [String] = [],
        recording entry: AuditEntry
    ) async throws(PeopleFault) {
        let key = Self.key(member.person.employeeNumber)
        let before = members[key]
        members[key] = member
        do { try await outside.store.save(member, ending: ended, recording: entry) } catch {
            if members[key] == member { members[key] = before }
            throw .unkept("\(error)")
        }
        for id in ended { sessions.end(id) }
    }
}

extension Person {
    /// For the audit log.
    fileprivate var summary: String {
        fields.map { "\($0.name): \($0.value)" }.joined(separator: ", ")
    }

    private var fields: [(name: String, value: String)] {
        [
            ("full_name", fullName), ("email", email ?? "none"), ("role", role.rawValue),
            ("active", "\(isActive)"),
        ]
    }

    /// What differs, as it was and as it is.
    fileprivate static func differences(_ before: Person, _ after: Person) -> (String, String) {
        let pairs = zip(before.fields, after.fields).filter { $0.value != $1.value }
        func text(_ fields: [(name: String, value: String)]) -> String {
            fields.map { "\($0.name): \($0.value)" }.joined(separator: ", ")
        }
        return (text(pairs.map(\.0)), text(pairs.map(\.1)))
    }
}
