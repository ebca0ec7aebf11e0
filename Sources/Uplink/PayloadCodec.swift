import Alerts
import GatewayCore
import Signal

/// Turns a message's content into topic and payload, in the form its connection asks for.
///
/// A payload depends on the reading, its identity and its flags alone: sent again, it is the same
/// bytes. One codec serves one connection on one thread, and keeps its buffers.
struct PayloadCodec {
    /// What is prepared for one instrument: topics as C strings, words as JSON.
    private struct Prepared {
        var reading: [CChar]
        var bad: [CChar]
        var backlog: [CChar]
        /// Quoted and escaped.
        var tag: [UInt8]
        /// Quoted and escaped.
        var unit: [UInt8]
    }

    let topics: Topics
    /// The topic of the message last encoded, with its final zero.
    private(set) var topic: [CChar] = []
    private var writer = ByteWriter()
    private let gateway: [UInt8]
    private let backlogApart: Bool
    private let directory: InstrumentDirectory
    private var generation = -1
    private var prepared: [InstrumentID: Prepared] = [:]
    private let batchTopic: [CChar]

    /// A codec for the connection that `settings` describe.
    init(settings: ConnectionSettings, gateway: String, directory: InstrumentDirectory) {
        topics = Topics(root: settings.topicRoot, gateway: gateway)
        var words = ByteWriter()
        words.string(gateway)
        self.gateway = words.bytes
        backlogApart = settings.backlog == .sibling
        self.directory = directory
        batchTopic = cString(topics.batch)
    }

    /// The payload of the message last encoded.
    var payload: [UInt8] { writer.bytes }

    /// Encodes `content`; read `topic` and `payload` afterwards.
    mutating func encode(_ content: OutgoingMessage.Content) {
        writer.clear()
        switch content {
        case .reading(let row, let epoch, let historical):
            reading(row, epoch: epoch, historical: historical)
        case .batch(let rows, let epoch, let historical):
            topic = batchTopic
            batch(rows, epoch: epoch, historical: historical)
        case .record(let record, let epoch):
            self.record(record, epoch: epoch)
        case .health(let body):
            topic = cString(topics.health)
            writer.raw(Array(body.utf8))
        case .response(let command, let body):
            topic = cString(topics.response(command))
            writer.raw(Array(body.utf8))
        }
    }

    // MARK: Readings

    private mutating func reading(_ row: SequencedReading, epoch: UInt64, historical: Bool) {
        let reading = row.reading
        let quality = reading.quality
        let isBad = quality.level == .bad
        let instrument = prepare(reading.instrument)
        topic =
            isBad
            ? instrument.bad
            : historical && backlogApart ? instrument.backlog : instrument.reading
        writer.text("{\"value\":")
        writer.number(isBad ? nil : reading.value)
        writer.text(",\"unit\":")
        writer.raw(instrument.unit)
        if reading.stamp.clock.isTrusted {
            writer.text(",\"timestamp\":")
            writer.time(reading.stamp.wall)
        }
        writer.text(",\"quality\":")
        writer.level(quality)
        writer.text(",\"reason\":\"")
        writer.reason(quality)
        writer.text("\",\"mA\":")
        writer.number(reading.current?.milliamps)
        writer.text(",\"seq\":")
        writer.integer(row.sequence)
        writer.text(",\"epoch\":")
        writer.hex16(epoch)
        writer.text(",\"gateway\":")
        writer.raw(gateway)
        if historical { writer.text(",\"historical\":true") }
        writer.text("}")
    }

    /// One message, one array for each column; row n is the n-th element of every array.
    private mutating func batch(_ rows: [SequencedReading], epoch: UInt64, historical: Bool) {
        writer.text("{\"gateway\":")
        writer.raw(gateway)
        writer.text(",\"epoch\":")
        writer.hex16(epoch)
        if historical { writer.text(",\"historical\":true") }
        writer.text(",\"count\":")
        writer.integer(UInt64(rows.count))
        column(",\"seq\":[", rows) { writer, row in writer.integer(row.sequence) }
        let known = rows.map { prepare($0.reading.instrument) }
        writer.text("],\"tag\":[")
        for index in known.indices {
            if index > 0 { writer.byte(UInt8(ascii: ",")) }
            writer.raw(known[index].tag)
        }
        writer.text("],\"unit\":[")
        for index in known.indices {
            if index > 0 { writer.byte(UInt8(ascii: ",")) }
            writer.raw(known[index].unit)
        }
        writer.text("]")
        column(",\"time\":[", rows) { writer, row in
            let stamp = row.reading.stamp
            if stamp.clock.isTrusted {
                writer.signed(stamp.wall.millisecondsSince1970)
            } else {
                writer.text("null")
            }
        }
        writer.text("]")
        column(",\"value\":[", rows) { writer, row in
            writer.number(row.reading.quality.level == .bad ? nil : row.reading.value)
        }
        writer.text("]")
        column(",\"quality\":[", rows) { writer, row in writer.level(row.reading.quality) }
        writer.text("]")
        column(",\"reason\":[", rows) { writer, row in
            writer.byte(UInt8(ascii: "\""))
            writer.reason(row.reading.quality)
            writer.byte(UInt8(ascii: "\""))
        }
        writer.text("]")
        column(",\"mA\":[", rows) { writer, row in
            writer.number(row.reading.current?.milliamps)
        }
        writer.text("]}")
    }

