#include "steps/diff.h"

#include "os/file.h"
#include "os/path.h"

#include <string.h>

struct diff {
	const struct lm_diff_options *options;
	json_t *report;
	bool equal;
};

static json_t *
new_report(void)
{
	static const char *const lists[] = { "layers", "packages", "findings" };
	json_t *report = json_object();
	for (size_t i = 0; i < LM_COUNT(lists); i++)
		(void)json_object_set_new(report, lists[i], json_array());
	return report;
}

static int
compare_two(struct diff *diff, struct lm_published *a, struct lm_published *b, bool with_metadata, struct lm_err *err)
{
	json_t *layer = nullptr;
	bool equal = false;
	if (lm_compare(a, b, with_metadata, &layer, &equal, err) < 0)
		return with_metadata ? lm_err_wrap(err, "comparing layer '%s'", b->name) : -1;
	(void)json_array_append_new(json_object_get(diff->report, "layers"), layer);
	diff->equal = diff->equal && equal;
	if (equal || diff->options->different == nullptr)
		return 0;
	return diff->options->different(diff->options->context, a, b, layer, err);
}

static void
add_alone(struct diff *diff, const struct lm_published *published, const char *state)
{
	(void)json_array_append_new(json_object_get(diff->report, "layers"), lm_compare_alone(published, state));
	diff->equal = false;
}

static bool
is_chosen(const struct diff *diff, const struct lm_published *published)
{
	if (diff->options->only == nullptr)
		return true;
	LM_AUTO(lm_free_ptr)
	char *name = lm_format("%s/%s", published->platform != nullptr ? published->platform : "", published->name);
	return lm_strings_has(diff->options->only, name);
}

static struct lm_published *
find_twin(struct lm_publication *publication, const struct lm_published *published)
{
	const struct lm_published *twin = lm_publication_find(publication, published->platform, published->name);
	return twin == nullptr ? nullptr : &publication->items[twin - publication->items];
}

static int
compare_all(struct diff *diff, struct lm_publication *a, struct lm_publication *b, struct lm_err *err)
{
	for (size_t i = 0; i < a->count; i++) {
		struct lm_published *twin = find_twin(b, &a->items[i]);
		if (!is_chosen(diff, &a->items[i]))
			continue;
		if (twin == nullptr)
			add_alone(diff, &a->items[i], "missing");
		else if (compare_two(diff, &a->items[i], twin, true, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < b->count; i++)
		if (is_chosen(diff, &b->items[i]) && find_twin(a, &b->items[i]) == nullptr)
			add_alone(diff, &b->items[i], "added");
	return 0;
}

static void
add_findings(json_t *list, const struct lm_publication *publication, const char *name)
{
	for (size_t i = 0; i < publication->findings.count; i++)
		(void)json_array_append_new(list, json_sprintf("%s: %s", name, publication->findings.items[i]));
}

static int
finish(struct diff *diff, json_t **report, bool *equal)
{
	(void)json_object_set_new(diff->report, "equal", json_boolean(diff->equal));
	*equal = diff->equal;
	*report = lm_take(&diff->report);
	return 0;
}

static void
release_diff(struct diff *diff)
{
	json_decref(diff->report);
}

int
lm_diff_publications(struct lm_publication *a, struct lm_publication *b, const struct lm_diff_options *options, json_t **report,
	bool *equal, struct lm_err *err)
{
	LM_AUTO(release_diff) struct diff diff = { .options = options, .report = new_report(), .equal = true };
	if (compare_all(&diff, a, b, err) < 0)
		return -1;
	for (size_t i = 0; i < b->platforms.count && !diff.equal; i++)
		if (lm_compare_packages(a, b, b->platforms.items[i], json_object_get(diff.report, "packages"), err) < 0)
			return -1;
	add_findings(json_object_get(diff.report, "findings"), a, "a");
	add_findings(json_object_get(diff.report, "findings"), b, "b");
	diff.equal = diff.equal && json_array_size(json_object_get(diff.report, "findings")) == 0;
	return finish(&diff, report, equal);
}

// An archive is a file that is no JSON document.
static int
is_archive(const char *path, bool *archive, struct lm_err *err)
{
	struct lm_file_info info = {};
	if (lm_file_info(path, &info, err) < 0)
		return -1;
	if (!info.exists)
		return lm_err_set(err, LM_E_NOT_FOUND, "there is no '%s'", path);
	*archive = !lm_cstr_ends(path, ".json") && !info.is_dir;
	if (info.is_link) { // to whichever
		LM_AUTO(lm_free_ptr) char *below = lm_path_join(path, ".");
		*archive = *archive && !lm_file_exists(below);
	}
	return 0;
}

static int
diff_archives(
	const char *a, const char *b, const struct lm_diff_options *options, json_t **report, bool *equal, struct lm_err *err)
{
	LM_AUTO(release_diff) struct diff diff = { .options = options, .report = new_report(), .equal = true };
	LM_AUTO(lm_published_release) struct lm_published of_a = {};
	LM_AUTO(lm_published_release) struct lm_published of_b = {};
	if (lm_published_archive(&of_a, a, err) < 0 || lm_published_archive(&of_b, b, err) < 0 ||
		compare_two(&diff, &of_a, &of_b, false, err) < 0)
		return -1;
	return finish(&diff, report, equal);
}

int
lm_diff_paths(
	const char *a, const char *b, const struct lm_diff_options *options, json_t **report, bool *equal, struct lm_err *err)
{
	bool archive_a = false, archive_b = false;
	if (is_archive(a, &archive_a, err) < 0 || is_archive(b, &archive_b, err) < 0)
		return -1;
	if (archive_a && archive_b)
		return diff_archives(a, b, options, report, equal, err);
	if (archive_a || archive_b)
		return lm_err_set(err, LM_E_USAGE, "'%s' is an archive and '%s' is not: an archive is compared with an archive",
			archive_a ? a : b, archive_a ? b : a);
	LM_AUTO(lm_publication_release) struct lm_publication of_a = {};
	LM_AUTO(lm_publication_release) struct lm_publication of_b = {};
	if (lm_publication_load(&of_a, a, err) < 0 || lm_publication_load(&of_b, b, err) < 0)
		return -1;
	return lm_diff_publications(&of_a, &of_b, options, report, equal, err);
}
