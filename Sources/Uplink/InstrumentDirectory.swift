import GatewayCore
import Runtime
import Signal

/// Tag and unit of every instrument, for the codecs: shared by all connections, changed at run time.
///
/// It must know every instrument whose readings may still lie in the journal, retired ones
/// included. A reading of an unknown instrument is not held back: it goes out under the tag
/// `instrument-<number>` without a unit.
public final class InstrumentDirectory: Sendable {
    struct Entry: Hashable, Sendable {
        var tag: String
        var unit: String
    }
    struct Contents: Sendable {
        /// Counts the changes, so that codecs know when what they prepared is out of date.
        var generation = 0
        var entries: [InstrumentID: Entry] = [:]
    }
    private let contents = Locked(Contents())

    /// A directory of `instruments`.
    public init(_ instruments: [InstrumentSettings] = []) {
        update(instruments)
    }

    /// Takes over tag and unit of these instruments; others stay as they are, since readings of a
    /// removed instrument may still be waiting.
    public func update(_ instruments: [InstrumentSettings]) {
        contents.withLock { contents in
            contents.generation += 1
            for instrument in instruments {
                contents.entries[instrument.id] = Entry(
                    tag: instrument.tag.text,
                    unit: instrument.span.unit
                )
            }
        }
    }

    /// Takes over tag and unit of one instrument.
    public func update(_ instrument: InstrumentID, tag: Tag, unit: String) {
        let entry = Entry(tag: tag.text, unit: unit)
        contents.withLock { contents in
            guard contents.entries[instrument] != entry else { return }
            contents.generation += 1
            contents.entries[instrument] = entry
        }
    }

    /// The entries, if they changed since `generation`.
    func changes(since generation: Int) -> Contents? {
        contents.withLock { $0.generation == generation ? nil : $0 }
    }
}
