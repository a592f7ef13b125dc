// What is to be said of two archives as a whole.
#include "steps/compare_parts.h"

#include "archive/shown.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1024 * 1024 };

json_t *
compare_text(const char *text)
{
	json_t *value = json_string(text);
	if (value != nullptr)
		return value;
	LM_AUTO(lm_buf_release) struct lm_buf shown = {};
	lm_shown_text(lm_str_of(text), &shown);
	return json_string(lm_buf_cstr(&shown));
}

void
compare_say(json_t *list, const char *format, ...)
{
	char text[4096];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	(void)json_array_append_new(list, compare_text(text));
}

// What made the archive, as well as it is known.
static const char *
compressor(const struct lm_side *side)
{
	if (side->published->compressor != nullptr)
		return side->published->compressor;
	if (side->view.scan.zip)
		return "zip";
	return side->view.whole ? side->view.scan.filter : "unknown";
}

static int
compare_order(const void *a, const void *b)
{
	const struct lm_seen *x = *(const struct lm_seen *const *)a, *y = *(const struct lm_seen *const *)b;
	return (x->order > y->order) - (x->order < y->order);
}

// The members that both sides have, in the order of `view`.
static size_t
in_order(const struct lm_view *view, const struct lm_view *other, const struct lm_seen **out)
{
	size_t count = 0;
	for (size_t i = 0; i < view->count; i++) {
		const struct lm_seen *twin = lm_view_find(other, view->items[i].path);
		if (view->items[i].read && twin != nullptr && twin->read)
			out[count++] = &view->items[i];
	}
	if (count > 0)
		qsort(out, count, sizeof *out, compare_order);
	return count;
}

static void
explain_order(struct lm_comparison *comparison)
{
	const struct lm_view *a = &comparison->a.view, *b = &comparison->b.view;
	LM_AUTO(lm_free_ptr) const struct lm_seen **of_a = lm_alloc_array(a->count, sizeof(struct lm_seen *));
	LM_AUTO(lm_free_ptr) const struct lm_seen **of_b = lm_alloc_array(b->count, sizeof(struct lm_seen *));
	size_t count = in_order(a, b, of_a);
	(void)in_order(b, a, of_b);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(of_a[i]->path, of_b[i]->path) == 0)
			continue;
		comparison->other_headers = true;
		compare_say(comparison->findings, "the members are in another order: where a has '%s', b has '%s'",
			of_a[i]->path, of_b[i]->path);
		return;
	}
}

// The member in whose header or bytes this place of the tar stream is.
static const char *
member_at(const struct lm_view *view, uint64_t position)
{
	const struct lm_seen *best = nullptr;
	for (size_t i = 0; i < view->count; i++)
		if (view->items[i].read && view->items[i].position <= position &&
			(best == nullptr || view->items[i].position > best->position))
			best = &view->items[i];
	return best != nullptr ? best->path : "";
}

// Compare two uncompressed tars. *place: of the first byte that differs, UINT64_MAX: there is none.
static int
compare_streams(const char *a, const char *b, uint64_t *place, struct lm_err *err)
{
	LM_AUTO(lm_stream_close) struct lm_stream *of_a = nullptr;
	LM_AUTO(lm_stream_close) struct lm_stream *of_b = nullptr;
	LM_AUTO(lm_free_ptr) char *bytes = lm_alloc(2 * (size_t)PIECE);
	size_t got_a = PIECE, got_b = PIECE;
	if (lm_stream_open(&of_a, a, err) < 0 || lm_stream_open(&of_b, b, err) < 0)
		return -1;
	for (*place = 0; got_a == PIECE && got_b == PIECE; *place += PIECE) {
		if (lm_stream_read(of_a, bytes, PIECE, &got_a, err) < 0 ||
			lm_stream_read(of_b, bytes + PIECE, PIECE, &got_b, err) < 0)
			return -1;
		size_t len = got_a < got_b ? got_a : got_b, at = 0;
		while (at < len && bytes[at] == bytes[PIECE + at])
			at++;
		if (at < len || got_a != got_b) {
			*place += at;
			return 0;
		}
	}
	*place = UINT64_MAX;
	return 0;
}

