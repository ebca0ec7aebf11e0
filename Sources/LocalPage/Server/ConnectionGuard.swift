import Foundation
import GatewayCore
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Watches over one connection's time: headers, request, answer and idling each have their own.
///
/// Stands before TLS and sees bytes only; `RequestGuard` tells it what they come to. Both run on the
/// connection's event loop.
final class ConnectionGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private enum Stage {
        case head, body, answer, idle, over
    }

    private let onBusy: (Bool) -> Void
    private let onStream: () -> Void
    private var context: ChannelHandlerContext?
    private var stage = Stage.idle
    private var deadline = NIODeadline.distantFuture
    private var alarm: (at: NIODeadline, task: Scheduled<Void>)?
    /// Requests whose answers have not ended.
    private var open = 0
    /// Pieces of answers that the client has not taken.
    private var unsent = 0

    /// - onBusy: called when a request's headers are whole, and when all is answered.
    /// - onStream: called when an answer is an event stream.
    init(onBusy: @escaping (Bool) -> Void, onStream: @escaping () -> Void) {
        self.onBusy = onBusy
        self.onStream = onStream
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { enter(.head, for: Limits.headerTime) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        enter(.over, for: nil)
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        enter(.head, for: Limits.headerTime)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if stage == .idle { enter(.head, for: Limits.headerTime) }
        context.fireChannelRead(data)
    }

    // MARK: What the requests tell

    func headIsWhole() {
        open += 1
        if open == 1 { onBusy(true) }
        enter(.body, for: Limits.requestTime)
    }

    func requestIsWhole() {
        guard stage == .body else { return }
        if open == 0 { return enter(.idle, for: Limits.idleTime) }
        enter(.answer, for: unsent > 0 ? Limits.stalledTime : nil)
    }

    func answerIsStream() { onStream() }

    func answerEnded() {
        open = max(0, open - 1)
        guard open == 0 else { return }
        onBusy(false)
        if stage == .answer { enter(.idle, for: Limits.idleTime) }
    }

    /// A piece of an answer is on its way.
    func writes() {
        unsent += 1
        if unsent == 1, stage == .answer { enter(.answer, for: Limits.stalledTime) }
    }

    /// The client has taken a piece.
    func wrote() {
        unsent = max(0, unsent - 1)
        if stage == .answer { enter(.answer, for: unsent > 0 ? Limits.stalledTime : nil) }
    }

    /// The connection was refused: it closes soon, whatever comes.
    func refuses() { enter(.over, for: Limits.lingerTime) }

    // MARK: The clock

    private func enter(_ stage: Stage, for time: TimeAmount?) {
        self.stage = stage
        guard let context else { return }
        deadline = time.map { context.eventLoop.now + $0 } ?? .distantFuture
        // A later deadline is looked at when the earlier one comes.
        if let alarm, alarm.at <= deadline, deadline != .distantFuture { return }
        alarm?.task.cancel()
        alarm = nil
        if deadline != .distantFuture { set(at: deadline, context) }
    }

    private func set(at time: NIODeadline, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let task = context.eventLoop.scheduleTask(deadline: time) { bound.value.rings() }
        alarm = (time, task)
    }

    private func rings() {
        alarm = nil
        guard let context, deadline != .distantFuture else { return }
        if context.eventLoop.now < deadline { return set(at: deadline, context) }
        context.close(promise: nil)
    }
}

/// Refuses requests that are too long, and tells the `ConnectionGuard` how far each has come.
final class RequestGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private var watch: ConnectionGuard?
    private var bodyBytes = 0
    private var hasBegunAnswer = false
    private var isRefusing = false
    private var open = 0

    func handlerAdded(context: ChannelHandlerContext) {
        watch = try? context.pipeline.syncOperations.handler(type: ConnectionGuard.self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefusing else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            watch?.headIsWhole()
            open += 1
            bodyBytes = 0
            let length = head.headerFields[.contentLength].flatMap { Int($0) } ?? 0
            guard length <= Limits.requestBytes else {
                return refuse(.contentTooLarge, "the body is too long", context)
            }
        case .body(let bytes):
            bodyBytes += bytes.readableBytes
            guard bodyBytes <= Limits.requestBytes else {
                return refuse(.contentTooLarge, "the body is too long", context)
            }
        case .end: watch?.requestIsWhole()
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isRefusing else { return }
        switch error {
        case HTTPParserError.headerOverflow:
            refuse(
                .requestHeaderFieldsTooLarge,
                "the first line and the headers may have \(Limits.headerBytes) bytes",
                context
            )
        case is HTTPParserError: refuse(.badRequest, "it is no HTTP request", context)
        default:
            context.fireErrorCaught(error)
            context.close(promise: nil)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isRefusing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        let taken = promise ?? context.eventLoop.makePromise(of: Void.self)
        if let watch {
            watch.writes()
            let bound = NIOLoopBound(watch, eventLoop: context.eventLoop)
            taken.futureResult.whenComplete { _ in bound.value.wrote() }
        }
        switch unwrapOutboundIn(data) {
        case .head(let head):
            hasBegunAnswer = true
            if head.headerFields[.contentType]?.hasPrefix("text/event-stream") == true {
                watch?.answerIsStream()
            }
        case .body: break
        case .end:
            hasBegunAnswer = false
            open = max(0, open - 1)
            watch?.answerEnded()
        }
        context.write(data, promise: taken)
    }

    /// Answers for the route, throws away what still comes, and closes.
    private func refuse(
        _ status: HTTPResponse.Status,
        _ detail: String,
        _ context: ChannelHandlerContext
    ) {
        // An answer under way, or one before it in the pipeline, cannot be followed by another.
        guard !hasBegunAnswer, open <= 1 else { return context.close(promise: nil) }
        isRefusing = true
        watch?.refuses()
        let problem = Problem(status, detail).head
        context.write(wrapOutboundOut(.head(problem.head)), promise: nil)
        context.write(wrapOutboundOut(.body(problem.body)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(mode: .output, promise: nil)
    }
}

extension Problem {
    /// The refusal as the parts of an answer after which the connection closes.
    fileprivate var head: (head: HTTPResponse, body: ByteBuffer) {
        let body = ByteBuffer(bytes: bytes)
        let head = HTTPResponse(
            status: status,
            headerFields: [
                .contentType: "application/problem+json; charset=utf-8", .connection: "close",
                .contentLength: String(body.readableBytes), .server: "loopgate",
            ]
        )
        return (head, body)
    }
}
