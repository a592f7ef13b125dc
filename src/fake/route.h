// Which call a method and a path are.
#pragma once

#include "base/base.h"
#include "fake/answer.h"

enum lm_fake_route {
	LM_FAKE_NO_ROUTE,
	LM_FAKE_FILES_CREATE,
	LM_FAKE_FILES_LIST,
	LM_FAKE_FILES_GET,
	LM_FAKE_FILES_CONTENT,
	LM_FAKE_FILES_DELETE,
	LM_FAKE_BATCHES_CREATE,
	LM_FAKE_BATCHES_LIST,
	LM_FAKE_BATCHES_GET,
	LM_FAKE_BATCHES_CANCEL,
	LM_FAKE_BATCHES_DELETE,
	LM_FAKE_BATCHES_RESULTS,
	LM_FAKE_UPLOAD_START,
	LM_FAKE_UPLOAD_DATA,
	LM_FAKE_CONTROL_FAULTS,
	LM_FAKE_CONTROL_LOG,
	LM_FAKE_CONTROL_ITEMS,
	LM_FAKE_CONTROL_SUMMARY,
	LM_FAKE_CONTROL_RESET,
};

// What is done with the body of a call.
enum lm_fake_body {
	LM_FAKE_BODY_SMALL, // kept in memory
	LM_FAKE_BODY_FILE,  // kept in a file
	LM_FAKE_BODY_FORM,  // multipart/form-data with a file
};

struct lm_fake_place {
	enum lm_fake_route route;
	enum lm_fake_api api;
	const char *name; // for rules and the log: "openai.batches.create"
	enum lm_fake_body body;
	uint64_t body_max;
};

// The place, or null. *id is the variable part of the path, yours to lm_free; null when there is none.
//   known  is set when the path is one of ours, with another method
const struct lm_fake_place *lm_fake_route_find(const char *method, const char *path, char **id, bool *known);
