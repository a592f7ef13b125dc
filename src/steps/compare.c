#include "steps/compare_parts.h"

#include "os/pool.h"
#include "stack/manifest.h"

#include <string.h>

static void
set(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value != nullptr ? value : json_null());
}

static void
release_side(struct lm_side *side)
{
	lm_view_release(&side->view);
	lm_free(side->segments);
	lm_free(side->ranges);
	lm_packages_release(&side->packages);
}

static void
release_comparison(struct lm_comparison *comparison)
{
	release_side(&comparison->a);
	release_side(&comparison->b);
}

static json_t *
text_or_null(const char *text)
{
	return text != nullptr ? compare_text(text) : nullptr;
}

static json_t *
archive_json(const struct lm_published *published)
{
	json_t *object = json_object();
	struct lm_digest digest;
	char hex[LM_DIGEST_HEX];
	uint64_t size = 0;
	bool known = lm_published_digest(published, &digest);
	const char *name = lm_json_string(published->metadata, "archive_name");
	if (known)
		lm_digest_hex(&digest, hex);
	if (published->archive_path != nullptr)
		set(object, "size", json_integer((json_int_t)published->archive_size));
	else
		set(object, "size",
			lm_json_u64(published->metadata, "archive_size", &size) ? json_integer((json_int_t)size) : nullptr);
	set(object, "name", text_or_null(name != nullptr ? name : published->metadata == nullptr ? published->name : nullptr));
	set(object, "sha256", known ? json_string(hex) : nullptr);
	set(object, "compressor", text_or_null(published->compressor));
	set(object, "time", text_or_null(published->time));
	set(object, "present", json_boolean(published->archive_path != nullptr));
	set(object, "top", text_or_null(published->top));
	return object;
}

static json_t *
new_layer(const struct lm_published *published, const char *state)
{
	static const char *const lists[] = { "entries", "metadata", "findings", "notes" };
	json_t *layer = json_object();
	set(layer, "layer_name", compare_text(published->name));
	set(layer, "target_platform", text_or_null(published->platform));
	set(layer, "state", json_string(state));
	for (size_t i = 0; i < LM_COUNT(lists); i++)
		set(layer, lists[i], json_array());
	return layer;
}

json_t *
lm_compare_alone(const struct lm_published *published, const char *state)
{
	bool missing = strcmp(state, "missing") == 0;
	json_t *layer = new_layer(published, state), *archives = json_object();
	set(archives, missing ? "a" : "b", archive_json(published));
	set(archives, missing ? "b" : "a", nullptr);
	set(layer, "archives", archives);
	set(layer, "content_equal", nullptr);
	return layer;
}

// The archive's name without its build number, which counts what happened to be published before.
static char *
plain_name(const json_t *metadata)
{
	const char *name = lm_json_string(metadata, "archive_name");
	uint64_t build = 0;
	if (name == nullptr || !lm_json_u64(metadata, "archive_build", &build))
		return name == nullptr ? nullptr : lm_strdup(name);
	const char *target = lm_json_string(metadata, "install_target"),
		   *platform = lm_json_string(metadata, "target_platform");
	LM_AUTO(lm_free_ptr)
	char *tagged = lm_format(
		"%s-%s-%llu.", target != nullptr ? target : "", platform != nullptr ? platform : "", (unsigned long long)build);
	if (!lm_cstr_starts(name, tagged))
		return lm_strdup(name);
	return lm_format("%s-%s-*.%s", target, platform, name + strlen(tagged));
}

static bool
same_field(const char *key, const json_t *a, const json_t *b, bool same_archive)
{
	if (strcmp(key, "archive_build") == 0)
		return true;
	if (strcmp(key, "inputs_hash") == 0 && same_archive)
		return true;
	if (strcmp(key, "archive_name") == 0) {
		LM_AUTO(lm_free_ptr) char *of_a = plain_name(a);
		LM_AUTO(lm_free_ptr) char *of_b = plain_name(b);
		return lm_cstr_equal(of_a, of_b);
	}
	return json_equal(json_object_get(a, key), json_object_get(b, key)) != 0;
}

