/// What numbers, names and addresses are taken.
enum PersonRule {
    /// The field that cannot be taken and why; nil: all can.
    static func fault(of new: NewPerson) -> (field: String, why: String)? {
        fault(new.employeeNumber, new.fullName, new.email)
    }

    static func fault(of person: Person) -> (field: String, why: String)? {
        fault(person.employeeNumber, person.fullName, person.email)
    }

    private static func fault(
        _ number: String,
        _ name: String,
        _ email: String?
    ) -> (field: String, why: String)? {
        if let why = fault(ofNumber: number) { return ("employee_number", why) }
        if let why = fault(ofLine: name, most: PeopleLimits.nameBytes) { return ("full_name", why) }
        if let email {
            if let why = fault(ofLine: email, most: PeopleLimits.emailBytes) {
                return ("email", why)
            }
            let parts = email.split(separator: "@", omittingEmptySubsequences: false)
            if parts.count != 2 || parts.contains(where: \.isEmpty) || email.contains(" ") {
                return ("email", "write it as name@example.com, or leave it out")
            }
        }
        return nil
    }

    static func fault(ofNumber number: String) -> String? {
        guard (1...PeopleLimits.numberBytes).contains(number.utf8.count) else {
            return "it has 1 to \(PeopleLimits.numberBytes) characters"
        }
        let isPlain = number.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || [0x2D, 0x2E, 0x5F].contains($0)
        }
        return isPlain ? nil : "it is made of letters, digits, '.', '-' and '_'"
    }

    private static func fault(ofLine text: String, most: Int) -> String? {
        guard text.contains(where: { !$0.isWhitespace }) else { return "it is empty" }
        guard text.utf8.count <= most else { return "it has more than \(most) bytes" }
        let isPlain = text.unicodeScalars.allSatisfy {
            switch $0.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned:
                false
            default: true
            }
        }
        return isPlain ? nil : "it holds characters that cannot be seen"
    }
}
