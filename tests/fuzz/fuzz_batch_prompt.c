// Prompts: a template up to the first line end, a row behind it. Whatever they are, what is made is UTF-8.
#include "base/mem.h"
#include "batch/prompt.h"
#include "fuzz.h"
#include "text/json_scan.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct lm_str text = { (const char *)bytes, len };
	struct lm_str first = lm_str_cut(&text, '\n');
	if (!lm_utf8_valid(first) || first.len == 0 || memchr(first.ptr, '\0', first.len) != nullptr)
		return 0; // the configuration's check refuses it
	LM_AUTO(lm_free_ptr) char *template = lm_strndup(first.ptr, first.len);
	LM_AUTO(lm_prompts_free_ptr) struct lm_prompts *prompts = nullptr;
	LM_AUTO(lm_buf_release) struct lm_buf prompt = {}, system = {};
	struct lm_batch_config config = {
		.id_field = (char *)(uintptr_t)"id", .prompt_template = template, .system_prompt = template
	};
	struct lm_json_scan scan = {};
	struct lm_err err = {};
	if (lm_prompts_new(&prompts, &config, &err) < 0) {
		FUZZ_MUST(err.code == LM_E_USAGE || err.code == LM_E_LIMIT);
		return 0;
	}
	bool is_json = lm_json_scan(&scan, text, &err) == 0;
	if (lm_prompts_render(prompts, text, &prompt, &system, &err) == 0) {
		fuzz_accepted = true;
		FUZZ_MUST(lm_str_equal(lm_buf_view(&prompt), lm_buf_view(&system)));
		FUZZ_MUST(!is_json || lm_utf8_valid(lm_buf_view(&prompt)));
	} else {
		FUZZ_MUST(err.code == LM_E_SYNTAX || err.code == LM_E_LIMIT);
		FUZZ_MUST(prompt.len == 0 && system.len == 0);
		FUZZ_MUST(!is_json || lm_utf8_valid(lm_str_of(err.text)));
	}
	lm_json_scan_release(&scan);
	return 0;
}
