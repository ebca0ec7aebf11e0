import GatewayCore
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import Runtime
import Vault

/// A connection that is admitted, watched, and encrypted where there is a certificate.
struct GuardedChannel: ServerChildChannel {
    private let base: HTTP1Channel
    private let tls: TLSIdentity?
    private let register: ConnectionRegister

    /// - tls: the certificate to show; nil: plain HTTP.
    init(
        responder: @escaping HTTPChannelHandler.Responder,
        tls: TLSIdentity?,
        register: ConnectionRegister
    ) {
        base = HTTP1Channel(
            responder: responder,
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [RequestGuard()],
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: Limits.headerBytes,
                    maxHeaderListSize: Limits.headerBytes,
                    maxHeaderFieldCount: Limits.headerCount
                )
            )
        )
        self.tls = tls
        self.register = register
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        let id = register.enter(channel)
        let prepared = channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            // A client that is gone without a word is noticed while something is sent to it.
            try channel.syncOptions?.setOption(
                ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: userTimeout)),
                value: Int(Limits.stalledTime.nanoseconds / 1_000_000)
            )
            try pipeline.addHandler(
                ConnectionGuard(
                    onBusy: { [register] in if let id { register.set(id, busy: $0) } },
                    onStream: { [register] in if let id { register.becomesStream(id) } }
                )
            )
            if let tls { try pipeline.addHandler(TLSHandler(tls)) }
        }
        return prepared.flatMap { base.setup(channel: channel, logger: logger) }.map { value in
            if id == nil { channel.close(promise: nil) }
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}

/// `TCP_USER_TIMEOUT` of Linux, in milliseconds; NIO has no name for it.
private let userTimeout: CInt = 18

/// The open connections of all event loops.
final class ConnectionRegister: Sendable {
    private struct Book {
        var ledger = ConnectionLedger()
        var channels: [UInt64: any Channel] = [:]
    }

    private let book = Locked(Book())

    /// Enters a connection, closing another for it where it must; nil: it is refused.
    func enter(_ channel: any Channel) -> UInt64? {
        let address = channel.remoteAddress?.ipAddress ?? "local"
        let (id, victim) = book.withLock { book -> (UInt64?, (any Channel)?) in
            let (id, admission) = book.ledger.admit(from: address)
            switch admission {
            case .refused: return (nil, nil)
            case .admitted:
                book.channels[id] = channel
                return (id, nil)
            case .instead(let old):
                book.channels[id] = channel
                return (id, book.channels.removeValue(forKey: old))
            }
        }
        victim?.close(promise: nil)
        guard let id else { return nil }
        channel.closeFuture.whenComplete { [self] _ in
            book.withLock { book in
                book.ledger.remove(id)
                book.channels[id] = nil
            }
        }
        return id
    }

    func set(_ id: UInt64, busy: Bool) { book.withLock { $0.ledger.set(id, busy: busy) } }
    func becomesStream(_ id: UInt64) { book.withLock { $0.ledger.becomesStream(id) } }
}
