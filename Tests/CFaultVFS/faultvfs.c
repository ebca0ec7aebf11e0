#include "faultvfs.h"

#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SECTOR = 512, MOST_FILES = 8, MOST_CUTS = 4096, MOST_PATH = PATH_MAX };

/// A change that no sync has made to last.
struct change {
    struct change *next;
    bool truncates;
    int64_t offset;  // of the bytes, or the size after the truncation
    int64_t count;
    unsigned char *bytes;
};

/// A watched file: what it holds for certain, and what came since.
struct watched {
    char path[MOST_PATH];
    unsigned char *bytes;
    int64_t size;
    bool was_synced;
    struct change *first, *last;
};

/// SQLite's handle; the real file's handle follows it in memory.
struct handle {
    sqlite3_file base;
    struct watched *watched;
};

static sqlite3_vfs shim;
static sqlite3_vfs *real_vfs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct watched files[MOST_FILES];
static int file_count;
static int64_t operations;
static bool is_installed;
static char root[MOST_PATH];
static struct {
    int64_t first, last;
    enum faultvfs_fault fault;
} failing;
static struct {
    int64_t next, stride;
    int most, done;
    char folder[MOST_PATH];
    uint64_t seed;
    int64_t marks[MOST_CUTS];
    int64_t mark;
} cutting;

static sqlite3_file *real(sqlite3_file *file) { return (sqlite3_file *)((struct handle *)file + 1); }

static uint64_t draw(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

// What a file holds

struct content {
    unsigned char *bytes;
    int64_t size;
};

static void resize(struct content *content, int64_t size) {
    unsigned char *grown = realloc(content->bytes, size > 0 ? (size_t)size : 1);
    if (grown == NULL) abort();
    if (size > content->size) memset(grown + content->size, 0, (size_t)(size - content->size));
    content->bytes = grown;
    content->size = size;
}

static void put(struct content *content, int64_t offset, const unsigned char *bytes, int64_t count) {
    if (offset + count > content->size) resize(content, offset + count);
    memcpy(content->bytes + offset, bytes, (size_t)count);
}

static void remember(
    struct watched *file, bool truncates, int64_t offset, const void *bytes, int64_t count
) {
    struct change *change = calloc(1, sizeof *change);
    if (change == NULL) abort();
    change->truncates = truncates;
    change->offset = offset;
    change->count = count;
    if (count > 0) {
        change->bytes = malloc((size_t)count);
        if (change->bytes == NULL) abort();
        memcpy(change->bytes, bytes, (size_t)count);
    }
    if (file->last != NULL) {
        file->last->next = change;
    } else {
        file->first = change;
    }
    file->last = change;
}

static void forget_changes(struct watched *file) {
    while (file->first != NULL) {
        struct change *next = file->first->next;
        free(file->first->bytes);
        free(file->first);
        file->first = next;
    }
    file->last = NULL;
}

/// Takes the newest change back: it failed.
static void take_back(struct watched *file) {
    struct change *newest = file->last;
    struct change *before = NULL;
    for (struct change *change = file->first; change != newest; change = change->next) {
        before = change;
    }
    if (before != NULL) {
        before->next = NULL;
    } else {
        file->first = NULL;
    }
    file->last = before;
    free(newest->bytes);
    free(newest);
}

static void make_last(struct watched *file) {
    struct content content = {file->bytes, file->size};
    for (struct change *change = file->first; change != NULL; change = change->next) {
        if (change->truncates) {
            resize(&content, change->offset);
        } else {
            put(&content, change->offset, change->bytes, change->count);
        }
    }
    file->bytes = content.bytes;
    file->size = content.size;
    file->was_synced = true;
    forget_changes(file);
}

// A power cut

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static void lay(const char *path, const unsigned char *bytes, int64_t size) {
    FILE *out = fopen(path, "wb");
    if (out == NULL) return;
    fwrite(bytes, 1, (size_t)size, out);
    fclose(out);
}

/// The marks beside the database are made and synced by others: they are as they are.
static void copy_mark(const char *database, const char *suffix, const char *folder) {
    char from[MOST_PATH + 16], to[2 * MOST_PATH];
    snprintf(from, sizeof from, "%s%s", database, suffix);
    snprintf(to, sizeof to, "%s/%s%s", folder, name_of(database), suffix);
    struct stat status;
    if (stat(from, &status) == 0) lay(to, (const unsigned char *)"", 0);
}

static void cut(void) {
    char folder[MOST_PATH + 16];
    snprintf(folder, sizeof folder, "%s/%d", cutting.folder, cutting.done);
    mkdir(folder, 0700);
    uint64_t state = cutting.seed + (uint64_t)operations * 7919;
    int severity = cutting.done % 3;
    for (int index = 0; index < file_count; index++) {
        struct watched *file = &files[index];
        struct content content = {NULL, 0};
        resize(&content, file->size);
        if (file->size > 0) memcpy(content.bytes, file->bytes, (size_t)file->size);
        bool is_there = file->was_synced;
        for (struct change *change = file->first; change != NULL && severity > 0;
             change = change->next) {
            if (change->truncates) {
                if (draw(&state) % 2 == 0) resize(&content, change->offset);
                continue;
            }
            int64_t done = 0;
            while (done < change->count) {
                int64_t offset = change->offset + done;
                int64_t count = SECTOR - offset % SECTOR;
                if (count > change->count - done) count = change->count - done;
                uint64_t chance = draw(&state) % 4;
                if (chance < 2) {
                    put(&content, offset, change->bytes + done, count);
                    is_there = true;
                } else if (chance == 3 && severity == 2) {
                    unsigned char garbage[SECTOR];
                    for (int64_t at = 0; at < count; at++) garbage[at] = (unsigned char)draw(&state);
                    put(&content, offset, garbage, count);
                    is_there = true;
                }
                done += count;
            }
        }
        if (is_there || draw(&state) % 2 == 0) {
            char path[2 * MOST_PATH];
            snprintf(path, sizeof path, "%s/%s", folder, name_of(file->path));
            lay(path, content.bytes, content.size);
        }
        free(content.bytes);
    }
    if (file_count > 0) copy_mark(files[0].path, ".open", folder);
    cutting.marks[cutting.done] = cutting.mark;
    cutting.done++;
    cutting.next += cutting.stride;
}

/// Counts an operation; SQLite's code where it fails.
static int count(bool writes, bool syncs) {
    operations++;
    if (cutting.done < cutting.most && operations >= cutting.next && cutting.next > 0) cut();
    if (operations < failing.first || operations > failing.last) return SQLITE_OK;
    switch (failing.fault) {
    case FAULTVFS_FULL: return writes ? SQLITE_FULL : SQLITE_OK;
    case FAULTVFS_READONLY: return writes ? SQLITE_READONLY : SQLITE_OK;
    default: return syncs ? SQLITE_IOERR_FSYNC : SQLITE_IOERR_WRITE;
    }
}

// SQLite's file methods

static int shim_close(sqlite3_file *file) { return real(file)->pMethods->xClose(real(file)); }

static int shim_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    return real(file)->pMethods->xRead(real(file), bytes, count, offset);
}

