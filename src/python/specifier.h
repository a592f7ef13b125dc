// One clause of a specifier set (">=1.2"), for the parsers of this module; others use version.h.
#pragma once

#include "python/scan.h"
#include "python/version.h"

enum lm_operator {
	LM_OPERATOR_NONE,
	LM_OPERATOR_ARBITRARY,  // ===
	LM_OPERATOR_EQUAL,      // ==
	LM_OPERATOR_COMPATIBLE, // ~=
	LM_OPERATOR_NOT_EQUAL,  // !=
	LM_OPERATOR_AT_MOST,    // <=
	LM_OPERATOR_AT_LEAST,   // >=
	LM_OPERATOR_BELOW,      // <
	LM_OPERATOR_ABOVE,      // >
};

struct lm_specifier {
	enum lm_operator operator;
	bool prefix;               // "==1.2.*"
	struct lm_version version; // not for ===
	struct lm_str text;        // of the version; borrowed
};

// Over the operator that is next, if any.
enum lm_operator lm_operator_scan(struct lm_scan *scan);
const char *lm_operator_text(enum lm_operator operator); // "=="

// LM_E_SYNTAX: why `version` cannot follow the operator. `version` has no white space around it.
[[nodiscard]] int lm_specifier_parse(
	enum lm_operator operator, struct lm_str version, struct lm_specifier *out, struct lm_err *err);
bool lm_specifier_match(const struct lm_specifier *specifier, const struct lm_version *version);
