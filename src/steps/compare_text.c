// The report for people.
#include "steps/compare.h"

#include <stdlib.h>
#include <string.h>

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = lm_json_string(object, key);
	return text != nullptr ? text : "";
}

static bool
has_word(const json_t *what, const char *word)
{
	size_t i = 0;
	for (; i < json_array_size(what); i++)
		if (lm_cstr_equal(json_string_value(json_array_get(what, i)), word))
			return true;
	return false;
}

static void
add_value(struct lm_buf *out, const json_t *value)
{
	if (json_is_string(value)) {
		lm_buf_text(out, json_string_value(value));
		return;
	}
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);
	lm_buf_text(out, text != nullptr ? text : "nothing");
	free(text);
}

// " mode 0644 -> 0755"
static void
add_change(struct lm_buf *out, const char *name, const json_t *a, const json_t *b)
{
	lm_buf_format(out, "%s ", name);
	add_value(out, a);
	lm_buf_text(out, " -> ");
	add_value(out, b);
}

static void
add_owner(struct lm_buf *out, const json_t *side)
{
	lm_buf_format(out, "%lld:%lld", json_integer_value(json_object_get(side, "uid")),
		json_integer_value(json_object_get(side, "gid")));
	if (text_of(side, "user")[0] != '\0' || text_of(side, "group")[0] != '\0')
		lm_buf_format(out, " (%s:%s)", text_of(side, "user"), text_of(side, "group"));
}

// What about an entry has changed: "bytes, size 3 -> 4".
static void
add_what(struct lm_buf *out, const json_t *entry)
{
	static const char *const fields[] = { "type", "mode", "size", "link", "time", "attributes" };
	const json_t *what = json_object_get(entry, "what"), *a = json_object_get(entry, "a"), *b = json_object_get(entry, "b");
	const char *comma = "";
	if (has_word(what, "bytes")) {
		lm_buf_text(out, "bytes");
		comma = ", ";
	}
	for (size_t i = 0; i < LM_COUNT(fields); i++) {
		if (!has_word(what, fields[i]))
			continue;
		lm_buf_text(out, comma);
		add_change(out, fields[i], json_object_get(a, fields[i]), json_object_get(b, fields[i]));
		comma = ", ";
	}
	if (has_word(what, "owner")) {
		lm_buf_format(out, "%sowner ", comma);
		add_owner(out, a);
		lm_buf_text(out, " -> ");
		add_owner(out, b);
		comma = ", ";
	}
	if (has_word(what, "hard link")) {
		lm_buf_text(out, comma);
		add_change(out, "hard link", json_object_get(a, "hard_link"), json_object_get(b, "hard_link"));
	}
}

static void
add_single(struct lm_buf *out, const json_t *side)
{
	lm_buf_text(out, text_of(side, "type"));
	if (json_object_get(side, "size") != nullptr)
		lm_buf_format(out, " of %lld bytes", json_integer_value(json_object_get(side, "size")));
	if (json_object_get(side, "link") != nullptr)
		lm_buf_format(out, " to %s", text_of(side, "link"));
}

// The line of an entry behind its path; equal lines of many entries become one.
static void
describe(struct lm_buf *out, const json_t *entry)
{
	const json_t *a = json_object_get(entry, "a"), *b = json_object_get(entry, "b");
	if (json_is_object(a) && json_is_object(b))
		add_what(out, entry);
	else
		add_single(out, json_is_object(a) ? a : b);
	if (json_is_true(json_object_get(entry, "large")))
		lm_buf_text(out, ", a large change");
}

static void
add_entry(struct lm_buf *out, const json_t *entry, const char *description)
{
	lm_buf_format(out, "  %-7s  %s: %s", text_of(entry, "change"), text_of(entry, "path"), description);
	if (json_is_string(json_object_get(entry, "package")))
		lm_buf_format(out, " [%s]", text_of(entry, "package"));
	lm_buf_byte(out, '\n');
}

// How many entries from `from` on differ in the same way, the size of files apart.
static size_t
count_alike(const json_t *entries, size_t from, const char *description)
{
	size_t count = 0;
	for (size_t i = from; i < json_array_size(entries); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf other = {};
		describe(&other, json_array_get(entries, i));
		count += strcmp(lm_buf_cstr(&other), description) == 0;
	}
	return count;
}

enum { ALIKE = 6 }; // so many changes of the same kind are told in one line

