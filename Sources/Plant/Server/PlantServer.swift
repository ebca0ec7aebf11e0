import GatewayCore
import Runtime
import Signal

/// Serves units over Modbus TCP on ports of 127.0.0.1 and over RTU on pseudo-terminals, on threads
/// of its own: one for all ports, one for each line. No client can bring it down.
///
/// `stop()`, or letting go of the last reference, closes everything it opened.
public final class PlantServer: Sendable {
    private let state = Locked(State())

    private struct State {
        var ports: ServerLoop?
        var lines: [ServerLoop] = []
        var endpoints: [UInt16: Int] = [:]
        var nextID = 0
        var isStopped = false
    }

    /// A server of nothing yet.
    public init() {}

    deinit { stop() }

    /// Serves `units` by their addresses on a port; 0 takes any free one.
    ///
    /// - absent: what happens to requests for other units.
    /// - pace: answers take as long as behind a serial line like this one.
    /// - Returns: the port.
    /// - Throws: `cannotListen` where the port is taken.
    @discardableResult
    public func listen(
        port: UInt16 = 0,
        units: [UInt8: PlantUnit],
        absent: AbsentUnit = .gatewayFault,
        pace: SerialSettings? = nil
    ) throws(PlantError) -> UInt16 {
        let (descriptor, port) = try Descriptor.listening(on: port)
        do throws(PlantError) {
            let (loop, id) = try portLoop(for: port)
            let endpoint = Endpoint(
                id: id,
                units: units,
                absent: absent,
                pace: pace,
                silence: .zero
            )
            loop.perform(.add(endpoint, descriptor: descriptor, isLine: false))
        } catch {
            Descriptor.shut(descriptor)
            throw error
        }
        return port
    }

    /// Serves `units` by their addresses as RTU slaves on a new pseudo-terminal.
    ///
    /// Parity, stop bits and baud of the client are as it likes: a pseudo-terminal has none.
    ///
    /// - link: where a symbolic link to the device goes; one that is there already is replaced.
    /// - pace: answers come as late, and in portions of 16 bytes, as on a real line like this one.
    /// - silence: what ends a frame whose length is not known from its content.
    /// - Returns: the device behind the link.
    /// - Throws: `noTerminal` or `cannotLink`.
    @discardableResult
    public func openTerminal(
        link: String,
        units: [UInt8: PlantUnit],
        pace: SerialSettings? = nil,
        silence: Nanoseconds = .milliseconds(20)
    ) throws(PlantError) -> String {
        let terminal = try PseudoTerminal(link: link)
        do throws(PlantError) {
            let loop = try ServerLoop(name: "plant-line", terminal: terminal)
            let id = state.withLock { state -> Int? in
                guard !state.isStopped else { return nil }
                state.lines.append(loop)
                state.nextID += 1
                return state.nextID
            }
            guard let id else {
                loop.stop()
                throw .stopped
            }
            let endpoint = Endpoint(
                id: id,
                units: units,
                absent: .silent,
                pace: pace,
                silence: silence
            )
            loop.perform(.add(endpoint, descriptor: terminal.near, isLine: true))
        } catch {
            if error != .stopped { terminal.remove() }
            throw error
        }
        return terminal.device
    }

    /// Stops listening on `port` and drops its connections, as a module that lost its power; the
    /// port can be listened on again.
    public func close(port: UInt16) {
        let (loop, id) = state.withLock { ($0.ports, $0.endpoints.removeValue(forKey: port)) }
        if let id { loop?.perform(.close(endpoint: id)) }
    }

    /// Drops the connections to `port`; new ones are welcome.
    public func dropConnections(to port: UInt16) {
        let (loop, id) = state.withLock { ($0.ports, $0.endpoints[port]) }
        if let id { loop?.perform(.drop(endpoint: id)) }
    }

    /// Stops serving: when it returns, ports, connections, lines and links are gone. Once stopped
    /// a server stays so.
    public func stop() {
        let loops = state.withLock { state in
            defer { state = State(isStopped: true) }
            return state.lines + (state.ports.map { [$0] } ?? [])
        }
        for loop in loops { loop.stop() }
    }

    private func portLoop(for port: UInt16) throws(PlantError) -> (ServerLoop, Int) {
        // Made outside the lock, which cannot carry a typed error; one too many is stopped.
        var fresh: ServerLoop?
        if state.withLock({ $0.ports == nil && !$0.isStopped }) {
            fresh = try ServerLoop(name: "plant-ports", terminal: nil)
        }
        let found = state.withLock { state -> (ServerLoop, Int)? in
            guard !state.isStopped else { return nil }
            let loop = state.ports ?? fresh
            guard let loop else { return nil }
            state.ports = loop
            state.nextID += 1
            state.endpoints[port] = state.nextID
            return (loop, state.nextID)
        }
        if let fresh, found?.0 !== fresh { fresh.stop() }
        guard let found else { throw .stopped }
        return found
    }
}
