// lamina store
#include "cli.h"

#include "base/mem.h"
#include "os/file.h"
#include "os/path.h"
#include "programs/common/live.h"
#include "programs/common/out.h"
#include "store/store.h"

#include <stdckdint.h>
#include <string.h>

typedef unsigned long long number;

// "20GB", "500MiB", "0": units of 1000, or with an i of 1024.
static bool
parse_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	size_t digits = strspn(text, "0123456789");
	const char *rest = text + digits;
	const char *unit = *rest == '\0' ? nullptr : strchr(units, *rest);
	if (!lm_parse_u64((struct lm_str){ text, digits }, INT64_MAX, bytes))
		return false;
	rest += unit != nullptr ? 1 : 0;
	uint64_t step = unit != nullptr && *rest == 'i' ? 1024 : 1000;
	rest += step == 1024 ? 1 : 0;
	rest += *rest == 'B' ? 1 : 0;
	for (const char *each = units; unit != nullptr && each <= unit; each++)
		if (ckd_mul(bytes, *bytes, step) || *bytes > INT64_MAX)
			return false;
	return *rest == '\0' && (step == 1000 || rest[-1] == 'B');
}

static void
set_count(json_t *object, const char *key, uint64_t value)
{
	(void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

// The answer of --json, with the store it is about.
static json_t *
answer(struct lm_run *run)
{
	run->answer = json_object();
	(void)json_object_set_new(run->answer, "store", json_string(run->settings.store_root));
	return run->answer;
}

static int
show_size(struct lm_run *run, struct lm_store *store, struct lm_err *err)
{
	struct lm_store_size size = {};
	char text[16];
	if (lm_store_size(store, &size, err) < 0)
		return -1;
	const struct {
		const char *name;
		uint64_t files, bytes;
	} parts[] = {
		{ "sources", size.sources.files, size.sources.bytes },
		{ "blobs", size.blobs.files, size.blobs.bytes },
		{ "index", size.index.files, size.index.bytes },
		{ "segments", size.segments.files, size.segments.bytes },
		{ "trees", size.trees.files, size.trees.bytes },
		{ "other", size.other.files, size.other.bytes },
	};
	json_t *document = run->cli.json ? answer(run) : nullptr;
	uint64_t files = 0;
	for (size_t i = 0; i < LM_COUNT(parts); i++) {
		files += parts[i].files;
		lm_format_bytes(parts[i].bytes, text);
		if (document == nullptr) {
			lm_out_format("%-8s %8llu files %9s\n", parts[i].name, (number)parts[i].files, text);
			continue;
		}
		json_t *part = json_object();
		set_count(part, "files", parts[i].files);
		set_count(part, "bytes", parts[i].bytes);
		(void)json_object_set_new(document, parts[i].name, part);
	}
	lm_format_bytes(size.bytes, text);
	if (document != nullptr)
		set_count(document, "bytes", size.bytes);
	else
		lm_out_format("%-8s %8llu files %9s\n", "all", (number)files, text);
	return 0;
}

// Exit code 4 when something had to be set aside.
static int
verify(struct lm_run *run, struct lm_store *store, struct lm_err *err)
{
	enum { BYTES_DIFFER = 4 };
	struct lm_store_verified found = {};
	char text[16];
	if (lm_store_verify(store, &found, err) < 0)
		return -1;
	run->exit_code = found.bad > 0 ? BYTES_DIFFER : 0;
	lm_format_bytes(found.bytes, text);
	if (!run->cli.json) {
		lm_out_format("%llu sources, %llu blobs and %llu segments with %s: %llu damaged and set aside\n",
			(number)found.sources, (number)found.blobs, (number)found.segments, text, (number)found.bad);
		return 0;
	}
	json_t *document = answer(run);
	set_count(document, "sources", found.sources);
	set_count(document, "blobs", found.blobs);
	set_count(document, "segments", found.segments);
	set_count(document, "bytes", found.bytes);
	set_count(document, "damaged", found.bad);
	return 0;
}

static int
collect(struct lm_run *run, struct lm_store *store, struct lm_err *err)
{
	struct lm_store_gc done = {};
	uint64_t most = 0;
	char removed[16], kept[16];
	if (run->cli.max_size == nullptr)
		return lm_err_set(err, LM_E_USAGE, "'lamina store gc' needs '--max-size SIZE', for example '20GB'");
	if (!parse_size(run->cli.max_size, &most))
		return lm_err_set(err, LM_E_USAGE, "--max-size is '%s', not a size as 20GB, 500MiB or 0", run->cli.max_size);
	if (lm_store_gc(store, most, &done, err) < 0)
		return -1;
	if (done.in_use)
		lm_emit_warning(&run->settings.sink, "other processes use the store: what was used within a day was kept");
	lm_format_bytes(done.removed_bytes, removed);
	lm_format_bytes(done.kept_bytes, kept);
	if (!run->cli.json) {
		lm_out_format("removed %llu with %s, kept %s\n", (number)done.removed, removed, kept);
		return 0;
	}
	json_t *document = answer(run);
	set_count(document, "removed", done.removed);
	set_count(document, "removed_bytes", done.removed_bytes);
	set_count(document, "kept_bytes", done.kept_bytes);
	(void)json_object_set_new(document, "in_use", json_boolean(done.in_use));
	return 0;
}

// A store that is not there is not made: its name may be mistyped.
int
lm_run_store(struct lm_run *run, struct lm_err *err)
{
	static const struct {
		const char *name;
		int (*act)(struct lm_run *run, struct lm_store *store, struct lm_err *err);
	} actions[] = { { "size", show_size }, { "verify", verify }, { "gc", collect } };
	static const char *const names[] = { "size", "verify", "gc" };
	const char *asked = run->cli.folder;
	LM_AUTO(lm_free_ptr) char *sources = lm_path_join(run->settings.store_root, "sources");
	struct lm_store *store = nullptr;
	for (size_t i = 0; i < LM_COUNT(actions); i++) {
		if (!lm_cstr_equal(actions[i].name, asked))
			continue;
		if (!lm_file_exists(sources))
			return lm_err_set(err, LM_E_NOT_FOUND, "there is no store in '%s'", run->settings.store_root);
		if (lm_store_open(&store, run->settings.store_root, &run->settings.sink, err) < 0)
			return lm_err_wrap(err, "opening the store");
		int rc = actions[i].act(run, store, err);
		lm_store_close(store);
		return rc < 0 ? -1 : lm_out_flush(err);
	}
	const char *near = lm_nearest(asked, names, LM_COUNT(names));
	return lm_err_set(err, LM_E_USAGE, "'lamina store' knows size, verify and gc, not '%s'%s%s%s", asked,
		near != nullptr ? ", did you mean '" : "", near != nullptr ? near : "", near != nullptr ? "'?" : "");
}
