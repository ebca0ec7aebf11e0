import GatewayCore
import Signal

/// Every bound of a connection, by name.
public enum UplinkLimits {
    /// Messages handed over and not yet sent; beyond them `publish` answers `unsent` at once.
    public static let queuedMessages = 20_000
    /// Bytes of one outgoing message: larger ones answer `tooLarge` whatever the broker says.
    public static let messageBytes = 1024 * 1024
    /// Bytes of one incoming packet: a command, its topic and properties. MQTT 5 brokers are told;
    /// of a larger message only the head is kept.
    public static let incomingPacketBytes = Limits.commandBytes + 4096
    /// Bytes of any other incoming packet.
    public static let controlPacketBytes = 16 * 1024
    /// Bytes read from a socket at a time.
    public static let readBytes = 64 * 1024
    /// Bytes that wait for the kernel: beyond them nothing more is sent.
    public static let outgoingBytes = 256 * 1024
    /// Bytes that the kernel may hold for the broker; it doubles the number.
    public static let kernelBytes = 256 * 1024
    /// Characters of a topic level made of foreign text (an alert's subject, a command's id).
    public static let topicLevelCharacters = 64
    /// Bytes read from a password file.
    public static let passwordBytes = 64 * 1024
    /// Addresses tried of one broker's name.
    public static let addresses = 8
    /// Seconds that the broker keeps our session and the commands in it (MQTT 5).
    public static let sessionExpirySeconds: UInt32 = 86_400
    /// How long a good-bye may wait for acknowledgements before the link is closed all the same.
    public static let goodbyeDeadline = Nanoseconds.seconds(3)
}
