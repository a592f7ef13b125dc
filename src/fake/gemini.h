// Files of Gemini's developer API.
#pragma once

#include "fake/call.h"

void lm_fake_gemini_files(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply);
// A part of an upload came, and then the connection broke: it counts.
void lm_fake_gemini_broken_upload(struct lm_fake_state *state, struct lm_fake_call *call);
