import Foundation
import TestSupport
import Testing

/// The shim is compiled against both generations of libgpiod and run over a chip made of memory:
/// two lines of a chip that the other generation's headers would never meet on one machine.
@Suite("The GPIO shim over libgpiod 1.6 and 2.x")
struct ShimTests {
    enum Generation: String, CaseIterable, Sendable { case one = "1.6", two = "2.x" }

    static let hasOne: Bool = {
        let header = (try? String(contentsOfFile: "/usr/include/gpiod.h", encoding: .utf8)) ?? ""
        return header.contains("GPIOD_LINE_BULK_MAX_LINES")
    }()

    @Test(
        "Chips by path, name and label, lines by name and offset, the first value held, active low",
        arguments: Generation.allCases.filter { $0 == .two || hasOne }
    )
    func sameBehaviour(generation: Generation) throws {
        let folder = try TemporaryFolder()
        try folder.write(memoryChip, to: "chip.h")
        if generation == .two { try folder.write(headerOfTwo, to: "gpiod.h") }
        let source =
            folderNames + "#include \"shim.h\"\n#include \"chip.h\"\n"
            + (generation == .one ? libraryOne : libraryTwo) + program
        let path = try folder.write(source, to: "test.c")
        let compiler = try ChildProcess(
            "cc",
            [
                "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
                "-I\(folder.path)", "-I\(projectFolder)/Sources/CGPIOD", path, "-o",
                folder.file("test"),
            ]
        )
        let code = try compiler.wait(within: 120)
        #expect(code == 0, "\(compiler.output.joined(separator: "\n"))")
        let run = try ChildProcess(folder.file("test"))
        try run.line(containing: "end")
        #expect(try run.wait() == 0)
        #expect(
            run.output == [
                "/dev/gpiochip7 relay-1: 0 '' level 0, on 1, reads 1, off 0, held 1, released 0",
                "gpiochip7 1: 0 '' level 0, on 1, reads 1, off 0, held 1, released 0",
                "pinctrl-test relay-1: 0 '' level 0, on 1, reads 1, off 0, held 1, released 0",
                "pinctrl-test relay-1 low: 0 '' level 1, on 0, reads 1, off 1, held 1, released 0",
                "pinctrl-test taken: 3 'piControl' EBUSY",
                "pinctrl-test nowhere: 2 '' ENOENT",
                "pinctrl-test 99: 2 '' EINVAL",
                "no-such-label 1: 1 '' EACCES",
                "/dev/gpiochip8 1: 1 '' EACCES",
                "gpiochip8 1: 1 '' EACCES",
                "/dev/gpiochip9 1: 1 '' ENOENT",
                "open chips 0",
                "end",
            ]
        )
    }
}

/// The list of `/dev` comes from the test.
private let folderNames = """
    #define opendir test_opendir
    #define readdir test_readdir
    #define closedir test_closedir

    """

/// A chip of memory, for either library.
private let memoryChip = """
    static const char *names[4] = {"A", "relay-1", "taken", ""};
    static int level[4];
    static int held[4];
    static int chips;
    static int find_name(const char *name) {
        for (int i = 0; i < 4; i++) if (strcmp(names[i], name) == 0) return i;
        errno = ENOENT;
        return -1;
    }
    static int open_path(const char *path) {
        if (strcmp(path, "/dev/gpiochip7") == 0) { chips++; return 1; }
        errno = strcmp(path, "/dev/gpiochip8") == 0 ? EACCES : ENOENT;
        return 0;
    }
    static const char *entries[] = {"null", "gpiochip8", "gpiochip7", "gpiochip-not", NULL};
    static int entry;
    DIR *test_opendir(const char *path) { entry = 0; return (DIR *)&entry; }
    struct dirent *test_readdir(DIR *folder) {
        static struct dirent one;
        if (entries[entry] == NULL) return NULL;
        strcpy(one.d_name, entries[entry++]);
        return &one;
    }
    int test_closedir(DIR *folder) { return 0; }

    """

