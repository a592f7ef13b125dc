// JSON, by both readers: what is looked at where it lies can be made compact, and is the same then; what jansson accepts as a
// document, the look accepts too.
#include "fuzz.h"
#include "text/json.h"
#include "text/json_scan.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct lm_err err = {};
	struct lm_json_scan scan = {};
	struct lm_str text = { (const char *)bytes, len };
	LM_AUTO(lm_json_decref_ptr) json_t *document = nullptr;
	LM_AUTO(lm_buf_release) struct lm_buf compact = {}, again = {};
	bool parsed = lm_json_parse(text, &document, &err) == 0;
	bool looked = lm_json_scan(&scan, text, &err) == 0;
	if (parsed && (json_is_object(document) || json_is_array(document)))
		FUZZ_MUST(looked || err.code == LM_E_LIMIT);
	fuzz_accepted = looked;
	if (looked) {
		lm_json_compact(text, &compact);
		lm_json_compact(lm_buf_view(&compact), &again);
		FUZZ_MUST(lm_str_equal(lm_buf_view(&compact), lm_buf_view(&again)));
		FUZZ_MUST(lm_json_scan(&scan, lm_buf_view(&compact), &err) == 0);
	}
	lm_json_scan_release(&scan);
	return 0;
}
