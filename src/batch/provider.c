// Providers: making one, and the way from each call to the API that is meant.
#include "batch/provider_parts.h"

#include "base/mem.h"
#include "batch/cassette.h"

#include <stdio.h>
#include <string.h>

static const struct lm_api *const apis[] = {
	[LM_PROVIDER_OPENAI] = &lm_api_openai,
	[LM_PROVIDER_ANTHROPIC] = &lm_api_anthropic,
	[LM_PROVIDER_GEMINI] = &lm_api_gemini,
	[LM_PROVIDER_ECHO] = &lm_api_echo,
};

static void
cut_end(char *text, const char *end)
{
	if (lm_cstr_ends(text, end))
		text[strlen(text) - strlen(end)] = '\0';
}

// "https://host/v1/" -> "https://host": people write it both ways.
static char *
make_base_url(const struct lm_api *api, const char *given)
{
	char *url = lm_strdup(given == nullptr ? api->base_url : given);

	while (lm_cstr_ends(url, "/"))
		cut_end(url, "/");
	cut_end(url, api->version);
	while (lm_cstr_ends(url, "/"))
		cut_end(url, "/");
	return url;
}

static int
set_key(struct lm_provider *provider, const char *key, struct lm_err *err)
{
	if (key == nullptr || key[0] == '\0' || provider->api->auth == nullptr)
		return 0;
	if (strpbrk(key, "\r\n") != nullptr)
		return lm_err_set(err, LM_E_USAGE, "the API key has a line break in it");
	const struct lm_str bare = lm_str_trim(lm_str_of(key)); // what servers see of it, and repeat
	provider->secret = lm_format("%.*s", LM_STR_ARG(bare));
	provider->auth_header = lm_format("%s%s", provider->api->auth, provider->secret);
	return 0;
}

static int
set_templates(struct lm_provider *provider, const struct lm_batch_config *config, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf with = {}, without = {};

	if (provider->api->render(config, true, &with, err) < 0 || provider->api->render(config, false, &without, err) < 0)
		return -1;
	lm_template_make(&provider->with_system, lm_strdup(lm_buf_cstr(&with)));
	lm_template_make(&provider->without_system, lm_strdup(lm_buf_cstr(&without)));
	return 0;
}

// A cassette says which API it speaks.
static int
choose_api(struct lm_provider *provider, const struct lm_batch_config *config, struct lm_err *err)
{
	if (config->provider != LM_PROVIDER_REPLAY) {
		provider->api = apis[config->provider];
		return 0;
	}
	if (config->cassette == nullptr)
		return lm_err_set(err, LM_E_USAGE, "the provider 'replay' needs a cassette");
	if (lm_cassette_open(&provider->cassette, config->cassette, err) < 0)
		return -1;
	provider->replays = true;
	for (size_t i = 0; i < LM_COUNT(apis); i++)
		if (lm_cstr_equal(apis[i]->name, lm_cassette_api(provider->cassette)) && apis[i] != &lm_api_echo)
			provider->api = apis[i];
	if (provider->api != nullptr)
		return 0;
	return lm_err_set(err, LM_E_SYNTAX, "the cassette '%s' speaks '%s', which is no API that is known", config->cassette,
		lm_cassette_api(provider->cassette));
}

static char *
copy(const char *text)
{
	return text == nullptr ? nullptr : lm_strdup(text);
}

static int
fill(struct lm_provider *provider, const struct lm_batch_config *config, const struct lm_provider_secrets *secrets,
	struct lm_err *err)
{
	if (choose_api(provider, config, err) < 0)
		return -1;
	provider->base_url = make_base_url(provider->api, config->base_url);
	provider->model = copy(config->model);
	provider->endpoint = copy(config->endpoint);
	provider->completion_window = copy(config->completion_window);
	provider->gemini_input_mode = copy(config->gemini_input_mode);
	provider->timeout_ms = config->request_timeout_ms;
	provider->client = lm_http_client_new();
	if (set_key(provider, secrets == nullptr ? nullptr : secrets->api_key, err) < 0)
		return -1;
	return set_templates(provider, config, err);
}

int
lm_provider_new(struct lm_provider **out, const struct lm_batch_config *config, const struct lm_provider_secrets *secrets,
	struct lm_err *err)
{
	LM_AUTO(lm_provider_free_ptr) struct lm_provider *provider = lm_alloc(sizeof *provider);

