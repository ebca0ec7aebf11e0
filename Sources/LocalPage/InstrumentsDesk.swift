import GatewayCore

/// What the command line asks of the instrument register.
public struct InstrumentsOrder: Sendable, Codable {
    public enum Act: String, Sendable, Codable {
        /// Make the register what a list says.
        case apply
        case retire, restore
    }
    public var act: Act
    /// On whose behalf: an employee number.
    public var by: String
    /// `retire`, `restore`: the tag.
    public var tag: String?
    /// `apply`: the list's path, for messages, and its text.
    public var file: String?
    public var text: String?
    /// `apply`: whether what the list does not name is retired.
    public var retiresMissing: Bool
    /// Only say what would be done.
    public var isDryRun: Bool
    /// The state that the order was decided on (`InstrumentsAnswer.state`); nil: whatever it is.
    public var state: String?

    public init(
        _ act: Act,
        by: String,
        tag: String? = nil,
        file: String? = nil,
        text: String? = nil,
        retiresMissing: Bool = false,
        isDryRun: Bool = false,
        state: String? = nil
    ) {
        self.act = act
        self.by = by
        self.tag = tag
        self.file = file
        self.text = text
        self.retiresMissing = retiresMissing
        self.isDryRun = isDryRun
        self.state = state
    }
}

/// What came of an order.
public struct InstrumentsAnswer: Sendable, Codable {
    /// Whether it was carried out, or would be.
    public var isDone: Bool
    /// The difference, or why not: line by line.
    public var lines: [String]
    /// Instruments that change.
    public var changes: Int
    /// Changes with the register: names the state that the answer is about.
    public var state: String

    public init(isDone: Bool, lines: [String], changes: Int = 0, state: String = "") {
        self.isDone = isDone
        self.lines = lines
        self.changes = changes
        self.state = state
    }

    /// An order that was not carried out.
    public static func refused(_ lines: String...) -> InstrumentsAnswer {
        InstrumentsAnswer(isDone: false, lines: lines)
    }
}

/// An instrument of the register as the command line lists it.
public struct ListedInstrument: Sendable, Codable {
    public var id: UInt32
    public var tag: String
    public var isRetired: Bool
    public var entry: [String: RegisterValue]
    /// Why it is left out; nil: it is not.
    public var fault: String?

    public init(_ record: InstrumentRecord) {
        id = record.id.rawValue
        tag = record.tag.text
        isRetired = record.isRetired
        entry = record.entry
        fault = record.fault
    }
}

/// Who keeps the register for the command line.
public protocol InstrumentsDesk: RegisterDesk {
    /// Carries out an order, or says why not.
    func carryOut(_ order: InstrumentsOrder) async -> InstrumentsAnswer
}

extension Limits {
    /// Bytes of an order of the command line to the register: a list of 10,000 instruments.
    static let instrumentsOrderBytes = 16 << 20
}