static void
compare_field(json_t *list, const char *key, const json_t *a, const json_t *b, bool same_archive)
{
	if (same_field(key, a, b, same_archive))
		return;
	json_t *item = json_object();
	set(item, "field", json_string(key));
	set(item, "a", json_incref(json_object_get(a, key)));
	set(item, "b", json_incref(json_object_get(b, key)));
	(void)json_array_append_new(list, item);
}

static void
compare_metadata(json_t *list, const json_t *a, const json_t *b, bool same_archive)
{
	const char *key = nullptr;
	const json_t *value = nullptr;
	// in order of keys, so that the report is the same however the files have them
	struct lm_strings keys = {};
	json_t *of_a = nullptr, *of_b = nullptr;
	memcpy(&of_a, &a, sizeof a); // json_object_foreach reads only, but does not say so
	memcpy(&of_b, &b, sizeof b);
	json_object_foreach(of_a, key, value) lm_strings_add(&keys, key);
	json_object_foreach(of_b, key, value) if (json_object_get(a, key) == nullptr) lm_strings_add(&keys, key);
	lm_strings_sort(&keys);
	for (size_t i = 0; i < keys.count; i++)
		compare_field(list, keys.items[i], a, b, same_archive);
	lm_strings_release(&keys);
}

static int
look(void *context, size_t index, struct lm_err *err)
{
	struct lm_comparison *comparison = context;
	return lm_published_look(index == 0 ? comparison->a.published : comparison->b.published, err);
}

static int
load_listing(struct lm_side *side, struct lm_err *err)
{
	if (side->published->damaged)
		return 0; // the archive is what counts
	if (lm_published_listing(side->published, &side->view, &side->listed, err) < 0 ||
		lm_published_segments(side->published, &side->segments, &side->segment_count, err) < 0)
		return -1;
	side->known = side->listed;
	return 0;
}

// An archive that cannot be read is a finding where something else is known of it, and an error where it was all there was.
static int
unreadable(struct lm_side *side, struct lm_view *read, struct lm_err *err)
{
	lm_view_release(read);
	if (side->published->metadata == nullptr || (err->code != LM_E_SYNTAX && err->code != LM_E_LIMIT))
		return -1;
	lm_strings_add(&side->published->findings, err->text);
	lm_err_clear(err);
	side->unusable = true;
	// what was listed when it was whole is the best there is then
	if (side->published->damaged && lm_published_listing(side->published, &side->view, &side->listed, err) < 0)
		return -1;
	side->known = side->listed;
	return 0;
}

static int
read_archive(struct lm_side *side, struct lm_err *err)
{
	struct lm_view read = {};
	const struct lm_scan_source source = {
		.path = side->published->archive_path, .ranges = side->ranges, .range_count = side->range_count
	};
	// of an archive that is not what its metadata say, the metadata do not know the top folder
	const char *top = side->published->damaged ? nullptr : side->published->top;
	if (lm_view_from_archive(&read, &source, top, err) < 0)
		return unreadable(side, &read, err);
	lm_packages_add_view(&side->packages, &read);
	side->known = true;
	if (!side->listed) {
		side->view = read;
		return 0;
	}
	lm_view_add_read(&side->view, &read);
	side->view.scan = read.scan;
	if (read.top != nullptr)
		side->view.top = lm_arena_strdup(&side->view.arena, read.top);
	lm_view_release(&read);
	return 0;
}

static int
read_side(void *context, size_t index, struct lm_err *err)
{
	struct lm_comparison *comparison = context;
	struct lm_side *side = index == 0 ? &comparison->a : &comparison->b;
	const struct lm_side *other = index == 0 ? &comparison->b : &comparison->a;
	bool both = other->published->archive_path != nullptr;
	if (side->published->archive_path == nullptr || (!both && side->listed))
		return 0;
	return read_archive(side, err);
}

// RECORD files tell the package of entries whose name does not; in segments that were not read they are looked for now.
static int
read_records(struct lm_side *side, struct lm_err *err)
{
	struct lm_view read = {};
	if (side->unusable || side->published->damaged || !compare_record_ranges(side))
		return 0;
	const struct lm_scan_source source = {
		.path = side->published->archive_path, .ranges = side->ranges, .range_count = side->range_count
	};
	int rc = lm_view_from_archive(&read, &source, side->published->top, err);
	if (rc == 0)
		lm_packages_add_view(&side->packages, &read);
	lm_view_release(&read);
	return rc;
}

