import Foundation

/// A queue between threads: many post, one takes; the taker sleeps until something is there.
///
/// @unchecked: `items`, `closed` are touched only under `condition`, which the compiler cannot see.
public final class Mailbox<Item: Sendable>: @unchecked Sendable {
    private let condition = Condition()
    private var items: [Item] = []
    private var closed = false

    /// An empty, open mailbox.
    public init() {}

    /// Adds an item and wakes the taker; false once the mailbox is closed.
    @discardableResult
    public func post(_ item: Item) -> Bool {
        condition.withLock {
            guard !closed else { return false }
            items.append(item)
            if items.count == 1 { condition.signal() }
            return true
        }
    }

    /// Adds several items in order and wakes the taker; false once the mailbox is closed.
    @discardableResult
    public func post(contentsOf more: [Item]) -> Bool {
        condition.withLock {
            guard !closed else { return false }
            guard !more.isEmpty else { return true }
            let wasEmpty = items.isEmpty
            items.append(contentsOf: more)
            if wasEmpty { condition.signal() }
            return true
        }
    }

    /// Everything posted so far, in order; waits until something is there, the deadline passes or
    /// the mailbox is closed. Empty after the deadline; nil once closed and empty.
    ///
    /// - deadline: nanoseconds on `CLOCK_MONOTONIC`; nil waits for ever.
    public func take(until deadline: Int64? = nil) -> [Item]? {
        condition.withLock {
            while items.isEmpty && !closed {
                guard condition.wait(until: deadline) else { break }
            }
            if items.isEmpty && closed { return nil }
            var taken: [Item] = []
            swap(&taken, &items)
            return taken
        }
    }

    /// Refuses further items; what is there can still be taken.
    public func close() {
        condition.withLock {
            closed = true
            condition.broadcast()
        }
    }
}
