import Foundation
import GatewayCore
import Runtime
import Signal
import Synchronization

/// The master of one real Modbus bus, RTU or TCP: one thread, one owner, one transaction at a time.
///
/// Requests are done in the order they were submitted. The link is opened by the first request and
/// again after every loss; while it is open the serial port, or the lock file of the TCP address,
/// is held exclusively, so no other Loopgate program can speak in between.
public actor BusMaster: ModbusBus {
    private nonisolated let thread: WorkerThread
    private nonisolated let isClosed = Atomic<Bool>(false)
    private let wire: any Wire
    private let stamp: @Sendable () -> Stamp
    private nonisolated let frames = Locked<[UnitAddress: BusFrames]>([:])

    /// The bus as it was configured.
    public nonisolated let settings: BusSettings

    /// Everything of this actor runs on the bus's own thread, because it blocks.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        thread.asUnownedSerialExecutor()
    }

    /// A bus that is not yet open.
    ///
    /// - lockFolder: the folder for the lock files of TCP addresses, the same for every Loopgate
    ///   program (`/run/loopgate`); nil: a TCP address is not locked. Serial ports need none.
    /// - stamp: this instant on both clocks, and what the wall clock is worth; asked for at the
    ///   receipt of every reply.
    public init(
        _ settings: BusSettings,
        lockFolder: String? = nil,
        stamp: @escaping @Sendable () -> Stamp = { BusMaster.stamp(.unset) }
    ) {
        self.settings = settings
        self.stamp = stamp
        thread = WorkerThread(name: "bus-\(settings.name)")
        switch settings.link {
        case .rtu(let serial):
            wire = RTUWire(settings: settings, serial: serial)
        case .tcp(let host, let port):
            wire = TCPWire(settings: settings, host: host, port: port, lockFolder: lockFolder)
        }
    }

    deinit { thread.stop() }

    /// This instant by the machine's clocks, the wall clock being worth `clock`.
    public static func stamp(_ clock: ClockState) -> Stamp {
        Stamp(
            monotonic: MonotonicTime(nanoseconds: monotonicNow()),
            wall: WallTime(nanosecondsSince1970: wallNow()),
            clock: clock
        )
    }

    /// Queues a transaction; `reply` is called exactly once, on the bus's own thread.
    ///
    /// A reply takes at most twice the request's response timeout more than the silence it asked
    /// for, and on RTU the time on the wire; opening a connection adds the bus's response timeout.
    public nonisolated func submit(
        _ request: BusRequest,
        reply: @escaping @Sendable (BusReply) -> Void
    ) {
        thread.submit { self.assumeIsolated { $0.perform(request, reply) } }
    }

    /// Closes the link after the transaction under way; later requests answer `linkLost(ESHUTDOWN)`.
    public nonisolated func close() {
        isClosed.store(true, ordering: .releasing)
        thread.submit { self.assumeIsolated { $0.wire.close() } }
    }

    /// The last exchange with every unit that was asked.
    public nonisolated var lastFrames: [UnitAddress: BusFrames] { frames.withLock { $0 } }

    private func perform(_ request: BusRequest, _ reply: (BusReply) -> Void) {
        let exchange =
            isClosed.load(ordering: .acquiring)
            ? Exchange(outcome: .failure(.linkLost(errno: ESHUTDOWN))) : wire.exchange(request)
        let stamp = self.stamp()
        if let (sent, heard) = wire.frames {
            let last = BusFrames(request: sent, reply: heard, at: stamp.wall)
            frames.withLock { $0[request.unit] = last }
        }
        reply(
            BusReply(
                request: request,
                outcome: exchange.outcome,
                received: stamp,
                strayBytes: exchange.strayBytes,
                strayWasReply: exchange.strayWasReply
            )
        )
    }
}
