import GatewayCore
import Testing

@testable import Fieldbus

@Suite("What a unit still owes")
struct LedgerTests {
    private let registers8 = ReplyShape(function: 4, byteCount: 16)
    private let registers1 = ReplyShape(function: 4, byteCount: 2)

    @Test("A reply settles its request and all before it, for a unit answers in order")
    func settlesInOrder() {
        var ledger = ReplyLedger()
        ledger.asked(registers8, at: 0, expires: 100)
        ledger.asked(registers1, at: 0, expires: 100)
        #expect(ledger.owes(registers8))
        do {
            let settled = ledger.settle(registers1)
            #expect(settled == .newest)
        }
        #expect(ledger.isEmpty)
    }

    @Test("A reply of a shape owed twice settles the older one only")
    func oldestFirst() {
        var ledger = ReplyLedger()
        ledger.asked(registers8, at: 0, expires: 100)
        ledger.asked(registers1, at: 0, expires: 100)
        ledger.asked(registers8, at: 0, expires: 100)
        do {
            let settled = ledger.settle(registers8)
            #expect(settled == .late)
        }
        #expect(ledger.owes(registers8))
        do {
            let settled = ledger.settle(ReplyShape(function: 3, byteCount: 16))
            #expect(settled == .unasked)
        }
    }

    @Test("A unit that owes too many replies is asked nothing more until they expire")
    func full() {
        var ledger = ReplyLedger()
        for number in 0..<BusLimits.owedReplies {
            #expect(!ledger.isFull)
            ledger.asked(registers8, at: Int64(number), expires: 100)
        }
        #expect(ledger.isFull)
        ledger.expire(now: 100)
        #expect(!ledger.isFull)
    }

    @Test("What nobody answered is forgotten in time")
    func expiry() {
        var ledger = ReplyLedger()
        ledger.asked(registers8, at: 0, expires: 100)
        ledger.expire(now: 99)
        #expect(ledger.owes(registers8))
        ledger.expire(now: 100)
        #expect(ledger.isEmpty)
    }

    @Test("A fence has another shape than the request and than all that was owed before it")
    func fences() {
        for request in [
            BusRequest.read(1, .input, 10, 8), .read(1, .input, 10, 1), .read(1, .coils, 3, 5),
            .read(1, .input, 65535, 1), .read(1, .discreteInputs, 65520, 16),
        ] {
            var ledger = ReplyLedger()
            ledger.asked(registers1, at: 0, expires: 100)
            ledger.asked(ReplyShape(request), at: 0, expires: 100)
            let fence = ledger.fence(for: request)
            #expect(ModbusFrame.isLegal(fence))
            #expect(fence.table == request.table)
            #expect(!ledger.owes(ReplyShape(fence)))
            ledger.asked(ReplyShape(fence), at: 0, expires: 100)
            // The same fence serves again while it is itself unanswered.
            #expect(ledger.fence(for: request) == fence)
            ledger.asked(ReplyShape(fence), at: 0, expires: 100)
            _ = ledger.settle(ReplyShape(fence))
            #expect(!ledger.owes(ReplyShape(request)))
        }
    }

    @Test("An exception settles the oldest request of its function")
    func exceptions() {
        var ledger = ReplyLedger()
        ledger.asked(registers8, at: 0, expires: 100)
        ledger.asked(registers1, at: 0, expires: 100)
        do {
            let settled = ledger.settleException(function: 3)
            #expect(!settled)
        }
        do {
            let settled = ledger.settleException(function: 4)
            #expect(settled)
        }
        #expect(!ledger.owes(registers8))
        #expect(ledger.owes(registers1))
    }
}
