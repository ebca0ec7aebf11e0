import GatewayCore
import HTTPTypes
import Hummingbird

/// Changes as they happen: server-sent events.
struct EventRoutes: PageRoutes {
    let parts: APIParts

    func add(to api: RouterGroup<PageContext>) {
        api.get("events") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            let token = SignIn.token(of: request)
            let stream = try await parts.events.open { [desk = parts.desk] in
                guard let token else { return false }
                return await desk.signedIn(bearing: token) != nil
            }
            return Response(
                status: .ok,
                headers: [
                    .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store",
                ],
                body: ResponseBody { [events = parts.events] writer in
                    let isWhole = await Self.send(stream, to: writer)
                    await events.close(stream.number)
                    guard isWhole else { throw Abandoned() }
                    try await writer.finish(nil)
                }
            )
        }
    }

    /// Breaks the connection off: nothing more can be said on it.
    private struct Abandoned: Error {}

    /// Carries a writer into the task that writes.
    ///
    /// @unchecked: while the task runs nobody else writes, and `send` waits for its end.
    private struct Carried: @unchecked Sendable {
        var writer: any ResponseBodyWriter
    }

    /// Sends pieces until the stream ends (true), or the reader is gone or too slow (false): one that
    /// is waited for in the midst of a write must not be waited for for ever.
    private static func send(
        _ stream: EventHub.Stream,
        to writer: any ResponseBodyWriter
    ) async -> Bool {
        let carried = Carried(writer: writer)
        return await withTaskGroup(of: Bool?.self) { group in
            group.addTask {
                var writer = carried.writer
                for await piece in stream.pieces {
                    do { try await writer.write(piece) } catch { return false }
                }
                return !Task.isCancelled
            }
            group.addTask {
                for await _ in stream.letGo { return false }
                return nil
            }
            var verdict = true
            for await result in group {
                guard let result else { continue }
                verdict = result
                break
            }
            group.cancelAll()
            return verdict
        }
    }
}
