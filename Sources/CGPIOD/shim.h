// One output line of a GPIO chip, the same over libgpiod 1.6 and 2.x.
//
// The two are not source compatible. 1.x is known by its bulk macro, which 2.x has dropped; both
// have the same header guard and library name, so the compiler must decide here.
#ifndef LOOPGATE_GPIO_SHIM_H
#define LOOPGATE_GPIO_SHIM_H

#include <dirent.h>
#include <errno.h>
#include <gpiod.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What went wrong while opening a line; errno says more.
enum loopgate_gpio_outcome {
    LOOPGATE_GPIO_OK = 0,
    LOOPGATE_GPIO_NO_CHIP = 1,
    LOOPGATE_GPIO_NO_LINE = 2,
    LOOPGATE_GPIO_REFUSED = 3,
};

// A line that is held; the value is logical (active-low is libgpiod's business).
struct loopgate_gpio {
#ifdef GPIOD_LINE_BULK_MAX_LINES
    struct gpiod_chip *chip;
    struct gpiod_line *line;
#else
    struct gpiod_line_request *request;
#endif
    unsigned int offset;
};

// Whether all of `text` is digits: an offset rather than a name.
static inline bool loopgate_gpio_is_offset(const char *text) {
    return *text != 0 && strspn(text, "0123456789") == strlen(text) && strlen(text) <= 9;
}

static inline void loopgate_gpio_copy(char *holder, size_t room, const char *text) {
    if (room > 0) snprintf(holder, room, "%s", text != NULL ? text : "");
}

#ifdef GPIOD_LINE_BULK_MAX_LINES

static inline const char *loopgate_gpio_version(void) { return gpiod_version_string(); }

// The chip by path (`/dev/gpiochip0`), name (`gpiochip0`) or label, in that order.
static inline struct gpiod_chip *loopgate_gpio_find_chip(const char *text) {
    if (text[0] == '/') return gpiod_chip_open(text);
    if (strncmp(text, "gpiochip", 8) == 0) {
        struct gpiod_chip *chip = gpiod_chip_open_by_name(text);
        if (chip != NULL || errno == EACCES || errno == EPERM) return chip;
    }
    return gpiod_chip_open_by_label(text);
}

// Requests a line as an output that starts with `value`, and holds it.
//
// holder: receives the consumer of a line that is taken, or an empty text.
static inline int loopgate_gpio_open(
    const char *chip, const char *line, const char *consumer, bool active_low, int value,
    char *holder, size_t holder_room, struct loopgate_gpio **opened) {
    loopgate_gpio_copy(holder, holder_room, "");
    struct loopgate_gpio *handle = (struct loopgate_gpio *)calloc(1, sizeof *handle);
    if (handle == NULL) return LOOPGATE_GPIO_REFUSED;
    handle->chip = loopgate_gpio_find_chip(chip);
    if (handle->chip == NULL) {
        int saved = errno;
        free(handle);
        errno = saved;
        return LOOPGATE_GPIO_NO_CHIP;
    }
    handle->line = loopgate_gpio_is_offset(line)
        ? gpiod_chip_get_line(handle->chip, (unsigned int)strtoul(line, NULL, 10))
        : gpiod_chip_find_line(handle->chip, line);
    int outcome = LOOPGATE_GPIO_OK;
    if (handle->line == NULL) {
        outcome = LOOPGATE_GPIO_NO_LINE;
    } else {
        handle->offset = gpiod_line_offset(handle->line);
        if (gpiod_line_is_used(handle->line)) {
            loopgate_gpio_copy(holder, holder_room, gpiod_line_consumer(handle->line));
        }
        int flags = active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0;
        if (gpiod_line_request_output_flags(handle->line, consumer, flags, value) != 0) {
            outcome = LOOPGATE_GPIO_REFUSED;
        }
    }
    if (outcome != LOOPGATE_GPIO_OK) {
        int saved = errno;
        gpiod_chip_close(handle->chip);
        free(handle);
        errno = saved;
        return outcome;
    }
    *opened = handle;
    return LOOPGATE_GPIO_OK;
}

// 0, or -1 with errno.
static inline int loopgate_gpio_write(struct loopgate_gpio *handle, int value) {
    return gpiod_line_set_value(handle->line, value);
}

// 0 or 1, or -1 with errno.
static inline int loopgate_gpio_read(struct loopgate_gpio *handle) {
    return gpiod_line_get_value(handle->line);
}

// Lets the line go: what it shows from then on is the driver's choice.
static inline void loopgate_gpio_close(struct loopgate_gpio *handle) {
    gpiod_line_release(handle->line);
    gpiod_chip_close(handle->chip);
    free(handle);
}

#else  // libgpiod 2.x

static inline const char *loopgate_gpio_version(void) { return gpiod_api_version(); }

// Whether the chip at `path` has `label`; -1 with errno where it cannot be opened.
static inline int loopgate_gpio_has_label(const char *path, const char *label) {
    struct gpiod_chip *chip = gpiod_chip_open(path);
    if (chip == NULL) return -1;
    struct gpiod_chip_info *info = gpiod_chip_get_info(chip);
    int same = info != NULL && strcmp(gpiod_chip_info_get_label(info), label) == 0;
    if (info != NULL) gpiod_chip_info_free(info);
    gpiod_chip_close(chip);
    return same;
}

