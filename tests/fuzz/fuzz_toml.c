// TOML: what is read can be written value by value and read again.
#include "fuzz.h"
#include "text/toml.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct lm_err err = {};
	struct lm_toml_place place = {};
	LM_AUTO(lm_toml_free_ptr) struct lm_toml_doc *doc = nullptr;
	if (lm_toml_parse((struct lm_str){ (const char *)bytes, len }, &doc, &place, &err) < 0) {
		FUZZ_MUST(err.code != LM_OK && err.text[0] != '\0');
		return 0;
	}
	fuzz_accepted = true;
	const struct lm_toml *root = lm_toml_root(doc);
	FUZZ_MUST(root->type == LM_TOML_TABLE);
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_buf_text(&text, "v = ");
	lm_toml_write_value(&text, root);
	LM_AUTO(lm_toml_free_ptr) struct lm_toml_doc *again = nullptr;
	FUZZ_MUST(lm_toml_parse(lm_buf_view(&text), &again, &place, &err) == 0);
	return 0;
}
