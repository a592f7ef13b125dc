#include "fixture.h"

#include <jansson.h>

static const char spec_text[] = "[[runtimes]]\n"
				"name = \"cpython-3.12\"\n"
				"python_implementation = \"cpython@3.12.9\"\n"
				"requirements = []\n"
				"[[runtimes]]\n"
				"name = \"cpython-3.14\"\n"
				"python_implementation = \"cpython@3.14.6\"\n"
				"versioned = true\n"
				"requirements = []\n"
				"[[frameworks]]\n"
				"name = \"base\"\n"
				"runtime = \"cpython-3.12\"\n"
				"versioned = true\n"
				"requirements = []\n"
				"[[frameworks]]\n"
				"name = \"extra\"\n"
				"frameworks = [\"base\"]\n"
				"requirements = []\n"
				"[[applications]]\n"
				"name = \"app\"\n"
				"frameworks = [\"extra\", \"base\"]\n"
				"launch_module = \"app.py\"\n"
				"requirements = []\n";

enum { PY312, PY314, BASE, EXTRA, APP };

#define PIN "sha256:0000000000000000000000000000000000000000000000000000000000000007"

// All layers locked but cpython-3.14; requirements_hash pinned so that expectations can be literal.
static void
lock_stack(struct stack *stack)
{
	static const size_t order[] = { PY312, BASE, EXTRA, APP };
	stack_parse(stack, spec_text);
	for (size_t i = 0; i < LM_COUNT(order); i++)
		stack_lock(stack, order[i], PYLOCK("x"), "2026-06-01T00:00:00Z");
	for (size_t i = 0; i < stack->spec.layer_count; i++)
		memcpy(stack->locks[i].meta.requirements_hash, PIN, sizeof PIN);
}

static void
expect_json(const char *row, json_t *value, const char *want)
{
	struct lm_buf out = {};
	lm_json_format(value, &out);
	row_str_equal(row, out.ptr, want);
	lm_buf_release(&out);
	json_decref(value);
}

static const struct lm_archive_facts archive = {
	.archive_build = 4,
	.archive_name = "app-app.tar.zst",
	.archive_size = 5'000'000'000,
	.archive_digest.bytes = { 0x01, 0x02 },
	.content_hash.bytes = { 0xff },
	.content_size = 9'007'199'254'740'993,
	.entry_count = 12,
	.compressor = "zstd 1.5.4 level 3 segment 4 MiB",
};

static void
application(void **state)
{
	(void)state;
	static const struct lm_module_info support[] = { { "one", "sha256:s1" }, { "two", "sha256:s2" } };
	struct stack stack = {};
	lock_stack(&stack);
	struct lm_layer_facts facts = { .spec = &stack.spec,
		.layer = APP,
		.locks = stack.locks,
		.platform = LM_WIN_AMD64,
		.launch = { "app", "sha256:l" },
		.support = support,
		.support_count = 2 };
	expect_json("published", lm_manifest_layer(&facts, &archive),
		"{\n"
		"  \"app_launch_module\": \"app\",\n"
		"  \"app_launch_module_hash\": \"sha256:l\",\n"
		"  \"app_support_modules\": [\n"
		"    {\n"
		"      \"hash\": \"sha256:s1\",\n"
		"      \"name\": \"one\"\n"
		"    },\n"
		"    {\n"
		"      \"hash\": \"sha256:s2\",\n"
		"      \"name\": \"two\"\n"
		"    }\n"
		"  ],\n"
		"  \"archive_build\": 4,\n"
		"  \"archive_hashes\": {\n"
		"    \"sha256\": \"0102000000000000000000000000000000000000000000000000000000000000\"\n"
		"  },\n"
		"  \"archive_name\": \"app-app.tar.zst\",\n"
		"  \"archive_size\": 5000000000,\n"
		"  \"bound_to_implementation\": true,\n"
		"  \"compressor\": \"zstd 1.5.4 level 3 segment 4 MiB\",\n"
		"  \"content_hash\": \"sha256:ff00000000000000000000000000000000000000000000000000000000000000\",\n"
		"  \"content_size\": 9007199254740993,\n"
		"  \"entry_count\": 12,\n"
		"  \"install_target\": \"app-app\",\n"
		"  \"layer_name\": \"app-app\",\n"
		"  \"lock_version\": 1,\n"
		"  \"locked_at\": \"2026-06-01T00:00:00Z\",\n"
		"  \"python_implementation\": \"cpython@3.12.9\",\n"
		"  \"required_layers\": [\n"
		"    \"framework-extra\",\n"
		"    \"framework-base@1\"\n"
		"  ],\n"
		"  \"requirements_hash\": \"" PIN "\",\n"
		"  \"runtime_layer\": \"cpython-3.12\",\n"
		"  \"target_platform\": \"win_amd64\"\n"
		"}\n");
	stack_release(&stack);
}

