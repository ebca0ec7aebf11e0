import GatewayCore
import Signal

/// One gateway box as its profile file describes it.
public struct GatewayProfile: Hashable, Sendable {
    /// The file's name without its ending.
    public var id: String
    /// Who makes it.
    public var vendor: String
    /// The maker's name for it.
    public var model: String
    /// The hardware revision it is for; nil: any.
    public var revision: String?
    /// One line about it.
    public var summary: String
    /// How sure the facts are.
    public var confidence: Confidence
    /// Where the facts are from.
    public var sources: [String]
    /// What a technician should know.
    public var notes: [String]
    /// What tells this box: any of them is enough.
    public var matches: [HardwareMatch]
    /// Its serial ports.
    public var ports: [Port]
    /// What can carry the alarm.
    public var outputs: [Output]
    /// Its lights.
    public var leds: [LED]
    /// What restarts it when it hangs.
    public var watchdog: Watchdog?

    /// A name that the device tree gives the box.
    public struct HardwareMatch: Hashable, Sendable {
        /// The device tree's `model`, or one of its `compatible` names.
        public enum Property: String, Hashable, Sendable, CaseIterable { case model, compatible }
        /// Where to look.
        public var property: Property
        /// What must be there.
        public var text: String
        /// Whether it must be the whole name.
        public var isExact: Bool

        /// Whether a box of this model and these compatible names is meant.
        public func holds(model: String, compatible: [String]) -> Bool {
            let names = property == .model ? [model] : compatible
            return names.contains { isExact ? $0 == text : $0.contains(text) }
        }
    }

    /// A serial port.
    public struct Port: Hashable, Sendable {
        /// Who turns the transceiver round.
        public enum Direction: String, Hashable, Sendable, CaseIterable {
            /// The kernel's RS-485 mode.
            case kernel
            /// The hardware, by itself: the kernel need not know, and may refuse to.
            case automatic
            /// A program, with a GPIO line around each frame, which no gateway can do in time.
            case userspace
            /// Nobody: the port belongs to something else and must not be opened.
            case reserved
        }
        /// The name on the box.
        public var name: String
        /// A path that stays the same; nil: find it by `node` or `usb`.
        public var path: String?
        /// Other paths of the same port, by image.
        public var others: [String]
        /// Its node in the device tree.
        public var node: String?
        /// Vendor and product, or the name, of the USB adapter inside.
        public var usb: String?
        /// Who turns the transceiver round.
        public var direction: Direction
        /// Whether RTS is high while sending, where the kernel turns it round.
        public var isRTSHigh: Bool
        /// Whether the kernel's RS-485 mode is on from the start.
        public var isEnabledAtBoot: Bool
        /// Commands to run before the port is used, in order.
        public var preparation: [String]
        /// Who holds it.
        public var holder: String?

        /// The `direction` for the configuration; nil: the port cannot be used.
        ///
        /// Where the kernel's mode is on from the start, nothing is asked of the kernel: it knows.
        public var setting: SerialSettings.Direction? {
            switch direction {
            case .automatic: .automatic
            case .kernel where isEnabledAtBoot: .automatic
            case .kernel: isRTSHigh ? .kernel : .kernelInverted
            case .userspace, .reserved: nil
            }
        }
    }

    /// Something that can carry the alarm. All are wired so that off is the alarm.
    public struct Output: Hashable, Sendable {
        /// How it is reached; nil parts are for the configuration to give.
        public enum Kind: Hashable, Sendable {
            /// There is none.
            case none
            /// A libgpiod line.
            case gpio(chip: String?, line: String, activeLow: Bool)
            /// One bit of a process image.
            case processImage(path: String, byte: Int?, bit: Int)
            /// A file that takes one text or the other.
            case sysfs(path: String?, energised: String, safe: String)
            /// A coil on a Modbus TCP server.
            case coil(host: String, port: UInt16, unit: UInt8, address: UInt16?)
        }
        /// The name on the box.
        public var name: String
        /// How it is reached.
        public var kind: Kind
        /// What holds its line, so that libgpiod cannot have it.
        public var holder: String?
        /// The number of that line on the system on chip.
        public var heldLine: String?
        /// How its contacts can be read back, in words.
        public var readback: String?
        /// Where the missing part is found, in words.
        public var offset: String?
        /// Anything else.
        public var note: String?

