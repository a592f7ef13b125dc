// What tests ask the provider itself.
#pragma once

#include "fake/call.h"
#include "fake/log.h"

struct lm_fake_control {
	struct lm_fake_state *state;
	struct lm_fake_log *log;
	struct lm_str faults; // those of the start, for a reset
};

// For everything but a reset.
void lm_fake_control(const struct lm_fake_control *control, struct lm_fake_call *call, struct lm_fake_reply *reply);
// Nobody else may use the state meanwhile.
void lm_fake_control_reset(const struct lm_fake_control *control, struct lm_fake_reply *reply);
