// Requirements with markers (PEP 508): the canonical form reads as itself, and judges alike.
#include "fuzz.h"
#include "python/requirement.h"

static const struct lm_marker_env linux_env = { .os_name = "posix",
	.sys_platform = "linux",
	.platform_machine = "x86_64",
	.platform_python_implementation = "CPython",
	.platform_release = "6.1.0",
	.platform_system = "Linux",
	.platform_version = "#1 SMP",
	.python_version = "3.11",
	.python_full_version = "3.11.11",
	.implementation_name = "cpython",
	.implementation_version = "3.11.11" };

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct lm_err err = {};
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	struct lm_requirement requirement = {}, again = {};
	LM_AUTO(lm_buf_release) struct lm_buf text = {}, twice = {};
	if (lm_requirement_parse((struct lm_str){ (const char *)bytes, len }, &arena, &requirement, &err) < 0) {
		FUZZ_MUST(err.code != LM_OK && err.text[0] != '\0');
		return 0;
	}
	fuzz_accepted = true;
	lm_requirement_format(&requirement, &text);
	FUZZ_MUST(lm_requirement_parse(lm_buf_view(&text), &arena, &again, &err) == 0);
	lm_requirement_format(&again, &twice);
	FUZZ_MUST(lm_str_equal(lm_buf_view(&text), lm_buf_view(&twice)));
	FUZZ_MUST((requirement.marker == nullptr) == (again.marker == nullptr));
	if (requirement.marker != nullptr)
		FUZZ_MUST(lm_marker_eval(requirement.marker, &linux_env) == lm_marker_eval(again.marker, &linux_env));
	return 0;
}
