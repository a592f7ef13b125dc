// The public C API: a thin layer over the steps.
#include "lamina/lamina.h"
#include "lamina/version.h"

#include "base/mem.h"
#include "os/cancel.h"
#include "os/path.h"
#include "steps/check.h"
#include "steps/lock.h"
#include "steps/publish.h"

#include <string.h>

static const int64_t SOURCE_DATE_MAX_S = 8589934591; // what a tar can hold

struct lamina_stack {
	struct lm_project project;
	bool loaded;
	struct lm_err err;
	struct lm_buf diagnostics, answer;
	struct lm_arena arena; // copies of the options
	lamina_on_event *on_event;
	void *context;
};

const char *
lamina_version(void)
{
	return LAMINA_VERSION;
}

void
lamina_cancel(void)
{
	lm_cancel_request();
}

void
lamina_resume(void)
{
	lm_cancel_reset();
}

static_assert((int)LM_EVENT_BEGIN == (int)LAMINA_EVENT_BEGIN && (int)LM_EVENT_NOTE == (int)LAMINA_EVENT_NOTE);

static enum lamina_code
code_of(const struct lm_err *err)
{
	switch (err->code) {
	case LM_E_SPEC:
	case LM_E_USAGE:
		return LAMINA_INVALID;
	case LM_E_DIFFERENT:
		return LAMINA_DIFFERENT;
	case LM_E_INTEGRITY:
		return LAMINA_INTEGRITY;
	case LM_E_INTERRUPTED:
		return LAMINA_INTERRUPTED;
	default:
		return LAMINA_FAILED;
	}
}

static enum lamina_code
finish(struct lamina_stack *stack, int rc)
{
	lm_buf_clear(&stack->diagnostics);
	lm_diags_format(&stack->project.diags, &stack->diagnostics);
	if (rc < 0)
		return code_of(&stack->err);
	lm_err_clear(&stack->err);
	return LAMINA_OK;
}

static void
forward_event(void *context, const struct lm_event *event)
{
	const struct lamina_stack *stack = context;
	struct lamina_event out = { .kind = (enum lamina_event_kind)event->kind,
		.step = event->step,
		.subject = event->subject,
		.text = event->text,
		.done_bytes = event->done_bytes,
		.total_bytes = event->total_bytes };
	stack->on_event(stack->context, &out);
}

static const char *
copy(struct lamina_stack *stack, const char *text)
{
	return text == nullptr ? nullptr : lm_arena_strdup(&stack->arena, text);
}

static const char *
copy_absolute(struct lamina_stack *stack, const char *path)
{
	LM_AUTO(lm_free_ptr) char *absolute = lm_path_absolute(path);
	return copy(stack, absolute);
}

static size_t
list_length(const char *const *list)
{
	size_t count = 0;
	while (list != nullptr && list[count] != nullptr)
		count++;
	return count;
}

// Folders of a null-terminated list, absolute.
static const char *const *
copy_folders(struct lamina_stack *stack, const char *const *list, size_t *count)
{
	*count = list_length(list);
	const char **copies = lm_arena_alloc(&stack->arena, (*count + 1) * sizeof *copies);
	for (size_t i = 0; i < *count; i++)
		copies[i] = copy_absolute(stack, list[i]);
	return copies;
}

static struct lm_settings
make_settings(struct lamina_stack *stack, const struct lamina_options *options)
{
	const char *mirror = options->runtime_mirror;
	bool is_folder = mirror != nullptr && strstr(mirror, "://") == nullptr;
	struct lm_settings settings = { .store_root = copy_absolute(stack, options->store),
		.state_folder = copy_absolute(stack, options->state),
		.uv = copy(stack, options->uv),
		.runtime_mirror = is_folder ? copy_absolute(stack, mirror) : copy(stack, mirror),
		.ca_file = copy(stack, options->ca_file),
		.no_index = options->no_index != 0,
		.jobs = options->jobs,
		.has_source_date = options->has_source_date != 0,
		.source_date_s = options->source_date_s,
		.sink = { .emit = options->on_event == nullptr ? nullptr : forward_event, .context = stack } };
	settings.local_wheels = copy_folders(stack, options->local_wheels, &settings.local_wheel_count);
	settings.find_links = copy_folders(stack, options->find_links, &settings.find_link_count);
	stack->on_event = options->on_event;
	stack->context = options->context;
	return settings;
}