/// libgpiod 1.6 over that chip.
private let libraryOne = """
    struct gpiod_line { int offset; int low; };
    static struct gpiod_line lines[4] = {{0, 0}, {1, 0}, {2, 0}, {3, 0}};
    struct gpiod_chip *gpiod_chip_open(const char *path) {
        return open_path(path) ? (struct gpiod_chip *)lines : NULL;
    }
    struct gpiod_chip *gpiod_chip_open_by_name(const char *name) {
        char path[64];
        snprintf(path, sizeof path, "/dev/%s", name);
        return gpiod_chip_open(path);
    }
    struct gpiod_chip *gpiod_chip_open_by_label(const char *label) {
        if (strcmp(label, "pinctrl-test") == 0) return gpiod_chip_open("/dev/gpiochip7");
        errno = EACCES;
        return NULL;
    }
    void gpiod_chip_close(struct gpiod_chip *chip) { chips--; }
    struct gpiod_line *gpiod_chip_get_line(struct gpiod_chip *chip, unsigned int offset) {
        if (offset >= 4) { errno = EINVAL; return NULL; }
        return &lines[offset];
    }
    struct gpiod_line *gpiod_chip_find_line(struct gpiod_chip *chip, const char *name) {
        int found = find_name(name);
        return found < 0 ? NULL : &lines[found];
    }
    unsigned int gpiod_line_offset(struct gpiod_line *line) { return (unsigned)line->offset; }
    bool gpiod_line_is_used(struct gpiod_line *line) { return line->offset == 2; }
    const char *gpiod_line_consumer(struct gpiod_line *line) { return "piControl"; }
    int gpiod_line_request_output_flags(
        struct gpiod_line *line, const char *consumer, int flags, int value) {
        if (line->offset == 2) { errno = EBUSY; return -1; }
        line->low = flags == GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW;
        held[line->offset] = 1;
        level[line->offset] = value ^ line->low;
        return 0;
    }
    int gpiod_line_set_value(struct gpiod_line *line, int value) {
        level[line->offset] = value ^ line->low;
        return 0;
    }
    int gpiod_line_get_value(struct gpiod_line *line) { return level[line->offset] ^ line->low; }
    void gpiod_line_release(struct gpiod_line *line) { held[line->offset] = 0; }
    const char *gpiod_version_string(void) { return "1.6"; }

    """

