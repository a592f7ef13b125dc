// Inside of the JSON scanner; only json_scan.c and json_look.c include it.
#pragma once

#include "text/json_scan.h"

struct lm_json_scan_key {
	struct lm_str text;
	const char *at; // where it stands
};

// How many bytes from here on are themselves in a JSON string: no quote, backslash, control character; `ascii`: and none above 0x7F.
size_t lm_json_plain(const char *text, size_t len, bool ascii);
static inline bool
lm_json_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
// The four digits of \uXXXX, or -1.
int lm_json_hex4(const char *text, size_t len);