enum lamina_code
lamina_load(const char *spec_path, const struct lamina_options *options, struct lamina_stack **out)
{
	if (out == nullptr)
		return LAMINA_INVALID;
	struct lamina_stack *stack = *out = lm_alloc(sizeof *stack);
	(void)lm_cancel_fd(); // from now on lamina_cancel is safe in a signal handler
	if (spec_path == nullptr || options == nullptr || options->store == nullptr || options->state == nullptr) {
		(void)lm_err_set(&stack->err, LM_E_USAGE, "a spec, and the store and state folders are required");
		return LAMINA_INVALID;
	}
	if (options->has_source_date != 0 && (options->source_date_s < 0 || options->source_date_s > SOURCE_DATE_MAX_S)) {
		(void)lm_err_set(&stack->err, LM_E_USAGE, "source_date_s is %lld, not from 0 to %lld",
			(long long)options->source_date_s, (long long)SOURCE_DATE_MAX_S);
		return LAMINA_INVALID;
	}
	struct lm_settings settings = make_settings(stack, options);
	int rc = lm_project_load(&stack->project, spec_path, &settings, &stack->err);
	stack->loaded = rc == 0;
	return finish(stack, rc);
}

void
lamina_free(struct lamina_stack *stack)
{
	if (stack == nullptr)
		return;
	lm_project_release(&stack->project);
	lm_buf_release(&stack->diagnostics);
	lm_buf_release(&stack->answer);
	lm_arena_release(&stack->arena);
	lm_free(stack);
}

const char *
lamina_error(const struct lamina_stack *stack)
{
	return stack == nullptr ? "there is no stack" : stack->err.text;
}

const char *
lamina_diagnostics(const struct lamina_stack *stack)
{
	return stack == nullptr ? "" : lm_buf_cstr(&stack->diagnostics);
}

static void
answer(struct lamina_stack *stack, const json_t *document, const char **json)
{
	if (json == nullptr)
		return;
	lm_buf_clear(&stack->answer);
	lm_json_format(document, &stack->answer);
	*json = lm_buf_cstr(&stack->answer);
}

// A stack whose spec did not load can only say so again. json, where there is one, is null unless the call succeeds.
static bool
is_loaded(struct lamina_stack *stack, const char **json)
{
	if (json != nullptr)
		*json = nullptr;
	return stack != nullptr && stack->loaded;
}

static int
need_folder(struct lamina_stack *stack, const char *folder)
{
	if (folder != nullptr && folder[0] != '\0')
		return 0;
	return lm_err_set(&stack->err, LM_E_USAGE, "a folder is required");
}

enum lamina_code
lamina_status(struct lamina_stack *stack, const char **json)
{
	if (!is_loaded(stack, json))
		return LAMINA_INVALID;
	LM_AUTO(lm_json_decref_ptr)
	json_t *status = lm_status_json(&stack->project.spec, stack->project.locks, nullptr, nullptr);
	answer(stack, status, json);
	return finish(stack, 0);
}

// The layers to work on, unless we were asked to stop.
static int
choose(struct lamina_stack *stack, const char *const *include, enum lm_operation operation, unsigned *operations)
{
	struct lm_selection selection = { .include = include, .include_count = list_length(include) };
	if (lm_cancel_check(&stack->err) < 0)
		return -1;
	return lm_project_select(&stack->project, &selection, operation, operations, &stack->err);
}

static int
choose_platforms(struct lamina_stack *stack, const char *const *names, lm_platform_set *out, bool *only_known)
{
	*out = 0;
	for (size_t i = 0; names != nullptr && names[i] != nullptr; i++) {
		enum lm_platform platform = LM_LINUX_X86_64;
		if (lm_cstr_equal(names[i], "all")) {
			*out = LM_ALL_PLATFORMS;
			*only_known = true;
		} else if (lm_platform_parse(names[i], &platform)) {
			*out |= 1u << platform;
		} else {
			return lm_err_set(&stack->err, LM_E_USAGE, "there is no platform '%s'", names[i]);
		}
	}
	return 0;
}

