#include "fixture.h"

static const char spec_text[] = "[[runtimes]]\n"
				"name = \"py\"\n"
				"python_implementation = \"cpython@3.12.9\"\n"
				"requirements = []\n"
				"platforms = [\"linux_x86_64\", \"win_amd64\"]\n"
				"[[frameworks]]\n"
				"name = \"fw\"\n"
				"runtime = \"py\"\n"
				"versioned = true\n"
				"requirements = [\"Num_Py>=2, <3\", \"scipy[B,a]; python_version >= '3.9'\"]\n"
				"[[applications]]\n"
				"name = \"app\"\n"
				"frameworks = [\"fw\"]\n"
				"versioned = true\n"
				"launch_module = \"app.py\"\n"
				"requirements = []\n"
				"[tool.lamina]\n"
				"lock_urls = false\n"
				"[[tool.lamina.runtime_archives]]\n"
				"implementation = \"cpython@3.12.9\"\n"
				"platform = \"win_amd64\"\n"
				"path = \"w.tar\"\n"
				"sha256 = \"1111111111111111111111111111111111111111111111111111111111111111\"\n"
				"[[tool.lamina.runtime_archives]]\n"
				"implementation = \"cpython@3.12.9\"\n"
				"platform = \"linux_x86_64\"\n"
				"url = \"https://example.com/l.tar\"\n"
				"sha256 = \"2222222222222222222222222222222222222222222222222222222222222222\"\n"
				"[tool.uv]\n"
				"exclude-newer = \"2026-06-01T00:00:00Z\"\n";

enum { PY, FW, APP };

// spec_text with one piece replaced; yours to lm_free.
static char *
changed(const char *from, const char *to)
{
	struct lm_buf out = {};
	const char *at = strstr(spec_text, from);
	assert_non_null(at);
	lm_buf_append(&out, spec_text, (size_t)(at - spec_text));
	lm_buf_text(&out, to);
	lm_buf_text(&out, at + strlen(from));
	return out.ptr;
}

static void
lock_all(struct stack *stack)
{
	stack_parse(stack, spec_text);
	stack->module_hash[APP] = "sha256:m1";
	stack_lock(stack, PY, PYLOCK("pip"), "2026-06-01T00:00:00Z");
	stack_lock(stack, FW, PYLOCK("numpy"), "2026-06-01T00:00:00Z");
	stack_lock(stack, APP, PYLOCK("app"), "2026-06-01T00:00:00Z");
}

// The hashes as docs/formats/lock.md defines them, computed with Python's hashlib.
static void
inputs_are_as_documented(void **state)
{
	(void)state;
	struct stack stack = {};
	lock_all(&stack);
	assert_string_equal(stack.locks[PY].inputs.lock_input_hash,
		"sha256:7d0aa46e984969c167806a5777044a75f984ef467157705a758ff6cc31178657");
	assert_string_equal(stack.locks[PY].inputs.other_inputs_hash,
		"sha256:782ba5ecf648956b99a5210a8cc8adaf2ce414541531afa0ce102982c8815b8e");
	assert_string_equal(stack.locks[PY].inputs.version_inputs_hash,
		"sha256:34d8dbc63f057058a71f7254c3ec04735c0e5e5a38bf4ea9ff58d4155ebbfc4d");
	assert_string_equal(stack.locks[FW].inputs.lock_input_hash,
		"sha256:6d23664f6d47e90627a4257d5a6f47adf47939f6542e1321f8b17f348fd4bd0b");
	assert_string_equal(stack.locks[FW].inputs.other_inputs_hash,
		"sha256:d5d557618e5bede369cedf4309c749fb9e1fdcddb3e30ff8ac8f5209ce294046");
	assert_string_equal(stack.locks[APP].inputs.other_inputs_hash,
		"sha256:c2df5165aa79a1d8ebdbe610dcb1672513d502f15630f39853cf682f895ad4e0");
	assert_string_equal(stack.locks[APP].inputs.version_inputs_hash,
		"sha256:3e15c8bf947934f57ec8b77001e95fdeea6e66069ca29149cc6066911b60e444");
	stack_release(&stack);
}

static void
valid_after_locking(void **state)
{
	(void)state;
	static const char *const targets[] = { "py", "framework-fw@1", "app-app@1" };
	struct stack stack = {};
	lock_all(&stack);
	for (size_t i = 0; i < 3; i++) {
		row_true(targets[i], stack.locks[i].present && stack.locks[i].valid && !stack.locks[i].needs_resolve);
		row_str_equal(targets[i], stack.locks[i].reason, nullptr);
		row_str_equal(targets[i], stack.locks[i].install_target, targets[i]);
		row_int_equal(targets[i], stack.locks[i].pylock.package_count, 1);
	}
	assert_int_equal(stack.diags.count, 0);
	stack_release(&stack);
}

