// Inside of the echo provider.
#pragma once

#include "batch/provider_parts.h"

// Append an instance of a schema: the smallest sensible one, with the prompt for texts. What the schema says that is not
// understood here is passed over.
//   prompt  the inside of a JSON string
void lm_echo_instance(struct lm_json_value schema, struct lm_str prompt, struct lm_buf *out);
