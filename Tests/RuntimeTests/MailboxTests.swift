import Foundation
import Runtime
import TestSupport
import Testing

@Suite struct MailboxTests {
    @Test("items posted by many threads are all taken, each thread's in its order")
    func manyPosters() {
        let mailbox = Mailbox<(poster: Int, number: Int)>()
        for poster in 0..<4 {
            Thread {
                for number in 0..<1_000 { mailbox.post((poster, number)) }
            }.start()
        }
        var last = [Int](repeating: -1, count: 4)
        var count = 0
        let deadline = monotonicNow() + 30_000_000_000
        while count < 4_000, let batch = mailbox.take(until: deadline) {
            for item in batch {
                #expect(item.number == last[item.poster] + 1)
                last[item.poster] = item.number
            }
            count += batch.count
            if batch.isEmpty { break }
        }
        #expect(count == 4_000)
    }

    @Test("taking past the deadline gives nothing; a closed mailbox gives what is left, then nil")
    func deadlineAndClose() {
        let mailbox = Mailbox<Int>()
        #expect(mailbox.take(until: monotonicNow())?.isEmpty == true)
        mailbox.post(contentsOf: [1, 2])
        mailbox.close()
        #expect(mailbox.post(3) == false)
        #expect(mailbox.take() == [1, 2])
        #expect(mailbox.take() == nil)
    }

    @Test("a worker runs its work in order on one thread of its own, and ends after it")
    func worker() {
        let worker = WorkerThread(name: "test")
        let seen = Mailbox<(Int, Bool)>()
        for number in 0..<100 { worker.submit { seen.post((number, worker.isCurrent)) } }
        worker.stop()
        #expect(worker.submit {} == false)
        var all: [(Int, Bool)] = []
        let deadline = monotonicNow() + 30_000_000_000
        while all.count < 100, let batch = seen.take(until: deadline), !batch.isEmpty {
            all += batch
        }
        #expect(all.map(\.0) == Array(0..<100))
        #expect(all.allSatisfy(\.1))
        #expect(!worker.isCurrent)
    }

    @Test("an actor on a worker runs on the worker's thread")
    func actorOnWorker() async {
        let counter = Counter()
        let isThere = await counter.isOnItsThread()
        #expect(isThere)
    }

    private actor Counter {
        private let worker = WorkerThread(name: "counter")
        nonisolated var unownedExecutor: UnownedSerialExecutor {
            worker.asUnownedSerialExecutor()
        }
        func isOnItsThread() -> Bool { worker.isCurrent }
    }
}