    private mutating func column(
        _ opening: StaticString,
        _ rows: [SequencedReading],
        _ cell: (inout ByteWriter, SequencedReading) -> Void
    ) {
        writer.text(opening)
        var isFirst = true
        for row in rows {
            if !isFirst { writer.byte(UInt8(ascii: ",")) }
            isFirst = false
            cell(&writer, row)
        }
    }

    private mutating func prepare(_ id: InstrumentID) -> Prepared {
        if let contents = directory.changes(since: generation) {
            generation = contents.generation
            prepared.removeAll(keepingCapacity: true)
            for (id, entry) in contents.entries { prepared[id] = make(entry) }
        }
        if let known = prepared[id] { return known }
        return make(InstrumentDirectory.Entry(tag: "instrument-\(id.rawValue)", unit: ""))
    }

    private func make(_ entry: InstrumentDirectory.Entry) -> Prepared {
        var tag = ByteWriter()
        tag.string(entry.tag)
        var unit = ByteWriter()
        unit.string(entry.unit)
        return Prepared(
            reading: cString(topics.reading(entry.tag)),
            bad: cString(topics.badReading(entry.tag)),
            backlog: cString(topics.backlogReading(entry.tag)),
            tag: tag.bytes,
            unit: unit.bytes
        )
    }

    // MARK: Records

    private mutating func record(_ record: SequencedRecord, epoch: UInt64) {
        switch record.body {
        case .alert(let transition):
            topic = cString(topics.alert(transition.subject))
            alert(transition)
        case .gap(let gap):
            topic = cString(topics.gaps)
            self.gap(gap, at: record.stamp)
        case .audit(let entry):
            topic = cString(topics.audit)
            audit(entry, at: record.stamp)
        }
        writer.text(",\"seq\":")
        writer.integer(record.sequence)
        writer.text(",\"epoch\":")
        writer.hex16(epoch)
        writer.text(",\"gateway\":")
        writer.raw(gateway)
        writer.text("}")
    }

    private mutating func alert(_ transition: AlertTransition) {
        writer.text("{\"id\":")
        writer.string(transition.alert.description)
        writer.text(",\"tag\":")
        writer.string(transition.subject)
        writer.text(",\"type\":")
        writer.string(transition.type.rawValue)
        writer.text(",\"severity\":")
        writer.string(transition.severity.rawValue)
        writer.text(",\"state\":")
        writer.string(transition.state.rawValue)
        writer.text(",\"value\":")
        writer.number(transition.value)
        writer.text(",\"explanation\":")
        writer.string(transition.explanation)
        writer.text(",\"raisedAt\":")
        writer.time(trusted: transition.raisedAt)
        writer.text(",\"at\":")
        writer.time(trusted: transition.at)
        writer.text(",\"by\":")
        writer.string(transition.by)
        writer.text(",\"note\":")
        writer.string(orNull: transition.note)
    }

    private mutating func gap(_ gap: GapRecord, at stamp: Stamp) {
        writer.text("{\"cause\":")
        writer.string(gap.cause.rawValue)
        writer.text(",\"lostEpoch\":")
        writer.hex16(gap.epoch)
        writer.text(",\"first\":")
        writer.integer(gap.first)
        writer.text(",\"last\":")
        writer.integer(gap.last)
        writer.text(",\"from\":")
        writer.time(orNull: gap.from)
        writer.text(",\"to\":")
        writer.time(orNull: gap.to)
        writer.text(",\"timestamp\":")
        writer.time(trusted: stamp)
    }

    private mutating func audit(_ entry: AuditEntry, at stamp: Stamp) {
        writer.text("{\"who\":")
        writer.string(entry.who)
        writer.text(",\"action\":")
        writer.string(entry.action)
        writer.text(",\"subject\":")
        writer.string(entry.subject)
        writer.text(",\"old\":")
        writer.string(orNull: entry.old)
        writer.text(",\"new\":")
        writer.string(orNull: entry.new)
        writer.text(",\"timestamp\":")
        writer.time(trusted: stamp)
    }
}

extension ByteWriter {
    fileprivate mutating func level(_ quality: Quality) {
        switch quality.level {
        case .good: text("\"good\"")
        case .uncertain: text("\"uncertain\"")
        case .bad: text("\"bad\"")
        }
    }

    fileprivate mutating func reason(_ quality: Quality) {
        var reason = quality.reason
        reason.withUTF8 { for byte in $0 { self.byte(byte) } }
    }
}

/// `text` as C reads it.
func cString(_ text: String) -> [CChar] { Array(text.utf8CString) }