static lm_platform_set
or_host(lm_platform_set platforms)
{
	return platforms != 0 ? platforms : 1u << lm_platform_host();
}

enum lamina_code
lamina_lock(struct lamina_stack *stack, const char *const *include, int only_if_needed)
{
	if (!is_loaded(stack, nullptr))
		return LAMINA_INVALID;
	LM_AUTO(lm_free_ptr) unsigned *operations = lm_alloc_array(stack->project.spec.layer_count, sizeof *operations);
	struct lm_lock_options options = { .operations = operations };
	int rc = choose(stack, include, only_if_needed != 0 ? LM_OP_LOCK_IF_NEEDED : LM_OP_LOCK, operations);
	if (rc == 0)
		rc = lm_step_lock(&stack->project, &options, &stack->err);
	return finish(stack, rc);
}

enum lamina_code
lamina_build(struct lamina_stack *stack, const char *folder, const char *const *include, const char *const *platforms)
{
	if (!is_loaded(stack, nullptr))
		return LAMINA_INVALID;
	LM_AUTO(lm_free_ptr) unsigned *operations = lm_alloc_array(stack->project.spec.layer_count, sizeof *operations);
	LM_AUTO(lm_outputs_release) struct lm_outputs outputs = {};
	struct lm_tree_options options = { .operations = operations, .operation = LM_OP_BUILD, .folder = folder };
	if (need_folder(stack, folder) < 0 || choose(stack, include, LM_OP_BUILD, operations) < 0 ||
		choose_platforms(stack, platforms, &options.platforms, &options.only_known) < 0)
		return finish(stack, -1);
	options.platforms = or_host(options.platforms);
	return finish(stack, lm_step_trees(&stack->project, &options, &outputs, &stack->err));
}

enum lamina_code
lamina_publish(struct lamina_stack *stack, const char *folder, const char *const *include, const char *const *platforms,
	const char *format, const char **json)
{
	if (!is_loaded(stack, json))
		return LAMINA_INVALID;
	LM_AUTO(lm_free_ptr) unsigned *operations = lm_alloc_array(stack->project.spec.layer_count, sizeof *operations);
	LM_AUTO(lm_outputs_release) struct lm_outputs outputs = {};
	struct lm_publish_options options = {
		.operations = operations, .folder = folder, .has_format = format != nullptr, .level = LM_LEVEL_DEFAULT
	};
	if (need_folder(stack, folder) < 0 || choose(stack, include, LM_OP_PUBLISH, operations) < 0 ||
		choose_platforms(stack, platforms, &options.platforms, &options.only_known) < 0)
		return finish(stack, -1);
	options.platforms = or_host(options.platforms);
	if (format != nullptr && !lm_format_parse(format, &options.format))
		return finish(stack, lm_err_set(&stack->err, LM_E_USAGE, "there is no format '%s'", format));
	int rc = lm_step_publish(&stack->project, &options, &outputs, &stack->err);
	if (rc == 0)
		answer(stack, outputs.manifests, json);
	return finish(stack, rc);
}

enum lamina_code
lamina_check(struct lamina_stack *stack, const char *expected, const char *const *include, const char *const *platforms,
	const char **json)
{
	if (!is_loaded(stack, json))
		return LAMINA_INVALID;
	LM_AUTO(lm_free_ptr) unsigned *operations = lm_alloc_array(stack->project.spec.layer_count, sizeof *operations);
	LM_AUTO(lm_json_decref_ptr) json_t *report = nullptr;
	struct lm_check_options options = { .expected = expected,
		.operations = operations,
		.all_layers = list_length(include) == 0,
		.level = LM_LEVEL_DEFAULT };
	bool equal = false;
	if (need_folder(stack, expected) < 0 || choose(stack, include, LM_OP_PUBLISH, operations) < 0 ||
		choose_platforms(stack, platforms, &options.platforms, &options.only_known) < 0 ||
		lm_step_check(&stack->project, &options, &report, &equal, &stack->err) < 0)
		return finish(stack, -1);
	answer(stack, report, json);
	return equal ? finish(stack, 0)
		     : finish(stack, lm_err_set(&stack->err, LM_E_DIFFERENT, "what was built differs from '%s'", expected));
}
