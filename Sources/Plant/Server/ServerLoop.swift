import Foundation
import Runtime

/// A thread that serves descriptors until it is stopped: the part that other threads may touch.
final class ServerLoop: Sendable {
    enum Command: Sendable {
        case add(Endpoint, descriptor: Int32, isLine: Bool)
        case close(endpoint: Int)
        case drop(endpoint: Int)
        /// A unit's misbehaviours have changed.
        case unitsChanged
        case stop
    }

    private struct Inbox {
        var commands: [(Command, Mailbox<Void>?)] = []
        /// The end of the pipe that wakes the loop; nil once it has ended.
        var bell: Int32?
    }

    private let inbox: Locked<Inbox>
    private let worker: WorkerThread
    private let ended = Mailbox<Void>()

    /// Starts the thread; `terminal` is removed when it ends.
    init(name: String, terminal: PseudoTerminal?) throws(PlantError) {
        let (wake, bell) = try Descriptor.pipe()
        inbox = Locked(Inbox(bell: bell))
        worker = WorkerThread(name: name)
        worker.submit { [self] in
            let poller = Poller(wake: wake, loop: self)
            poller.run()
            terminal?.remove()
            inbox.withLock { inbox in
                inbox.bell = nil
                for (command, done) in inbox.commands {
                    if case .add(_, let descriptor, false) = command { close(descriptor) }
                    done?.close()
                }
                inbox.commands.removeAll()
            }
            close(wake)
            close(bell)
            ended.close()
        }
    }

    /// Has the thread do `command` and waits until it is done, or the thread has ended.
    func perform(_ command: Command) {
        let done = Mailbox<Void>()
        guard post(command, done: done) else {
            if case .add(_, let descriptor, false) = command { close(descriptor) }
            return
        }
        _ = done.take()
    }

    /// Has the thread look at its units again; does not wait.
    func unitsChanged() { post(.unitsChanged, done: nil) }

    /// Ends the thread and waits until all it held is closed.
    func stop() {
        post(.stop, done: nil)
        _ = ended.take()
        worker.stop()
    }

    /// What is to be done, and whom to tell.
    func takeCommands() -> [(Command, Mailbox<Void>?)] {
        inbox.withLock { inbox in
            defer { inbox.commands.removeAll() }
            return inbox.commands
        }
    }

    @discardableResult
    private func post(_ command: Command, done: Mailbox<Void>?) -> Bool {
        inbox.withLock { inbox in
            guard let bell = inbox.bell else { return false }
            inbox.commands.append((command, done))
            var byte: UInt8 = 1
            // A full pipe wakes the loop as well as one byte more would.
            _ = write(bell, &byte, 1)
            return true
        }
    }
}
