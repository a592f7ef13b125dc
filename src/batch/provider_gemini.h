// Inside of the Gemini provider.
#pragma once

#include "batch/provider_parts.h"

// A line of a request file is LINE_BEGIN key LINE_REQUEST request "}".
#define LM_GEMINI_LINE_BEGIN "{\"key\":\""
#define LM_GEMINI_LINE_REQUEST "\",\"request\":"
// The name of a batch that is shown, with the intent id behind it.
#define LM_GEMINI_NAME_BEGIN "lamina-"

int lm_gemini_find(struct lm_provider *provider, const struct lm_intent *intent, const char *ref, enum lm_found *found,
	char *batch_id, struct lm_call *call, struct lm_err *err);
int lm_gemini_poll(struct lm_provider *provider, const char *batch_id, struct lm_batch_status *status, struct lm_call *call,
	struct lm_err *err);
int lm_gemini_fetch(struct lm_provider *provider, const char *ref, const char *path, uint64_t *bytes, struct lm_call *call,
	struct lm_err *err);
int lm_gemini_read(const struct lm_api *api, bool from_error_file, struct lm_answer *answer, struct lm_err *err);