static int
find_packages(struct lm_comparison *comparison, struct lm_err *err)
{
	struct lm_side *sides[] = { &comparison->a, &comparison->b };
	for (size_t i = 0; i < LM_COUNT(sides); i++) {
		lm_packages_add_view(&sides[i]->packages, &sides[i]->view);
		lm_packages_add_metadata(&sides[i]->packages, sides[i]->published->metadata);
		lm_packages_finish(&sides[i]->packages);
	}
	compare_name_packages(comparison);
	if (!compare_lacks_packages(comparison))
		return 0;
	for (size_t i = 0; i < LM_COUNT(sides); i++) {
		if (read_records(sides[i], err) < 0)
			return -1;
		lm_packages_finish(&sides[i]->packages);
	}
	compare_name_packages(comparison);
	return 0;
}

// An archive that was read to its end must have the content that its metadata tell of.
static void
check_content_hash(struct lm_side *side)
{
	struct lm_digest digest;
	const struct lm_published *published = side->published;
	if (!side->view.whole || !published->has_content_hash || published->damaged ||
		(lm_view_content_hash(&side->view, &digest) && lm_digest_equal(&digest, &published->content_hash)))
		return;
	lm_strings_add(&side->published->findings, "the content of the archive is not what content_hash says");
}

static void
merge_tops(struct lm_comparison *comparison)
{
	struct lm_view *a = &comparison->a.view, *b = &comparison->b.view;
	if (a->top != nullptr && b->top == nullptr)
		lm_view_drop_top(a);
	else if (b->top != nullptr && a->top == nullptr)
		lm_view_drop_top(b);
}

static int
compare_archives(struct lm_comparison *comparison, struct lm_err *err)
{
	if (load_listing(&comparison->a, err) < 0 || load_listing(&comparison->b, err) < 0 ||
		compare_choose_ranges(comparison, err) < 0)
		return -1;
	if (lm_pool_run(2, 2, read_side, comparison, err) < 0)
		return -1;
	if (!comparison->a.known || !comparison->b.known) {
		const struct lm_side *side = comparison->a.known ? &comparison->b : &comparison->a;
		compare_say(comparison->findings,
			"which entries differ cannot be said: of %s there is neither a listing nor an archive that can be read",
			side == &comparison->a ? "a" : "b");
		compare_name_segments(comparison, "differs");
		return 0;
	}
	check_content_hash(&comparison->a);
	check_content_hash(&comparison->b);
	merge_tops(comparison);
	compare_entries(comparison);
	if (find_packages(comparison, err) < 0)
		return -1;
	return compare_explain(comparison, err);
}

static void
say_growth(json_t *findings, const char *what, uint64_t before, uint64_t after)
{
	uint64_t change = before < after ? after - before : before - after;
	if (change < LM_LARGE_LAYER_BYTES || change / LM_LARGE_LAYER_PERCENT < before / 100)
		return;
	compare_say(findings, "large change: %s has %llu bytes in a, %llu in b", what, (unsigned long long)before,
		(unsigned long long)after);
}

static void
say_sizes(struct lm_comparison *comparison, const json_t *archives)
{
	uint64_t a = 0, b = 0;
	if (lm_json_u64(json_object_get(archives, "a"), "size", &a) && lm_json_u64(json_object_get(archives, "b"), "size", &b))
		say_growth(comparison->findings, "the archive", a, b);
	if (lm_json_u64(comparison->a.published->metadata, "content_size", &a) &&
		lm_json_u64(comparison->b.published->metadata, "content_size", &b))
		say_growth(comparison->findings, "the content", a, b);
}

// Archives that are equal say nothing of the files beside them, which others rely on.
static int
check_beside(struct lm_comparison *comparison, struct lm_err *err)
{
	struct lm_side *a = &comparison->a, *b = &comparison->b;
	if (load_listing(a, err) < 0 || load_listing(b, err) < 0)
		return -1;
	if (a->segment_count > 0 && b->segment_count > 0 && !compare_tables(a, b))
		compare_say(comparison->findings, "the archives are equal, their tables of segments are not");
	return 0;
}