/// What the shim uses of libgpiod 2.x, as its documentation gives it.
private let headerOfTwo = """
    #include <stdbool.h>
    #include <stddef.h>
    struct gpiod_chip;
    struct gpiod_chip_info;
    struct gpiod_line_info;
    struct gpiod_line_settings;
    struct gpiod_line_config;
    struct gpiod_request_config;
    struct gpiod_line_request;
    enum gpiod_line_value {
        GPIOD_LINE_VALUE_ERROR = -1, GPIOD_LINE_VALUE_INACTIVE = 0, GPIOD_LINE_VALUE_ACTIVE = 1
    };
    enum gpiod_line_direction {
        GPIOD_LINE_DIRECTION_AS_IS = 1, GPIOD_LINE_DIRECTION_INPUT, GPIOD_LINE_DIRECTION_OUTPUT
    };
    struct gpiod_chip *gpiod_chip_open(const char *path);
    void gpiod_chip_close(struct gpiod_chip *chip);
    struct gpiod_chip_info *gpiod_chip_get_info(struct gpiod_chip *chip);
    void gpiod_chip_info_free(struct gpiod_chip_info *info);
    const char *gpiod_chip_info_get_label(struct gpiod_chip_info *info);
    struct gpiod_line_info *gpiod_chip_get_line_info(struct gpiod_chip *chip, unsigned int offset);
    void gpiod_line_info_free(struct gpiod_line_info *info);
    bool gpiod_line_info_is_used(struct gpiod_line_info *info);
    const char *gpiod_line_info_get_consumer(struct gpiod_line_info *info);
    int gpiod_chip_get_line_offset_from_name(struct gpiod_chip *chip, const char *name);
    struct gpiod_line_request *gpiod_chip_request_lines(
        struct gpiod_chip *chip, struct gpiod_request_config *request,
        struct gpiod_line_config *lines);
    struct gpiod_line_settings *gpiod_line_settings_new(void);
    void gpiod_line_settings_free(struct gpiod_line_settings *settings);
    int gpiod_line_settings_set_direction(
        struct gpiod_line_settings *settings, enum gpiod_line_direction direction);
    void gpiod_line_settings_set_active_low(struct gpiod_line_settings *settings, bool low);
    int gpiod_line_settings_set_output_value(
        struct gpiod_line_settings *settings, enum gpiod_line_value value);
    struct gpiod_line_config *gpiod_line_config_new(void);
    void gpiod_line_config_free(struct gpiod_line_config *config);
    int gpiod_line_config_add_line_settings(
        struct gpiod_line_config *config, const unsigned int *offsets, size_t count,
        struct gpiod_line_settings *settings);
    struct gpiod_request_config *gpiod_request_config_new(void);
    void gpiod_request_config_free(struct gpiod_request_config *config);
    void gpiod_request_config_set_consumer(
        struct gpiod_request_config *config, const char *consumer);
    void gpiod_line_request_release(struct gpiod_line_request *request);
    enum gpiod_line_value gpiod_line_request_get_value(
        struct gpiod_line_request *request, unsigned int offset);
    int gpiod_line_request_set_value(
        struct gpiod_line_request *request, unsigned int offset, enum gpiod_line_value value);
    bool gpiod_is_gpiochip_device(const char *path);
    const char *gpiod_api_version(void);

    """

/// libgpiod 2.x over that chip.
private let libraryTwo = """
    struct gpiod_line_settings { int output; int low; int value; };
    static struct gpiod_line_settings now, added;
    static unsigned int asked, info_offset;
    struct gpiod_chip *gpiod_chip_open(const char *path) {
        return open_path(path) ? (struct gpiod_chip *)&now : NULL;
    }
    void gpiod_chip_close(struct gpiod_chip *chip) { chips--; }
    struct gpiod_chip_info *gpiod_chip_get_info(struct gpiod_chip *chip) {
        return (struct gpiod_chip_info *)&now;
    }
    void gpiod_chip_info_free(struct gpiod_chip_info *info) {}
    const char *gpiod_chip_info_get_label(struct gpiod_chip_info *info) { return "pinctrl-test"; }
    struct gpiod_line_info *gpiod_chip_get_line_info(struct gpiod_chip *chip, unsigned int offset) {
        info_offset = offset;
        if (offset >= 4) { errno = EINVAL; return NULL; }
        return (struct gpiod_line_info *)&now;
    }
    void gpiod_line_info_free(struct gpiod_line_info *info) {}
    bool gpiod_line_info_is_used(struct gpiod_line_info *info) { return info_offset == 2; }
    const char *gpiod_line_info_get_consumer(struct gpiod_line_info *info) { return "piControl"; }
    int gpiod_chip_get_line_offset_from_name(struct gpiod_chip *chip, const char *name) {
        return find_name(name);
    }
    struct gpiod_line_request *gpiod_chip_request_lines(
        struct gpiod_chip *chip, struct gpiod_request_config *request,
        struct gpiod_line_config *lines) {
        if (asked == 2) { errno = EBUSY; return NULL; }
        if (!added.output) { errno = EINVAL; return NULL; }
        held[asked] = 1;
        level[asked] = added.value ^ added.low;
        return (struct gpiod_line_request *)&added;
    }
    struct gpiod_line_settings *gpiod_line_settings_new(void) {
        memset(&now, 0, sizeof now);
        return &now;
    }
    void gpiod_line_settings_free(struct gpiod_line_settings *settings) {}
    int gpiod_line_settings_set_direction(
        struct gpiod_line_settings *settings, enum gpiod_line_direction direction) {
        settings->output = direction == GPIOD_LINE_DIRECTION_OUTPUT;
        return 0;
    }
    void gpiod_line_settings_set_active_low(struct gpiod_line_settings *settings, bool low) {
        settings->low = low;
    }
    int gpiod_line_settings_set_output_value(
        struct gpiod_line_settings *settings, enum gpiod_line_value value) {
        settings->value = value;
        return 0;
    }
    struct gpiod_line_config *gpiod_line_config_new(void) {
        return (struct gpiod_line_config *)&added;
    }
    void gpiod_line_config_free(struct gpiod_line_config *config) {}
    int gpiod_line_config_add_line_settings(
        struct gpiod_line_config *config, const unsigned int *offsets, size_t count,
        struct gpiod_line_settings *settings) {
        added = *settings;
        asked = offsets[0];
        return count == 1 ? 0 : -1;
    }
    struct gpiod_request_config *gpiod_request_config_new(void) {
        return (struct gpiod_request_config *)&added;
    }
    void gpiod_request_config_free(struct gpiod_request_config *config) {}
    void gpiod_request_config_set_consumer(
        struct gpiod_request_config *config, const char *consumer) {}
    void gpiod_line_request_release(struct gpiod_line_request *request) { held[asked] = 0; }
    enum gpiod_line_value gpiod_line_request_get_value(
        struct gpiod_line_request *request, unsigned int offset) {
        return (enum gpiod_line_value)(level[offset] ^ added.low);
    }
    int gpiod_line_request_set_value(
        struct gpiod_line_request *request, unsigned int offset, enum gpiod_line_value value) {
        level[offset] = (int)value ^ added.low;
        return 0;
    }
    bool gpiod_is_gpiochip_device(const char *path) {
        return strcmp(path, "/dev/gpiochip-not") != 0;
    }
    const char *gpiod_api_version(void) { return "2.2"; }

    """

