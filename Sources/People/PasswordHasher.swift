import Glibc
import Runtime
import Vault

/// Hashes passwords on a thread of its own, one after the other, below the priority of everything
/// that polls, decides and stores: a flood of sign-ins takes one core's idle time and no more.
public final class PasswordHasher: Sendable {
    private let thread = WorkerThread(name: "passwords")
    private let cost: Int
    /// What the password of nobody is compared with, so that an unknown name takes as long.
    private let nobody = Locked<String?>(nil)

    /// - cost: bcrypt's; tests of other things take a low one.
    public init(cost: Int = PeopleLimits.bcryptCost) {
        self.cost = cost
        thread.submit { [nobody] in
            // On Linux this is the priority of the calling thread alone.
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
            let hash = Bcrypt.hash(Chance.word(letters: 16), cost: cost)
            nobody.withLock { $0 = hash }
        }
    }

    /// Whether `hash` was made of `password`; nil (nobody): false, after the same time.
    func matches(_ password: String, _ hash: String?) async -> Bool {
        await withCheckedContinuation { continuation in
            let isQueued = thread.submit { [nobody] in
                guard let against = hash ?? nobody.withLock({ $0 }) else {
                    return continuation.resume(returning: false)
                }
                let isRight = Bcrypt.matches(password, against)
                continuation.resume(returning: isRight && hash != nil)
            }
            if !isQueued { continuation.resume(returning: false) }
        }
    }

    /// The hash of a new password; nil once stopped, or for one that the rule should have refused.
    func hash(_ password: String) async -> String? {
        await withCheckedContinuation { continuation in
            let isQueued = thread.submit { [cost] in
                continuation.resume(returning: Bcrypt.hash(password, cost: cost))
            }
            if !isQueued { continuation.resume(returning: nil) }
        }
    }

    /// Ends the thread after what is queued.
    public func stop() { thread.stop() }
}
