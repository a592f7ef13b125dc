#include "steps/unpack.h"

#include "archive/extract.h"
#include "os/cancel.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/kill_point.h"
#include "os/path.h"
#include "os/scratch.h"
#include "text/json.h"

#include <string.h>

struct deploying {
	const char *const *archives;
	size_t count;
	const struct lm_unpack_options *options;
	struct lm_unpacked *out;
	struct lm_extract_source *sources;
	struct lm_scratch scratch;
	struct lm_arena arena;
};

void
lm_unpacked_release(struct lm_unpacked *unpacked)
{
	lm_free(unpacked->name);
	lm_free(unpacked->layer);
	lm_free(unpacked->platform);
	lm_free(unpacked->python);
	*unpacked = (struct lm_unpacked){};
}

static char *
staged(const struct deploying *work, size_t index)
{
	return lm_format("%s/%zu/%s", work->scratch.path, index, work->out[index].name);
}

static char *
place_of(const struct deploying *work, size_t index)
{
	return lm_path_join(work->options->folder, work->out[index].name);
}

// What the metadata beside an archive say of it.
static int
look_beside(struct deploying *work, size_t index, struct lm_err *err)
{
	LM_AUTO(lm_published_release) struct lm_published published = {};
	struct lm_unpacked *out = &work->out[index];
	struct lm_extract_source *source = &work->sources[index];
	struct lm_err unsafe = {};
	out->archive = source->path = work->archives[index];
	if (lm_published_beside(&published, source->path, err) < 0)
		return -1;
	if (published.metadata == nullptr)
		return 0;
	out->layer = lm_take(&published.name);
	out->platform = lm_take(&published.platform);
	if (published.top != nullptr && lm_path_check_name(published.top, &unsafe) == 0)
		out->name = lm_strdup(published.top);
	source->has_digest = out->verified = published.has_digest;
	source->digest = published.digest;
	return 0;
}

// Is the name free? This is asked before anything is unpacked where metadata say the name, and after it in any case.
static int
check_place(const struct deploying *work, size_t index, struct lm_err *err)
{
	struct lm_file_info info = {};
	LM_AUTO(lm_free_ptr) char *place = place_of(work, index);
	for (size_t i = 0; i < index; i++)
		if (work->out[i].name != nullptr && lm_cstr_equal(work->out[i].name, work->out[index].name))
			return lm_err_set(err, LM_E_CONFLICT, "'%s' and '%s' both unpack to '%s'", work->archives[i],
				work->archives[index], place);
	if (lm_file_info(place, &info, err) < 0)
		return -1;
	if (info.exists && !work->options->force)
		return lm_err_set(err, LM_E_CONFLICT, "'%s' is there already (--force replaces it)", place);
	work->out[index].replaced = info.exists;
	return 0;
}

// docs/formats/layer.md: what finishes a layer, as the layer says. One of others says nothing, or what makes no sense.
static void
find_python(const struct deploying *work, size_t index)
{
	enum { CONFIG_MAX_BYTES = 1 << 20 };
	struct lm_unpacked *out = &work->out[index];
	LM_AUTO(lm_free_ptr) char *tree = staged(work, index), *text = nullptr;
	LM_AUTO(lm_free_ptr) char *script = lm_path_join(tree, "postinstall.py");
	LM_AUTO(lm_free_ptr) char *config = lm_path_join(tree, "share/venv/metadata/venvstacks_layer.json");
	LM_AUTO(lm_json_decref_ptr) json_t *value = nullptr;
	struct lm_err ignored = {};
	size_t len = 0;
	if (!lm_file_exists(script) || lm_file_read(config, CONFIG_MAX_BYTES, &text, &len, &ignored) < 0 ||
		lm_json_parse((struct lm_str){ text, len }, &value, &ignored) < 0)
		return;
	const char *base = lm_json_string(value, "base_python");
	if (base == nullptr)
		return;
	LM_AUTO(lm_free_ptr) char *joined = lm_path_join(out->name, base);
	LM_AUTO(lm_free_ptr) char *python = lm_path_normal(joined);
	if (lm_path_check_inside(python, &ignored) == 0)
		out->python = lm_take(&python);
}