/// Opens lines and says what became of them and of the level behind.
private let program = """
    static void try_line(const char *chip, const char *line, bool low) {
        struct loopgate_gpio *handle = NULL;
        char holder[32] = "?";
        memset(level, 0, sizeof level);
        errno = 0;
        int outcome = loopgate_gpio_open(
            chip, line, "loopgate", low, 0, holder, sizeof holder, &handle);
        int code = errno;
        printf("%s %s%s: %d '%s' ", chip, line, low ? " low" : "", outcome, holder);
        if (outcome != LOOPGATE_GPIO_OK) {
            const char *word = "?";
            switch (code) {
            case EBUSY: word = "EBUSY"; break;
            case ENOENT: word = "ENOENT"; break;
            case EINVAL: word = "EINVAL"; break;
            case EACCES: word = "EACCES"; break;
            }
            printf("%s\\n", word);
            return;
        }
        printf("level %d, ", level[1]);
        loopgate_gpio_write(handle, 1);
        printf("on %d, reads %d, ", level[1], loopgate_gpio_read(handle));
        loopgate_gpio_write(handle, 0);
        printf("off %d, held %d, ", level[1], held[1]);
        loopgate_gpio_close(handle);
        printf("released %d\\n", held[1]);
    }
    int main(void) {
        try_line("/dev/gpiochip7", "relay-1", false);
        try_line("gpiochip7", "1", false);
        try_line("pinctrl-test", "relay-1", false);
        try_line("pinctrl-test", "relay-1", true);
        try_line("pinctrl-test", "taken", false);
        try_line("pinctrl-test", "nowhere", false);
        try_line("pinctrl-test", "99", false);
        try_line("no-such-label", "1", false);
        try_line("/dev/gpiochip8", "1", false);
        try_line("gpiochip8", "1", false);
        try_line("/dev/gpiochip9", "1", false);
        printf("open chips %d\\n", chips);
        printf("end\\n");
        return 0;
    }
    """
