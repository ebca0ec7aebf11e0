import ArgumentParser
import Foundation
import GatewayCore
import Journal

/// `loopgate audit`: who changed what, and whether anybody has changed that since.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Read the audit log, and check that nothing in it was changed.",
        subcommands: [List.self, Verify.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Entries of the audit log, newest first."
        )
        @OptionGroup var place: JournalCommand.Place

        @Option(help: "Only of this person.") var who: String?
        @Option(help: "Only this action, or those below it: people, people.create.")
        var action: String?
        @Option(help: "How many.") var limit = 50
        @Option(help: "Only entries before this number.") var before: UInt64?

        func run() async throws {
            let changes: [AuditedChange]
            do {
                changes = try place.open().auditedChanges(
                    who: who,
                    action: action,
                    before: before,
                    limit: min(limit, 100_000)
                )
            } catch let fault as StoreFault { throw CommandError(fault.words) }
            for change in changes {
                let entry = change.entry
                let values =
                    switch (entry.old, entry.new) {
                    case (let old?, let new?): "  \(old) -> \(new)"
                    case (nil, let new?): "  \(new)"
                    case (let old?, nil): "  was \(old)"
                    case (nil, nil): ""
                    }
                print(
                    "\(change.sequence)  \(change.wall.text)  \(entry.who)  \(entry.action)  "
                        + "\(entry.subject)\(values)"
                )
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compute the chain of hashes again.",
            discussion: """
                Exit code 1 where an entry is missing or is not what was written. The chain's end is \
                in every health message (store.auditEntries, store.auditHash): --entries and --hash \
                check that the log still holds what was told then.
                """
        )
        @OptionGroup var place: JournalCommand.Place

        @Option(help: "How many entries a health message told of.") var entries: UInt64?
        @Option(help: "The hash it told, in hexadecimal.") var hash: String?

        func run() async throws {
            let reader = try place.open()
            let check: JournalReader.AuditCheck
            do { check = try reader.checkAudit() } catch { throw CommandError(error.words) }
            print("\(check.entries) entries, head \(check.head?.text ?? "none")")
            if let fault = check.fault {
                print(fault)
                throw ExitCode(1)
            }
            guard let entries else { return }
            let told = try reader.auditedChanges(before: entries &+ 1, limit: 1).first
            guard let told, told.sequence == entries,
                hash == nil || hash?.lowercased() == told.head.text
            else {
                print("entry \(entries) is not what the health message told of")
                throw ExitCode(1)
            }
        }
    }
}
