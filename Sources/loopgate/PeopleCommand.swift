import ArgumentParser
import Foundation
import LocalPage

/// `loopgate people`: who may sign in, for whoever is root on the box and locked out of the page.
struct PeopleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "people",
        abstract: "List who may sign in; help an owner who is locked out.",
        discussion:
            "Speaks to the running daemon, as its user or as root. Every change is audited.",
        subcommands: [List.self, AddAdmin.self, Reset.self, SetUpCode.self]
    )

    /// Where the daemon's socket is.
    struct Socket: ParsableArguments {
        @Option(help: "The daemon's runtime folder.")
        var runtime: String?

        var client: ControlClient { ControlClient(folder: runtime) }

        func give(
            _ name: String,
            number: String? = nil,
            fullName: String? = nil
        ) throws -> String {
            try client.people(
                name,
                ControlServer.PeopleOrder(
                    number: number,
                    name: fullName,
                    by: ControlClient.who(nil)
                )
            )
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Who may sign in.")
        @OptionGroup var socket: Socket

        func run() async throws {
            for person in try socket.client.people() {
                let state = person.active ? "active" : "inactive"
                print(
                    "\(person.employeeNumber)  \(person.role)  \(state)  last sign-in "
                        + "\(person.lastLogin ?? "never")  \(person.fullName)"
                )
            }
        }
    }

    struct AddAdmin: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add an admin and print a password that must be changed."
        )
        @Argument(help: "The employee number.") var number: String
        @Option(help: "The full name.") var name: String?
        @OptionGroup var socket: Socket

        func run() async throws {
            print(try socket.give("add-admin", number: number, fullName: name))
        }
    }

    struct Reset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make somebody active, sign them out everywhere, and print a new password."
        )
        @Argument(help: "The employee number.") var number: String
        @OptionGroup var socket: Socket

        func run() async throws { print(try socket.give("reset", number: number)) }
    }

    struct SetUpCode: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "setup-code",
            abstract: "Print a new set-up code, while there is no admin yet."
        )
        @OptionGroup var socket: Socket

        func run() async throws { print(try socket.give("setup-code")) }
    }
}

/// A person as the daemon lists them.
struct ListedPerson: Decodable {
    var employeeNumber: String
    var fullName: String
    var role: String
    var active: Bool
    var lastLogin: String?
}
