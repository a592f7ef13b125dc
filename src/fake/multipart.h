// A form with a file (multipart/form-data, RFC 7578), read as it comes; the file goes to disk.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "fake/spool.h"

enum {
	LM_FORM_MAX_HEADERS = 8192, // of one part
	LM_FORM_MAX_FIELD = 4096,
	LM_FORM_MAX_PARTS = 100,
	LM_FORM_MAX_BOUNDARY = 200,
};

// Zero-initialised is empty; release it.
struct lm_form {
	struct lm_buf delimiter, pending;
	int where;
	unsigned parts;
	struct lm_spool *file;             // where the part "file" goes; borrowed
	struct lm_buf file_name, purpose;  // empty when not given
	struct lm_buf *field;              // the part we are in, or null
	bool in_file, has_file;
};

// LM_E_SYNTAX when the Content-Type is not that of a form.
[[nodiscard]] int lm_form_begin(struct lm_form *form, const char *content_type, struct lm_spool *file, struct lm_err *err);
[[nodiscard]] int lm_form_feed(struct lm_form *form, const void *bytes, size_t len, struct lm_err *err);
[[nodiscard]] int lm_form_end(struct lm_form *form, struct lm_err *err); // LM_E_SYNTAX when something is missing
void lm_form_release(struct lm_form *form);
