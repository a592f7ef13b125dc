#include "batch/export_place.h"

#include "base/mem.h"
#include "base/str.h"
#include "os/dir.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/kill_point.h"
#include "os/lock.h"
#include "os/path.h"
#include "text/json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
	MANIFEST_MAX_BYTES = 64 << 20,
	RANDOM_DIGITS = 16, // of lm_dir_make_temp
};

static const char aside[] = ".old"; // behind the name of the export that takes its place

// ---- what killed exports left

// "<digits>" or "<digits>.old": what follows the prefix in the name of a folder of ours.
static bool
is_left(struct lm_str rest, bool *is_aside)
{
	*is_aside = lm_str_ends(rest, LM_STR(".old"));
	if (*is_aside)
		rest.len -= sizeof aside - 1;
	for (size_t i = 0; i < rest.len; i++)
		if (!((rest.ptr[i] >= '0' && rest.ptr[i] <= '9') || (rest.ptr[i] >= 'a' && rest.ptr[i] <= 'f')))
			return false;
	return rest.len == RANDOM_DIGITS;
}

// Nobody fills it: the kernel gave its lock back. Where folders cannot be locked nothing is known of that.
static bool
is_dead(const char *path)
{
	LM_AUTO(lm_fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

// The destination is locked: nobody makes or replaces an export in it meanwhile.
static int
tidy(const struct lm_export_place *place, const char *prefix, struct lm_err *err)
{
	LM_AUTO(lm_strings_release) struct lm_strings names = {};
	if (lm_dir_list(place->destination, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		struct lm_str name = lm_str_of(names.items[i]);
		struct lm_file_info info = {};
		bool is_aside = false;
		if (!lm_str_starts(name, lm_str_of(prefix)) ||
			!is_left((struct lm_str){ name.ptr + strlen(prefix), name.len - strlen(prefix) }, &is_aside))
			continue;
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(place->destination, names.items[i]);
		if (lm_file_info(place->target, &info, err) < 0)
			return -1;
		if (is_aside && !info.exists) { // killed between two renames: what was pruned since is there only
			if (lm_file_rename(path, place->target, err) < 0 || lm_dir_flush(place->destination, err) < 0)
				return -1;
			continue;
		}
		if (is_dead(path) && lm_dir_remove(path, err) < 0)
			return -1;
	}
	return 0;
}

// ---- opened

// Only an export of the same run is replaced, never a folder of somebody else.
static int
check_target(const char *target, const char *run_id, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(target, "manifest.json");
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	LM_AUTO(lm_json_decref_ptr) json_t *manifest = nullptr;
	struct lm_file_info info = {};
	struct lm_err why = {};
	size_t len = 0;
	if (lm_file_info(target, &info, err) < 0)
		return -1;
	if (!info.exists)
		return 0;
	if (lm_file_read(path, MANIFEST_MAX_BYTES, &text, &len, &why) < 0 ||
		lm_json_parse((struct lm_str){ text, len }, &manifest, &why) < 0 ||
		!lm_cstr_equal(lm_json_string(manifest, "run_id"), run_id))
		return lm_err_set(err, LM_E_CONFLICT, "'%s' is no export of run '%s': it is not replaced", target, run_id);
	return 0;
}

// The destination, noting what of it was not there.
static int
make_destination(struct lm_export_place *place, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *at = lm_path_normal(place->destination);
	struct lm_file_info info = {};
	while (lm_file_info(at, &info, err) == 0 && !info.exists) {
		lm_free(place->made_from);
		place->made_from = lm_take(&at);
		at = lm_path_parent(place->made_from);
	}
	lm_err_clear(err);
	return lm_dir_make(place->destination, err);
}

static int
open_locked(struct lm_export_place *place, const char *run_id, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *prefix = lm_format(".%s.export.", run_id);
	LM_AUTO(lm_lock_free) struct lm_lock lock = {};
	if (lm_lock_take_folder(&lock, place->destination, nullptr, err) < 0)
		return -1;
	if ((lock.held && tidy(place, prefix, err) < 0) || check_target(place->target, run_id, err) < 0 ||
		lm_dir_make_temp(place->destination, prefix, &place->folder, err) < 0)
		return -1;
	place->folder_fd = open(place->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->folder_fd < 0)
		return lm_fd_fail(err, errno, "open", place->folder);
	place->locked = flock(place->folder_fd, LOCK_EX | LOCK_NB) == 0; // where it cannot be, `tidy` finds none that is dead
	return 0;
}

int
lm_export_place_open(struct lm_export_place *place, const char *destination, const char *run_id, struct lm_err *err)
{
	*place = (struct lm_export_place){
		.target = lm_path_join(destination, run_id),
		.destination = lm_strdup(destination),
		.folder_fd = -1,
	};
	if (make_destination(place, err) == 0 && open_locked(place, run_id, err) == 0)
		return 0;
	lm_export_place_close(place);
	return -1;
}

// ---- put in place

static int
replace(struct lm_export_place *place, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *old = lm_format("%s%s", place->folder, aside);
	struct lm_file_info info = {};
	if (lm_file_info(place->target, &info, err) < 0)
		return -1;
	if (info.exists) {
		int rc = lm_file_exchange(place->folder, place->target, err);
		if (rc <= 0) // the old one is where the new one was
			return rc < 0 || lm_dir_flush(place->destination, err) < 0 ? -1 : lm_dir_remove(place->folder, err);
		if (lm_file_rename(place->target, old, err) < 0)
			return -1;
	}
	LM_KILL_POINT("export-old-aside");
	if (lm_file_rename(place->folder, place->target, err) < 0 || lm_dir_flush(place->destination, err) < 0)
		return -1;
	return info.exists ? lm_dir_remove(old, err) : 0;
}

int
lm_export_place_commit(struct lm_export_place *place, struct lm_err *err)
{
	LM_AUTO(lm_lock_free) struct lm_lock lock = {};
	if (lm_lock_take_folder(&lock, place->destination, nullptr, err) < 0 || replace(place, err) < 0)
		return -1;
	lm_free(lm_take(&place->folder));
	lm_free(lm_take(&place->made_from));
	return 0;
}

// Folders that were made for an export that is not there, from the lowest up, as long as they are empty.
static void
remove_made(const struct lm_export_place *place)
{
	LM_AUTO(lm_free_ptr) char *at = lm_path_normal(place->destination);
	while (rmdir(at) == 0 && strcmp(at, place->made_from) != 0) {
		char *parent = lm_path_parent(at);
		lm_free(at);
		at = parent;
	}
}

void
lm_export_place_close(struct lm_export_place *place)
{
	struct lm_err ignored = {};
	if (place->folder != nullptr)
		(void)lm_dir_remove(place->folder, &ignored);
	if (place->made_from != nullptr)
		remove_made(place);
	if (place->target != nullptr)
		lm_fd_close(&place->folder_fd);
	lm_free(place->target);
	lm_free(place->folder);
	lm_free(place->destination);
	lm_free(place->made_from);
	*place = (struct lm_export_place){};
}
