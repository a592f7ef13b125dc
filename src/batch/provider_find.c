// Looking for a batch whose creation has an unknown outcome: page by page, and on from there when a call failed.
#include "batch/provider_parts.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

struct lm_search *
lm_search_new(void)
{
	return lm_alloc(sizeof(struct lm_search));
}

void
lm_search_free(struct lm_search *search)
{
	if (search != nullptr)
		lm_strings_release(&search->others);
	lm_free(search);
}

void
lm_search_match(struct lm_search *search, const char *id, bool dead)
{
	char ref[LM_PROVIDER_REF_MAX];

	if (!lm_ref_copy(ref, id) || (search->best[0] != '\0' && dead && !search->best_dead))
		return;
	if (search->best[0] != '\0' && !search->best_dead)
		lm_strings_add(&search->others, search->best);
	memcpy(search->best, ref, sizeof ref);
	search->best_dead = dead;
}

void
lm_search_candidate(struct lm_search *search, const char *id, int64_t created_s)
{
	size_t at = search->candidate_count;

	if (at < LM_COUNT(search->candidates) && lm_ref_copy(search->candidates[at].id, id))
		search->candidates[at].created_s = created_s;
	search->candidate_count++;
}

bool
lm_search_reached(struct lm_search *search, const char *place)
{
	search->steps++;
	if (place == nullptr || strlen(place) >= sizeof search->place)
		return false;
	(void)snprintf(search->place, sizeof search->place, "%s", place);
	return place[0] != '\0';
}

int
lm_search_page(struct lm_provider *provider, const char *path, const char *after, const struct lm_search *search, json_t **page,
	bool *more, struct lm_call *call, struct lm_err *err)
{
	bool first = search->place[0] == '\0';
	LM_AUTO(lm_free_ptr)
	char *whole =
		lm_format("%s?limit=100%s%s%s%s", path, first ? "" : "&", first ? "" : after, first ? "" : "=", search->place);
	const struct lm_api_call what = { .method = "GET", .path = whole };

	if (lm_api_json(provider, &what, page, call, err) < 0)
		return -1;
	const json_t *data = json_object_get(*page, "data");
	if (!json_is_array(data))
		return lm_api_nonsense(&what, call, err, "has no list 'data'");
	*more = json_is_true(json_object_get(*page, "has_more")) && json_array_size(data) > 0;
	return 0;
}

// All pages, or the rest of them.
static int
look_at_pages(struct lm_provider *provider, const struct lm_intent *intent, const char *ref, struct lm_search *search,
	struct lm_call *call, struct lm_err *err)
{
	for (; !search->ended && search->pages < LM_SEARCH_PAGES_MAX; search->pages++) {
		bool begun = search->place[0] != '\0';
		if (provider->api->look(provider, intent, ref, search, call, err) == 0)
			continue;
		if (begun && call->fate == LM_CALL_REFUSED) { // the place may be gone: it begins anew
			lm_strings_release(&search->others);
			*search = (struct lm_search){};
			call->fate = LM_CALL_LATER;
		}
		return -1;
	}
	return 0;
}

int
lm_provider_find(struct lm_provider *provider, const struct lm_intent *intent, const char *ref, struct lm_search *search,
	enum lm_found *found, char batch_id[LM_PROVIDER_REF_MAX], struct lm_call *call, struct lm_err *err)
{
	*call = (struct lm_call){};
	*found = LM_FOUND_NONE;
	batch_id[0] = '\0';
	if (look_at_pages(provider, intent, ref, search, call, err) < 0)
		return -1;
	*call = (struct lm_call){}; // what was not there is no failure
	lm_err_clear(err);
	for (size_t i = 0; i < search->others.count; i++) { // one that cannot be cancelled costs money, but does no harm
		struct lm_call ignored_call = {};
		struct lm_err ignored = {};
		(void)lm_provider_cancel(provider, search->others.items[i], &ignored_call, &ignored);
	}
	if (search->best[0] != '\0') {
		*found = LM_FOUND_ONE;
		memcpy(batch_id, search->best, sizeof search->best);
	} else if (search->candidate_count > 0 || !search->ended) {
		*found = LM_FOUND_CANNOT_TELL;
	}
	return 0;
}
