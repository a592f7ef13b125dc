#include "batch/config.h"

enum : uint64_t { LM_BATCH_BYTES_DEFAULT = 150ULL << 20 };

// OpenAI API reference "Batch" (50,000 requests, 200 MB); Anthropic "Message Batches" (100,000, 256 MB); Gemini "Batch API" (files of 2 GB,
// inline requests of 20 MB together; it names no number of requests).
static const struct {
	uint64_t requests, bytes;
} provider_limits[] = {
	[LM_PROVIDER_OPENAI] = { 50'000, 200'000'000 },
	[LM_PROVIDER_ANTHROPIC] = { 100'000, 256'000'000 },
	[LM_PROVIDER_GEMINI] = { 100'000, 2'000'000'000 },
	[LM_PROVIDER_ECHO] = { 50'000, 200'000'000 },
	[LM_PROVIDER_REPLAY] = { 50'000, 200'000'000 },
};
static const uint64_t gemini_inline_bytes = 20'000'000;

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
lm_batch_max_requests(const struct lm_batch_config *config)
{
	uint64_t limit = provider_limits[config->provider].requests;
	return config->max_requests == 0 ? limit : smaller(config->max_requests, limit);
}

uint64_t
lm_batch_max_bytes(const struct lm_batch_config *config)
{
	uint64_t limit = provider_limits[config->provider].bytes;
	if (config->provider == LM_PROVIDER_GEMINI && lm_cstr_equal(config->gemini_input_mode, "inline"))
		limit = gemini_inline_bytes;
	return smaller(config->max_file_bytes == 0 ? LM_BATCH_BYTES_DEFAULT : config->max_file_bytes, limit);
}

uint64_t
lm_batch_tokens(const struct lm_batch_config *config, uint64_t bytes)
{
	uint64_t per = config->bytes_per_token == 0 ? 1 : config->bytes_per_token;
	return bytes / per + (bytes % per != 0);
}
