import Foundation
import GatewayCore
import Runtime
import Signal

/// The loop itself: everything here belongs to its thread. It serves either any number of ports
/// with their connections, or one line and nothing else.
final class Poller {
    /// Most connections of all ports together; more are closed as they come.
    static let connectionLimit = 1000
    /// Most bytes waiting for a client that does not read; then it is dropped.
    static let outputLimit = 256 * 1024
    /// Most answers waiting for their time; more are lost.
    static let pendingLimit = 4096
    /// Bytes that a serial chip hands over at once.
    static let portion = 16

    private struct Link {
        enum Kind { case listener, connection, line }
        var id: UInt64
        var kind: Kind
        var endpoint: Endpoint
        var input: [UInt8] = []
        var output: [UInt8] = []
        var lastByte: Int64 = 0
        /// When the serial line behind it is free again.
        var freeAt: Int64 = 0
        var babbledAt: MonotonicTime?
        var isEnding = false
    }

    /// Bytes with a time.
    private struct Pending {
        var due: Int64
        var order: UInt64
        var link: UInt64
        var bytes: ArraySlice<UInt8>
        /// How many go out at a time, and the time of each.
        var portion: Int
        var byteTime: Int64
        var hangsUp: Bool
    }

    private let wake: Int32
    private unowned let loop: ServerLoop
    /// `polls[0]` is the bell; `polls[i + 1]` belongs to `links[i]`.
    private var polls: [pollfd]
    private var links: [Link] = []
    private var indexes: [UInt64: Int] = [:]
    /// Latest first, so that the next one is the last.
    private var pending: [Pending] = []
    private var nextNumber: UInt64 = 0
    private var babbleDue: Int64?
    private var acceptAgainAt: Int64?
    private var isStopping = false
    private var buffer = [UInt8](repeating: 0, count: 16 * 1024)

