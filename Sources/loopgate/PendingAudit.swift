import Foundation
import GatewayCore
import Journal

/// Audit entries that wait in the journal until the gateway has put them on record.
///
/// Whatever is changed outside the gateway's core is stored in one transaction with the entries
/// about it, under a name of their own; the commit that puts them on record takes the name away. So
/// no crash loses a change's record, nor makes one for a change that was not stored.
struct PendingAudit: Sendable {
    /// Names of the journal's settings that hold waiting entries begin with this.
    private static let prefix = "audit-pending-"

    let name: String
    let entries: [AuditEntry]

    init(_ entries: [AuditEntry]) {
        name = Self.prefix + UUID().uuidString
        self.entries = entries
    }

    private init(name: String, text: String) {
        self.name = name
        entries = (try? JSONDecoder().decode([AuditEntry].self, from: Data(text.utf8))) ?? []
    }

    /// The setting that holds the entries.
    var setting: (name: String, value: String?) {
        get throws { (name, String(decoding: try JSONEncoder().encode(entries), as: UTF8.self)) }
    }

    /// Those that no run has put on record yet.
    static func all(in journal: JournalStore) async throws -> [PendingAudit] {
        try await journal.settings(prefix).map { PendingAudit(name: $0.name, text: $0.value) }
    }
}
