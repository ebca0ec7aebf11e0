import Foundation
import GatewayCore
import People
import Signal
import TestSupport
import Testing
import Vault

@testable import LocalPage

@Suite struct SignInTests {
    private let json = "Content-Type: application/json"

    @Test("Set-up makes the first admin once, and signs them in")
    func setUp() async throws {
        let box = try await PageBox(answer: PageServerTests.snapshot(), admin: false)
        let before = try await box.ask("GET", "/api/setup")
        #expect(before.json["needs_setup"] as? Bool == true)
        let code = try #require(box.people.toldCode)
        func setUp(_ code: String) async throws -> Answer {
            try await box.ask(
                "POST",
                "/api/setup",
                [json],
                body: #"{"code":"\#(code)","employee_number":"A1","full_name":"Anna","#
                    + #""password":"lantern on the quay"}"#
            )
        }
        #expect(try await setUp("AAAA-AAAA").status == 403)
        let made = try await setUp(code)
        #expect(made.status == 201)
        #expect((made.json["user"] as? [String: Any])?["role"] as? String == "admin")
        let me = try await box.ask("GET", "/api/auth/me", ["Authorization: Bearer \(made.token)"])
        #expect(me.status == 200)
        #expect(me.json["email"] is NSNull)
        #expect(try await setUp(code).status == 409)
        let after = try await box.ask("GET", "/api/setup")
        #expect(after.json["needs_setup"] as? Bool == false)
    }

    @Test("Signing in gives a token, a strict cookie and the person; wrong ones are told alike")
    func signIn() async throws {
        let box = try await PageBox()
        let done = try await box.signIn()
        #expect(done.status == 200)
        #expect(done.json["token_type"] as? String == "bearer")
        #expect(done.json["expires_in"] as? Int == 28_800)
        let cookie = try #require(done.header("Set-Cookie"))
        #expect(cookie.hasSuffix("; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict"))
        #expect(done.header("Cache-Control") == "no-store")
        let wrong = try await box.signIn("A1", "wrong wrong")
        let nobody = try await box.signIn("nobody", "wrong wrong")
        #expect(wrong.status == 401)
        #expect(wrong.body == nobody.body)
        #expect(wrong.header("Content-Type") == "application/problem+json; charset=utf-8")
    }

    @Test(
        "What is no form, and a form with other fields, is refused with the field",
        arguments: [
            ("username=A1", 422, ["password"]), ("username=&password=x", 422, ["username"]),
            ("username=A1&password=x&role=admin", 422, ["role"]),
            ("username=A1&username=A2&password=x", 422, ["username"]), ("nonsense", 400, []),
            ("username=%ZZ&password=x", 400, []), ("", 422, ["username"]),
        ] as [(String, Int, [String])]
    )
    func badForm(form: String, status: Int, fields: [String]) async throws {
        let box = try await PageBox()
        let answer = try await box.ask("POST", "/api/auth/login", body: form)
        #expect(answer.status == status)
        #expect(answer.fields == fields)
    }

    @Test("After five failures the next try waits, and the owner at another address does not")
    func bruteForce() async throws {
        let box = try await PageBox()
        // Whatever the headers claim: it is the socket's address that counts.
        for index in 0..<5 {
            let answer = try await box.ask(
                "POST",
                "/api/auth/login",
                ["X-Forwarded-For: 10.0.0.\(index)", "Referer: http://127.0.0.1/"],
                body: "username=A1&password=guess+\(index)+guess",
                from: "127.0.0.9"
            )
            #expect(answer.status == 401)
        }
        let delayed = try await box.signIn(from: "127.0.0.9")
        #expect(delayed.status == 429)
        #expect(delayed.header("Retry-After") == "1")
        #expect(try await box.signIn(from: "127.0.0.8").status == 200)
        box.people.pass(.seconds(1))
        #expect(try await box.signIn(from: "127.0.0.9").status == 200)
    }