static void
say_compressors(struct lm_comparison *comparison)
{
	const char *a = compressor(&comparison->a), *b = compressor(&comparison->b);
	if (strcmp(a, b) != 0)
		compare_say(comparison->findings, "the content is equal, the compressor is not: '%s' in a, '%s' in b", a, b);
	else
		compare_say(comparison->findings,
			"the content is equal, and so is the compressor ('%s'); the compressed bytes are not: another level, "
			"or another build of it",
			a);
}

// Entries and everything a reader shows of them are equal.
static int
explain_streams(struct lm_comparison *comparison, struct lm_err *err)
{
	const struct lm_published *a = comparison->a.published, *b = comparison->b.published;
	uint64_t place = 0;
	if (comparison->same_segments) {
		say_compressors(comparison);
		return 0;
	}
	if (!comparison->a.view.whole || !comparison->b.view.whole) {
		compare_name_segments(comparison, "differs though its entries are equal, in their headers");
		return 0;
	}
	if (comparison->a.view.scan.zip || comparison->b.view.scan.zip) {
		if (strcmp(compressor(&comparison->a), compressor(&comparison->b)) != 0)
			say_compressors(comparison);
		else
			compare_say(comparison->findings,
				"the content is equal, the zips are not: in how members are compressed, or in their records");
		return 0;
	}
	if (compare_streams(a->archive_path, b->archive_path, &place, err) < 0)
		return -1;
	if (place == UINT64_MAX)
		say_compressors(comparison);
	else
		compare_say(comparison->findings,
			"the content is equal, the tar streams are not: the first byte that differs is %llu, at member '%s'",
			(unsigned long long)place, member_at(&comparison->a.view, place));
	return 0;
}

// What can be said without reading an archive.
static void
explain_metadata(struct lm_comparison *comparison)
{
	const struct lm_published *a = comparison->a.published, *b = comparison->b.published;
	bool said = false;
	if (a->compressor != nullptr && b->compressor != nullptr && strcmp(a->compressor, b->compressor) != 0) {
		say_compressors(comparison);
		said = true;
	}
	if (a->time != nullptr && b->time != nullptr && strcmp(a->time, b->time) != 0) {
		compare_say(comparison->findings, "the content is equal, the time of the entries is not: %s in a, %s in b",
			a->time, b->time);
		said = true;
	}
	if (said)
		return;
	if (comparison->same_segments)
		say_compressors(comparison);
	else
		compare_name_segments(comparison, "differs though its entries are equal, in their headers");
	if (json_array_size(comparison->findings) == 0)
		compare_say(comparison->findings,
			"the content is equal, the archives are not; one of them is not here, so that it cannot be said why");
}

static void
explain_formats(struct lm_comparison *comparison)
{
	const struct lm_side *a = &comparison->a, *b = &comparison->b;
	if (a->view.top != nullptr && b->view.top != nullptr && strcmp(a->view.top, b->view.top) != 0) {
		comparison->other_headers = true;
		compare_say(comparison->findings, "the top folder is '%s' in a, '%s' in b", a->view.top, b->view.top);
	}
	if (!a->view.whole || !b->view.whole || a->view.count == 0 || b->view.count == 0)
		return;
	if (a->view.scan.zip != b->view.scan.zip)
		compare_say(comparison->findings, "a is a %s, b is a %s", a->view.scan.zip ? "zip" : "tar",
			b->view.scan.zip ? "zip" : "tar");
	else if (strcmp(a->view.scan.format, b->view.scan.format) != 0)
		compare_say(comparison->findings, "a is in %s, b is in %s", a->view.scan.format, b->view.scan.format);
}

int
compare_explain(struct lm_comparison *comparison, struct lm_err *err)
{
	bool read = comparison->a.view.read && comparison->b.view.read;
	explain_formats(comparison);
	if (read)
		explain_order(comparison);
	if (comparison->other_content || comparison->a.unusable || comparison->b.unusable)
		return 0;
	if (!read) {
		explain_metadata(comparison);
		return 0;
	}
	const char *a = compressor(&comparison->a), *b = compressor(&comparison->b);
	if (!comparison->other_headers)
		return explain_streams(comparison, err);
	if (strcmp(a, b) != 0)
		say_compressors(comparison);
	return 0;
}
