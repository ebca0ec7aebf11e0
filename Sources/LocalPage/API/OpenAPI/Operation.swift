/// One method of one path of the API, as the document tells it.
struct Operation: Sendable {
    enum Who: Sendable { case anybody, person, admin }
    /// What comes back when all is well.
    enum Answer: Sendable {
        case nothing
        case json(Schema)
        case other(type: String)
    }
    /// A parameter of the query.
    struct Parameter: Sendable {
        var name: String
        var schema: Schema
        var isRequired = false
        var words: String
        var example: String?

        init(
            _ name: String,
            _ schema: Schema,
            _ words: String,
            isRequired: Bool = false,
            example: String? = nil
        ) {
            self.name = name
            self.schema = schema
            self.words = words
            self.isRequired = isRequired
            self.example = example
        }
    }
    /// What a request carries.
    struct Body: Sendable {
        var schema: Schema
        var isRequired = true
        var type = "application/json"
    }

    var method: String
    /// As OpenAPI writes it: `/api/instruments/{id}`.
    var path: String
    var group: String
    var summary: String
    var who = Who.person
    var query: [Parameter] = []
    var body: Body?
    /// Answers by status.
    var answers: [Int: Answer]
    /// Statuses of `problem+json` beside those that follow from the rest.
    var problems: [Int] = []

    /// Every status that answers with a problem.
    var allProblems: Set<Int> {
        var all = Set(problems).union([503])
        if who != .anybody { all.formUnion([401, 403]) }
        if path.contains("{") { all.insert(404) }
        if body != nil { all.formUnion([400, 413, 422]) }
        if method == "GET" { all.insert(422) }
        // The page's cookie counts only from the page.
        if method != "GET" { all.insert(403) }
        return all
    }

    /// Names of the parameters in the path.
    var pathParameters: [String] {
        path.split(separator: "/").compactMap {
            $0.first == "{" ? String($0.dropFirst().dropLast()) : nil
        }
    }

    /// Whether a request's path is of this shape.
    func matches(_ parts: [Substring]) -> Bool {
        let own = path.split(separator: "/")
        return own.count == parts.count
            && zip(own, parts).allSatisfy { $0.first == "{" || $0 == $1 }
    }
}
