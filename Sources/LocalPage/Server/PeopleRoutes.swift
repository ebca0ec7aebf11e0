import Foundation
import GatewayCore
import HTTPTypes
import Hummingbird
import People
import Signal

/// Signing in and out, and the people who may.
struct PeopleRoutes: PageRoutes {
    let desk: any PageDesk
    /// Whether the page is served over TLS: then the cookie goes nowhere else.
    let isSecure: Bool

    func add(to api: RouterGroup<PageContext>) {
        api.get("setup") { _, _ in try await setUpState() }
        api.post("setup", use: setUp)
        api.post("auth/login", use: signIn)
        api.post("auth/logout", use: signOut)
        api.get("auth/me") { _, context in
            try JSON.response(UserBody(try context.requireSession().person))
        }
        api.post("auth/password", use: changePassword)
        api.get("users") { _, context in
            try context.requireAdmin()
            return try JSON.response(try await people.people.map(UserBody.init))
        }
        api.post("users", use: create)
        api.patch("users/{number}", use: change)
        api.post("users/{number}/reset-password", use: resetPassword)
    }

    private var people: PeopleDesk {
        get throws(Problem) {
            guard let people = desk.people else { throw .stalled }
            return people
        }
    }

    // MARK: Set-up

    private struct SetUpState: Encodable {
        var needsSetup: Bool
        var gateway: String
    }

    private func setUpState() async throws -> Response {
        guard let snapshot = await desk.snapshot() else { throw Problem.stalled }
        return try JSON.response(
            SetUpState(needsSetup: try await people.needsSetUp, gateway: snapshot.gateway)
        )
    }

    private struct SetUpBody: RequestBodyFields {
        var code: String
        var number: String
        var name: String
        var password: String
        var email: String?

        enum CodingKeys: String, CodingKey, CaseIterable {
            case code, password, email
            case number = "employee_number"
            case name = "full_name"
        }
    }

    private func setUp(_ request: Request, _ context: PageContext) async throws -> Response {
        let body = try await JSON.decode(SetUpBody.self, from: request)
        let new = NewPerson(
            employeeNumber: body.number,
            fullName: body.name,
            email: body.email,
            role: .admin,
            password: body.password
        )
        do {
            let session = try await people.setUp(
                code: body.code,
                new,
                from: context.remoteAddress
            )
            return try response(session, status: .created)
        } catch PeopleFault.wrong {
            throw Problem(.forbidden, "the set-up code is wrong")
        } catch let fault as PeopleFault { throw Problem(fault) }
    }

    // MARK: Sessions

    private struct TokenBody: Encodable {
        var accessToken: String
        var tokenType = "bearer"
        var expiresIn: Int64
        var user: UserBody
    }

    private func signIn(_ request: Request, _ context: PageContext) async throws -> Response {
        let form = try Form(try await JSON.bytes(of: request), fields: ["username", "password"])
        let number = try form.required("username")
        let password = try form.required("password")
        do {
            let session = try await people.signIn(number, password, from: context.remoteAddress)
            return try response(session)
        } catch let fault as PeopleFault { throw Problem(fault) }
    }

    private func response(
        _ session: BegunSession,
        status: HTTPResponse.Status = .ok
    ) throws -> Response {
        let seconds = session.lasts.milliseconds / 1000
        var response = try JSON.response(
            TokenBody(
                accessToken: session.token,
                expiresIn: seconds,
                user: UserBody(session.person)
            ),
            status: status
        )
        setCookie(session.token, seconds: Int(seconds), in: &response)
        return response
    }

    private func setCookie(_ token: String, seconds: Int, in response: inout Response) {
        response.headers[.setCookie] =
            "\(SignIn.cookie)=\(token); Path=/; Max-Age=\(seconds); "
            + "HttpOnly; SameSite=Strict" + (isSecure ? "; Secure" : "")
    }

    private func signOut(_ request: Request, _ context: PageContext) async throws -> Response {
        try await people.signOut(try context.requireSession())
        var response = Response(status: .noContent)
        setCookie("", seconds: 0, in: &response)
        return response
    }

    private struct PasswordBody: RequestBodyFields {
        var current: String
        var new: String

        enum CodingKeys: String, CodingKey, CaseIterable {
            case current = "current_password"
            case new = "new_password"
        }
    }

    private func changePassword(
        _ request: Request,
        _ context: PageContext
    ) async throws -> Response {
        let session = try context.requireSession()
        let body = try await JSON.decode(PasswordBody.self, from: request)
        do {
            try await people.changePassword(
                of: session,
                from: body.current,
                to: body.new,
                at: context.remoteAddress
            )
        } catch PeopleFault.wrong {
            throw Problem.field("current_password", "it is not the present password")
        } catch let fault as PeopleFault { throw Problem(fault) }
        return Response(status: .noContent)
    }

    // MARK: People

    private struct NewBody: RequestBodyFields {
        var number: String
        var name: String
        var role: Role
        var password: String
        var email: String?