// Where to look for the cause.
static void
say_inputs(struct lm_comparison *comparison)
{
	const char *a = lm_json_string(comparison->a.published->metadata, "inputs_hash");
	const char *b = lm_json_string(comparison->b.published->metadata, "inputs_hash");
	if (a == nullptr || b == nullptr)
		return;
	const char *lock_a = lm_json_string(comparison->a.published->metadata, "requirements_hash");
	const char *lock_b = lm_json_string(comparison->b.published->metadata, "requirements_hash");
	if (strcmp(a, b) == 0)
		compare_say(comparison->notes, "both say that they were made from the same inputs");
	else if (!lm_cstr_equal(lock_a, lock_b))
		compare_say(comparison->notes, "they were made from different locks");
	else
		compare_say(comparison->notes, "they were made from the same lock and different other inputs");
}

// What is wrong with a side by itself comes before what is said of both.
static size_t
add_findings(struct lm_comparison *comparison, const struct lm_side *side, const char *name, size_t at)
{
	const struct lm_strings *lists[] = { &side->published->findings, &side->view.findings };
	for (size_t k = 0; k < LM_COUNT(lists); k++)
		for (size_t i = 0; i < lists[k]->count; i++) {
			LM_AUTO(lm_free_ptr) char *text = lm_format("%s: %s", name, lists[k]->items[i]);
			(void)json_array_insert_new(comparison->findings, at++, compare_text(text));
		}
	return at;
}

static json_t *
content_equal(const struct lm_comparison *comparison, bool same_archive)
{
	if (same_archive)
		return json_true();
	if (comparison->a.known && comparison->b.known)
		return json_boolean(!comparison->other_content);
	const struct lm_published *a = comparison->a.published, *b = comparison->b.published;
	if (a->has_content_hash && b->has_content_hash && !a->damaged && !b->damaged)
		return json_boolean(lm_digest_equal(&a->content_hash, &b->content_hash));
	return nullptr;
}

static int
compare(struct lm_comparison *comparison, bool with_metadata, json_t *layer, struct lm_err *err)
{
	struct lm_published *a = comparison->a.published, *b = comparison->b.published;
	struct lm_digest of_a = {}, of_b = {};
	comparison->entries = json_object_get(layer, "entries");
	comparison->findings = json_object_get(layer, "findings");
	comparison->notes = json_object_get(layer, "notes");
	if (lm_pool_run(2, 2, look, comparison, err) < 0)
		return -1;
	bool known = lm_published_digest(a, &of_a) && lm_published_digest(b, &of_b);
	bool none = a->metadata != nullptr && b->metadata != nullptr && !a->has_digest && !b->has_digest; // local exports
	bool same = none || (known && lm_digest_equal(&of_a, &of_b));
	json_t *archives = json_object();
	set(archives, "a", archive_json(a));
	set(archives, "b", archive_json(b));
	set(layer, "archives", archives);
	if (with_metadata)
		compare_metadata(json_object_get(layer, "metadata"), a->metadata, b->metadata, same);
	if (!same) {
		if (compare_archives(comparison, err) < 0)
			return -1;
		set(json_object_get(archives, "a"), "top", text_or_null(comparison->a.view.top));
		set(json_object_get(archives, "b"), "top", text_or_null(comparison->b.view.top));
		say_sizes(comparison, archives);
		if (with_metadata)
			say_inputs(comparison);
	} else if (check_beside(comparison, err) < 0) {
		return -1;
	}
	(void)add_findings(comparison, &comparison->b, "b", add_findings(comparison, &comparison->a, "a", 0));
	set(layer, "content_equal", content_equal(comparison, same));
	bool equal =
		same && json_array_size(json_object_get(layer, "metadata")) == 0 && json_array_size(comparison->findings) == 0;
	set(layer, "state", json_string(equal ? "equal" : "different"));
	return equal ? 1 : 0;
}

int
lm_compare(struct lm_published *a, struct lm_published *b, bool with_metadata, json_t **layer, bool *equal, struct lm_err *err)
{
	LM_AUTO(release_comparison) struct lm_comparison comparison = { .a.published = a, .b.published = b };
	LM_AUTO(lm_json_decref_ptr) json_t *report = new_layer(b, "equal");
	int rc = compare(&comparison, with_metadata, report, err);
	if (rc < 0)
		return -1;
	*equal = rc == 1;
	*layer = lm_take(&report);
	return 0;
}
