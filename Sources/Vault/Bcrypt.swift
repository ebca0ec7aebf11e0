import CCrypt
import Glibc

/// Password hashes by bcrypt (`$2b$`), made by libxcrypt.
///
/// Every call takes a good part of a second and blocks: never on a cooperative thread.
public enum Bcrypt {
    /// bcrypt reads no further than this.
    public static let passwordBytes = 72
    /// What the algorithm knows: each step doubles the time.
    public static let costs = 4...31

    /// A new hash of `password` with a random salt.
    ///
    /// Nil for a password that bcrypt would cut short (longer than `passwordBytes`, or holding a
    /// zero byte) and for a cost outside `costs`.
    public static func hash(_ password: String, cost: Int) -> String? {
        guard costs.contains(cost), isWhole(password) else { return nil }
        let chance = Chance.bytes(16).map { CChar(bitPattern: $0) }
        var setting = [CChar](repeating: 0, count: Int(CRYPT_GENSALT_OUTPUT_SIZE))
        let made = crypt_gensalt_rn(
            "$2b$",
            UInt(cost),
            chance,
            Int32(chance.count),
            &setting,
            Int32(setting.count)
        )
        guard made != nil else { return nil }
        return crypt(password, setting: setting)
    }

    /// Whether `hash` was made of `password`.
    public static func matches(_ password: String, _ hash: String) -> Bool {
        guard isWhole(password), hash.hasPrefix("$2b$"), !hash.utf8.contains(0),
            let again = crypt(password, setting: Array(hash.utf8CString))
        else { return false }
        return Digest.isEqual(Array(again.utf8), Array(hash.utf8))
    }

    private static func isWhole(_ password: String) -> Bool {
        password.utf8.count <= passwordBytes && !password.utf8.contains(0)
    }

    private static func crypt(_ password: String, setting: [CChar]) -> String? {
        var data: UnsafeMutableRawPointer?
        var size: Int32 = 0
        defer { free(data) }
        guard let output = crypt_ra(password, setting, &data, &size) else { return nil }
        let text = String(cString: output)
        // A hash that failed begins with a star.
        return text.hasPrefix("*") ? nil : text
    }
}