    @Test("Signing out ends the session for token and cookie, and takes the cookie away")
    func signOut() async throws {
        let box = try await PageBox()
        let session = try await box.signIn()
        let bearer = "Authorization: Bearer \(session.token)"
        let out = try await box.ask("POST", "/api/auth/logout", [bearer])
        #expect(out.status == 204)
        #expect(out.header("Set-Cookie")?.contains("Max-Age=0") == true)
        let after = try await box.ask("GET", "/api/auth/me", [bearer])
        #expect(after.status == 401)
        #expect(after.header("WWW-Authenticate") == "Bearer")
        let byCookie = try await box.ask("GET", "/api/auth/me", ["Cookie: \(session.cookie)"])
        #expect(byCookie.status == 401)
    }

    @Test("A change with the cookie needs the page's own origin; a bearer token needs none")
    func crossSite() async throws {
        let box = try await PageBox()
        let session = try await box.signIn()
        let cookie = "Cookie: a=b; \(session.cookie)"
        let host = "127.0.0.1:\(box.port)"
        func logout(_ headers: [String]) async throws -> Int {
            try await box.ask("POST", "/api/auth/logout", headers, host: host).status
        }
        #expect(try await logout([cookie]) == 403)
        for origin in [
            "http://evil.example", "null", "https://\(host)", "http://127.0.0.1:1",
            "http://\(host).evil.example",
        ] { #expect(try await logout([cookie, "Origin: \(origin)"]) == 403) }
        let foreign = try await box.ask(
            "POST",
            "/api/auth/login",
            ["Origin: http://evil.example"],
            body: "username=A1&password=lantern+on+the+quay"
        )
        #expect(foreign.status == 403, "nobody is signed in from another page")
        let read = try await box.ask("GET", "/api/auth/me", [cookie], host: host)
        #expect(read.status == 200)
        #expect(try await logout([cookie, "Origin: http://\(host)"]) == 204)
        let script = try await box.signIn()
        #expect(try await logout(["Authorization: Bearer \(script.token)"]) == 204)
    }

    @Test(
        "The page answers to its addresses and names and to no others",
        arguments: [
            ("127.0.0.1", 401), ("127.0.0.1:8080", 401), ("[::1]", 401), ("[::1]:8080", 401),
            ("localhost", 401), ("LOCALHOST:1", 401), ("gw.plant.example", 401),
            ("gw.plant.example.", 401), ("evil.example", 421), ("gw.plant.example.evil", 421),
            ("localhost.evil.example", 421), ("127.0.0.1.evil.example", 421), ("[::1", 421),
            ("[evil]", 421), ("127.0.0.1:x", 421), ("user@127.0.0.1", 421), ("", 421),
        ]
    )
    func host(name: String, status: Int) async throws {
        let box = try await PageBox(PageSettings(port: 0, names: ["gw.plant.example"]))
        #expect(try await box.ask("GET", "/api/auth/me", host: name).status == status)
    }

    @Test("Users are an admin's: made, listed, changed, reset, never deleted")
    func users() async throws {
        let box = try await PageBox()
        let admin = "Authorization: Bearer \(try await box.signIn().token)"
        let made = try await box.ask(
            "POST",
            "/api/users",
            [admin, json],
            body: #"{"employee_number":"T1","full_name":"Theo","role":"technician","#
                + #""password":"harbour in the fog","email":"t@plant.example"}"#
        )
        #expect(made.status == 201)
        #expect(made.json["must_change_password"] as? Bool == true)
        let created = try #require(made.json["created_at"] as? String)
        #expect(created == "2026-03-30T05:32:42.123Z")
        let theirs = try await box.signIn("T1", "harbour in the fog")
        let technician = "Authorization: Bearer \(theirs.token)"
        // The password is somebody else's: nothing but changing it.
        #expect(try await box.ask("GET", "/api/users", [technician]).status == 403)
        #expect(try await box.ask("GET", "/api/auth/me", [technician]).status == 200)
        let change = try await box.ask(
            "POST",
            "/api/auth/password",
            [technician, json],
            body: #"{"current_password":"harbour in the fog","new_password":"gulls at dawn"}"#
        )
        #expect(change.status == 204)
        #expect(try await box.ask("GET", "/api/users", [technician]).status == 403)
        #expect(try await box.ask("GET", "/api/users").status == 401)
        let changed = try await box.ask(
            "PATCH",
            "/api/users/t1",
            [admin, json],
            body: #"{"email":null,"role":"admin"}"#
        )
        #expect(changed.json["email"] is NSNull)
        #expect(changed.json["role"] as? String == "admin")
        let list = try await box.ask("GET", "/api/users", [technician])
        #expect(list.status == 200, "the role counts at once")
        #expect(!list.body.contains("$2b$"))
        for (body, fields) in [
            (#"{"role":"boss"}"#, ["role"]), (#"{"active":1}"#, ["active"]),
            (#"{"full_name":null}"#, ["full_name"]),
            (#"{"password":"x","is_admin":true}"#, ["is_admin", "password"]),
        ] {
            let answer = try await box.ask("PATCH", "/api/users/T1", [admin, json], body: body)
            #expect(answer.status == 422)
            #expect(answer.fields == fields)
        }
        #expect(try await box.ask("DELETE", "/api/users/T1", [admin]).status == 405)
        let reset = try await box.ask(
            "POST",
            "/api/users/T1/reset-password",
            [admin, json],
            body: #"{"password":"anchors and chains"}"#
        )
        #expect(reset.status == 204)
        #expect(try await box.ask("GET", "/api/auth/me", [technician]).status == 401)
        for body in [#"{"role":"technician"}"#, #"{"active":false}"#] {
            _ = try await box.ask("PATCH", "/api/users/T1", [admin, json], body: body)
        }
        let last = try await box.ask(
            "PATCH",
            "/api/users/A1",
            [admin, json],
            body: #"{"active":false}"#
        )
        #expect(last.status == 409)
        #expect(try await box.signIn("T1", "anchors and chains").status == 403)
    }

    @Test("Over TLS the cookie goes nowhere else, and nothing older than TLS 1.2 is spoken")
    func tls() async throws {
        let made = try SelfMadeCertificate.make(
            for: "gw",
            names: ["localhost"],
            addresses: ["127.0.0.1"]
        )
        let folder = try TemporaryFolder()
        let path = folder.file("page.pem")
        try SecretFile(path).write(made.certificate)
        let both = made.key + made.certificate
        let box = try await PageBox(tls: try TLSIdentity(chain: both, key: both))
        func curl(_ arguments: String...) async throws -> (code: Int32, text: String) {
            let url = "https://127.0.0.1:\(box.port)"
            let all =
                ["-s", "-i", "--cacert", path, "-m", "20"] + arguments.dropFirst()
                + [url + arguments[0]]
            return try await onThread {
                let child = try ChildProcess("curl", all)
                let code = try child.wait(within: 30)
                return (code, child.output.joined(separator: "\n"))
            }
        }
        let done = try await curl(
            "/api/auth/login",
            "-d",
            "username=A1&password=lantern+on+the+quay",
            "-H",
            "Origin: https://127.0.0.1:\(box.port)"
        )
        #expect(done.text.contains("200 OK"))
        #expect(done.text.contains("SameSite=Strict; Secure"))
        let plain = try await curl(
            "/api/auth/login",
            "-d",
            "username=A1&password=lantern+on+the+quay",
            "-H",
            "Origin: http://127.0.0.1:\(box.port)"
        )
        #expect(plain.text.contains(" 403 "), "the scheme is part of the origin")
        #expect(try await curl("/", "--tls-max", "1.1").code == 35)
        #expect(try await curl("/", "--tls-max", "1.2").code == 0)
    }
}
