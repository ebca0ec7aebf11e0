import Foundation
import GatewayCore
import Hummingbird
import TestSupport
import Testing

@testable import LocalPage

@Suite("The document tells of what is there")
struct RouteTableTests {
    @Test("Every route below /api is described, and every described one is there")
    func sameRoutes() async throws {
        let box = try await APIBox()
        let routes = box.server.router().routes.map {
            "\($0.method.rawValue) \($0.path.description)"
        }
        let served = Set(routes.filter { $0.contains(" /api/") })
        let described = Set(APIOperations.all.map { "\($0.method) \($0.path)" })
        #expect(served.subtracting(described).sorted() == [], "not described")
        #expect(described.subtracting(served).sorted() == [], "not there")
    }

    @Test("The document is OpenAPI with every reference resolved")
    func document() async throws {
        let box = try await APIBox()
        let answer = try await box.ask("GET", "/api/openapi.json", as: "")
        #expect(answer.status == 200)
        #expect(answer.json["openapi"] as? String == "3.1.0")
        let known = Set(APISchemas.all.keys)
        let references = answer.body.matches(of: /#\/components\/schemas\/(\w+)/)
        #expect(!references.isEmpty)
        for reference in references { #expect(known.contains(String(reference.1))) }
    }

    @Test("Nobody reads or does anything without signing in, nor what is an admin's as another")
    func whoMay() async throws {
        let box = try await APIBox()
        for operation in APIOperations.all where operation.who != .anybody {
            let path = operation.path.replacing(/\{\w+\}/, with: "1")
            #expect(
                try await box.ask(operation.method, path, as: "").status == 401,
                "\(operation.method) \(path)"
            )
            #expect(
                try await box.ask(operation.method, path, as: "forged").status == 401,
                "\(operation.method) \(path)"
            )
            guard operation.who == .admin else { continue }
            #expect(
                try await box.ask(operation.method, path, as: "technician").status == 403,
                "\(operation.method) \(path)"
            )
        }
        #expect(box.state.withLock { $0.commands.isEmpty })
    }

    @Test("A path that is there but not for this method says which methods it has")
    func otherMethod() async throws {
        let box = try await APIBox()
        let answer = try await box.ask("PUT", "/api/instruments/1")
        #expect(answer.status == 405)
        #expect(answer.header("allow") == "DELETE, GET, PATCH")
        #expect(try await box.ask("PUT", "/api/nothing").status == 404)
    }
}
