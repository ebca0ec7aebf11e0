import GatewayCore
import Signal

/// Who keeps the instrument register. Every change is stored before it takes effect, takes effect
/// without a restart, and is audited with who, old and new.
public protocol RegisterDesk: Sendable {
    /// The whole register by number, retired instruments included; nil while the daemon starts or
    /// stops.
    func registeredInstruments() async -> [InstrumentRecord]?

    /// Adds an instrument. A tag is never used twice, not even a retired one's: `conflict`.
    ///
    /// - entry: by the keys of `instruments.yaml`, `tag` among them.
    func createInstrument(
        _ entry: [String: RegisterValue],
        by who: String
    ) async -> Result<InstrumentRecord, RegisterRefusal>

    /// Changes what `patch` names: null takes a key away, maps are merged. The tag cannot change.
    func changeInstrument(
        _ id: InstrumentID,
        _ patch: [String: RegisterValue],
        by who: String
    ) async -> Result<InstrumentRecord, RegisterRefusal>

    /// Stops polling an instrument and resolves its alerts; number, tag and history stay.
    func retireInstrument(
        _ id: InstrumentID,
        by who: String
    ) async -> Result<InstrumentRecord, RegisterRefusal>

    /// Takes a retired instrument into service again, as it was.
    func restoreInstrument(
        _ id: InstrumentID,
        by who: String
    ) async -> Result<InstrumentRecord, RegisterRefusal>
}
