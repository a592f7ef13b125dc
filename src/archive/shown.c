#include "archive/shown.h"

#include <stdio.h>
#include <string.h>

// The length of the well-formed UTF-8 sequence `text` begins with, 0 when there is none.
static size_t
sequence_length(struct lm_str text)
{
	for (size_t len = 1; len <= 4 && len <= text.len; len++) {
		if (lm_utf8_valid((struct lm_str){ text.ptr, len }))
			return len;
	}
	return 0;
}

struct lm_shown
lm_shown(struct lm_str name)
{
	struct lm_shown out = {};
	size_t at = 0;
	while (name.len > 0) {
		if (at + 8 > sizeof out.text) { // room for one more piece and the dots
			memcpy(out.text + at, "...", 4);
			return out;
		}
		unsigned char byte = (unsigned char)name.ptr[0];
		size_t len = sequence_length(name);
		if (len == 0 || byte < 0x20 || byte == 0x7f || byte == '\'' || byte == '\\') {
			(void)snprintf(out.text + at, 5, "\\x%02x", byte);
			at += 4;
			len = 1;
		} else {
			memcpy(out.text + at, name.ptr, len);
			at += len;
		}
		name.ptr += len;
		name.len -= len;
	}
	return out;
}

void
lm_shown_text(struct lm_str name, struct lm_buf *out)
{
	while (name.len > 0) {
		unsigned char byte = (unsigned char)name.ptr[0];
		size_t len = sequence_length(name);
		if (len == 0 || byte < 0x20 || byte == 0x7f || byte == '\\') {
			lm_buf_format(out, "\\x%02x", byte);
			len = 1;
		} else {
			lm_buf_append(out, name.ptr, len);
		}
		name.ptr += len;
		name.len -= len;
	}
}
