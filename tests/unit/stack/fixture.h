// A spec from text, and layers locked as the lock step does it.
#pragma once

#include "rows.h"

#include "stack/lock_state.h"
#include "stack/manifest.h"
#include "stack/spec.h"

enum { MAX_LAYERS = 8 };

#define PYLOCK(name) \
	"lock-version = \"1.0\"\ncreated-by = \"lamina\"\n\n[[packages]]\nname = \"" name \
	"\"\nversion = \"1.0\"\nwheels = [{ name = \"" name "-1.0-py3-none-any.whl\", hashes = { sha256 = " \
	"\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\" } }]\n"

struct stack {
	struct lm_spec spec;
	struct lm_diags diags;
	struct lm_layer_lock locks[MAX_LAYERS];
	const char *pylock[MAX_LAYERS];     // files of each layer; null: none
	char *meta[MAX_LAYERS];
	const char *module_hash[MAX_LAYERS]; // null: ""
};

[[maybe_unused]] static void
stack_parse(struct stack *stack, const char *text)
{
	lm_spec_release(&stack->spec);
	lm_spec_parse("some/folder/venvstacks.toml", lm_str_of(text), &stack->spec, &stack->diags);
	struct lm_buf out = {};
	lm_diags_format(&stack->diags, &out);
	if (stack->diags.errors != 0)
		fail_msg("the test's spec is invalid:\n%s", out.ptr);
	lm_buf_release(&out);
	assert_true(stack->spec.layer_count <= MAX_LAYERS);
}

[[maybe_unused]] static const char *
stack_module_hash(const struct stack *stack, size_t i)
{
	return stack->module_hash[i] == nullptr ? "" : stack->module_hash[i];
}

[[maybe_unused]] static void
stack_judge(struct stack *stack)
{
	for (size_t i = 0; i < stack->spec.layer_count; i++)
		lm_layer_lock_judge(&stack->spec, i, stack->locks, stack->pylock[i], stack->meta[i],
			stack_module_hash(stack, i), &stack->diags, "pylock.toml", "meta.json");
}

// Lock layer i: `pylock` is what the resolver gave.
[[maybe_unused]] static void
stack_lock(struct stack *stack, size_t i, const char *pylock, const char *now)
{
	struct lm_layer_lock *lock = &stack->locks[i];
	struct lm_lock_meta next;
	struct lm_buf text = {};

	stack_judge(stack);
	lm_lock_meta_next(
		&stack->spec.layers[i], lock->present ? &lock->meta : nullptr, &lock->inputs, lm_str_of(pylock), now, &next);
	lm_lock_meta_format(&next, &text);
	stack->pylock[i] = pylock;
	lm_free(stack->meta[i]);
	stack->meta[i] = lm_strdup(text.ptr);
	lm_buf_release(&text);
	stack_judge(stack);
}

[[maybe_unused]] static void
stack_release(struct stack *stack)
{
	for (size_t i = 0; i < MAX_LAYERS; i++) {
		lm_layer_lock_release(&stack->locks[i]);
		lm_free(stack->meta[i]);
	}
	lm_spec_release(&stack->spec);
	lm_diags_release(&stack->diags);
}
