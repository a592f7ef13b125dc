#include "steps/stage.h"

#include "base/mem.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"

#define STAGING "__venvstacks__/staging"

// Where published files are, besides the output folder itself.
static const char *const ours[] = { "__venvstacks__", "__venvstacks__/env_metadata", "__venvstacks__/segments",
	"__venvstacks__/entries" };

int
lm_stage_drop(const char *folder, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *staging = lm_path_join(folder, STAGING);
	return lm_dir_remove(staging, err);
}

int
lm_stage_sweep(const char *folder, struct lm_err *err)
{
	for (size_t i = 0; i < LM_COUNT(ours); i++) {
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, ours[i]);
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
		if (make_one(folder, ours[i], err) < 0)
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
	return lm_file_replace(path, text.ptr, text.len, 0644, err);
}

int
lm_stage_place(const char *folder, const char *name, const char *to, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *from = lm_stage_path(folder, name);
	LM_AUTO(lm_free_ptr) char *place = lm_path_join(folder, to);
	return lm_file_rename(from, place, err);
}

int
lm_stage_flush(const char *folder, struct lm_err *err)
{
	for (size_t i = 0; i < LM_COUNT(ours); i++) {
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, ours[i]);
		if (lm_dir_flush(path, err) < 0)
			return -1;
	}
	return lm_dir_flush(folder, err);
}
