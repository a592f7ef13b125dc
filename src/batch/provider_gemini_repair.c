// A batch of inline answers of which one is no JSON would be lost as a whole, since all of them come in one document. Here the
// document is taken apart without reading it: an element begins where one of the API's members does, and quotes inside of texts
// are escaped, so that no text looks like it.
#include "batch/provider_gemini.h"

#include <string.h>

static struct lm_str
tail(struct lm_str text, size_t at)
{
	return (struct lm_str){ text.ptr + at, text.len - at };
}

static size_t
over_space(struct lm_str text, size_t at)
{
	while (at < text.len && memchr(" \t\r\n", text.ptr[at], 4) != nullptr)
		at++;
	return at;
}

// Where the value of the first member of this name begins; text.len: there is none.
static size_t
value_of(struct lm_str text, struct lm_str quoted)
{
	for (size_t at = 0; at < text.len;) {
		const char *found = memmem(text.ptr + at, text.len - at, quoted.ptr, quoted.len);
		if (found == nullptr)
			break;
		at = over_space(text, (size_t)(found - text.ptr) + quoted.len);
		if (at < text.len && text.ptr[at] == ':')
			return over_space(text, at + 1);
	}
	return text.len;
}

// The inside of the string that begins here; empty when it is none, or has escapes.
static struct lm_str
string_at(struct lm_str text, size_t at)
{
	struct lm_str rest = tail(text, at);
	if (!lm_str_starts(rest, LM_STR("\"")))
		return (struct lm_str){};
	rest = tail(rest, 1);
	size_t end = lm_str_find(rest, '"');
	if (end == rest.len || memchr(rest.ptr, '\\', end) != nullptr)
		return (struct lm_str){};
	return (struct lm_str){ rest.ptr, end };
}

struct lm_str
lm_gemini_torn_state(struct lm_str document)
{
	return string_at(document, value_of(document, LM_STR("\"state\"")));
}

bool
lm_gemini_torn_list(struct lm_str document, struct lm_str *list)
{
	const struct lm_str name = LM_STR("\"inlinedResponses\"");

	for (size_t at; (at = value_of(document, name)) < document.len;) {
		document = tail(document, at);
		if (document.ptr[0] != '[') // the object around the list has the same name
			continue;
		*list = tail(document, 1);
		at = value_of(*list, name); // the same list a second time
		list->len = at;
		return true;
	}
	return false;
}

static bool
begins_element(struct lm_str text, size_t at)
{
	const struct lm_str names[] = { LM_STR("\"response\""), LM_STR("\"metadata\""), LM_STR("\"error\""),
		LM_STR("\"key\"") };

	if (text.ptr[at] != '{')
		return false;
	struct lm_str rest = tail(text, over_space(text, at + 1));
	for (size_t i = 0; i < LM_COUNT(names); i++)
		if (lm_str_starts(rest, names[i]))
			return true;
	return false;
}

// Where the next element begins, behind `at`.
static size_t
next_begin(struct lm_str list, size_t at)
{
	while (at < list.len) {
		const char *comma = memchr(list.ptr + at, ',', list.len - at);
		if (comma == nullptr)
			break;
		at = over_space(list, (size_t)(comma - list.ptr) + 1);
		if (at < list.len && begins_element(list, at))
			return at;
	}
	return list.len;
}

// The element that this part of the list begins with, when it is whole.
static bool
is_whole(struct lm_json_scan *scan, struct lm_str part, struct lm_json_value *element, struct lm_err *why)
{
	LM_AUTO(lm_buf_release) struct lm_buf list = {};
	size_t at = 0;

	lm_buf_byte(&list, '[');
	lm_buf_str(&list, part);
	if (!lm_json_next_element((struct lm_json_value){ LM_JSON_ARRAY, lm_buf_view(&list) }, &at, element))
		return lm_err_set(why, LM_E_SYNTAX, "the answer has no end") == 0;
	element->raw = (struct lm_str){ part.ptr + (element->raw.ptr - list.ptr) - 1, element->raw.len };
	return lm_json_scan(scan, element->raw, why) == 0;
}

static void
add_torn(struct lm_str part, const struct lm_err *why, struct lm_buf *out)
{
	struct lm_str key = string_at(part, value_of(part, LM_STR("\"key\"")));

	lm_buf_text(out, "{\"key\":\"");
	lm_buf_str(out, key);
	lm_buf_text(out, "\",\"error\":{\"status\":\"" LM_GEMINI_TORN "\",\"message\":");
	lm_json_quote(out, lm_str_of(why->text));
	lm_buf_text(out, "}}\n");
}

bool
lm_gemini_torn_line(struct lm_json_scan *scan, struct lm_str *list, struct lm_buf *out)
{
	enum { PARTS_MAX = 4 }; // an answer with the like of such members in it is more than one part
	struct lm_json_value element = {};
	struct lm_err why = {};

	*list = tail(*list, over_space(*list, 0));
	if (list->len == 0 || list->ptr[0] == ']')
		return false;
	size_t first = next_begin(*list, 0), end = first;
	for (unsigned parts = 0; parts < PARTS_MAX; parts++) {
		struct lm_err again = {};
		if (is_whole(scan, (struct lm_str){ list->ptr, end }, &element, parts == 0 ? &why : &again)) {
			lm_json_compact(element.raw, out);
			lm_buf_byte(out, '\n');
			*list = tail(*list, end);
			return true;
		}
		if (end == list->len)
			break;
		end = next_begin(*list, end);
	}
	add_torn((struct lm_str){ list->ptr, first }, &why, out);
	*list = tail(*list, first);
	return true;
}
