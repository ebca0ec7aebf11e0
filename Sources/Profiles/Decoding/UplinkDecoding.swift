import Foundation
import GatewayCore
import Signal

extension DecodingContext {
    /// The MQTT connections of `top`.
    func connections(_ top: MapReader, gateway: String?) -> [Draft<ConnectionSettings>] {
        var names = FirstSeen<String>()
        var clients = FirstSeen<String>()
        return top.maps(UplinkKeys.section.path.dropListMark).enumerated().map { index, reader in
            var draft = connection(reader, index: index, gateway: gateway)
            if let name = draft.name,
                let first = names.before(name, at: reader.place(of: "name"))
            {
                reader.problem(
                    "name",
                    "another connection on \(first.described(from: reader.place)) has the name "
                        + quote(name),
                    mend: "give each connection a name of its own"
                )
                draft.value = nil
            }
            if let settings = draft.value {
                for broker in settings.brokers {
                    let id = "\(settings.clientID) at \(broker.host) port \(broker.port)"
                    if let first = clients.before(id, at: reader.place) {
                        reader.problem(
                            "clientId",
                            "the connection on \(first.described(from: reader.place)) uses "
                                + "\(quote(settings.clientID)) at the same broker: the two would "
                                + "throw each other out for ever",
                            mend: "give each connection a client identifier of its own"
                        )
                    }
                }
            }
            return draft
        }
    }

    private func connection(
        _ reader: MapReader,
        index: Int,
        gateway: String?
    ) -> Draft<ConnectionSettings> {
        typealias Keys = UplinkKeys
        let name = reader.read(Keys.name)
        var brokers = reader.read(Keys.brokers)
        let version = reader.read(Keys.mqtt)
        let clientID = reader.read(Keys.clientId) ?? "\(gateway ?? "")-\(name ?? "")"
        let username = reader.read(Keys.username)
        let password = passwordFile(reader)
        let tls = tls(reader)
        let form = reader.read(Keys.form)
        let topic = reader.read(Keys.topic)
        let backlog = reader.read(Keys.backlog)
        let publish = reader.read(Keys.publish)
        let inFlight = reader.read(Keys.inFlight)
        let ackDeadline = reader.read(Keys.ackDeadline)
        let keepAlive = reader.read(Keys.keepAlive)
        let totalRate = reader.read(Keys.totalRate)
        let perTag = reader.read(Keys.perTagInterval)
        let backlogRate = reader.read(Keys.backlogRate)
        let commands = reader.read(Keys.commands)
        reader.finish(Keys.section)

        for position in (brokers ?? []).indices
        where brokers?[position].port == Form<BrokerAddress>.unwrittenPort {
            brokers?[position].port = tls == nil ? 1883 : 8883
        }
        check(reader, brokers: brokers ?? [], clientID: clientID, tls: tls)
        if password != nil, username == nil {
            reader.problem(
                reader.has("credential") ? "credential" : "passwordFile",
                "a password without a user name",
                mend: "add 'username'"
            )
        }
        guard let name, let brokers else { return Draft(reader: reader, name: name) }
        return Draft(
            reader: reader,
            name: name,
            value: ConnectionSettings(
                id: ConnectionID(rawValue: index),
                name: name,
                brokers: brokers,
                version: version,
                clientID: clientID,
                username: username,
                passwordFile: password,
                tls: tls,
                form: form,
                topicRoot: topic,
                backlog: backlog,
                publish: publish,
                inFlight: inFlight,
                ackDeadline: ackDeadline,
                keepAlive: keepAlive,
                totalRate: totalRate,
                perTagInterval: perTag,
                backlogRate: backlogRate,
                acceptsCommands: commands
            )
        )
    }

    private func check(
        _ reader: MapReader,
        brokers: [BrokerAddress],
        clientID: String,
        tls: TLSSettings?
    ) {
        if ["cimms-backend", "cimms-simulator"].contains(clientID) {
            reader.problem(
                "clientId",
                "\(quote(clientID)) is the central CMMS's own: each would throw the other out",
                mend: "delete the key, or write another identifier"
            )
        }
        guard tls == nil else { return }
        if let broker = brokers.first(where: { $0.port == 8883 }) {
            reader.warn(
                "brokers",
                "port 8883 of \(broker.host) usually speaks TLS, and 'tls' is missing",
                mend: "add 'tls: {}', or ignore this where the port is plain"
            )
        }
        if reader.has("username"),
            let broker = brokers.first(where: { !HostAddress.isLoopback($0.host) })
        {
            reader.warn(
                "username",
                "the password travels to \(broker.host) in clear text",
                mend: "add 'tls'"
            )
        }
    }

    /// The file that holds the password: as named, or as systemd lays it down.
    private func passwordFile(_ reader: MapReader) -> String? {
        let file = reader.read(UplinkKeys.passwordFile)
        let credential = reader.read(UplinkKeys.credential)
        if file != nil, credential != nil {
            reader.problem(
                "credential",
                "both 'passwordFile' and 'credential' are given",
                mend: "keep one of the two"
            )
        }
        if let file {
            let path = absolute(file)
            warnUnlessReadable(path, "passwordFile", reader)
            return path
        }
        guard let credential else { return nil }
        guard let credentials else {
            reader.warn(
                "credential",
                "CREDENTIALS_DIRECTORY is not set, so the credential cannot be looked at now",
                mend: "start the daemon by systemd with 'LoadCredential=\(credential):…'"
            )
            return "/run/credentials/loopgate.service/\(credential)"
        }
        let path = "\(credentials)/\(credential)"
        if access(path, R_OK) != 0 {
            reader.problem(
                "credential",
                "there is no credential \(quote(credential)) in \(credentials)",
                mend: "add 'LoadCredential=\(credential):/path/of/the/file' to the service"
            )
        }
        return path
    }

    private func tls(_ reader: MapReader) -> TLSSettings? {
        typealias Keys = UplinkKeys.TLS
        guard let map = reader.map(UplinkKeys.tls.entry.name) else { return nil }
        let ca = map.read(Keys.ca).map(absolute)
        let certificate = map.read(Keys.certificate).map(absolute)
        let key = map.read(Keys.key).map(absolute)
        map.finish(Keys.section)
        for (file, name) in [(ca, "ca"), (certificate, "certificate"), (key, "key")] {
            if let file { warnUnlessReadable(file, name, map) }
        }
        if map.has("certificate") != map.has("key") {
            let missing = map.has("key") ? "certificate" : "key"
            map.problem(
                missing,
                "'certificate' and 'key' only work together",
                mend: "add '\(missing): …' or delete the other"
            )
        }
        return TLSSettings(caFile: ca, certificateFile: certificate, keyFile: key)
    }

    private func warnUnlessReadable(_ path: String, _ key: String, _ reader: MapReader) {
        guard access(path, R_OK) != 0 else { return }
        reader.warn(
            key,
            "\(path) cannot be read now",
            mend: "create it before the daemon starts, readable by its user"
        )
    }
}
