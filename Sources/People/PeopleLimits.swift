import Signal
import Vault

/// Every bound of signing in, by name.
public enum PeopleLimits {
    /// People kept, inactive ones too.
    public static let people = 500
    /// Bytes of an employee number, a name and an e-mail address.
    public static let numberBytes = 32
    public static let nameBytes = 120
    public static let emailBytes = 254
    /// A password's characters at the least, and its bytes at the most: bcrypt reads no further.
    public static let passwordCharacters = 8
    public static let passwordBytes = Bcrypt.passwordBytes
    /// bcrypt's cost: 2¹² rounds, 0.2 to 1 s of one core.
    public static let bcryptCost = 12
    /// Passwords that may wait to be hashed: in all, and from one address.
    public static let waitingHashes = 16
    public static let waitingHashesPerAddress = 4
    /// Sessions at a time: at the limit the oldest ends.
    public static let sessions = 512
    public static let sessionsPerPerson = 16
    /// How long a session lasts.
    public static let sessionLength = Nanoseconds.seconds(8 * 3600)
    /// Bytes of a token.
    public static let tokenBytes = 1024
    /// Failures without a delay: of an account from one address, and of an address with any.
    public static let freeFailures = 5
    public static let freeFailuresOfAddress = 20
    /// The longest delays: of an account from one address, and of an address with any.
    public static let longestDelay = Nanoseconds.seconds(900)
    public static let longestDelayOfAddress = Nanoseconds.seconds(60)
    /// Failures are forgotten after so long without another.
    public static let failureMemory = Nanoseconds.seconds(3600)
    /// Accounts and addresses whose failures are remembered.
    public static let rememberedFailures = 1024
    /// Failures that the audit log takes in an hour; the next entry tells how many it did not.
    public static let auditedFailuresPerHour = 60
    /// Letters of a set-up code and of a password made by the gateway: five bits each.
    public static let codeLetters = 16
}
