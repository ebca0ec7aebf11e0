import Foundation
import GatewayCore
import Runtime
import Signal
import TestSupport
import Testing

@testable import People

@Suite struct PeopleDeskTests {
    let box = PeopleBox()
    static let password = "lantern on the quay"

    private func new(_ number: String, _ role: Role = .technician) -> NewPerson {
        NewPerson(
            employeeNumber: number,
            fullName: "Name of \(number)",
            role: role,
            password: Self.password
        )
    }

    /// A desk with the admin `A1`, and their session.
    private func furnished() async throws -> (PeopleDesk, BegunSession) {
        let desk = try await box.desk()
        try await desk.beginSetUp()
        let code = try #require(box.toldCode)
        return (desk, try await desk.setUp(code: code, new("A1", .admin), from: "10.0.0.1"))
    }

    // MARK: Set-up

    @Test("The first start tells a set-up code once; it makes the first admin, and only that one")
    func setUp() async throws {
        let (desk, session) = try await furnished()
        #expect(session.person.role == .admin)
        #expect(!session.person.mustChangePassword)
        #expect(await desk.signedIn(bearing: session.token)?.person.employeeNumber == "A1")
        #expect(await !desk.needsSetUp)
        let code = try #require(box.toldCode)
        await #expect(throws: PeopleFault.conflict("there is an admin already: sign in")) {
            try await desk.setUp(code: code, new("A2", .admin), from: "10.0.0.1")
        }
        await #expect(throws: PeopleFault.self) { try await desk.makeSetUpCode() }
        #expect(box.state.withLock { $0.code } == nil)
    }

    @Test("The code works after a restart, is not kept as it is, and is written as people write it")
    func codeAfterRestart() async throws {
        try await box.desk().beginSetUp()
        let code = try #require(box.toldCode)
        #expect(box.state.withLock { $0.code }?.contains(code.prefix(4)) == false)
        let desk = try await box.desk()
        try await desk.beginSetUp()
        #expect(box.toldCode == code, "no second code is made")
        let typed = code.lowercased().replacing("-", with: " ")
        _ = try await desk.setUp(code: typed, new("A1", .admin), from: "10.0.0.1")
    }

    @Test("Wrong set-up codes are delayed like passwords")
    func wrongCodes() async throws {
        let desk = try await box.desk()
        try await desk.beginSetUp()
        for _ in 0..<5 {
            await #expect(throws: PeopleFault.wrong) {
                try await desk.setUp(code: "AAAA", new("A1", .admin), from: "10.0.0.9")
            }
        }
        let code = try #require(box.toldCode)
        await #expect(throws: PeopleFault.wait(.seconds(1))) {
            try await desk.setUp(code: code, new("A1", .admin), from: "10.0.0.9")
        }
        box.pass(.seconds(1))
        _ = try await desk.setUp(code: code, new("A1", .admin), from: "10.0.0.9")
    }

    @Test("A new set-up code voids the one before")
    func anotherCode() async throws {
        let desk = try await box.desk()
        try await desk.beginSetUp()
        let old = try #require(box.toldCode)
        let code = try await desk.makeSetUpCode()
        await #expect(throws: PeopleFault.wrong) {
            try await desk.setUp(code: old, new("A1", .admin), from: "10.0.0.1")
        }
        _ = try await desk.setUp(code: code, new("A1", .admin), from: "10.0.0.1")
    }

    // MARK: Signing in

    @Test("A wrong number and a wrong password are told alike; the number's case does not matter")
    func signIn() async throws {
        let (desk, _) = try await furnished()
        for (number, password) in [
            ("nobody", Self.password), ("A1", "lantern on the quai"), ("", Self.password),
            ("A1", ""), ("A1", String(repeating: "x", count: 5_000)), ("A1\0", Self.password),
        ] {
            await #expect(throws: PeopleFault.wrong) {
                try await desk.signIn(number, password, from: "10.0.0.2")
            }
            box.pass(.seconds(120))
        }
        let session = try await desk.signIn("a1", Self.password, from: "10.0.0.3")
        #expect(session.person.employeeNumber == "A1")
        #expect(session.person.lastLogin == box.state.withLock { $0.stamp.wall })
    }

    @Test(
        "The right password of somebody deactivated is refused with the reason, a wrong one without"
    )
    func deactivated() async throws {
        let (desk, _) = try await furnished()
        _ = try await desk.create(new("T1"), by: "A1")
        let session = try await desk.signIn("T1", Self.password, from: "10.0.0.2")
        _ = try await desk.change("T1", PersonChange(isActive: false), by: "A1")
        #expect(await desk.signedIn(bearing: session.token) == nil)
        await #expect(throws: PeopleFault.deactivated) {
            try await desk.signIn("T1", Self.password, from: "10.0.0.2")
        }
        await #expect(throws: PeopleFault.wrong) {
            try await desk.signIn("T1", "something else", from: "10.0.0.2")
        }
    }

    @Test("Ten thousand tries from fifty addresses: the owner gets in at once from another")
    func bruteForce() async throws {
        let (desk, _) = try await furnished()
        var refused = 0
        for index in 0..<10_000 {
            do throws(PeopleFault) {
                _ = try await desk.signIn("A1", "guess \(index)", from: "10.9.0.\(index % 50)")
            } catch { if case .wait = error { refused += 1 } }
        }
        #expect(refused == 10_000 - 50 * PeopleLimits.freeFailures)
        _ = try await desk.signIn("A1", Self.password, from: "10.0.0.1")
        let noted = box.actions.reduce(0) { $0 + ($1 == "people.sign-in-failed" ? 1 : 0) }
        #expect((1...PeopleLimits.auditedFailuresPerHour).contains(noted))
        #expect(box.state.withLock { $0.log.contains { $0.contains("guess") } } == false)
    }

    @Test("Tries at the same time are one at a time for an account from an address")
    func together() async throws {
        let (desk, _) = try await furnished()
        let results = await withTaskGroup(of: PeopleFault?.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    do throws(PeopleFault) {
                        _ = try await desk.signIn("A1", "wrong wrong", from: "10.0.0.9")
                        return nil
                    } catch { return error }
                }
            }
            return await group.reduce(into: [PeopleFault?]()) { $0.append($1) }
        }
        let tried = results.filter { $0 == .wrong }.count
        #expect((1...PeopleLimits.freeFailures).contains(tried))
        #expect(!results.contains(nil))
    }

    @Test("Passwords that wait to be hashed are so many, in all and from one address")
    func waitingHashes() async throws {
        // Each takes longer than all of them take to line up.
        let desk = try await box.desk(cost: 10)
        func refused(_ count: Int, from address: @escaping @Sendable (Int) -> String) async -> Int {
            await withTaskGroup(of: Bool.self) { group in
                for index in 0..<count {
                    group.addTask {
                        do throws(PeopleFault) {
                            _ = try await desk.signIn("N\(index)", "guess", from: address(index))
                        } catch { return error == .wait(.seconds(2)) }
                        return false
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
        }
        let crowd = 4 * PeopleLimits.waitingHashes
        let ofAll = await refused(crowd) { "10.1.0.\($0)" }
        #expect((1...(crowd - PeopleLimits.waitingHashes)).contains(ofAll))
        let few = 4 * PeopleLimits.waitingHashesPerAddress
        let ofOne = await refused(few) { _ in "10.2.0.1" }
        #expect((1...(few - PeopleLimits.waitingHashesPerAddress)).contains(ofOne))
    }

    @Test("There are no more people than the limit says")
    func tooMany() async throws {
        let desk = try await box.desk()
        for index in 1...PeopleLimits.people {
            _ = try await desk.create(new("P\(index)"), by: "A1")
        }
        let words = "there are \(PeopleLimits.people) people already"
        await #expect(throws: PeopleFault.conflict(words)) {
            try await desk.create(new("one"), by: "A1")
        }
    }

    // MARK: Sessions

    @Test("Signing out ends the session; a step of the clock ends none")
    func sessions() async throws {
        let (desk, session) = try await furnished()
        box.state.withLock { $0.stamp.wall = WallTime(nanosecondsSince1970: 0) }
        #expect(await desk.signedIn(bearing: session.token) != nil)
        box.state.withLock { $0.stamp.wall = WallTime(nanosecondsSince1970: .max / 2) }
        let signedIn = try #require(await desk.signedIn(bearing: session.token))
        await desk.signOut(signedIn)
        #expect(await desk.signedIn(bearing: session.token) == nil)
        #expect(box.state.withLock { $0.sessions.isEmpty })
    }

    @Test("A session outlives a restart for what is left of it, and not another secret")
    func restart() async throws {
        let (_, session) = try await furnished()
        box.pass(.seconds(7 * 3600))
        let again = try await box.desk()
        #expect(await again.signedIn(bearing: session.token) != nil)
        #expect(await (try box.desk(secret: 2)).signedIn(bearing: session.token) == nil)
        box.pass(.seconds(3601))
        #expect(await again.signedIn(bearing: session.token) == nil)
        _ = try await box.desk()
        #expect(box.state.withLock { $0.sessions.isEmpty })
    }

    // MARK: People

    @Test("A given password must be changed; changing it ends the person's other sessions")
    func passwords() async throws {
        let (desk, _) = try await furnished()
        let person = try await desk.create(new("T1"), by: "A1")
        #expect(person.mustChangePassword)
        let first = try await desk.signIn("T1", Self.password, from: "10.0.0.2")
        let second = try await desk.signIn("T1", Self.password, from: "10.0.0.3")
        let signedIn = try #require(await desk.signedIn(bearing: second.token))
        await #expect(throws: PeopleFault.wrong) {
            try await desk.changePassword(
                of: signedIn,
                from: "not that",
                to: "harbour in the fog",
                at: "10.0.0.3"
            )
        }
        await #expect(throws: PeopleFault.self, "the same password is no new one") {
            try await desk.changePassword(
                of: signedIn,
                from: Self.password,
                to: Self.password,
                at: "10.0.0.3"
            )
        }
        try await desk.changePassword(
            of: signedIn,
            from: Self.password,
            to: "harbour in the fog",
            at: "10.0.0.3"
        )
        #expect(await desk.signedIn(bearing: first.token) == nil)
        #expect(await desk.signedIn(bearing: second.token)?.person.mustChangePassword == false)
        try await desk.resetPassword("T1", to: "given by the admin", by: "A1")
        #expect(await desk.signedIn(bearing: second.token) == nil)
    }

    @Test(
        "Passwords that are short, too long for bcrypt, or tried first by everybody are refused",
        arguments: [
            "short", "äöüäöü", String(repeating: "long ", count: 15), "password123", "PassWord123",
            "abababab", "T1000 rules", "zero\0zero zero",
        ]
    )
    func badPasswords(password: String) async throws {
        let desk = try await box.desk()
        var person = new("T1000")
        person.password = password
        await #expect {
            try await desk.create(person, by: "A1")
        } throws: { error in
            if case .field("password", _)? = error as? PeopleFault { return true }
            return false
        }
    }

    @Test(
        "Numbers, names and addresses that could mislead are refused, with the field",
        arguments: [
            ("employee_number", "", "Name", nil), ("employee_number", "A 1", "Name", nil),
            ("employee_number", "Ä1", "Name", nil),
            ("employee_number", String(repeating: "1", count: 33), "Name", nil),
            ("full_name", "T1", "  ", nil), ("full_name", "T1", "An\u{202E}na", nil),
            ("full_name", "T1", "two\nlines", nil),
            ("full_name", "T1", String(repeating: "x", count: 121), nil),
            ("email", "T1", "Name", String(repeating: "a", count: 250) + "@b.de"),
            ("email", "T1", "Name", "no address"), ("email", "T1", "Name", "a@b@c"),
        ] as [(String, String, String, String?)]
    )
    func badFields(field: String, number: String, name: String, email: String?) async throws {
        let desk = try await box.desk()
        let person = NewPerson(
            employeeNumber: number,
            fullName: name,
            email: email,
            role: .technician,
            password: Self.password
        )
        await #expect {
            try await desk.create(person, by: "A1")
        } throws: { error in
            if case .field(field, _)? = error as? PeopleFault { return true }
            return false
        }
    }

    @Test("The last active admin stays one; a number is used once, whatever its case")
    func lastAdmin() async throws {
        let (desk, _) = try await furnished()
        for change in [PersonChange(role: .technician), PersonChange(isActive: false)] {
            await #expect {
                try await desk.change("A1", change, by: "A1")
            } throws: { error in
                if case .conflict? = error as? PeopleFault { return true }
                return false
            }
        }
        await #expect(throws: PeopleFault.conflict("the employee number a1 is in use")) {
            try await desk.create(new("a1"), by: "A1")
        }
        _ = try await desk.create(new("A2", .admin), by: "A1")
        #expect(
            try await desk.change("A1", PersonChange(role: .technician), by: "A2").role
                == .technician
        )
        await #expect(throws: PeopleFault.unknown("nobody has the employee number A9")) {
            try await desk.change("A9", PersonChange(isActive: true), by: "A2")
        }
    }

    @Test("A change that the journal could not keep did not happen")
    func unkept() async throws {
        let (desk, _) = try await furnished()
        box.state.withLock { $0.fault = "full" }
        await #expect(throws: PeopleFault.self) { try await desk.create(new("T1"), by: "A1") }
        await #expect(throws: PeopleFault.self) {
            try await desk.change("A1", PersonChange(fullName: "Other"), by: "A1")
        }
        #expect(await desk.people.map(\.fullName) == ["Name of A1"])
        // Nobody is kept out for it.
        _ = try await desk.signIn("A1", Self.password, from: "10.0.0.1")
    }

    @Test("Everything that changes is audited: by whom, what it was and what it is")
    func audit() async throws {
        let (desk, session) = try await furnished()
        _ = try await desk.create(new("T1"), by: "A1")
        _ = try await desk.change(
            "T1",
            PersonChange(email: .some("t1@plant.example"), role: .admin),
            by: "A1"
        )
        let password = try await desk.rescue("A1", by: "console (root)")
        #expect(await desk.signedIn(bearing: session.token) == nil)
        _ = try await desk.signIn("A1", password, from: "10.0.0.1")
        #expect(
            box.actions == [
                "people.create", "people.sign-in", "people.create", "people.change",
                "people.reset-password", "people.sign-in",
            ]
        )
        let change = box.state.withLock { $0.audit[3] }
        #expect(
            change
                == AuditEntry(
                    who: "A1",
                    action: "people.change",
                    subject: "T1",
                    old: "email: none, role: technician",
                    new: "email: t1@plant.example, role: admin"
                )
        )
        let told = box.state.withLock { "\($0.audit) \($0.log)" }
        #expect(!told.contains(password))
        #expect(!told.contains(Self.password))
    }
}
