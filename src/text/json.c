#include "text/json.h"

#include "base/mem.h"
#include "text/number.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// Bytes of the UTF-8 character at text[at]; 0: there is none.
static size_t
char_length(struct lm_str text, size_t at)
{
	unsigned char c = (unsigned char)text.ptr[at];
	size_t len = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
	return len <= text.len - at && lm_utf8_valid((struct lm_str){ text.ptr + at, len }) ? len : 0;
}

// Lines and columns, in characters, up to the first byte that is not UTF-8, or is NUL.
static int
fail_bytes(struct lm_str text, struct lm_err *err)
{
	unsigned line = 1, column = 1;
	size_t at = 0;
	while (at < text.len && text.ptr[at] != '\0') {
		size_t len = char_length(text, at);
		if (len == 0)
			break;
		column++;
		if (text.ptr[at] == '\n') {
			line++;
			column = 1;
		}
		at += len;
	}
	if (text.ptr[at] == '\0')
		return lm_err_set(err, LM_E_SYNTAX, "line %u, column %u: NUL byte", line, column);
	return lm_err_set(err, LM_E_SYNTAX, "line %u, column %u: byte 0x%02X is not valid UTF-8", line, column,
		(unsigned)(unsigned char)text.ptr[at]);
}

// jansson quotes up to 20 bytes of the input in its messages: nothing of it may act on a terminal, and it may end within a character.
static void
make_printable(char *text)
{
	struct lm_str whole = lm_str_of(text);
	for (size_t at = 0; at < whole.len;) {
		size_t len = char_length(whole, at);
		if (len == 0 || (unsigned char)text[at] < 0x20 || text[at] == 0x7F)
			text[at] = '?';
		at += len == 0 ? 1 : len;
	}
}

int
lm_json_parse(struct lm_str text, json_t **out, struct lm_err *err)
{
	json_error_t fault;
	if (text.len > LM_JSON_MAX_BYTES)
		return lm_err_set(err, LM_E_LIMIT, "JSON document of %zu bytes, more than %d", text.len, LM_JSON_MAX_BYTES);
	// jansson passes over a NUL that follows a number
	if (!lm_utf8_valid(text) || (text.len > 0 && memchr(text.ptr, '\0', text.len) != nullptr))
		return fail_bytes(text, err);
	json_t *value = json_loadb(
		text.len == 0 ? "" : text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);
	if (value == nullptr) {
		make_printable(fault.text);
		bool limit = json_error_code(&fault) == json_error_stack_overflow;
		return lm_err_set(
			err, limit ? LM_E_LIMIT : LM_E_SYNTAX, "line %d, column %d: %s", fault.line, fault.column, fault.text);
	}
	*out = value;
	return 0;
}

static void
write_string(struct lm_buf *out, const char *text, size_t len)
{
	static const char special[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
	lm_buf_byte(out, '"');
	size_t run = 0; // begin of what needs no escape
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if ((unsigned char)c >= 0x20 && c != '"' && c != '\\')
			continue;
		lm_buf_append(out, text + run, i - run);
		run = i + 1;
		const char *found = c == '\0' ? nullptr : strchr(special, c);
		if (found == nullptr) {
			lm_buf_format(out, "\\u%04x", (unsigned)(unsigned char)c);
		} else {
			lm_buf_byte(out, '\\');
			lm_buf_byte(out, letters[found - special]);
		}
	}
	lm_buf_append(out, text + run, len - run);
	lm_buf_byte(out, '"');
}

static void
new_line(struct lm_buf *out, size_t depth)
{
	lm_buf_byte(out, '\n');
	for (size_t i = 0; i < depth; i++)
		lm_buf_text(out, "  ");
}

struct member {
	struct lm_str key;
	const json_t *value;
};

static int
by_key(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	return lm_str_compare(x->key, y->key);
}

static void write_value(struct lm_buf *out, const json_t *value, size_t depth);

static void
write_object(struct lm_buf *out, const json_t *object, size_t depth)
{
	size_t count = json_object_size(object), at = 0;
	if (count == 0) {
		lm_buf_text(out, "{}");
		return;
	}
	LM_AUTO(lm_free_ptr) struct member *members = lm_alloc_array(count, sizeof *members);
	json_t *mutable = (json_t *)(uintptr_t)object; // jansson's iterator does not write, but its type says so
	for (void *it = json_object_iter(mutable); it != nullptr; it = json_object_iter_next(mutable, it))
		members[at++] = (struct member){
			.key = { json_object_iter_key(it), json_object_iter_key_len(it) },
			.value = json_object_iter_value(it),
		};
	qsort(members, count, sizeof *members, by_key);
	for (size_t i = 0; i < count; i++) {
		lm_buf_byte(out, i == 0 ? '{' : ',');
		new_line(out, depth + 1);
		write_string(out, members[i].key.ptr, members[i].key.len);
		lm_buf_text(out, ": ");
		write_value(out, members[i].value, depth + 1);
	}
	new_line(out, depth);
	lm_buf_byte(out, '}');
}

static void
write_array(struct lm_buf *out, const json_t *array, size_t depth)
{
	size_t count = json_array_size(array);
	if (count == 0) {
		lm_buf_text(out, "[]");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		lm_buf_byte(out, i == 0 ? '[' : ',');
		new_line(out, depth + 1);
		write_value(out, json_array_get(array, i), depth + 1);
	}
	new_line(out, depth);
	lm_buf_byte(out, ']');
}

static void
write_value(struct lm_buf *out, const json_t *value, size_t depth)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		write_object(out, value, depth);
		break;
	case JSON_ARRAY:
		write_array(out, value, depth);
		break;
	case JSON_STRING:
		write_string(out, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		lm_buf_format(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		lm_number_format(out, json_real_value(value));
		break;
	case JSON_TRUE:
		lm_buf_text(out, "true");
		break;
	case JSON_FALSE:
		lm_buf_text(out, "false");
		break;
	case JSON_NULL:
		lm_buf_text(out, "null");
		break;
	}
}

void
lm_json_format(const json_t *value, struct lm_buf *out)
{
	write_value(out, value, 0);
	lm_buf_byte(out, '\n');
}

void
lm_json_decref_ptr(json_t **value)
{
	json_decref(*value);
}

const char *
lm_json_string(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

bool
lm_json_u64(const json_t *object, const char *key, uint64_t *out)
{
	const json_t *value = json_object_get(object, key);
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*out = (uint64_t)json_integer_value(value);
	return true;
}