// The chip by path (`/dev/gpiochip0`), name (`gpiochip0`) or label, in that order.
static inline struct gpiod_chip *loopgate_gpio_find_chip(const char *text) {
    if (text[0] == '/') return gpiod_chip_open(text);
    char path[300];
    if (strncmp(text, "gpiochip", 8) == 0 && strchr(text, '/') == NULL) {
        snprintf(path, sizeof path, "/dev/%s", text);
        struct gpiod_chip *chip = gpiod_chip_open(path);
        if (chip != NULL || errno == EACCES || errno == EPERM) return chip;
    }
    int worst = ENOENT;
    DIR *folder = opendir("/dev");
    if (folder == NULL) return NULL;
    struct dirent *entry;
    struct gpiod_chip *found = NULL;
    while (found == NULL && (entry = readdir(folder)) != NULL) {
        if (strncmp(entry->d_name, "gpiochip", 8) != 0) continue;
        snprintf(path, sizeof path, "/dev/%s", entry->d_name);
        if (!gpiod_is_gpiochip_device(path)) continue;
        int same = loopgate_gpio_has_label(path, text);
        if (same < 0 && (errno == EACCES || errno == EPERM)) worst = errno;
        if (same == 1) {
            found = gpiod_chip_open(path);
            if (found == NULL) worst = errno;
        }
    }
    closedir(folder);
    if (found == NULL) errno = worst;
    return found;
}

// Requests a line as an output that starts with `value`, and holds it.
//
// holder: receives the consumer of a line that is taken, or an empty text.
static inline int loopgate_gpio_open(
    const char *chip_text, const char *line, const char *consumer, bool active_low, int value,
    char *holder, size_t holder_room, struct loopgate_gpio **opened) {
    loopgate_gpio_copy(holder, holder_room, "");
    struct gpiod_chip *chip = loopgate_gpio_find_chip(chip_text);
    if (chip == NULL) return LOOPGATE_GPIO_NO_CHIP;

    int outcome = LOOPGATE_GPIO_OK;
    unsigned int offset = 0;
    if (loopgate_gpio_is_offset(line)) {
        offset = (unsigned int)strtoul(line, NULL, 10);
    } else {
        int found = gpiod_chip_get_line_offset_from_name(chip, line);
        if (found < 0) outcome = LOOPGATE_GPIO_NO_LINE;
        offset = found < 0 ? 0 : (unsigned int)found;
    }
    if (outcome == LOOPGATE_GPIO_OK) {
        struct gpiod_line_info *info = gpiod_chip_get_line_info(chip, offset);
        if (info == NULL) {
            outcome = LOOPGATE_GPIO_NO_LINE;
        } else {
            if (gpiod_line_info_is_used(info)) {
                loopgate_gpio_copy(holder, holder_room, gpiod_line_info_get_consumer(info));
            }
            gpiod_line_info_free(info);
        }
    }
    struct loopgate_gpio *handle = NULL;
    if (outcome == LOOPGATE_GPIO_OK) {
        outcome = LOOPGATE_GPIO_REFUSED;
        handle = (struct loopgate_gpio *)calloc(1, sizeof *handle);
        struct gpiod_line_settings *settings = gpiod_line_settings_new();
        struct gpiod_line_config *lines = gpiod_line_config_new();
        struct gpiod_request_config *request = gpiod_request_config_new();
        if (handle != NULL && settings != NULL && lines != NULL && request != NULL
            && gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_OUTPUT) == 0
            && gpiod_line_settings_set_output_value(
                   settings, value != 0 ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE)
                == 0) {
            gpiod_line_settings_set_active_low(settings, active_low);
            gpiod_request_config_set_consumer(request, consumer);
            if (gpiod_line_config_add_line_settings(lines, &offset, 1, settings) == 0) {
                handle->offset = offset;
                handle->request = gpiod_chip_request_lines(chip, request, lines);
                if (handle->request != NULL) outcome = LOOPGATE_GPIO_OK;
            }
        }
        int saved = errno;
        if (request != NULL) gpiod_request_config_free(request);
        if (lines != NULL) gpiod_line_config_free(lines);
        if (settings != NULL) gpiod_line_settings_free(settings);
        errno = saved;
    }
    int saved = errno;
    gpiod_chip_close(chip);  // The request outlives its chip.
    if (outcome != LOOPGATE_GPIO_OK) {
        free(handle);
    } else {
        *opened = handle;
    }
    errno = saved;
    return outcome;
}

// 0, or -1 with errno.
static inline int loopgate_gpio_write(struct loopgate_gpio *handle, int value) {
    return gpiod_line_request_set_value(
        handle->request, handle->offset,
        value != 0 ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE);
}

// 0 or 1, or -1 with errno.
static inline int loopgate_gpio_read(struct loopgate_gpio *handle) {
    return (int)gpiod_line_request_get_value(handle->request, handle->offset);
}

// Lets the line go: what it shows from then on is the driver's choice.
static inline void loopgate_gpio_close(struct loopgate_gpio *handle) {
    gpiod_line_request_release(handle->request);
    free(handle);
}

#endif
#endif