static int shim_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset) {
    struct watched *watched = ((struct handle *)file)->watched;
    if (watched != NULL) {
        pthread_mutex_lock(&lock);
        // Under way when the power goes: part of it may be there.
        remember(watched, false, offset, bytes, size);
        int code = count(true, false);
        if (code != SQLITE_OK) take_back(watched);
        pthread_mutex_unlock(&lock);
        if (code != SQLITE_OK) return code;
    }
    return real(file)->pMethods->xWrite(real(file), bytes, size, offset);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size) {
    struct watched *watched = ((struct handle *)file)->watched;
    if (watched != NULL) {
        pthread_mutex_lock(&lock);
        remember(watched, true, size, NULL, 0);
        int code = count(false, false);
        if (code != SQLITE_OK) take_back(watched);
        pthread_mutex_unlock(&lock);
        if (code != SQLITE_OK) return code;
    }
    return real(file)->pMethods->xTruncate(real(file), size);
}

static int shim_sync(sqlite3_file *file, int flags) {
    struct watched *watched = ((struct handle *)file)->watched;
    if (watched == NULL) return real(file)->pMethods->xSync(real(file), flags);
    pthread_mutex_lock(&lock);
    int code = count(false, true);
    // What lasts is kept here: the real disk need not be waited for. What a sync failed to write is
    // gone: the kernel calls those pages clean, and the next sync succeeds without them.
    if (code == SQLITE_OK) {
        make_last(watched);
    } else {
        forget_changes(watched);
    }
    pthread_mutex_unlock(&lock);
    return code;
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real(file)->pMethods->xFileSize(real(file), size);
}
static int shim_lock(sqlite3_file *file, int level) {
    return real(file)->pMethods->xLock(real(file), level);
}
static int shim_unlock(sqlite3_file *file, int level) {
    return real(file)->pMethods->xUnlock(real(file), level);
}
static int shim_check_lock(sqlite3_file *file, int *out) {
    return real(file)->pMethods->xCheckReservedLock(real(file), out);
}
static int shim_control(sqlite3_file *file, int what, void *argument) {
    return real(file)->pMethods->xFileControl(real(file), what, argument);
}
static int shim_sector(sqlite3_file *file) { return real(file)->pMethods->xSectorSize(real(file)); }
static int shim_device(sqlite3_file *file) {
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}
static int shim_map(sqlite3_file *file, int page, int size, int extend, void volatile **out) {
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
}
static int shim_shared_lock(sqlite3_file *file, int offset, int count, int flags) {
    return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
static void shim_barrier(sqlite3_file *file) { real(file)->pMethods->xShmBarrier(real(file)); }
static int shim_unmap(sqlite3_file *file, int delete) {
    return real(file)->pMethods->xShmUnmap(real(file), delete);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_check_lock,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_device,
    .xShmMap = shim_map,
    .xShmLock = shim_shared_lock,
    .xShmBarrier = shim_barrier,
    .xShmUnmap = shim_unmap,
};

// SQLite's VFS methods

static struct watched *watched(const char *path) {
    for (int index = 0; index < file_count; index++) {
        if (strcmp(files[index].path, path) == 0) return &files[index];
    }
    if (file_count == MOST_FILES) return NULL;
    struct watched *file = &files[file_count++];
    memset(file, 0, sizeof *file);
    snprintf(file->path, sizeof file->path, "%s", path);
    FILE *in = fopen(path, "rb");
    if (in != NULL) {
        struct content content = {NULL, 0};
        unsigned char piece[4096];
        size_t got;
        while ((got = fread(piece, 1, sizeof piece, in)) > 0) {
            put(&content, content.size, piece, (int64_t)got);
        }
        fclose(in);
        file->bytes = content.bytes;
        file->size = content.size;
        file->was_synced = content.size > 0;
    }
    return file;
}

static int shim_open(
    sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *file, int flags, int *out
) {
    (void)vfs;
    struct handle *handle = (struct handle *)file;
    handle->watched = NULL;
    int code = real_vfs->xOpen(real_vfs, path, real(file), flags, out);
    file->pMethods = real(file)->pMethods != NULL ? &methods : NULL;
    int kinds = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;
    if (code == SQLITE_OK && path != NULL && (flags & kinds) != 0
        && strncmp(path, root, strlen(root)) == 0) {
        pthread_mutex_lock(&lock);
        handle->watched = watched(path);
        pthread_mutex_unlock(&lock);
    }
    return code;
}

static int shim_delete(sqlite3_vfs *vfs, const char *path, int sync) {
    (void)vfs;
    pthread_mutex_lock(&lock);
    for (int index = 0; index < file_count; index++) {
        if (strcmp(files[index].path, path) != 0) continue;
        forget_changes(&files[index]);
        free(files[index].bytes);
        files[index].bytes = NULL;
        files[index].size = 0;
        files[index].was_synced = false;
    }
    pthread_mutex_unlock(&lock);
    return real_vfs->xDelete(real_vfs, path, sync);
}

int faultvfs_install(const char *folder) {
    faultvfs_remove();
    if (real_vfs == NULL) {
        real_vfs = sqlite3_vfs_find(NULL);
        if (real_vfs == NULL) return SQLITE_ERROR;
        shim = *real_vfs;
        shim.zName = "fault";
        shim.szOsFile = (int)sizeof(struct handle) + real_vfs->szOsFile;
        shim.xOpen = shim_open;
        shim.xDelete = shim_delete;
    }
    // SQLite asks for files by their whole name.
    char whole[PATH_MAX];
    snprintf(root, sizeof root, "%s", realpath(folder, whole) != NULL ? whole : folder);
    is_installed = true;
    return sqlite3_vfs_register(&shim, 1);
}

void faultvfs_remove(void) {
    if (is_installed) {
        sqlite3_vfs_unregister(&shim);
        sqlite3_vfs_register(real_vfs, 1);
        is_installed = false;
    }
    for (int index = 0; index < file_count; index++) {
        forget_changes(&files[index]);
        free(files[index].bytes);
    }
    memset(files, 0, sizeof files);
    file_count = 0;
    operations = 0;
    memset(&failing, 0, sizeof failing);
    memset(&cutting, 0, sizeof cutting);
}

int64_t faultvfs_operations(void) {
    pthread_mutex_lock(&lock);
    int64_t number = operations;
    pthread_mutex_unlock(&lock);
    return number;
}

void faultvfs_fail(int64_t first, int64_t last, enum faultvfs_fault fault) {
    pthread_mutex_lock(&lock);
    failing.first = first;
    failing.last = last;
    failing.fault = fault;
    pthread_mutex_unlock(&lock);
}

void faultvfs_cut(int64_t first, int64_t stride, int most, const char *folder, uint64_t seed) {
    pthread_mutex_lock(&lock);
    cutting.next = first;
    cutting.stride = stride;
    cutting.most = most < MOST_CUTS ? most : MOST_CUTS;
    cutting.seed = seed;
    snprintf(cutting.folder, sizeof cutting.folder, "%s", folder);
    if (first == 0 && most > 0) cut();
    pthread_mutex_unlock(&lock);
}

int faultvfs_cuts(void) {
    pthread_mutex_lock(&lock);
    int number = cutting.done;
    pthread_mutex_unlock(&lock);
    return number;
}

void faultvfs_note(int64_t mark) {
    pthread_mutex_lock(&lock);
    cutting.mark = mark;
    pthread_mutex_unlock(&lock);
}

int64_t faultvfs_noted(int cut) {
    pthread_mutex_lock(&lock);
    int64_t mark = cut >= 0 && cut < cutting.done ? cutting.marks[cut] : 0;
    pthread_mutex_unlock(&lock);
    return mark;
}
