import NIOCore
import Vault

/// Speaks TLS on a connection: bytes of the network below, plain ones above.
final class TLSHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let session: TLSSession

    init(_ identity: TLSIdentity) throws { session = try TLSSession(identity) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            let plain = try session.receive(Array(unwrapInboundIn(data).readableBytesView))
            if send(context, promise: nil) { context.flush() }
            if !plain.isEmpty { context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: plain))) }
            if session.hasEnded { context.close(promise: nil) }
        } catch {
            // The alert that tells the other side why.
            if send(context, promise: nil) { context.flush() }
            context.close(promise: nil)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        do {
            try session.send(Array(unwrapOutboundIn(data).readableBytesView))
            if !send(context, promise: promise) { promise?.succeed() }
        } catch {
            promise?.fail(error)
        }
    }

    func close(
        context: ChannelHandlerContext,
        mode: CloseMode,
        promise: EventLoopPromise<Void>?
    ) {
        if mode != .input {
            session.end()
            if send(context, promise: nil) { context.flush() }
        }
        context.close(mode: mode, promise: promise)
    }

    /// Hands what the session wants to say to the network; false: nothing.
    private func send(_ context: ChannelHandlerContext, promise: EventLoopPromise<Void>?) -> Bool {
        let bytes = session.takeOutput()
        guard !bytes.isEmpty else { return false }
        context.write(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: promise)
        return true
    }
}