struct verdict {
	const char *reason; // null: valid
	bool needs_resolve;
};
#define VALID { nullptr, false }
#define LOWER { "a lower layer has no valid lock", true }
#define OTHER { "its platforms, indexes or lower layers changed", true }
#define REQUIREMENTS { "its requirements changed", true }
#define VERSION { "its modules or the version of a lower layer changed", false }

static void
check_verdicts(const char *row, const struct stack *stack, const struct verdict want[3])
{
	for (size_t i = 0; i < 3; i++) {
		const struct lm_layer_lock *lock = &stack->locks[i];
		row_str_equal(row, lock->reason, want[i].reason);
		row_true(row, lock->present);
		row_int_equal(row, lock->valid, want[i].reason == nullptr);
		row_int_equal(row, lock->needs_resolve, want[i].needs_resolve);
	}
}

static void
spec_changes(void **state)
{
	(void)state;
	static const struct {
		const char *row, *from, *to;
		struct verdict want[3];
	} rows[] = {
		{ "spelling of requirements", "Num_Py>=2, <3", "num-py >=2,<3", { VALID, VALID, VALID } },
		{ "order of requirements", "\"Num_Py>=2, <3\", \"scipy[B,a]; python_version >= '3.9'\"",
			"\"scipy[A,b] ; python_version>='3.9'\", \"num.py >= 2, <3\"", { VALID, VALID, VALID } },
		{ "requirement", "<3", "<4", { VALID, REQUIREMENTS, LOWER } },
		{ "marker", "3.9", "3.10", { VALID, REQUIREMENTS, LOWER } },
		{ "maintenance release", "cpython@3.12.9\"\nreq", "cpython@3.12.10\"\nreq", { OTHER, LOWER, LOWER } },
		{ "platform", "\"linux_x86_64\", ", "", { OTHER, LOWER, LOWER } },
		{ "glibc", "platforms", "linux_target = \"glibc@2.17\"\nplatforms", { OTHER, LOWER, LOWER } },
		{ "archive digest", "22", "23", { OTHER, LOWER, LOWER } },
		{ "archive URL without lock_urls", "example.com", "example.org", { VALID, VALID, VALID } },
		{ "archive path", "w.tar", "v.tar", { VALID, VALID, VALID } },
		{ "lock_urls", "lock_urls = false", "lock_urls = true", { OTHER, LOWER, LOWER } },
		{ "exclude-newer", "2026-06", "2026-07", { OTHER, LOWER, LOWER } },
		{ "exclude-newer in other words", "\"2026-06-01T00:00:00Z\"", "\"2026-06-01\"", { VALID, VALID, VALID } },
		{ "find-links", "[tool.uv]\n", "[tool.uv]\nfind-links = [\"w\"]\n", { OTHER, LOWER, LOWER } },
		{ "no-index", "[tool.uv]\n", "[tool.uv]\nno-index = true\n", { OTHER, LOWER, LOWER } },
		{ "constraints", "[tool.uv]\n", "[tool.uv]\nconstraint-dependencies = [\"x<2\"]\n", { OTHER, LOWER, LOWER } },
		{ "own platforms", "versioned = true\nlaunch", "versioned = true\nplatforms = [\"win_amd64\"]\nlaunch",
			{ VALID, VALID, OTHER } },
		{ "own implies lower: unversioned framework", "versioned = true\nrequirements", "requirements",
			{ VALID, VALID, VERSION } },
		{ "dynlib_exclude", "versioned = true\nrequirements",
			"versioned = true\ndynlib_exclude = [\"x\"]\nrequirements", { VALID, VALID, VALID } },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct stack stack = {};
		char *text = changed(rows[i].from, rows[i].to);
		lock_all(&stack);
		stack_parse(&stack, text);
		stack_judge(&stack);
		check_verdicts(rows[i].row, &stack, rows[i].want);
		stack_release(&stack);
		lm_free(text);
	}
}

static void
a_changed_module_raises_the_version_without_resolving(void **state)
{
	(void)state;
	static const struct verdict want[3] = { VALID, VALID, VERSION };
	struct stack stack = {};

	lock_all(&stack);
	stack.module_hash[APP] = "sha256:m2";
	stack_judge(&stack);
	check_verdicts("before", &stack, want);
	assert_string_equal(stack.locks[APP].install_target, "app-app@?");
	stack_lock(&stack, APP, stack.pylock[APP], "2026-07-01T00:00:00Z");
	assert_true(stack.locks[APP].valid);
	assert_string_equal(stack.locks[APP].install_target, "app-app@2");
	assert_string_equal(stack.locks[APP].meta.locked_at, "2026-06-01T00:00:00Z");
	stack_release(&stack);
}

