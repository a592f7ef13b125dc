#include "batch/pattern.h"

#include "base/mem.h"
#include "batch/pcre2.h"

enum {
	LM_MATCH_STEPS_MAX = 1'000'000, // some hundredths of a second
	LM_MATCH_MEMORY_KIB = 16 << 10,
};

struct lm_pattern {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
};

static int
compile(struct lm_pattern *pattern, struct lm_str text, struct lm_err *err)
{
	// '$' is the end of the text and no place before a line feed there
	const uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NO_AUTO_CAPTURE;
	PCRE2_SIZE at = 0;
	int code = 0;
	PCRE2_UCHAR words[200] = "";
	pattern->code = lm_pcre2.compile((PCRE2_SPTR)text.ptr, text.len, options, &code, &at, nullptr);
	if (pattern->code == nullptr) {
		(void)lm_pcre2.get_error_message(code, words, sizeof words);
		return lm_err_set(err, LM_E_USAGE, "PCRE2 says: %s", (const char *)words);
	}
	pattern->data = lm_pcre2.match_data_create(1, nullptr);
	pattern->context = lm_pcre2.match_context_create(nullptr);
	if (pattern->data == nullptr || pattern->context == nullptr)
		return lm_err_set(err, LM_E_LIMIT, "no memory for it");
	(void)lm_pcre2.set_match_limit(pattern->context, LM_MATCH_STEPS_MAX);
	(void)lm_pcre2.set_heap_limit(pattern->context, LM_MATCH_MEMORY_KIB);
	return 0;
}

int
lm_pattern_new(struct lm_pattern **out, struct lm_str text, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf translated = {};
	if (lm_pattern_translate(text, &translated, err) < 0 || lm_pcre2_load(err) < 0)
		return -1;
	LM_AUTO(lm_pattern_free_ptr) struct lm_pattern *pattern = lm_alloc(sizeof *pattern);
	if (compile(pattern, lm_buf_view(&translated), err) < 0)
		return -1;
	*out = lm_take(&pattern);
	return 0;
}

void
lm_pattern_free(struct lm_pattern *pattern)
{
	if (pattern == nullptr)
		return;
	lm_pcre2.match_context_free(pattern->context);
	lm_pcre2.match_data_free(pattern->data);
	lm_pcre2.code_free(pattern->code);
	lm_free(pattern);
}

void
lm_pattern_free_ptr(struct lm_pattern **pattern)
{
	lm_pattern_free(*pattern);
}

int
lm_pattern_find(const struct lm_pattern *pattern, struct lm_str text, struct lm_err *err)
{
	PCRE2_SPTR subject = (PCRE2_SPTR)(text.len == 0 ? "" : text.ptr);
	int rc = lm_pcre2.match(pattern->code, subject, text.len, 0, 0, pattern->data, pattern->context);
	if (rc >= 0)
		return 1;
	return rc == PCRE2_ERROR_NOMATCH ? 0
					 : lm_err_set(err, LM_E_LIMIT, "takes too many steps to be compared with its pattern");
}