        enum CodingKeys: String, CodingKey, CaseIterable {
            case role, password, email
            case number = "employee_number"
            case name = "full_name"
        }
    }

    private func create(_ request: Request, _ context: PageContext) async throws -> Response {
        let admin = try context.requireAdmin()
        let body = try await JSON.decode(NewBody.self, from: request)
        do {
            let person = try await people.create(
                NewPerson(
                    employeeNumber: body.number,
                    fullName: body.name,
                    email: body.email,
                    role: body.role,
                    password: body.password
                ),
                by: admin.employeeNumber
            )
            return try JSON.response(UserBody(person), status: .created)
        } catch let fault as PeopleFault { throw Problem(fault) }
    }

    private struct ChangeBody: RequestBodyFields {
        var name: Change<String>
        var email: Change<String>
        var role: Change<Role>
        var active: Change<Bool>

        enum CodingKeys: String, CodingKey, CaseIterable {
            case email, role, active
            case name = "full_name"
        }
    }

    private func change(_ request: Request, _ context: PageContext) async throws -> Response {
        let admin = try context.requireAdmin()
        let body = try await JSON.decode(ChangeBody.self, from: request)
        let email: String?? =
            switch body.email {
            case .keep: nil
            case .clear: .some(nil)
            case .set(let email): email
            }
        let change = PersonChange(
            fullName: try body.name.value("full_name"),
            email: email,
            role: try body.role.value("role"),
            isActive: try body.active.value("active")
        )
        do {
            let person = try await people.change(
                try context.parameters.require("number"),
                change,
                by: admin.employeeNumber
            )
            return try JSON.response(UserBody(person))
        } catch let fault as PeopleFault { throw Problem(fault) }
    }

    private struct ResetBody: RequestBodyFields {
        var password: String
        enum CodingKeys: String, CodingKey, CaseIterable { case password }
    }

    private func resetPassword(_ request: Request, _ context: PageContext) async throws -> Response
    {
        let admin = try context.requireAdmin()
        let body = try await JSON.decode(ResetBody.self, from: request)
        do {
            try await people.resetPassword(
                try context.parameters.require("number"),
                to: body.password,
                by: admin.employeeNumber
            )
        } catch let fault as PeopleFault { throw Problem(fault) }
        return Response(status: .noContent)
    }
}

extension Change {
    /// The value to set; nil: none. Null is refused.
    func value(_ field: String) throws(Problem) -> Value? {
        switch self {
        case .keep: return nil
        case .clear: throw .field(field, "it may not be null")
        case .set(let value): return value
        }
    }
}

/// A person as the API shows one.
struct UserBody: Encodable {
    var employeeNumber: String
    var fullName: String
    @OrNull var email: String?
    var role: Role
    var active: Bool
    var mustChangePassword: Bool
    var createdAt: ISOTime
    @OrNull var lastLogin: ISOTime?

    init(_ person: Person) {
        employeeNumber = person.employeeNumber
        fullName = person.fullName
        email = person.email
        role = person.role
        active = person.isActive
        mustChangePassword = person.mustChangePassword
        createdAt = ISOTime(person.createdAt)
        lastLogin = person.lastLogin.map(ISOTime.init)
    }
}

/// A form as browsers send it: `application/x-www-form-urlencoded`.
struct Form {
    private var values: [String: String] = [:]

    /// - Throws: 400 for what is no form; 422 for fields that are unknown or given twice.
    init(_ body: Data, fields: Set<String>) throws(Problem) {
        for pair in String(decoding: body, as: UTF8.self).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = Self.decoded(parts[0]),
                let value = Self.decoded(parts[1])
            else { throw Problem(.badRequest, "the body must be a form: name=value&…") }
            guard fields.contains(name) else {
                throw .field(
                    String(name.prefix(80)),
                    "there is no such field; known are "
                        + fields.sorted().joined(separator: ", ")
                )
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw .field(name, "it is given twice")
            }
        }
    }

    func required(_ name: String) throws(Problem) -> String {
        guard let value = values[name], !value.isEmpty else {
            throw .field(name, "it is missing")
        }
        return value
    }

    private static func decoded(_ text: Substring) -> String? {
        text.replacing("+", with: " ").removingPercentEncoding
    }
}

extension Problem {
    /// What is answered to a fault with people.
    init(_ fault: PeopleFault) {
        switch fault {
        case .wrong: self.init(.unauthorized, "the employee number or the password is wrong")
        case .deactivated:
            self.init(.forbidden, "this account is not active: an admin can change that")
        case .wait(let time):
            let seconds = Int(max(1, (time.seconds).rounded(.up)))
            self.init(
                .tooManyRequests,
                "too many tries: the next one in \(seconds) s",
                retryAfter: seconds
            )
        case .field(let field, let why): self = .field(field, why)
        case .unknown(let what): self = .notFound(what)
        case .conflict(let why): self = .conflict(why)
        case .unkept(let why):
            self.init(.serviceUnavailable, "the journal could not keep it: \(why)")
        }
    }
}
