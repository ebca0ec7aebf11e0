import GatewayCore
import Signal
import Vault

/// The people who may sign in, and their sessions.
///
/// All of it is in memory and is kept by the store as it changes; passwords are hashed elsewhere.
/// Whatever is done, and what fails, goes to the audit log.
public actor PeopleDesk {
    /// What the desk needs from outside.
    public struct Surroundings: Sendable {
        public var store: any PeopleStore
        public var hasher: PasswordHasher
        /// Both clocks, now.
        public var now: @Sendable () -> Stamp
        /// Adds an entry to the audit log that is about no change of what is stored.
        public var audit: @Sendable (AuditEntry) async -> Void
        /// Tells the operator; never a secret but for the set-up code.
        public var log: @Sendable (Notice) -> Void

        public init(
            store: any PeopleStore,
            hasher: PasswordHasher,
            now: @escaping @Sendable () -> Stamp,
            audit: @escaping @Sendable (AuditEntry) async -> Void,
            log: @escaping @Sendable (Notice) -> Void
        ) {
            self.store = store
            self.hasher = hasher
            self.now = now
            self.audit = audit
            self.log = log
        }
    }

    let outside: Surroundings
    private let mint: TokenMint
    /// By employee number in lower case.
    var members: [String: Member] = [:]
    var sessions = SessionList()
    private var setUpCode: String?
    private var delays = SignInDelays()
    private var notes = FailureNotes()
    /// Addresses whose passwords are being hashed, once for each.
    private var hashing: [String] = []
    /// Accounts that are being tried from an address: one try at a time.
    private var trying: Set<[String]> = []

    /// Reads what is kept.
    ///
    /// - secret: signs tokens: at least 32 bytes.
    /// - Throws: what the store throws.
    public init(_ outside: Surroundings, secret: [UInt8]) async throws {
        self.outside = outside
        mint = TokenMint(secret: secret)
        for member in try await outside.store.members() {
            members[Self.key(member.person.employeeNumber)] = member
        }
        try await takeUpSessions()
        setUpCode = try await outside.store.setUpCode()
    }

    /// Makes a set-up code where nobody is an admin and there is none, and tells the operator.
    public func beginSetUp() async throws(PeopleFault) {
        guard needsSetUp else { return }
        if setUpCode == nil {
            _ = try await makeSetUpCode()
        } else {
            outside.log(
                Notice(
                    .warning,
                    "nobody can sign in yet: the set-up code was told at the first start; "
                        + "'loopgate people setup-code' makes another"
                )
            )
        }
    }

    /// Sessions of an earlier run go on for what is left of them. While nobody knows the time of
    /// day that is the whole length, counted from now.
    private func takeUpSessions() async throws {
        let now = outside.now()
        var over: [String] = []
        for kept in try await outside.store.sessions() {
            var left = PeopleLimits.sessionLength
            if now.clock != .unset { left = min(left, kept.expiresAt - now.wall) }
            guard left > .zero, members[Self.key(kept.person)]?.person.isActive == true else {
                over.append(kept.id)
                continue
            }
            over += sessions.begin(kept.id, of: kept.person, length: left, at: now.monotonic)
        }
        if !over.isEmpty { try await outside.store.begin(nil, ending: over) }
    }

    static func key(_ number: String) -> String { number.lowercased() }

    func member(_ number: String) throws(PeopleFault) -> Member {
        guard let member = members[Self.key(number)] else {
            throw .unknown("nobody has the employee number \(number.prefix(40))")
        }
        return member
    }

    // MARK: Set-up

    /// Whether nobody is an active admin yet: then the set-up code makes the first.
    public var needsSetUp: Bool {
        !members.values.contains { $0.person.role == .admin && $0.person.isActive }
    }

    /// Makes a set-up code, tells the operator, and gives it; one that was given before is void.
    ///
    /// - Throws: `.conflict` once there is an admin.
    public func makeSetUpCode() async throws(PeopleFault) -> String {
        guard needsSetUp else { throw .conflict("there is an admin: no set-up code is needed") }
        let code = Chance.word(letters: PeopleLimits.codeLetters)
        try await keep(setUpCode: Self.digest(code))
        outside.log(
            Notice(
                .warning,
                "set-up code: \(code)  (open the page and make the first admin with it)"
            )
        )
        return code
    }

    private func keep(setUpCode digest: String?) async throws(PeopleFault) {
        do { try await outside.store.keep(setUpCode: digest) } catch { throw .unkept("\(error)") }
        setUpCode = digest
    }

    /// The code as it is kept: it is random and long, so one round is enough.
    private static func digest(_ code: String) -> String {
        let letters = code.uppercased().filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
        return Base64URL.encode(Digest.sha256(Array(letters.utf8)))
    }

    /// Makes the first admin and signs them in.
    ///
    /// - Throws: `.conflict` once there is an admin, `.wrong` for a wrong code, `.wait` after
    ///   several, and what `create` throws.
    public func setUp(
        code: String,
        _ new: NewPerson,
        from address: String
    ) async throws(PeopleFault) -> BegunSession {
        guard needsSetUp, let setUpCode else {
            throw .conflict("there is an admin already: sign in")
        }
        try checkDelay(of: "", from: address)
        guard Digest.isEqual(Array(Self.digest(code).utf8), Array(setUpCode.utf8)) else {
            await failed("", shown: "the set-up code", from: address)
            throw .wrong
        }
        var new = new
        new.role = .admin
        let person = try await create(new, by: new.employeeNumber, mustChange: false) {
            self.needsSetUp
        }
        try? await keep(setUpCode: nil)
        return try await begin(person, from: address)
    }

    // MARK: Signing in

    /// Begins a session for whoever has this number and password.
    ///
    /// - Throws: `.wrong`, `.deactivated`, or `.wait`: after failures, and while too many others
    ///   are being looked at.
    public func signIn(
        _ number: String,
        _ password: String,
        from address: String
    ) async throws(PeopleFault) -> BegunSession {
        let account = Self.key(String(number.prefix(PeopleLimits.numberBytes)))
        let shown = PersonRule.fault(ofNumber: number) == nil ? number : "no employee number"
        try checkDelay(of: account, from: address)
        guard trying.insert([account, address]).inserted else { throw .wait(.seconds(1)) }
        defer { trying.remove([account, address]) }
        let known = members[account]
        let isRight = try await hashing(for: address) {
            await self.outside.hasher.matches(password, known?.passwordHash)
        }
        // The hash must still be the person's: it took a while.
        guard isRight, let member = members[account], member.passwordHash == known?.passwordHash
        else {
            await failed(account, shown: shown, from: address)
            throw .wrong
        }
        delays.succeed(account, address)
        guard member.person.isActive else {
            await audit("sign-in-refused", shown, by: shown, new: "deactivated, from \(address)")
            throw .deactivated
        }
        return try await begin(member.person, from: address)
    }

    /// Runs something that hashes, unless too many wait already.
    func hashing<Result: Sendable>(
        for address: String,
        _ body: @Sendable () async -> Result
    ) async throws(PeopleFault) -> Result {
        let own = hashing.reduce(0) { $0 + ($1 == address ? 1 : 0) }
        guard hashing.count < PeopleLimits.waitingHashes,
            own < PeopleLimits.waitingHashesPerAddress
        else { throw .wait(.seconds(2)) }
        hashing.append(address)
        defer { if let index = hashing.firstIndex(of: address) { hashing.remove(at: index) } }
        return await body()
    }

    func checkDelay(of account: String, from address: String) throws(PeopleFault) {
        let wait = delays.wait(account, address, at: outside.now().monotonic)
        if wait > .zero { throw .wait(wait) }
    }

    /// Notes a failed try.
    func failed(_ account: String, shown: String, from address: String) async {
        let now = outside.now().monotonic
        let (wait, failures) = delays.fail(account, address, at: now)
        guard let left = notes.note(at: now) else { return }
        let next = wait > .zero ? "; the next try in \(wait.seconds) s" : ""
        let others = left > 0 ? "; \(left) others were not noted" : ""
        let text = "failed \(failures) times from \(address)\(next)\(others)"
        outside.log(Notice(.warning, "sign-in with \(shown) \(text)"))
        await audit("sign-in-failed", shown, by: "nobody", new: text)
    }

    private func begin(
        _ person: Person,
        from address: String
    ) async throws(PeopleFault) -> BegunSession {
        let now = outside.now()
        let id = Base64URL.encode(Chance.bytes(16))
        let number = person.employeeNumber
        let kept = KeptSession(
            id: id,
            person: number,
            startedAt: now.wall,
            expiresAt: now.wall + PeopleLimits.sessionLength
        )
        let ended = sessions.begin(id, of: number, at: now.monotonic)
        do { try await outside.store.begin(kept, ending: ended) } catch {
            // Nobody is kept out of a gateway with a full disk: the session ends with this run.
            outside.log(Notice(.warning, "a session is not kept: \(error)"))
        }
        var person = person
        if var member = members[Self.key(number)] {
            member.person.lastLogin = now.wall
            members[Self.key(number)] = member
            person = member.person
            try? await outside.store.save(member, ending: [], recording: nil)
        }
        await audit("sign-in", number, by: number, new: "from \(address)")
        let seconds = now.wall.nanosecondsSince1970 / 1_000_000_000
        let token = mint.token(
            TokenMint.Claims(
                sub: number,
                sid: id,
                iat: seconds,
                exp: seconds + PeopleLimits.sessionLength.milliseconds / 1000
            )
        )
        return BegunSession(token: token, lasts: PeopleLimits.sessionLength, person: person)
    }

    // MARK: Sessions

    /// Whoever the token belongs to; nil: it is not ours, or its session has ended.
    public func signedIn(bearing token: String) -> SignedIn? {
        guard let claims = mint.claims(of: token),
            sessions.person(of: claims.sid, at: outside.now().monotonic) == claims.sub,
            let person = members[Self.key(claims.sub)]?.person, person.isActive
        else { return nil }
        return SignedIn(person: person, session: claims.sid)
    }

    /// Ends a session.
    public func signOut(_ signedIn: SignedIn) async {
        sessions.end(signedIn.session)
        await forget([signedIn.session])
        let number = signedIn.person.employeeNumber
        await audit("sign-out", number, by: number)
    }

    private func forget(_ ended: [String]) async {
        guard !ended.isEmpty else { return }
        do { try await outside.store.begin(nil, ending: ended) } catch {
            outside.log(Notice(.warning, "ended sessions are still in the journal: \(error)"))
        }
    }

    // MARK: Audit

    func audit(
        _ action: String,
        _ subject: String,
        by: String,
        old: String? = nil,
        new: String? = nil
    ) async {
        await outside.audit(Self.entry(action, subject, by: by, old: old, new: new))
    }

    static func entry(
        _ action: String,
        _ subject: String,
        by: String,
        old: String? = nil,
        new: String? = nil
    ) -> AuditEntry {
        AuditEntry(who: by, action: "people.\(action)", subject: subject, old: old, new: new)
    }
}
