// A provider of batch APIs for tests and dry runs: a server on loopback that speaks to clients of OpenAI, Anthropic and Gemini, with
// faults on demand. What it speaks and what can go wrong is in docs/fake-provider.md.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

struct lm_fake_options {
	uint16_t port; // 0: any that is free
	const char *folder; // for what is kept meanwhile; a temporary folder is made in it
	const char *log; // a file that gets a line per call, made or replaced; null: kept in the temporary folder
	struct lm_str faults; // a document of faults and settings; empty: none
	uint64_t latency_ms; // before each answer, besides what the document says
};

struct lm_fake; // opaque: threads of its own

// Listen on 127.0.0.1. LM_E_SYNTAX, LM_E_LIMIT (the faults), LM_E_IO.
[[nodiscard]] int lm_fake_start(const struct lm_fake_options *options, struct lm_fake **out, struct lm_err *err);
uint16_t lm_fake_port(const struct lm_fake *fake);
void lm_fake_stop(struct lm_fake *fake); // open connections are cut; the temporary folder goes. Null is fine.
