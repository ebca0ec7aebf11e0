import Foundation
import HTTPTypes
import Hummingbird

/// The description of the API that it serves itself (OpenAPI 3.1). A test holds it against the routes
/// that are there, and schemathesis against their answers.
enum OpenAPIDocument {
    static func data(version: String) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        return (try? encoder.encode(node(version: version))) ?? Data()
    }

    private static func node(version: String) -> DocumentNode {
        var paths: [String: [String: DocumentNode]] = [:]
        for operation in APIOperations.all {
            paths[operation.path, default: [:]][operation.method.lowercased()] = operation.node
        }
        return .map([
            "openapi": .text("3.1.0"),
            "info": .map([
                "title": .text("Loopgate"), "version": .text(version),
                "description": .text(
                    "The local API of a gateway. Times are UTC; errors are problem+json (RFC 9457) "
                        + "that name the field."
                ),
                "license": .map(["name": .text("Apache-2.0"), "identifier": .text("Apache-2.0")]),
            ]),
            "paths": .map(paths.mapValues { .map($0) }),
            "components": .map([
                "schemas": .map(APISchemas.all.mapValues(\.node)),
                "securitySchemes": .map([
                    "bearer": .map([
                        "type": .text("http"), "scheme": .text("bearer"),
                        "bearerFormat": .text("JWT"),
                    ]),
                    "cookie": .map([
                        "type": .text("apiKey"), "in": .text("cookie"),
                        "name": .text(SignIn.cookie),
                    ]),
                ]),
            ]),
        ])
    }
}

extension Operation {
    /// The operation as the document writes it.
    fileprivate var node: DocumentNode {
        var node: [String: DocumentNode] = [
            "summary": .text(summary), "tags": .list([.text(group)]),
            "operationId": .text(name), "responses": .map(responses),
        ]
        switch who {
        case .anybody: node["security"] = .list([])
        case .person, .admin:
            node["security"] = .list([.map(["bearer": .list([])]), .map(["cookie": .list([])])])
        }
        if who == .admin { node["description"] = .text("For admins.") }
        let parameters = pathParameters.map(pathParameter) + query.map(Self.queryParameter)
        if !parameters.isEmpty { node["parameters"] = .list(parameters) }
        if let body {
            node["requestBody"] = .map([
                "required": .flag(body.isRequired),
                "content": .map([body.type: .map(["schema": body.schema.node])]),
            ])
        }
        return .map(node)
    }

    /// `post_alerts_id_acknowledge`.
    private var name: String {
        let words = path.dropFirst("/api/".count).map { $0.isLetter || $0.isNumber ? $0 : " " }
        return ([method.lowercased()] + String(words).split(separator: " ").map(String.init))
            .joined(separator: "_")
    }

    private var responses: [String: DocumentNode] {
        var all: [String: DocumentNode] = [:]
        for status in allProblems { all[String(status)] = Self.problem(status) }
        for (status, answer) in answers {
            var node: [String: DocumentNode] = ["description": .text(Self.words(status))]
            switch answer {
            case .nothing: break
            case .json(let schema):
                node["content"] = .map(["application/json": .map(["schema": schema.node])])
            case .other(let type):
                node["content"] = .map([type: .map(["schema": Schema.text.node])])
            }
            all[String(status)] = .map(node)
        }
        return all
    }

    private static func problem(_ status: Int) -> DocumentNode {
        .map([
            "description": .text(words(status)),
            "content": .map([
                "application/problem+json": .map(["schema": Schema.named("Problem").node])
            ]),
        ])
    }

    private static func words(_ status: Int) -> String {
        HTTPResponse.Status(code: status).reasonPhrase
    }

    private func pathParameter(_ name: String) -> DocumentNode {
        var node: [String: DocumentNode] = [
            "name": .text(name), "in": .text("path"), "required": .flag(true),
            "schema": Schema.filled.node,
        ]
        if group == "instruments" || name == "tag" { node["example"] = .text("PT-101") }
        return .map(node)
    }

    private static func queryParameter(_ parameter: Parameter) -> DocumentNode {
        var node: [String: DocumentNode] = [
            "name": .text(parameter.name), "in": .text("query"),
            "required": .flag(parameter.isRequired), "schema": parameter.schema.node,
            "description": .text(parameter.words),
        ]
        if let example = parameter.example { node["example"] = .text(example) }
        return .map(node)
    }
}

/// The document itself.
struct OpenAPIRoutes: PageRoutes {
    let version: String

    func add(to api: RouterGroup<PageContext>) {
        let document = ByteBuffer(data: OpenAPIDocument.data(version: version))
        api.get("openapi.json") { _, _ -> Response in
            Response(
                status: .ok,
                headers: [
                    .contentType: "application/json; charset=utf-8", .cacheControl: "no-cache",
                ],
                body: ResponseBody(byteBuffer: document)
            )
        }
    }
}

/// Tells of a path that is there but not for this method, which methods it has (405).
struct KnownMethods: RouterMiddleware {
    typealias Context = PageContext

    func handle(
        _ request: Request,
        context: PageContext,
        next: (Request, PageContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            let parts = request.uri.path.split(separator: "/")
            let matching = APIOperations.all.filter { $0.matches(parts) }
            // A path that is named in full is not one of those that a placeholder stands for.
            let named = matching.filter { !$0.path.contains("{") }
            let methods = (named.isEmpty ? matching : named).map(\.method)
            guard !methods.isEmpty, !methods.contains(request.method.rawValue) else { throw error }
            var problem = Problem(.methodNotAllowed, "this path takes another method").response
            problem.headers[.allow] = Set(methods).sorted().joined(separator: ", ")
            return problem
        }
    }
}