static void
layers_without_archive(void **state)
{
	(void)state;
	struct stack stack = {};
	lock_stack(&stack);
	struct lm_layer_facts facts = { .spec = &stack.spec, .layer = BASE, .locks = stack.locks, .platform = LM_LINUX_X86_64 };
	expect_json("framework", lm_manifest_layer(&facts, nullptr),
		"{\n"
		"  \"bound_to_implementation\": false,\n"
		"  \"install_target\": \"framework-base@1\",\n"
		"  \"layer_name\": \"framework-base\",\n"
		"  \"lock_version\": 1,\n"
		"  \"locked_at\": \"2026-06-01T00:00:00Z\",\n"
		"  \"python_implementation\": \"cpython@3.12.9\",\n"
		"  \"required_layers\": [],\n"
		"  \"requirements_hash\": \"" PIN "\",\n"
		"  \"runtime_layer\": \"cpython-3.12\"\n"
		"}\n");
	facts.layer = PY312;
	facts.platform = LM_WIN_AMD64;
	expect_json("runtime", lm_manifest_layer(&facts, nullptr),
		"{\n"
		"  \"bound_to_implementation\": false,\n"
		"  \"install_target\": \"cpython-3.12\",\n"
		"  \"layer_name\": \"cpython-3.12\",\n"
		"  \"lock_version\": 1,\n"
		"  \"locked_at\": \"2026-06-01T00:00:00Z\",\n"
		"  \"python_implementation\": \"cpython@3.12.9\",\n"
		"  \"requirements_hash\": \"" PIN "\",\n"
		"  \"runtime_layer\": \"cpython-3.12\"\n"
		"}\n");
	facts.layer = APP; // only executables: no launch module
	json_t *object = lm_manifest_layer(&facts, nullptr);
	assert_null(json_object_get(object, "app_launch_module"));
	assert_null(json_object_get(object, "app_support_modules"));
	json_decref(object);
	stack_release(&stack);
}

static void
stack_manifest(void **state)
{
	(void)state;
	struct stack stack = {};
	lock_stack(&stack);
	json_t *layers[] = { json_string("py"), json_string("base"), json_string("extra"), json_string("app") };
	static const size_t indexes[] = { PY312, BASE, EXTRA, APP };
	expect_json("all", lm_manifest_stack(&stack.spec, layers, indexes, 4),
		"{\n"
		"  \"layers\": {\n"
		"    \"applications\": [\n"
		"      \"app\"\n"
		"    ],\n"
		"    \"frameworks\": [\n"
		"      \"base\",\n"
		"      \"extra\"\n"
		"    ],\n"
		"    \"runtimes\": [\n"
		"      \"py\"\n"
		"    ]\n"
		"  }\n"
		"}\n");
	expect_json("none", lm_manifest_stack(&stack.spec, nullptr, nullptr, 0),
		"{\n"
		"  \"layers\": {\n"
		"    \"applications\": [],\n"
		"    \"frameworks\": [],\n"
		"    \"runtimes\": []\n"
		"  }\n"
		"}\n");
	for (size_t i = 0; i < LM_COUNT(layers); i++)
		json_decref(layers[i]);
	stack_release(&stack);
}

