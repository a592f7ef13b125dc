// Inside of cassettes. Only cassette*.c include it.
#pragma once

#include "base/str.h"
#include "batch/cassette.h"

#include <pthread.h>

#include <jansson.h>

struct lm_cassette_exchange {
	unsigned number;
	char *method, *path, *request; // request: the body
	size_t request_len;
	int status;
	char *headers; // of the answer, "name: value\n"
	bool given;
};

struct lm_cassette {
	pthread_mutex_t lock;
	char *folder, *api, *secret;
	struct lm_cassette_exchange *exchanges; // by number
	size_t count, cap;
	unsigned last_number;
};

// "<folder>/0001.<kind>"; yours to lm_free.
char *lm_cassette_file(const struct lm_cassette *cassette, unsigned number, const char *kind);
// Numbers of the exchanges that are there.
[[nodiscard]] int lm_cassette_numbers(struct lm_cassette *cassette, unsigned **numbers, size_t *count, struct lm_err *err);
// Which API the folder's cassette.json names. LM_E_NOT_FOUND: there is no such file.
[[nodiscard]] int lm_cassette_read_head(struct lm_cassette *cassette, struct lm_err *err);
// What the nearest recorded request is, and where this one differs: "; nearest is 0003: ...".
void lm_cassette_explain(
	const struct lm_cassette *cassette, const char *method, const char *path, struct lm_str body, struct lm_err *err);
