// A pass over JSON (RFC 8259) that lies in memory: slices of the text, no tree. For the items of a batch, of which there are
// many; documents of one's own size go through text/json.h.
#pragma once

#include "base/base.h"
#include "base/str.h"

enum { LM_SCAN_MAX_DEPTH = 128 };

struct lm_scan {
	const char *at, *end;
};

// Is this one value, with white space around it at most? Strings must be UTF-8. *raw is the value without that white space.
[[nodiscard]] bool lm_scan_check(struct lm_str text, struct lm_str *raw);
// The next value at `scan`, checked in the same way; nothing is said about what follows it.
[[nodiscard]] bool lm_scan_checked_value(struct lm_scan *scan, struct lm_str *raw);
// White space is passed over; then true when that byte is next, which is passed over too.
bool lm_scan_byte(struct lm_scan *scan, char byte);

// The rest is for values that were checked. Walk an object ('{') or an array ('['): false when it is something else.
bool lm_scan_enter(struct lm_str raw, char open, struct lm_scan *inside);
// The next member: its key without quotes, as written, and its value. False after the last.
bool lm_scan_member(struct lm_scan *inside, struct lm_str *key, struct lm_str *value);
bool lm_scan_element(struct lm_scan *inside, struct lm_str *value);
// The value of an object's member, empty when there is none, or `raw` is no object. The key is compared as written.
struct lm_str lm_scan_find(struct lm_str raw, const char *key);
// A member of a member: lm_scan_path(raw, "text", "format", nullptr).
struct lm_str lm_scan_path(struct lm_str raw, ...);
// What is between the quotes of a string, escapes as they are; false when it is no string.
bool lm_scan_string(struct lm_str raw, struct lm_str *inner);