static void
a_relocked_lower_layer(void **state)
{
	(void)state;
	static const struct verdict want[3] = { VALID, VALID, OTHER };
	struct stack stack = {};

	lock_all(&stack);
	stack_lock(&stack, FW, PYLOCK("numpy2"), "2026-07-01T00:00:00Z");
	check_verdicts("lower layer relocked", &stack, want);
	assert_string_equal(stack.locks[FW].install_target, "framework-fw@2");
	stack_lock(&stack, APP, stack.pylock[APP], "2026-07-01T00:00:00Z"); // the resolver found the same
	assert_true(stack.locks[APP].valid);
	assert_string_equal(stack.locks[APP].install_target, "app-app@2"); // it depends on framework-fw@2 now
	stack_release(&stack);
}

static void
unversioned_layers_ignore_modules_and_stay_1(void **state)
{
	(void)state;
	struct stack stack = {};
	char *text = changed("versioned = true\nlaunch", "launch");

	stack_parse(&stack, text);
	stack.module_hash[APP] = "sha256:m1";
	for (size_t i = 0; i < 3; i++)
		stack_lock(&stack, i, PYLOCK("x"), "2026-06-01T00:00:00Z");
	stack.module_hash[APP] = "sha256:m2";
	stack_lock(&stack, APP, PYLOCK("y"), "2026-06-01T00:00:00Z");
	assert_true(stack.locks[APP].valid);
	assert_string_equal(stack.locks[APP].install_target, "app-app");
	assert_int_equal(stack.locks[APP].meta.lock_version, 1);
	stack.module_hash[APP] = "sha256:m3";
	stack_judge(&stack);
	assert_true(stack.locks[APP].valid);
	stack_release(&stack);
	lm_free(text);
}

static void
files_that_are_missing_or_broken(void **state)
{
	(void)state;
	static const struct {
		const char *row, *pylock, *meta; // "": as locked
		const char *reason, *finding;
		bool present;
	} rows[] = {
		{ "no files", nullptr, nullptr, "has no lock", nullptr, false },
		{ "no lock", nullptr, "", "has no lock", nullptr, false },
		{ "no meta", "", nullptr, "its meta file is missing", nullptr, false },
		{ "edited", PYLOCK("numpy") "\n", "", "its lock file was edited", nullptr, true },
		{ "broken lock", "lock-version = \"1.0\n", "", "its lock file cannot be read",
			"pylock.toml:1:20: error: layer 'framework-fw': a newline is not allowed in a basic string\n", false },
		{ "broken meta", "", "{}", "its lock file cannot be read",
			"meta.json: error: layer 'framework-fw': 'requirements_hash' is missing or no string\n", false },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct stack stack = {};
		struct lm_buf out = {};
		lock_all(&stack);
		if (rows[i].pylock == nullptr || rows[i].pylock[0] != '\0')
			stack.pylock[FW] = rows[i].pylock;
		if (rows[i].meta == nullptr || rows[i].meta[0] != '\0') {
			lm_free(stack.meta[FW]);
			stack.meta[FW] = rows[i].meta == nullptr ? nullptr : lm_strdup(rows[i].meta);
		}
		stack_judge(&stack);
		row_str_equal(rows[i].row, stack.locks[FW].reason, rows[i].reason);
		row_int_equal(rows[i].row, stack.locks[FW].present, rows[i].present);
		row_true(rows[i].row, !stack.locks[FW].valid && stack.locks[FW].needs_resolve);
		row_str_equal(rows[i].row, stack.locks[FW].install_target, "framework-fw@?");
		row_true(rows[i].row, stack.locks[PY].valid);
		row_str_equal(rows[i].row, stack.locks[APP].reason, "a lower layer has no valid lock");
		lm_diags_format(&stack.diags, &out);
		row_str_equal(rows[i].row, lm_buf_cstr(&out), rows[i].finding == nullptr ? "" : rows[i].finding);
		lm_buf_release(&out);
		stack_release(&stack);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inputs_are_as_documented),
		cmocka_unit_test(valid_after_locking),
		cmocka_unit_test(spec_changes),
		cmocka_unit_test(a_changed_module_raises_the_version_without_resolving),
		cmocka_unit_test(a_relocked_lower_layer),
		cmocka_unit_test(unversioned_layers_ignore_modules_and_stay_1),
		cmocka_unit_test(files_that_are_missing_or_broken),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
