/// The topics of one connection: everything lies below its root.
struct Topics {
    let root: String
    /// `<root>/gateways/<id>`.
    let gateway: String

    init(root: String, gateway: String) {
        self.root = root
        self.gateway = "\(root)/gateways/\(Topics.level(gateway))"
    }

    /// Good and uncertain readings.
    func reading(_ tag: String) -> String { "\(root)/\(tag)/reading" }
    /// Bad readings: a consumer that does not know quality never meets them.
    func badReading(_ tag: String) -> String { "\(root)/\(tag)/reading/bad" }
    /// Good and uncertain readings of a backlog, where it is kept apart.
    func backlogReading(_ tag: String) -> String { "\(root)/\(tag)/reading/backlog" }
    /// Transitions of alerts about an instrument or a part of the gateway.
    func alert(_ subject: String) -> String { "\(root)/alerts/\(Topics.level(subject))" }
    /// The answer to a command.
    func response(_ command: String) -> String { "\(gateway)/responses/\(Topics.level(command))" }
    var batch: String { "\(gateway)/batch" }
    var gaps: String { "\(gateway)/gaps" }
    var audit: String { "\(gateway)/audit" }
    var health: String { "\(gateway)/health" }
    var status: String { "\(gateway)/status" }
    /// What the commands subscription asks for.
    var commandFilter: String { "\(gateway)/commands/#" }
    /// What a command's topic begins with.
    var commandPrefix: String { "\(gateway)/commands/" }

    /// One topic level made of any text: what a tag could not hold becomes `_`, so that foreign
    /// text never adds a level or a wildcard.
    static func level(_ text: String) -> String {
        var level = ""
        for scalar in text.unicodeScalars.prefix(UplinkLimits.topicLevelCharacters) {
            switch scalar {
            case "A"..."Z", "a"..."z", "0"..."9", "-", "_", ".": level.unicodeScalars.append(scalar)
            default: level.append("_")
            }
        }
        return level.isEmpty ? "_" : level
    }
}
