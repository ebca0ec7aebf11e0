import Signal

/// What is to happen later: soonest first, and of one instant what was added first.
struct DueHeap<Item> {
    /// Items stay where they are; only these move.
    private struct Key {
        var at: Int64
        var order: UInt64
        var place: Int

        func isBefore(_ other: Key) -> Bool {
            at != other.at ? at < other.at : order < other.order
        }
    }
    private var keys: [Key] = []
    private var items: [Item?] = []
    private var free: [Int] = []
    private var order: UInt64 = 0

    /// When the soonest item is due; nil: there is none.
    var soonest: MonotonicTime? { keys.first.map { MonotonicTime(nanoseconds: $0.at) } }

    mutating func add(_ item: Item, at time: MonotonicTime) {
        let place: Int
        if let old = free.popLast() {
            place = old
            items[place] = item
        } else {
            place = items.count
            items.append(item)
        }
        order += 1
        keys.append(Key(at: time.nanoseconds, order: order, place: place))
        var child = keys.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard keys[child].isBefore(keys[parent]) else { return }
            keys.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> Item? {
        guard let first = keys.first else { return nil }
        let last = keys.removeLast()
        if !keys.isEmpty {
            keys[0] = last
            sink(0)
        }
        defer { items[first.place] = nil }
        free.append(first.place)
        return items[first.place]
    }

    mutating func removeAll(where isGone: (Item) -> Bool) {
        var kept: [Key] = []
        for key in keys {
            if let item = items[key.place], isGone(item) {
                items[key.place] = nil
                free.append(key.place)
            } else {
                kept.append(key)
            }
        }
        // Sorted is a heap, too.
        keys = kept.sorted { $0.isBefore($1) }
    }

    private mutating func sink(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < keys.count && keys[child].isBefore(keys[least]) {
                least = child
            }
            guard least != parent else { return }
            keys.swapAt(parent, least)
            parent = least
        }
    }
}
