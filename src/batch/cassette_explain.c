// Which recorded request a new one was perhaps meant to be.
#include "batch/cassette_parts.h"

#include "base/mem.h"
#include "text/unicode.h"

#include <string.h>

enum {
	LM_EXPLAIN_BEFORE = 24, // bytes shown before the first difference
	LM_EXPLAIN_AFTER = 40,
};

static size_t
common(struct lm_str a, struct lm_str b)
{
	size_t len = 0;
	while (len < a.len && len < b.len && a.ptr[len] == b.ptr[len])
		len++;
	return len;
}

// The more alike, the higher: the method counts most, then the path, then the body.
static bool
is_nearer(const struct lm_cassette_exchange *a, const struct lm_cassette_exchange *b, const char *method, struct lm_str path,
	struct lm_str body)
{
	if (b == nullptr)
		return true;
	const size_t scores[][2] = {
		{ strcmp(a->method, method) == 0, strcmp(b->method, method) == 0 },
		{ lm_str_equal(lm_str_of(a->path), path), lm_str_equal(lm_str_of(b->path), path) },
		{ common(lm_str_of(a->path), path), common(lm_str_of(b->path), path) },
		{ common((struct lm_str){ a->request, a->request_len }, body),
			common((struct lm_str){ b->request, b->request_len }, body) },
	};
	for (size_t i = 0; i < LM_COUNT(scores); i++)
		if (scores[i][0] != scores[i][1])
			return scores[i][0] > scores[i][1];
	return false;
}

// The bytes around a place, as text that acts on nothing.
static char *
excerpt(struct lm_str text, size_t at)
{
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	size_t begin = at > LM_EXPLAIN_BEFORE ? at - LM_EXPLAIN_BEFORE : 0;
	size_t end = text.len - at > LM_EXPLAIN_AFTER ? at + LM_EXPLAIN_AFTER : text.len;

	if (begin > 0)
		lm_buf_text(&out, "...");
	lm_text_escape(&out, (struct lm_str){ text.ptr + begin, end - begin });
	if (end < text.len)
		lm_buf_text(&out, "...");
	return lm_strdup(lm_buf_cstr(&out));
}

void
lm_cassette_explain(
	const struct lm_cassette *cassette, const char *method, const char *path, struct lm_str body, struct lm_err *err)
{
	const struct lm_cassette_exchange *nearest = nullptr;

	for (size_t i = 0; i < cassette->count; i++)
		if (is_nearer(&cassette->exchanges[i], nearest, method, lm_str_of(path), body))
			nearest = &cassette->exchanges[i];
	if (nearest == nullptr) {
		lm_err_append(err, ": nothing is recorded in it");
		return;
	}
	lm_err_append(err, "; the nearest one is %04u: %s %s", nearest->number, nearest->method, nearest->path);
	if (strcmp(nearest->method, method) != 0 || strcmp(nearest->path, path) != 0)
		return;
	struct lm_str recorded = { nearest->request, nearest->request_len };
	size_t at = common(recorded, body);
	LM_AUTO(lm_free_ptr) char *before = excerpt(recorded, at);
	LM_AUTO(lm_free_ptr) char *now = excerpt(body, at);
	lm_err_append(err, ", whose body differs from byte %zu on: '%s' recorded, '%s' now", at, before, now);
}