static void
archive_names(void **state)
{
	(void)state;
	static const struct {
		const char *target;
		enum lm_platform platform;
		bool tagged;
		enum lm_format format;
		const char *want;
	} rows[] = {
		{ "app-x", LM_LINUX_X86_64, false, LM_FORMAT_TAR_ZST, "app-x.tar.zst" },
		{ "app-x", LM_LINUX_X86_64, true, LM_FORMAT_TAR_ZST, "app-x-linux_x86_64-3.tar.zst" },
		{ "framework-y@12", LM_WIN_ARM64, true, LM_FORMAT_ZIP, "framework-y@12-win_arm64-3.zip" },
		{ "py", LM_MACOSX_ARM64, false, LM_FORMAT_TAR, "py.tar" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		char *name = lm_manifest_archive_name(rows[i].target, rows[i].platform, 3, rows[i].tagged, rows[i].format);
		row_str_equal(rows[i].want, name, rows[i].want);
		lm_free(name);
	}
}

static void
segments(void **state)
{
	(void)state;
	struct lm_segment items[] = {
		{ .offset = 0,
			.size = 10,
			.content_offset = 0,
			.content_size = 20,
			.first_entry = 0,
			.entry_count = 2,
			.digest.bytes = { 0xa0 } },
		{ .offset = 10, .size = 5, .content_offset = 20, .content_size = 7, .first_entry = 2, .entry_count = 1 },
	};
	struct lm_archive_result result = { .size = 15,
		.content_size = 27,
		.entry_count = 3,
		.segments = items,
		.segment_count = 2,
		.digest.bytes = { 0xb0 },
		.compressor = "zstd" };
	expect_json("two", lm_manifest_segments(&result),
		"{\n"
		"  \"archive_hashes\": {\n"
		"    \"sha256\": \"b000000000000000000000000000000000000000000000000000000000000000\"\n"
		"  },\n"
		"  \"archive_size\": 15,\n"
		"  \"compressor\": \"zstd\",\n"
		"  \"content_size\": 27,\n"
		"  \"entry_count\": 3,\n"
		"  \"segments\": [\n"
		"    {\n"
		"      \"content_hash\": \"sha256:a000000000000000000000000000000000000000000000000000000000000000\",\n"
		"      \"content_offset\": 0,\n"
		"      \"content_size\": 20,\n"
		"      \"entry_count\": 2,\n"
		"      \"first_entry\": 0,\n"
		"      \"offset\": 0,\n"
		"      \"size\": 10\n"
		"    },\n"
		"    {\n"
		"      \"content_hash\": \"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\n"
		"      \"content_offset\": 20,\n"
		"      \"content_size\": 7,\n"
		"      \"entry_count\": 1,\n"
		"      \"first_entry\": 2,\n"
		"      \"offset\": 10,\n"
		"      \"size\": 5\n"
		"    }\n"
		"  ]\n"
		"}\n");
}

static const unsigned operations[] = { LM_OP_BUILD | LM_OP_PUBLISH, 0, LM_OP_LOCK_IF_NEEDED | LM_OP_BUILD | LM_OP_PUBLISH,
	LM_OP_EXPORT, LM_OP_RESET_LOCK | LM_OP_LOCK };

static void
status_for_programs(void **state)
{
	(void)state;
	struct stack stack = {};
	lock_stack(&stack);
	json_t *status = lm_status_json(&stack.spec, stack.locks, operations, nullptr);
	char *text = json_dumps(status, JSON_SORT_KEYS);
	assert_string_equal(text,
		"{\"applications\": [{\"dependencies\": [\"framework-extra\", \"framework-base\", \"cpython-3.12\"], "
		"\"has_valid_lock\": true, \"install_target\": \"app-app\", \"name\": \"app-app\", "
		"\"selected_operations\": [\"reset-lock\", \"lock\"]}], "
		"\"frameworks\": [{\"dependencies\": [\"cpython-3.12\"], \"has_valid_lock\": true, "
		"\"install_target\": \"framework-base@1\", \"name\": \"framework-base\", "
		"\"selected_operations\": [\"lock-if-needed\", \"build\", \"publish\"]}, "
		"{\"dependencies\": [\"framework-base\", \"cpython-3.12\"], \"has_valid_lock\": true, "
		"\"install_target\": \"framework-extra\", \"name\": \"framework-extra\", "
		"\"selected_operations\": [\"local-export\"]}], "
		"\"runtimes\": [{\"dependencies\": [], \"has_valid_lock\": true, \"install_target\": \"cpython-3.12\", "
		"\"name\": \"cpython-3.12\", \"selected_operations\": [\"build\", \"publish\"]}, "
		"{\"dependencies\": [], \"has_valid_lock\": false, \"install_target\": \"cpython-3.14@?\", "
		"\"lock_problem\": \"has no lock\", \"name\": \"cpython-3.14\", \"selected_operations\": null}], "
		"\"spec_name\": \"venvstacks.toml\"}");
	free(text);
	json_decref(status);
	stack_release(&stack);
}

static void
status_for_people(void **state)
{
	(void)state;
	struct stack stack = {};
	struct lm_buf out = {};
	lock_stack(&stack);
	lm_status_text(&stack.spec, stack.locks, operations, nullptr, &out);
	assert_string_equal(out.ptr,
		"venvstacks.toml\n"
		"├── runtimes\n"
		"│   ├── cpython-3.12 (build, publish)\n"
		"│   └── *cpython-3.14 -> cpython-3.14@?\n"
		"├── frameworks\n"
		"│   ├── framework-base -> framework-base@1 (lock-if-needed, build, publish)\n"
		"│   │   └── cpython-3.12\n"
		"│   └── framework-extra (local-export)\n"
		"│       ├── framework-base -> framework-base@1\n"
		"│       └── cpython-3.12\n"
		"└── applications\n"
		"    └── app-app (reset-lock, lock)\n"
		"        ├── framework-extra\n"
		"        ├── framework-base -> framework-base@1\n"
		"        └── cpython-3.12\n");
	lm_buf_clear(&out);
	stack_parse(&stack, "[[runtimes]]\nname = \"py\"\npython_implementation = \"cpython@3.12.9\"\nrequirements = []\n");
	lm_status_text(&stack.spec, stack.locks, nullptr, nullptr, &out);
	assert_string_equal(out.ptr,
		"venvstacks.toml\n"
		"└── runtimes\n"
		"    └── py -> cpython-3.12\n"); // the lock of the other spec
	lm_buf_release(&out);
	stack_release(&stack);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(application),
		cmocka_unit_test(layers_without_archive),
		cmocka_unit_test(stack_manifest),
		cmocka_unit_test(archive_names),
		cmocka_unit_test(segments),
		cmocka_unit_test(status_for_programs),
		cmocka_unit_test(status_for_people),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
