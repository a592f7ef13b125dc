// Looking at JSON (RFC 8259) where it lies, without building a document: one strict pass, then slices of the same bytes.
// Numbers keep their spelling, strings their escapes.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

enum {
	LM_JSON_SCAN_DEPTH_MAX = 512,    // arrays and objects within each other
	LM_JSON_SCAN_KEYS_MAX = 200'000, // of objects that are not closed yet, together
};

enum lm_json_kind {
	LM_JSON_NULL,
	LM_JSON_FALSE,
	LM_JSON_TRUE,
	LM_JSON_NUMBER,
	LM_JSON_STRING,
	LM_JSON_ARRAY,
	LM_JSON_OBJECT,
};
const char *lm_json_kind_name(enum lm_json_kind kind); // "null", "false", "true", "number", "string", "array", "object"

struct lm_json_value {
	enum lm_json_kind kind;
	struct lm_str raw; // with its quotes or brackets, no white space around it
};

struct lm_json_member {
	struct lm_str key; // as text, escapes resolved
	struct lm_json_value value;
};

// Zero-initialised is ready. Use one for many documents: it keeps its memory. What a scan found is valid until the next one,
// and as long as the text is.
struct lm_json_scan {
	struct lm_json_value value;     // the document
	struct lm_json_member *members; // when it is an object, in order; else none
	size_t member_count;
	size_t space_bytes; // white space outside of strings

	// inside
	size_t member_cap;
	struct lm_json_scan_key *keys;
	size_t key_count, key_cap;
	struct lm_arena texts; // of keys with escapes
};

// Check a whole document. LM_E_SYNTAX with "column C: ..." ("line L, column C: ..." below the first line), C in characters:
// not JSON, not UTF-8, a lone surrogate, NaN or Infinity, a key twice in one object at any depth, anything behind the document.
// LM_E_LIMIT above the limits.
[[nodiscard]] int lm_json_scan(struct lm_json_scan *scan, struct lm_str text, struct lm_err *err);
// What lm_json_scan finds in these very bytes, an object without white space around it that it has accepted before: nothing is
// checked, and the space is not counted. On any other bytes: no read outside of them, and no more.
void lm_json_scan_again(struct lm_json_scan *scan, struct lm_str object);
void lm_json_scan_release(struct lm_json_scan *scan);
// The member of the document's outermost object with this key, or null.
const struct lm_json_member *lm_json_scan_find(const struct lm_json_scan *scan, struct lm_str key);

// ---- parts of a text that was scanned (on any other bytes: no read outside of them, and no more)

// A member of an object by key; false when it is not there, or `object` is none.
bool lm_json_get(struct lm_json_value object, const char *key, struct lm_json_value *value);
// One after the other; *at is 0 at first. False at the end, or when `object` (`array`) is none.
bool lm_json_next_member(struct lm_json_value object, size_t *at, struct lm_json_value *key, struct lm_json_value *value);
bool lm_json_next_element(struct lm_json_value array, size_t *at, struct lm_json_value *value);
// A string's text: inside of `value` when it has no escapes, else appended to `scratch`, whose memory it is then. Of what is no string: empty.
struct lm_str lm_json_text(struct lm_json_value value, struct lm_buf *scratch);
// Append a string's text. Of what is no string: nothing.
void lm_json_append_text(struct lm_json_value value, struct lm_buf *out);
bool lm_json_text_equal(struct lm_json_value value, struct lm_str text);
// A whole number without sign, point and exponent.
bool lm_json_value_u64(struct lm_json_value value, uint64_t *out);
// Append without the white space outside of strings.
void lm_json_compact(struct lm_str text, struct lm_buf *out);

// ---- writing

// Append text (UTF-8) as a JSON string with its quotes: only what must be escaped is.
void lm_json_quote(struct lm_buf *out, struct lm_str text);
// The same without the quotes.
void lm_json_escape(struct lm_buf *out, struct lm_str text);