        /// The output for the configuration, completed with what the profile leaves open; nil
        /// where it is still not whole, or there is none.
        ///
        /// - chip: the GPIO chip's label, name or path.
        /// - place: the byte of a process image or the address of a coil.
        /// - path: the file of a sysfs output.
        public func setting(
            chip: String? = nil,
            place: UInt16? = nil,
            path: String? = nil
        ) -> RelaySettings.Output? {
            switch kind {
            case .none: return nil
            case .gpio(let own, let line, let activeLow):
                return (own ?? chip).map { .gpio(chip: $0, line: line, activeLow: activeLow) }
            case .processImage(let path, let byte, let bit):
                return (byte ?? place.map(Int.init)).map {
                    .processImage(path: path, byte: $0, bit: bit)
                }
            case .sysfs(let own, let energised, let safe):
                return (own ?? path).map { .sysfs(path: $0, energised: energised, safe: safe) }
            case .coil(let host, let port, let unit, let address):
                return (address ?? place).map {
                    .coil(host: host, port: port, unit: unit, address: $0)
                }
            }
        }
    }

    /// A light.
    public struct LED: Hashable, Sendable {
        /// How it is reached.
        public enum Kind: Hashable, Sendable {
            /// A folder below `/sys/class/leds`.
            case ledClass(String)
            /// A GPIO line; without a chip that of the system on chip.
            case gpio(chip: String?, line: String)
        }
        /// The name on the box.
        public var name: String
        /// How it is reached.
        public var kind: Kind
        /// Whether low is on.
        public var isActiveLow: Bool
    }

    /// What restarts the box when it hangs.
    public struct Watchdog: Hashable, Sendable {
        /// How it is fed.
        public enum Kind: String, Hashable, Sendable, CaseIterable {
            /// A `/dev/watchdog…`: systemd's to feed.
            case device
            /// A GPIO line that must toggle.
            case gpio
            /// A sysfs file that must toggle.
            case sysfs
            /// A bit of a process image that must toggle.
            case processImage = "process-image"
        }
        /// How it is fed.
        public var kind: Kind
        /// The device or file.
        public var path: String?
        /// The line.
        public var line: String?
        /// The bit.
        public var bit: Int?
        /// The longest time between two feedings, or the only one.
        public var timeout: Nanoseconds?
        /// Whether the time must not be changed.
        public var isFixed: Bool
        /// What holds it.
        public var holder: String?
        /// Anything else.
        public var note: String?
    }
}

extension GatewayProfile {
    /// What of `settings` cannot work on this box, each with the mend.
    public func doubts(about settings: GatewaySettings) -> [ResolvedModule.Doubt] {
        var doubts: [ResolvedModule.Doubt] = []
        for bus in settings.buses {
            guard case .rtu(let serial) = bus.link, let port = port(at: serial.path) else {
                continue
            }
            guard let right = port.setting else {
                doubts.append(
                    ResolvedModule.Doubt(
                        what: "port \(port.name) of \(id) cannot be bus \(bus.name): it belongs to "
                            + (port.holder ?? "something else"),
                        mend: "use another port"
                    )
                )
                continue
            }
            if serial.direction != right {
                doubts.append(
                    ResolvedModule.Doubt(
                        what: "port \(port.name) of \(id) has direction \(right.rawValue), and bus"
                            + " \(bus.name) says \(serial.direction.rawValue)",
                        mend: "write 'direction: \(right.rawValue)'"
                    )
                )
            }
        }
        if case .gpio(_, let line, _) = settings.relay.output,
            let held = outputs.first(where: { $0.heldLine == line })
        {
            doubts.append(
                ResolvedModule.Doubt(
                    what: "line \(line) of \(id) is held by \(held.holder ?? "the kernel")",
                    mend: "use output \(held.kind.word) instead of gpio"
                )
            )
        }
        return doubts
    }

    private func port(at path: String) -> Port? {
        ports.first { $0.path == path || $0.others.contains(path) }
    }
}

extension GatewayProfile.Output.Kind {
    /// The word for it in a profile and in the configuration.
    public var word: String {
        switch self {
        case .none: "none"
        case .gpio: "gpio"
        case .processImage: "process-image"
        case .sysfs: "sysfs"
        case .coil: "coil"
        }
    }
}