// The first entry of all, when nearly all have the same thing about them: times, owners.
static bool
add_summary(struct lm_buf *out, const json_t *entries, struct lm_buf *summed)
{
	const json_t *first = json_array_get(entries, 0);
	LM_AUTO(lm_buf_release) struct lm_buf description = {};
	if (json_array_size(entries) < ALIKE || !has_word(json_object_get(first, "what"), "time"))
		return false;
	describe(&description, first);
	size_t count = count_alike(entries, 0, lm_buf_cstr(&description));
	if (count < ALIKE)
		return false;
	lm_buf_format(out, "  changed  %s and %zu more: %s\n", text_of(first, "path"), count - 1, lm_buf_cstr(&description));
	lm_buf_text(summed, lm_buf_cstr(&description));
	return true;
}

static void
add_entries(struct lm_buf *out, const json_t *entries, size_t max_lines)
{
	LM_AUTO(lm_buf_release) struct lm_buf summed = {};
	size_t lines = 0, left = 0;
	bool has_summary = add_summary(out, entries, &summed);
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);
		LM_AUTO(lm_buf_release) struct lm_buf description = {};
		describe(&description, entry);
		if (has_summary && strcmp(lm_buf_cstr(&description), lm_buf_cstr(&summed)) == 0)
			continue;
		if (max_lines > 0 && lines == max_lines) {
			left++;
			continue;
		}
		add_entry(out, entry, lm_buf_cstr(&description));
		lines++;
	}
	if (left > 0)
		lm_buf_format(out, "  ... and %zu more entries (-v lists all)\n", left);
}

// Fields that say what the archive's own lines say already.
static bool
follows_from_archive(const char *field)
{
	static const char *const fields[] = { "archive_hashes", "archive_size", "content_hash", "content_size", "inputs_hash" };
	for (size_t i = 0; i < LM_COUNT(fields); i++)
		if (strcmp(field, fields[i]) == 0)
			return true;
	return false;
}

static void
add_metadata(struct lm_buf *out, const json_t *layer)
{
	const json_t *list = json_object_get(layer, "metadata"), *archives = json_object_get(layer, "archives");
	bool other_archive = !lm_cstr_equal(
		text_of(json_object_get(archives, "a"), "sha256"), text_of(json_object_get(archives, "b"), "sha256"));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		if (other_archive && follows_from_archive(text_of(item, "field")))
			continue;
		lm_buf_text(out, "  metadata ");
		add_change(out, text_of(item, "field"), json_object_get(item, "a"), json_object_get(item, "b"));
		lm_buf_byte(out, '\n');
	}
}

static void
add_sentences(struct lm_buf *out, const json_t *list, const char *indent)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		lm_buf_format(out, "%s%s\n", indent, json_string_value(json_array_get(list, i)));
}

static void
add_layer(struct lm_buf *out, const json_t *layer, size_t max_lines)
{
	const char *platform = text_of(layer, "target_platform");
	lm_buf_format(out, "%-9s  %s%s%s\n", text_of(layer, "state"), text_of(layer, "layer_name"),
		platform[0] != '\0' ? "  " : "", platform);
	add_sentences(out, json_object_get(layer, "findings"), "  ");
	add_entries(out, json_object_get(layer, "entries"), max_lines);
	add_metadata(out, layer);
	add_sentences(out, json_object_get(layer, "notes"), "  note: ");
	if (json_is_string(json_object_get(layer, "diffoscope")))
		lm_buf_text(out, text_of(layer, "diffoscope"));
}

void
lm_report_text(const json_t *report, size_t max_lines, bool only_different, struct lm_buf *out)
{
	size_t different = 0, count = 0;
	const json_t *layers = json_object_get(report, "layers"), *packages = json_object_get(report, "packages");
	for (; count < json_array_size(layers); count++) {
		const json_t *layer = json_array_get(layers, count);
		bool equal = strcmp(text_of(layer, "state"), "equal") == 0;
		different += !equal;
		if (!equal || !only_different)
			add_layer(out, layer, max_lines);
	}
	for (size_t i = 0; i < json_array_size(packages); i++) {
		const json_t *item = json_array_get(packages, i);
		lm_buf_format(out, "%s  %s: %s is installed now, although the layer '%s' below has it\n",
			text_of(item, "layer_name"), text_of(item, "target_platform"), text_of(item, "package"),
			text_of(item, "lower_layer"));
	}
	add_sentences(out, json_object_get(report, "findings"), "");
	if (only_different)
		return;
	if (different == 0)
		lm_buf_format(out, "%zu layer%s, all equal\n", count, count == 1 ? "" : "s");
	else
		lm_buf_format(out, "%zu of %zu layer%s differ%s\n", different, count, count == 1 ? "" : "s",
			different == 1 ? "s" : "");
}
