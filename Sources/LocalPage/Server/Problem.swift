import Foundation
import HTTPTypes
import Hummingbird
import NIOHTTP1

/// What went wrong with a request, as `application/problem+json` (RFC 9457) tells it.
public struct Problem: Error, Hashable, Sendable {
    /// One field of the request that cannot be taken.
    public struct Field: Hashable, Sendable, Codable {
        /// The key as the request spells it, nested ones with dots; empty: the whole body.
        public var field: String
        /// What is wrong with it and what would be right.
        public var detail: String

        public init(_ field: String, _ detail: String) {
            self.field = field
            self.detail = detail
        }
    }

    public var status: HTTPResponse.Status
    /// What is wrong and what to do next: for people, without secrets and without foreign bytes.
    public var detail: String
    public var errors: [Field]
    /// Whole seconds to wait before the next try; nil: waiting does not help.
    public var retryAfter: Int?

    public init(
        _ status: HTTPResponse.Status,
        _ detail: String,
        errors: [Field] = [],
        retryAfter: Int? = nil
    ) {
        self.status = status
        self.detail = detail
        self.errors = errors
        self.retryAfter = retryAfter
    }

    /// 422: fields that cannot be taken, all of them.
    public static func fields(_ errors: [Field]) -> Problem {
        let named = errors.map { $0.field.isEmpty ? $0.detail : "\($0.field): \($0.detail)" }
        return Problem(.unprocessableContent, named.joined(separator: "; "), errors: errors)
    }

    /// 422: one field that cannot be taken.
    public static func field(_ field: String, _ detail: String) -> Problem {
        .fields([Field(field, detail)])
    }

    /// 404: what was asked for is not there.
    public static func notFound(_ detail: String) -> Problem { Problem(.notFound, detail) }

    /// 409: it cannot be done as things are.
    public static func conflict(_ detail: String) -> Problem { Problem(.conflict, detail) }

    /// 401: nobody is signed in.
    public static let notSignedIn = Problem(.unauthorized, "sign in first")

    /// 503: the gateway's thread did not answer in time.
    public static let stalled = Problem(
        .serviceUnavailable,
        "the gateway's thread does not answer"
    )
}

extension Problem: HTTPResponseError {
    private struct Body: Encodable {
        var type = "about:blank"
        var title: String
        var status: Int
        var detail: String
        var errors: [Field]?
    }

    /// The answer that tells of it.
    public var response: Response {
        var headers: HTTPFields = [
            .contentType: "application/problem+json; charset=utf-8", .cacheControl: "no-store",
        ]
        if let retryAfter { headers[.retryAfter] = String(retryAfter) }
        if status == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
        return Response(
            status: status,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        )
    }

    /// The answer's body.
    var bytes: [UInt8] {
        let body = Body(
            title: status.reasonPhrase,
            status: status.code,
            detail: detail,
            errors: errors.isEmpty ? nil : errors
        )
        return (try? JSON.encoder.encode(body)).map(Array.init) ?? []
    }

    public func response(from request: Request, context: some RequestContext) -> Response {
        response
    }
}

/// Makes a problem of whatever a route throws, and of a path that no route knows.
struct ProblemAnswers: RouterMiddleware {
    typealias Context = PageContext

    func handle(
        _ request: Request,
        context: PageContext,
        next: (Request, PageContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return problem.response
        } catch let error as HTTPError where error.status == .notFound {
            return Problem.notFound("there is nothing at this path").response
        } catch let error as any HTTPResponseError {
            return Problem(error.status, error.status.reasonPhrase.lowercased()).response
        } catch let error as HTTPParserError {
            // It must reach the server, which closes the connection with it.
            throw error
        } catch {
            context.logger.error("\(request.method) \(request.uri.path): \(error)")
            return Problem(.internalServerError, "the gateway could not answer").response
        }
    }
}
