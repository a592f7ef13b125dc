// Inside of the Gemini provider.
#pragma once

#include "batch/provider_parts.h"

// A line of a request file is LINE_BEGIN key LINE_REQUEST request "}".
#define LM_GEMINI_LINE_BEGIN "{\"key\":\""
#define LM_GEMINI_LINE_REQUEST "\",\"request\":"
// The name of a batch that is shown, with the intent id behind it.
#define LM_GEMINI_NAME_BEGIN "lamina-"

int lm_gemini_look(struct lm_provider *provider, const struct lm_intent *intent, const char *ref, struct lm_search *search,
	struct lm_call *call, struct lm_err *err);
int lm_gemini_poll(struct lm_provider *provider, const char *batch_id, struct lm_batch_status *status, struct lm_call *call,
	struct lm_err *err);
int lm_gemini_fetch(struct lm_provider *provider, const char *ref, const char *path, uint64_t *bytes, struct lm_call *call,
	struct lm_err *err);
// ---- a batch with inline answers that is no JSON (provider_gemini_repair.c)

// The status of an error that is not Gemini's: the answer itself could not be read.
#define LM_GEMINI_TORN "TORN"

// The state of the batch; empty: not found.
struct lm_str lm_gemini_torn_state(struct lm_str document);
// What is behind the opening bracket of the list of answers. False: there is none.
bool lm_gemini_torn_list(struct lm_str document, struct lm_str *list);
// Append the next answer as a line, the one that cannot be read as an error with its key, and go on behind it. False at the end.
bool lm_gemini_torn_line(struct lm_json_scan *scan, struct lm_str *list, struct lm_buf *out);

int lm_gemini_read(const struct lm_api *api, bool from_error_file, struct lm_answer *answer, struct lm_err *err);