	if (fill(provider, config, secrets, err) < 0)
		return -1;
	*out = lm_take(&provider);
	return 0;
}

int
lm_provider_record(struct lm_provider *provider, const char *folder, struct lm_err *err)
{
	if (provider->cassette != nullptr || provider->api == &lm_api_echo)
		return lm_err_set(err, LM_E_USAGE, "only calls over the network can be recorded");
	return lm_cassette_record(&provider->cassette, folder, provider->api->name, provider->secret, err);
}

void
lm_provider_free(struct lm_provider *provider)
{
	if (provider == nullptr)
		return;
	lm_template_release(&provider->with_system);
	lm_template_release(&provider->without_system);
	lm_http_client_free(provider->client);
	lm_cassette_close(provider->cassette);
	lm_free(provider->base_url);
	lm_free(provider->model);
	lm_free(provider->endpoint);
	lm_free(provider->completion_window);
	lm_free(provider->gemini_input_mode);
	lm_free(provider->secret);
	lm_free(provider->auth_header);
	lm_free(provider);
}

void
lm_provider_free_ptr(struct lm_provider **provider)
{
	lm_provider_free(*provider);
}

void
lm_provider_render(const struct lm_provider *provider, const struct lm_request *request, struct lm_buf *out)
{
	lm_template_fill(request->system.ptr == nullptr ? &provider->without_system : &provider->with_system, request, out);
}

int
lm_provider_upload(struct lm_provider *provider, const char *path, const struct lm_intent *intent,
	char ref[LM_PROVIDER_REF_MAX], struct lm_call *call, struct lm_err *err)
{
	*call = (struct lm_call){};
	ref[0] = '\0';
	if (provider->api->upload == nullptr)
		return 0;
	return provider->api->upload(provider, path, intent, ref, call, err);
}

int
lm_provider_create(struct lm_provider *provider, const char *path, const char *ref, const struct lm_intent *intent,
	char batch_id[LM_PROVIDER_REF_MAX], struct lm_call *call, struct lm_err *err)
{
	*call = (struct lm_call){};
	batch_id[0] = '\0';
	return provider->api->create(provider, path, ref, intent, batch_id, call, err);
}

int
lm_provider_poll(struct lm_provider *provider, const char *batch_id, struct lm_batch_status *status, struct lm_call *call,
	struct lm_err *err)
{
	*call = (struct lm_call){};
	*status = (struct lm_batch_status){};
	return provider->api->poll(provider, batch_id, status, call, err);
}

int
lm_provider_fetch(struct lm_provider *provider, const char *ref, const char *path, uint64_t *bytes, struct lm_call *call,
	struct lm_err *err)
{
	*call = (struct lm_call){};
	*bytes = 0;
	return (provider->api->fetch == nullptr ? lm_api_fetch : provider->api->fetch)(provider, ref, path, bytes, call, err);
}

// A call about one thing of which only the outcome counts.
static int
call_about(struct lm_provider *provider, const struct lm_api_place *place, const char *name, struct lm_api_call what,
	struct lm_call *call, struct lm_err *err)
{
	LM_AUTO(lm_http_answer_release) struct lm_http_answer answer = {};
	*call = (struct lm_call){};
	if (place->before == nullptr || name == nullptr || name[0] == '\0')
		return 0;
	LM_AUTO(lm_free_ptr) char *path = lm_format("%s%s%s", place->before, name, place->after);
	what.path = path;
	return lm_api_do(provider, &what, &answer, call, err);
}

int
lm_provider_cancel(struct lm_provider *provider, const char *batch_id, struct lm_call *call, struct lm_err *err)
{
	const struct lm_http_piece body = { .bytes = lm_str_of(provider->api->cancel_body) };
	const struct lm_api_call what = {
		.method = "POST",
		.headers = { "Content-Type: application/json" },
		.pieces = &body,
		.piece_count = body.bytes.len > 0,
	};
	return call_about(provider, &provider->api->cancel_at, batch_id, what, call, err);
}

int
lm_provider_forget(struct lm_provider *provider, const char *ref, struct lm_call *call, struct lm_err *err)
{
	return call_about(provider, &provider->api->file_at, ref, (struct lm_api_call){ .method = "DELETE" }, call, err);
}
