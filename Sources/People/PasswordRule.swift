/// Which passwords are taken. There is no rule of composition: length is what counts.
enum PasswordRule {
    /// What is wrong with a new password; nil: nothing.
    static func fault(_ password: String, of number: String) -> String? {
        let bytes = password.utf8
        guard password.unicodeScalars.count >= PeopleLimits.passwordCharacters else {
            return "a password has at least \(PeopleLimits.passwordCharacters) characters"
        }
        guard bytes.count <= PeopleLimits.passwordBytes else {
            return "it has \(bytes.count) bytes, and only the first \(PeopleLimits.passwordBytes) "
                + "would count: choose a shorter one"
        }
        guard !bytes.contains(0) else { return "it holds a zero byte" }
        let lower = password.lowercased()
        guard !common.contains(lower) else {
            return "it is one of the passwords that are tried first: choose another"
        }
        guard Set(lower).count >= 4 else { return "it has fewer than four different characters" }
        guard number.isEmpty || !lower.contains(number.lowercased()) || number.count < 4 else {
            return "it holds the employee number"
        }
        return nil
    }

    /// The most used of eight characters and more, from published lists, and this trade's own.
    private static let common: Set<String> = Set(
        """
        12345678 123456789 1234567890 0123456789 87654321 987654321 9876543210 12344321 123123123
        123454321 1234554321 11223344 1122334455 112233445566 12341234 11112222 12121212 00000000
        11111111 22222222 66666666 77777777 88888888 99999999 password password1 password12
        password123 password1234 password! passw0rd p@ssw0rd p@ssword pa$$word pa55word
        passwort passwort1 passwort123 kennwort mypassword changeme changeit changeme1 changeme123
        letmein1 letmein123 welcome1 welcome12 welcome123 qwertyui qwertyuiop qwerty12 qwerty123
        qwerty1234 qwertz123 qwertzui qwertzuiop asdfasdf asdfghjk asdfghjkl zxcvbnm1 1qaz2wsx
        1q2w3e4r 1q2w3e4r5t q1w2e3r4 q1w2e3r4t5 1qazxsw2 zaq12wsx zaq1zaq1 qazwsxedc qwer1234
        abcd1234 abcdefgh abcdefg1 abc12345 abc123456 a1b2c3d4 aa123456 a1234567 a12345678
        iloveyou iloveyou1 sunshine sunshine1 princess princess1 football football1 baseball
        basketball superman superman1 batman123 starwars trustno1 whatever computer computer1
        internet michelle michael1 jennifer jordan23 charlie1 dragon123 monkey123 shadow123
        master123 mustang1 corvette mercedes ferrari1 samsung1 google123 facebook linkedin
        liverpool chelsea1 arsenal1 barcelona realmadrid juventus administrator admin123
        admin1234 admin12345 admin@123 administrator1 root1234 rootroot toor1234 default1
        guest123 user1234 operator operator1 operator123 technician technician1 technician123
        engineer engineer1 maintenance supervisor manager1 service1 service123 test1234 testtest
        testing123 demo1234 demodemo public12 private1 secret123 security security1 system32
        raspberry raspberrypi raspberry1 modbus123 modbus502 scada123 plc12345 siemens1 siemens123
        simatic1 rockwell schneider wago1234 moxa1234 beckhoff phoenix1 honeywell emerson1
        yokogawa endress1 loopgate loopgate1 loopgate123 gateway1 gateway123 plant123 factory1
        factory123 company1 company123 industry password2024 password2025 password2026 summer2024
        summer2025 summer2026 winter2024 winter2025 winter2026 spring2025 spring2026 autumn2025
        welcome2024 welcome2025 welcome2026
        """.split(whereSeparator: \.isWhitespace).map(String.init)
    )
}