    init(wake: Int32, loop: ServerLoop) {
        self.wake = wake
        self.loop = loop
        polls = [pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
    }

    func run() {
        while !isStopping {
            wait()
            if polls[0].revents != 0 { answerBell() }
            // Backwards, since a link that ends is replaced by the last one.
            for index in stride(from: links.count - 1, through: 0, by: -1) {
                let events = polls[index + 1].revents
                if events != 0 { serve(index, events) }
            }
            let now = monotonicNow()
            endSilentFrame(at: now)
            sendDue(at: now)
            if let due = babbleDue, due <= now { babble(at: now) }
            if let due = acceptAgainAt, due <= now { resumeAccepting() }
        }
        for link in links { for unit in link.endpoint.units.values { unit.forget(loop) } }
        for index in links.indices where links[index].kind != .line { close(polls[index + 1].fd) }
    }

    // MARK: Waiting

    private func wait() {
        var deadline = pending.last?.due
        if let link = links.first, link.kind == .line, !link.input.isEmpty {
            let due = link.lastByte + link.endpoint.silence.count
            deadline = min(deadline ?? due, due)
        }
        if let babbleDue { deadline = min(deadline ?? babbleDue, babbleDue) }
        if let acceptAgainAt { deadline = min(deadline ?? acceptAgainAt, acceptAgainAt) }
        var milliseconds: Int32 = -1
        var rest: Int64 = 0
        if let deadline {
            let left = max(deadline - monotonicNow(), 0)
            milliseconds = Int32(clamping: left / 1_000_000)
            rest = milliseconds == 0 ? left : 0
        }
        let ready = poll(&polls, nfds_t(polls.count), milliseconds)
        if ready <= 0 { for index in polls.indices { polls[index].revents = 0 } }
        if ready == 0, rest > 0 {
            // Poll counts in milliseconds; the rest is slept off, so that a line keeps its pace.
            var time = timespec(tv_sec: 0, tv_nsec: Int(rest))
            nanosleep(&time, nil)
        }
    }

    private func answerBell() {
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(wake, &bytes, bytes.count) == bytes.count {}
        for (command, done) in loop.takeCommands() {
            switch command {
            case .add(let endpoint, let descriptor, let isLine):
                for unit in endpoint.units.values {
                    unit.onChange(for: loop) { [weak loop] in loop?.unitsChanged() }
                }
                add(descriptor, as: isLine ? .line : .listener, of: endpoint)
                babbleDue = 0
            case .close(let id), .drop(let id):
                for index in stride(from: links.count - 1, through: 0, by: -1)
                where links[index].endpoint.id == id {
                    if case .drop = command, links[index].kind == .listener { continue }
                    remove(index)
                }
            case .unitsChanged: babbleDue = 0
            case .stop: isStopping = true
            }
            done?.post(())
        }
    }

    // MARK: Links

    private func add(_ descriptor: Int32, as kind: Link.Kind, of endpoint: Endpoint) {
        nextNumber += 1
        indexes[nextNumber] = links.count
        links.append(Link(id: nextNumber, kind: kind, endpoint: endpoint))
        polls.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
    }

    private func remove(_ index: Int) {
        guard links[index].kind != .line else { return }
        close(polls[index + 1].fd)
        indexes[links[index].id] = nil
        let last = links.count - 1
        if index != last {
            links.swapAt(index, last)
            polls.swapAt(index + 1, last + 1)
            indexes[links[index].id] = index
        }
        links.removeLast()
        polls.removeLast()
    }

    /// Ends a connection after what is being done with it; a line goes on.
    private func hangUp(_ index: Int) {
        if links[index].kind == .connection { links[index].isEnding = true }
    }

    private func serve(_ index: Int, _ events: Int16) {
        switch links[index].kind {
        case .listener: accept(index)
        case .connection, .line:
            if events & Int16(POLLOUT) != 0 { flush(index) }
            if events & Int16(POLLIN | POLLHUP | POLLERR) != 0 { receive(index) }
            if links[index].isEnding { remove(index) }
        }
    }

    private func accept(_ index: Int) {
        for _ in 0..<64 {
            let descriptor = Foundation.accept(polls[index + 1].fd, nil, nil)
            guard descriptor >= 0 else {
                if [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errno) {
                    // Asking again at once would spin until somebody lets a descriptor go.
                    acceptAgainAt = monotonicNow() + 100_000_000
                    for index in links.indices where links[index].kind == .listener {
                        polls[index + 1].events = 0
                    }
                }
                return
            }
            guard links.count < Poller.connectionLimit else {
                close(descriptor)
                continue
            }
            Descriptor.ready(descriptor)
            var yes: Int32 = 1
            setsockopt(
                descriptor,
                Int32(IPPROTO_TCP),
                TCP_NODELAY,
                &yes,
                socklen_t(MemoryLayout<Int32>.size)
            )
            add(descriptor, as: .connection, of: links[index].endpoint)
        }
    }

    private func resumeAccepting() {
        acceptAgainAt = nil
        for index in links.indices where links[index].kind == .listener {
            polls[index + 1].events = Int16(POLLIN)
        }
    }

    // MARK: Bytes in

    private func receive(_ index: Int) {
        let count = read(polls[index + 1].fd, &buffer, buffer.count)
        guard count > 0 else {
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            hangUp(index)
            return
        }
        links[index].input.append(contentsOf: buffer[..<count])
        let now = monotonicNow()
        links[index].lastByte = now
        if links[index].kind == .line {
            takeSerialFrames(index, at: now)
        } else {
            takeTCPFrames(index, at: now)
        }
        flush(index)
    }

    private func takeTCPFrames(_ index: Int, at now: Int64) {
        var input: [UInt8] = []
        swap(&input, &links[index].input)
        var position = 0
        while input.count - position >= 8, !links[index].isEnding {
            let protocolID = Int(input[position + 2]) << 8 | Int(input[position + 3])
            let length = Int(input[position + 4]) << 8 | Int(input[position + 5])
            // After a header that is none, nothing tells where the next one begins.
            guard protocolID == 0, (2...ModbusFrame.longestPDU + 1).contains(length) else {
                links[index].isEnding = true
                break
            }
            guard input.count - position >= 6 + length else { break }
            let transaction = UInt16(input[position]) << 8 | UInt16(input[position + 1])
            let request = Array(input[position + 7..<position + 6 + length])
            answer(
                request,
                for: input[position + 6],
                framing: .tcp(transaction: transaction),
                on: index,
                at: now
            )
            position += 6 + length
        }
        if position > 0 { input.removeFirst(position) }
        links[index].input = input
    }

    private func takeSerialFrames(_ index: Int, at now: Int64) {
        while let length = ModbusFrame.requestLength(links[index].input[...]),
            links[index].input.count >= length,
            ModbusFrame.checks(links[index].input[..<length])
        {
            let frame = links[index].input[..<length]
            links[index].input.removeFirst(length)
            serialFrame(frame, on: index, at: now)
        }
        // What is no frame so far waits for silence; more than a frame's worth is noise for sure.
        if links[index].input.count > 4 * ModbusFrame.longestRTU {
            links[index].input.removeFirst(
                links[index].input.count - ModbusFrame.longestRTU - 1
            )
        }
    }

    private func endSilentFrame(at now: Int64) {
        guard let link = links.first, link.kind == .line, !link.input.isEmpty,
            now - link.lastByte >= link.endpoint.silence.count
        else { return }
        links[0].input.removeAll()
        if link.input.count <= ModbusFrame.longestRTU, ModbusFrame.checks(link.input[...]) {
            serialFrame(link.input[...], on: 0, at: now)
            flush(0)
        }
    }

    private func serialFrame(_ frame: ArraySlice<UInt8>, on index: Int, at now: Int64) {
        let unit = frame[frame.startIndex]
        let request = Array(frame.dropFirst().dropLast(2))
        guard unit != 0 else {
            let time = MonotonicTime(nanoseconds: now)
            for unit in links[index].endpoint.units.values { unit.hear(request, at: time) }
            return
        }
        answer(request, for: unit, framing: .rtu, on: index, at: now)
    }

    // MARK: Bytes out

    private func answer(
        _ request: [UInt8],
        for unit: UInt8,
        framing: Framing,
        on index: Int,
        at now: Int64
    ) {
        let endpoint = links[index].endpoint
        var reply: WireReply?
        if let found = endpoint.units[unit] {
            reply = found.reply(
                to: request,
                as: unit,
                framing: framing,
                at: MonotonicTime(nanoseconds: now)
            )
        } else if case .tcp(let transaction) = framing, endpoint.absent == .gatewayFault,
            let function = request.first
        {
            let refusal = ModbusException.gatewayTargetFailed.answer(to: function)
            reply = WireReply(
                bytes: ModbusFrame.tcp(refusal, unit: unit, transaction: transaction)
            )
        }
        guard let reply else { return }
        var due = now + reply.delay.count
        var byteTime = reply.byteGap.count
        var portion = byteTime > 0 ? 1 : max(reply.bytes.count, 1)
        if let pace = endpoint.pace {
            // Request and answer pass the wire one after the other, a silence between them.
            let start = max(now, links[index].freeAt)
            let asked = pace.time(characters: Double(request.count + 3)) + pace.silentInterval
            due = max(due, start) + asked.count
            if byteTime == 0 {
                byteTime = pace.time(characters: 1).count
                portion = Poller.portion
            }
            links[index].freeAt = due + byteTime * Int64(reply.bytes.count)
        }
        if due <= now, byteTime == 0 {
            links[index].output.append(contentsOf: reply.bytes)
            if reply.hangsUp { hangUp(index) }
            return
        }
        let first = min(portion, reply.bytes.count)
        schedule(
            Pending(
                due: due + byteTime * Int64(first),
                order: 0,
                link: links[index].id,
                bytes: reply.bytes[...],
                portion: portion,
                byteTime: byteTime,
                hangsUp: reply.hangsUp
            )
        )
    }

    private func schedule(_ item: Pending) {
        guard pending.count < Poller.pendingLimit else { return }
        var item = item
        nextNumber += 1
        item.order = nextNumber
        var low = 0
        var high = pending.count
        while low < high {
            let middle = (low + high) / 2
            let other = pending[middle]
            if (other.due, other.order) > (item.due, item.order) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        pending.insert(item, at: low)
    }

    private func sendDue(at now: Int64) {
        while let item = pending.last, item.due <= now {
            pending.removeLast()
            guard let index = indexes[item.link] else { continue }
            links[index].output.append(contentsOf: item.bytes.prefix(item.portion))
            let rest = item.bytes.dropFirst(item.portion)
            if rest.isEmpty, item.hangsUp { hangUp(index) }
            flush(index)
            if links[index].isEnding {
                remove(index)
            } else if !rest.isEmpty {
                var next = item
                next.bytes = rest
                next.due += item.byteTime * Int64(min(item.portion, rest.count))
                schedule(next)
            }
        }
    }

    /// Sends what the peer takes; the rest waits until it takes more.
    private func flush(_ index: Int) {
        let descriptor = polls[index + 1].fd
        while !links[index].output.isEmpty {
            let count: Int
            if links[index].kind == .line {
                count = write(descriptor, links[index].output, links[index].output.count)
            } else {
                count = send(
                    descriptor,
                    links[index].output,
                    links[index].output.count,
                    Int32(MSG_NOSIGNAL)
                )
            }
            guard count > 0 else {
                if count < 0, errno == EINTR { continue }
                if count == 0 || errno == EAGAIN { break }
                links[index].output.removeAll()
                hangUp(index)
                break
            }
            if count == links[index].output.count {
                links[index].output.removeAll(keepingCapacity: true)
            } else {
                links[index].output.removeFirst(count)
            }
        }
        if links[index].output.count > Poller.outputLimit {
            links[index].output.removeAll()
            hangUp(index)
        }
        let waits = !links[index].output.isEmpty
        polls[index + 1].events = Int16(waits ? POLLIN | POLLOUT : POLLIN)
    }

    private func babble(at now: Int64) {
        let time = MonotonicTime(nanoseconds: now)
        var next: MonotonicTime?
        for index in stride(from: links.count - 1, through: 0, by: -1)
        where links[index].kind != .listener {
            for unit in links[index].endpoint.units.values {
                guard let babble = unit.babble(since: links[index].babbledAt, at: time) else {
                    continue
                }
                if !babble.bytes.isEmpty {
                    links[index].babbledAt = time
                    links[index].output.append(contentsOf: babble.bytes)
                }
                next = min(next ?? babble.next, babble.next)
            }
            flush(index)
            if links[index].isEnding { remove(index) }
        }
        babbleDue = next?.nanoseconds
        // Whoever connects while a unit babbles is served at the next round.
        if babbleDue == nil, links.contains(where: { $0.kind == .listener }) {
            let units = links.lazy.flatMap { $0.endpoint.units.values }
            if units.contains(where: { $0.babble(since: time, at: time) != nil }) {
                babbleDue = now + 10_000_000
            }
        }
    }
}
