#ifndef FAULTVFS_H
#define FAULTVFS_H

#include <stdint.h>

// A disk for tests, between SQLite and the real one: it knows what was synced and what was not, can
// lose power, and can fail at the nth operation.
//
// An operation is whatever changes a file or makes a change last: a write, a truncation, a sync.
// They are counted from 1, from the installation on. Databases, logs and rollback journals are
// watched; the shared index is not, for it does not outlive a power cut.
// One disk at a time; every call but `faultvfs_install` and `faultvfs_remove` may come from any
// thread.

/// Becomes SQLite's default VFS, and watches the databases in `folder`; 0 where that worked.
int faultvfs_install(const char *folder);

/// Gives the default VFS back and forgets everything. No watched database may be in use.
void faultvfs_remove(void);

/// How many operations there were.
int64_t faultvfs_operations(void);

/// What fails: every operation, as a medium does; or writes alone, as on a full disk.
enum faultvfs_fault { FAULTVFS_MEDIUM, FAULTVFS_FULL, FAULTVFS_READONLY };

/// Makes operations `first` to `last` fail and do nothing.
void faultvfs_fail(int64_t first, int64_t last, enum faultvfs_fault fault);

/// From now on, cuts the power in the middle of operation `first` and of every `stride`th after it,
/// at most `most` times; `first` 0: at once. The run goes on; what the disk would hold is laid into `folder`/0, 1, ….
///
/// Of what was not synced, by turns: nothing is left; each sector of 512 bytes is there or not;
/// each sector is there, is not, or holds garbage. `seed` replays the choice.
void faultvfs_cut(int64_t first, int64_t stride, int most, const char *folder, uint64_t seed);

/// How often the power was cut.
int faultvfs_cuts(void);

/// Notes how far the test is; `faultvfs_noted(n)` is what was noted last before the nth cut.
void faultvfs_note(int64_t mark);
int64_t faultvfs_noted(int cut);

#endif