static int
unpack_beside(struct deploying *work, struct lm_err *err)
{
	struct lm_extract_options options = { .jobs = work->options->jobs, .sink = work->options->sink };
	for (size_t i = 0; i < work->count; i++) {
		work->sources[i].folder = lm_arena_format(&work->arena, "%s/%zu", work->scratch.path, i);
		if (lm_dir_make(work->sources[i].folder, err) < 0)
			return -1;
	}
	if (lm_extract(work->sources, work->count, &options, err) < 0)
		return -1;
	for (size_t i = 0; i < work->count; i++) {
		const struct lm_extract_source *source = &work->sources[i];
		struct lm_unpacked *out = &work->out[i];
		lm_free(out->name);
		out->name = lm_take(&work->sources[i].top);
		out->entry_count = source->entry_count;
		out->total_bytes = source->total_bytes;
		out->segment_count = source->segment_count;
		find_python(work, i);
	}
	return 0;
}

// The old folder, if there is one, is in the scratch folder afterwards.
static int
move_one(const struct deploying *work, size_t index, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *fresh = staged(work, index), *place = place_of(work, index);
	LM_KILL_POINT("unpack: before a folder is placed");
	if (!work->out[index].replaced)
		return lm_file_rename(fresh, place, err);
	int rc = lm_file_exchange(fresh, place, err);
	if (rc <= 0)
		return rc;
	LM_AUTO(lm_free_ptr) char *old = lm_format("%s/%zu.old", work->scratch.path, index);
	struct lm_err ignored = {};
	if (lm_file_rename(place, old, err) < 0)
		return -1;
	if (lm_file_rename(fresh, place, err) == 0)
		return lm_file_rename(old, fresh, err); // where an exchange would have put it
	(void)lm_file_rename(old, place, &ignored);
	return -1;
}

// What was moved goes back.
static void
move_back(const struct deploying *work, size_t count)
{
	struct lm_err ignored = {};
	for (size_t i = count; i-- > 0;) {
		LM_AUTO(lm_free_ptr) char *fresh = staged(work, i), *place = place_of(work, i);
		if (!work->out[i].replaced) {
			(void)lm_file_rename(place, fresh, &ignored);
		} else if (lm_file_exchange(fresh, place, &ignored) != 0) {
			LM_AUTO(lm_free_ptr) char *again = lm_format("%s/%zu.new", work->scratch.path, i);
			(void)lm_file_rename(place, again, &ignored);
			(void)lm_file_rename(fresh, place, &ignored);
		}
	}
}

static int
move_all(struct deploying *work, struct lm_err *err)
{
	for (size_t i = 0; i < work->count; i++)
		if (check_place(work, i, err) < 0)
			return -1;
	if (lm_cancel_check(err) < 0)
		return -1;
	for (size_t i = 0; i < work->count; i++) {
		if (move_one(work, i, err) == 0)
			continue;
		move_back(work, i);
		return -1;
	}
	return 0;
}

static int
look_ahead(struct deploying *work, struct lm_err *err)
{
	for (size_t i = 0; i < work->count; i++)
		if (look_beside(work, i, err) < 0 || (work->out[i].name != nullptr && check_place(work, i, err) < 0))
			return -1;
	return 0;
}

static int
deploy(struct deploying *work, struct lm_err *err)
{
	if (look_ahead(work, err) < 0 || lm_dir_make(work->options->folder, err) < 0 ||
		lm_scratch_make(work->options->folder, ".lamina-unpack-", &work->scratch, err) < 0 ||
		unpack_beside(work, err) < 0)
		return -1;
	return move_all(work, err);
}

int
lm_step_unpack(const char *const *archives, size_t count, const struct lm_unpack_options *options, struct lm_unpacked *out,
	struct lm_err *err)
{
	struct deploying work = { .archives = archives,
		.count = count,
		.options = options,
		.out = out,
		.sources = lm_alloc_array(count, sizeof *work.sources) };
	int rc = deploy(&work, err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		lm_emit_end(options->sink, "unpack", archives[i], "%llu entries", (unsigned long long)out[i].entry_count);
	lm_scratch_remove(&work.scratch);
	lm_free(work.sources);
	lm_arena_release(&work.arena);
	return rc;
}
