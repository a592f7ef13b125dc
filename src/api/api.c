// The public C API: a thin layer over the steps.
#include "lamina/lamina.h"
#include "lamina/version.h"

#include "base/mem.h"
#include "os/cancel.h"
#include "os/path.h"
#include "steps/lock.h"
#include "steps/publish.h"

#include <string.h>

struct lamina_stack {
	struct lm_project project;
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
	struct lamina_event out = { .kind = (int)event->kind,
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

static struct lm_settings
make_settings(struct lamina_stack *stack, const struct lamina_options *options)
{
	size_t count = list_length(options->local_wheels);
	const char **wheels = lm_arena_alloc(&stack->arena, (count + 1) * sizeof *wheels);
	for (size_t i = 0; i < count; i++)
		wheels[i] = copy_absolute(stack, options->local_wheels[i]);
	stack->on_event = options->on_event;
	stack->context = options->context;
	return (struct lm_settings){ .store_root = copy_absolute(stack, options->store),
		.state_folder = copy_absolute(stack, options->state),
		.uv = copy(stack, options->uv),
		.runtime_mirror = copy(stack, options->runtime_mirror),
		.local_wheels = wheels,
		.local_wheel_count = count,
		.no_index = options->no_index != 0,
		.jobs = options->jobs,
		.sink = { .emit = options->on_event == nullptr ? nullptr : forward_event, .context = stack } };
}

enum lamina_code
lamina_load(const char *spec_path, const struct lamina_options *options, struct lamina_stack **out)
{
	struct lamina_stack *stack = *out = lm_alloc(sizeof *stack);
	if (spec_path == nullptr || options == nullptr || options->store == nullptr || options->state == nullptr) {
		(void)lm_err_set(&stack->err, LM_E_USAGE, "a spec, and the store and state folders are required");
		return LAMINA_INVALID;
	}
	struct lm_settings settings = make_settings(stack, options);
	return finish(stack, lm_project_load(&stack->project, spec_path, &settings, &stack->err));
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
	return stack->err.text;
}

const char *
lamina_diagnostics(const struct lamina_stack *stack)
{
	return lm_buf_cstr(&stack->diagnostics);
}

static const char *
answer(struct lamina_stack *stack, const json_t *document)
{
	lm_buf_clear(&stack->answer);
	lm_json_format(document, &stack->answer);
	return lm_buf_cstr(&stack->answer);
}

// A stack whose spec did not load can only say so again.
static bool
is_loaded(struct lamina_stack *stack)
{
	if (stack->project.locks != nullptr && stack->project.diags.errors == 0)
		return true;
	if (stack->err.code == LM_OK)
		(void)lm_err_set(&stack->err, LM_E_USAGE, "the stack is not loaded");
	return false;
}

enum lamina_code
lamina_status(struct lamina_stack *stack, const char **json)
{
	if (!is_loaded(stack))
		return LAMINA_INVALID;
	LM_AUTO(lm_json_decref_ptr) json_t *status = lm_status_json(&stack->project.spec, stack->project.locks, nullptr, nullptr);
	*json = answer(stack, status);
	return finish(stack, 0);
}

static int
choose(struct lamina_stack *stack, const char *const *include, enum lm_operation operation, unsigned *operations)
{
	struct lm_selection selection = { .include = include, .include_count = list_length(include) };
	return lm_project_select(&stack->project, &selection, operation, operations, &stack->err);
}

static int
choose_platforms(struct lamina_stack *stack, const char *const *names, lm_platform_set *out)
{
	*out = names == nullptr ? 1u << lm_platform_host() : 0;
	for (size_t i = 0; names != nullptr && names[i] != nullptr; i++) {
		enum lm_platform platform = LM_LINUX_X86_64;
		if (!lm_platform_parse(names[i], &platform))
			return lm_err_set(&stack->err, LM_E_USAGE, "there is no platform '%s'", names[i]);
		*out |= 1u << platform;
	}
	return 0;
}

enum lamina_code
lamina_lock(struct lamina_stack *stack, const char *const *include, int only_if_needed)
{
	if (!is_loaded(stack))
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
	if (!is_loaded(stack))
		return LAMINA_INVALID;
	LM_AUTO(lm_free_ptr) unsigned *operations = lm_alloc_array(stack->project.spec.layer_count, sizeof *operations);
	LM_AUTO(lm_outputs_release) struct lm_outputs outputs = {};
	struct lm_tree_options options = { .operations = operations, .operation = LM_OP_BUILD, .folder = folder };
	int rc = choose(stack, include, LM_OP_BUILD, operations);
	if (rc == 0)
		rc = choose_platforms(stack, platforms, &options.platforms);
	if (rc == 0)
		rc = lm_step_trees(&stack->project, &options, &outputs, &stack->err);
	return finish(stack, rc);
}

enum lamina_code
lamina_publish(struct lamina_stack *stack, const char *folder, const char *const *include, const char *const *platforms,
	const char *format, const char **json)
{
	if (!is_loaded(stack))
		return LAMINA_INVALID;
	LM_AUTO(lm_free_ptr) unsigned *operations = lm_alloc_array(stack->project.spec.layer_count, sizeof *operations);
	LM_AUTO(lm_outputs_release) struct lm_outputs outputs = {};
	struct lm_publish_options options = {
		.operations = operations, .folder = folder, .has_format = format != nullptr, .level = LM_LEVEL_DEFAULT
	};
	int rc = choose(stack, include, LM_OP_PUBLISH, operations);
	if (rc == 0)
		rc = choose_platforms(stack, platforms, &options.platforms);
	if (rc == 0 && format != nullptr && !lm_format_parse(format, &options.format))
		rc = lm_err_set(&stack->err, LM_E_USAGE, "there is no format '%s'", format);
	if (rc == 0)
		rc = lm_step_publish(&stack->project, &options, &outputs, &stack->err);
	if (rc == 0 && json != nullptr)
		*json = answer(stack, outputs.manifests);
	return finish(stack, rc);
}
