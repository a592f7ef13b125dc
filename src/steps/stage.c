#include "steps/stage.h"

#include "base/mem.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"

#define STAGING "__venvstacks__/staging"

// Where published files are, besides the output folder itself.
static const struct {
	const char *name;
	unsigned places; // that need it
} ours[] = {
	{ "__venvstacks__", LM_STAGE_ARCHIVES | LM_STAGE_METADATA | LM_STAGE_MANIFEST },
	{ "__venvstacks__/env_metadata", LM_STAGE_METADATA },
	{ "__venvstacks__/segments", LM_STAGE_ARCHIVES },
	{ "__venvstacks__/entries", LM_STAGE_ARCHIVES },
};

int
lm_stage_drop(const char *folder, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *staging = lm_path_join(folder, STAGING);
	return lm_dir_remove(staging, err);
}

int
lm_stage_undo(const char *folder, struct lm_err *err)
{
	int rc = lm_stage_drop(folder, err);
	for (size_t i = LM_COUNT(ours); i-- > 0;) {
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, ours[i].name);
		lm_dir_remove_empty(path);
	}
	return rc;
}

int
lm_stage_sweep(const char *folder, struct lm_err *err)
{
	for (size_t i = 0; i < LM_COUNT(ours); i++) {
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, ours[i].name);
		if (lm_file_exists(path) && lm_outfile_sweep(path, err) < 0)
			return -1;
	}
	return lm_stage_drop(folder, err);
}

static int
make_one(const char *folder, const char *name, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, name);
	return lm_dir_make(path, err) < 0 ? lm_err_wrap(err, "making the output folder") : 0;
}

int
lm_stage_make(const char *folder, struct lm_err *err)
{
	for (size_t i = 0; i < LM_COUNT(ours); i++)
		if (make_one(folder, ours[i].name, err) < 0)
			return -1;
	return make_one(folder, STAGING, err);
}

char *
lm_stage_path(const char *folder, const char *name)
{
	return lm_format("%s/%s/%s", folder, STAGING, name);
}

int
lm_stage_write(const char *folder, const char *name, struct lm_str text, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_stage_path(folder, name);
	LM_AUTO(lm_outfile_abandon) struct lm_outfile file = {};
	if (lm_outfile_open(&file, path, 0644, err) < 0 || lm_outfile_write(&file, text.ptr, text.len, err) < 0 ||
		lm_outfile_close_unflushed(&file, err) < 0)
		return -1;
	return lm_outfile_place_unflushed(&file, err);
}

int
lm_stage_settle(const char *folder, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *staging = lm_path_join(folder, STAGING);
	return lm_file_exists(staging) ? lm_dir_flush_files(staging, err) : 0;
}

int
lm_stage_place(const char *folder, const char *name, const char *to, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *from = lm_stage_path(folder, name);
	LM_AUTO(lm_free_ptr) char *place = lm_path_join(folder, to);
	return lm_file_rename(from, place, err);
}

int
lm_stage_flush(const char *folder, unsigned places, struct lm_err *err)
{
	for (size_t i = 0; i < LM_COUNT(ours); i++) {
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, ours[i].name);
		if ((ours[i].places & places) != 0 && lm_dir_flush(path, err) < 0)
			return -1;
	}
	return (places & LM_STAGE_ARCHIVES) != 0 ? lm_dir_flush(folder, err) : 0;
}
