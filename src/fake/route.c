#include "fake/route.h"

#include "base/mem.h"
#include "base/str.h"
#include "fake/faults.h"
#include "fake/state.h"

#include <string.h>

enum { SMALL = 1 << 20, MARGIN = 1 << 20 };

#define OPENAI(name) LM_FAKE_OPENAI, "openai." name, LM_FAKE_BODY_SMALL, SMALL
#define ANTHROPIC(name) LM_FAKE_ANTHROPIC, "anthropic." name, LM_FAKE_BODY_SMALL, SMALL
#define GEMINI(name) LM_FAKE_GEMINI, "gemini." name, LM_FAKE_BODY_SMALL, SMALL
#define CONTROL(name) LM_FAKE_NO_API, "control." name, LM_FAKE_BODY_SMALL, SMALL

// "{}" stands for one part of a path without '/'. The first that matches is it.
static const struct {
	const char *method, *pattern;
	struct lm_fake_place place;
} routes[] = {
	{ "POST", "/v1/files",
		{ LM_FAKE_FILES_CREATE, LM_FAKE_OPENAI, "openai.files.create", LM_FAKE_BODY_FORM,
			LM_FAKE_OPENAI_MAX_BYTES + MARGIN } },
	{ "GET", "/v1/files", { LM_FAKE_FILES_LIST, OPENAI("files.list") } },
	{ "GET", "/v1/files/{}", { LM_FAKE_FILES_GET, OPENAI("files.get") } },
	{ "GET", "/v1/files/{}/content", { LM_FAKE_FILES_CONTENT, OPENAI("files.content") } },
	{ "DELETE", "/v1/files/{}", { LM_FAKE_FILES_DELETE, OPENAI("files.delete") } },
	{ "POST", "/v1/batches", { LM_FAKE_BATCHES_CREATE, OPENAI("batches.create") } },
	{ "GET", "/v1/batches", { LM_FAKE_BATCHES_LIST, OPENAI("batches.list") } },
	{ "GET", "/v1/batches/{}", { LM_FAKE_BATCHES_GET, OPENAI("batches.get") } },
	{ "POST", "/v1/batches/{}/cancel", { LM_FAKE_BATCHES_CANCEL, OPENAI("batches.cancel") } },
	{ "POST", "/v1/messages/batches",
		{ LM_FAKE_BATCHES_CREATE, LM_FAKE_ANTHROPIC, "anthropic.batches.create", LM_FAKE_BODY_FILE,
			LM_FAKE_ANTHROPIC_MAX_BYTES } },
	{ "GET", "/v1/messages/batches", { LM_FAKE_BATCHES_LIST, ANTHROPIC("batches.list") } },
	{ "GET", "/v1/messages/batches/{}", { LM_FAKE_BATCHES_GET, ANTHROPIC("batches.get") } },
	{ "GET", "/v1/messages/batches/{}/results", { LM_FAKE_BATCHES_RESULTS, ANTHROPIC("batches.results") } },
	{ "POST", "/v1/messages/batches/{}/cancel", { LM_FAKE_BATCHES_CANCEL, ANTHROPIC("batches.cancel") } },
	{ "DELETE", "/v1/messages/batches/{}", { LM_FAKE_BATCHES_DELETE, ANTHROPIC("batches.delete") } },
	{ "POST", "/v1beta/models/{}:batchGenerateContent",
		{ LM_FAKE_BATCHES_CREATE, LM_FAKE_GEMINI, "gemini.batches.create", LM_FAKE_BODY_FILE,
			LM_FAKE_GEMINI_INLINE_MAX_BYTES } },
	{ "GET", "/v1beta/batches", { LM_FAKE_BATCHES_LIST, GEMINI("batches.list") } },
	{ "POST", "/v1beta/batches/{}:cancel", { LM_FAKE_BATCHES_CANCEL, GEMINI("batches.cancel") } },
	{ "GET", "/v1beta/batches/{}", { LM_FAKE_BATCHES_GET, GEMINI("batches.get") } },
	{ "DELETE", "/v1beta/batches/{}", { LM_FAKE_BATCHES_DELETE, GEMINI("batches.delete") } },
	{ "POST", "/upload/v1beta/files", { LM_FAKE_UPLOAD_START, GEMINI("upload.start") } },
	{ "POST", "/upload/v1beta/files/{}",
		{ LM_FAKE_UPLOAD_DATA, LM_FAKE_GEMINI, "gemini.upload.data", LM_FAKE_BODY_FILE, LM_FAKE_GEMINI_MAX_BYTES } },
	{ "GET", "/v1beta/files", { LM_FAKE_FILES_LIST, GEMINI("files.list") } },
	{ "GET", "/v1beta/files/{}:download", { LM_FAKE_FILES_CONTENT, GEMINI("files.content") } },
	{ "GET", "/download/v1beta/files/{}:download", { LM_FAKE_FILES_CONTENT, GEMINI("files.content") } },
	{ "GET", "/v1beta/files/{}", { LM_FAKE_FILES_GET, GEMINI("files.get") } },
	{ "DELETE", "/v1beta/files/{}", { LM_FAKE_FILES_DELETE, GEMINI("files.delete") } },
	{ "POST", "/_control/faults", { LM_FAKE_CONTROL_FAULTS, CONTROL("faults") } },
	{ "GET", "/_control/log", { LM_FAKE_CONTROL_LOG, CONTROL("log") } },
	{ "GET", "/_control/items", { LM_FAKE_CONTROL_ITEMS, CONTROL("items") } },
	{ "GET", "/_control/summary", { LM_FAKE_CONTROL_SUMMARY, CONTROL("summary") } },
	{ "POST", "/_control/reset", { LM_FAKE_CONTROL_RESET, CONTROL("reset") } },
};

// Does the path follow the pattern? *id is what stands for "{}".
static bool
matches(const char *pattern, const char *path, struct lm_str *id)
{
	const char *hole = strstr(pattern, "{}");
	if (hole == nullptr)
		return strcmp(pattern, path) == 0;
	size_t before = (size_t)(hole - pattern), after = strlen(hole + 2), len = strlen(path);
	if (len <= before + after || strncmp(pattern, path, before) != 0 || strcmp(hole + 2, path + len - after) != 0)
		return false;
	*id = (struct lm_str){ path + before, len - before - after };
	return lm_str_find(*id, '/') == id->len;
}

const struct lm_fake_place *
lm_fake_route_find(const char *method, const char *path, char **id, bool *known)
{
	*known = false;
	for (size_t i = 0; i < LM_COUNT(routes); i++) {
		struct lm_str part = {};
		if (!matches(routes[i].pattern, path, &part))
			continue;
		*known = true;
		if (strcmp(routes[i].method, method) != 0)
			continue;
		if (part.len > 0)
			*id = lm_strndup(part.ptr, part.len);
		return &routes[i].place;
	}
	return nullptr;
}
