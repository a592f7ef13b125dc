// Structured output: a schema up to the first line end, a value behind it. A schema that is understood stays so when it is closed.
#include "base/mem.h"
#include "batch/schema.h"
#include "fuzz.h"
#include "text/json.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct lm_str text = { (const char *)bytes, len };
	struct lm_str first = lm_str_cut(&text, '\n');
	LM_AUTO(lm_schema_free_ptr) struct lm_schema *schema = nullptr, *again = nullptr;
	LM_AUTO(lm_json_decref_ptr) json_t *value = nullptr;
	LM_AUTO(lm_buf_release) struct lm_buf closed = {}, twice = {};
	struct lm_err err = {};
	if (lm_schema_new(&schema, first, &err) < 0) {
		FUZZ_MUST(lm_utf8_valid(lm_str_of(err.text)));
		return 0;
	}
	lm_schema_closed(schema, &closed);
	FUZZ_MUST(lm_schema_new(&again, lm_buf_view(&closed), &err) == 0);
	lm_schema_closed(again, &twice);
	FUZZ_MUST(lm_str_equal(lm_buf_view(&closed), lm_buf_view(&twice)));
	fuzz_accepted = lm_schema_read_answer(text, &value, &err) == 0 && lm_schema_check(schema, value, &err) == 0;
	if (!fuzz_accepted)
		FUZZ_MUST(err.code == LM_E_SYNTAX && lm_utf8_valid(lm_str_of(err.text)));
	return 0;
}
