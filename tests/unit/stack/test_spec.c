#include "fixture.h"

static const char small[] = "[[runtimes]]\n"
			    "name = \"py\"\n"
			    "python_implementation = \"cpython@3.12.9\"\n"
			    "requirements = []\n"
			    "linux_target = \"glibc@2.31\"\n"
			    "macosx_target = \"14.2\"\n"
			    "[[frameworks]]\n"
			    "name = \"fw\"\n"
			    "runtime = \"py\"\n"
			    "requirements = []\n";

static void
finds_layers_and_targets(void **state)
{
	(void)state;
	struct stack stack = {};
	stack_parse(&stack, small);
	assert_string_equal(stack.spec.path, "some/folder/venvstacks.toml");
	assert_string_equal(stack.spec.folder, "some/folder");
	assert_string_equal(stack.spec.name, "venvstacks.toml");
	assert_int_equal(lm_spec_find(&stack.spec, "framework-fw"), 1);
	assert_true(lm_spec_find(&stack.spec, "fw") == SIZE_MAX);
	struct lm_target target = lm_layer_target(&stack.spec.layers[1], LM_LINUX_AARCH64);
	assert_int_equal(target.platform, LM_LINUX_AARCH64);
	assert_int_equal(target.py_major * 1000 + target.py_minor, 3012);
	assert_string_equal(target.py_version, "3.12.9");
	assert_int_equal(target.glibc_major * 1000 + target.glibc_minor, 2031);
	assert_int_equal(target.macos_major * 1000 + target.macos_minor, 14002);
	stack_release(&stack);
}

static void
kinds_have_names(void **state)
{
	(void)state;
	assert_string_equal(lm_layer_kind_plural(LM_RUNTIME), "runtimes");
	assert_string_equal(lm_layer_kind_plural(LM_FRAMEWORK), "frameworks");
	assert_string_equal(lm_layer_kind_plural(LM_APPLICATION), "applications");
}

// What a hostile spec can ask for is bounded.
static void
parse_bad(struct lm_buf *text, struct lm_diags *diags)
{
	struct lm_spec spec;
	lm_spec_parse("s.toml", lm_buf_view(text), &spec, diags);
	lm_spec_release(&spec);
	lm_buf_release(text);
}

static void
too_many_layers(void **state)
{
	(void)state;
	struct lm_buf text = {};
	struct lm_diags diags = {};
	for (int i = 0; i < 4200; i++)
		lm_buf_format(&text,
			"[[runtimes]]\nname = \"r%d\"\npython_implementation = \"cpython@3.12.9\"\nrequirements = []\n", i);
	parse_bad(&text, &diags);
	assert_int_equal(diags.errors, 1);
	assert_string_equal(diags.items[0].text, "more than 4096 layers");
	lm_diags_release(&diags);
}

static void
too_many_errors(void **state)
{
	(void)state;
	struct lm_buf text = {};
	struct lm_diags diags = {};
	for (int i = 0; i < 2000; i++)
		lm_buf_format(&text, "key%d = 1\n", i);
	parse_bad(&text, &diags);
	assert_int_equal(diags.errors, 501);
	assert_string_equal(diags.items[500].text, "more than 500 errors, the others are not shown");
	assert_int_equal(diags.items[500].line, 0);
	lm_diags_release(&diags);
}

static void
too_many_warnings(void **state)
{
	(void)state;
	struct lm_buf text = {};
	struct lm_diags diags = {};
	for (int i = 0; i < 300; i++)
		lm_buf_format(&text,
			"[[runtimes]]\nname = \"r%d\"\npython_implementation = \"cpython@3.12.9\"\nrequirements = []\n"
			"build_requirements = []\n",
			i);
	lm_buf_text(&text, "bad = 1\n");
	parse_bad(&text, &diags);
	assert_int_equal(diags.count - diags.errors, 100);
	assert_int_equal(diags.errors, 1);
	lm_diags_release(&diags);
}

static void
long_texts_are_cut(void **state)
{
	(void)state;
	struct lm_buf text = {};
	struct lm_diags diags = {};
	lm_buf_text(&text, "\"");
	for (int i = 0; i < 5000; i++)
		lm_buf_text(&text, "ä");
	lm_buf_text(&text, "\" = 1\n");
	parse_bad(&text, &diags);
	assert_true(strlen(diags.items[0].text) <= 1000);
	assert_true(lm_cstr_ends(diags.items[0].text, "ä..."));
	assert_true(lm_utf8_valid(lm_str_of(diags.items[0].text)));
	lm_diags_release(&diags);
}

// Each framework on all before it.
static void
a_dense_graph_is_linearized(void **state)
{
	(void)state;
	struct lm_buf text = {};
	struct lm_diags diags = {};
	struct lm_spec spec;
	lm_buf_text(&text,
		"[[runtimes]]\nname = \"py\"\npython_implementation = \"cpython@3.12.9\"\nrequirements = []\n"
		"[[frameworks]]\nname = \"f0\"\nruntime = \"py\"\nrequirements = []\n");
	for (int i = 1; i < 300; i++) {
		lm_buf_format(&text, "[[frameworks]]\nname = \"f%d\"\nrequirements = []\nframeworks = [", i);
		for (int j = i - 1; j >= 0; j--)
			lm_buf_format(&text, "\"f%d\",", j);
		lm_buf_text(&text, "]\n");
	}
	lm_spec_parse("s.toml", lm_buf_view(&text), &spec, &diags);
	assert_int_equal(diags.count, 0);
	assert_int_equal(spec.layers[300].lower_count, 300);
	assert_string_equal(spec.layers[spec.layers[300].lower[0]].name, "f298");
	assert_string_equal(spec.layers[spec.layers[300].lower[298]].name, "f0");
	assert_string_equal(spec.layers[spec.layers[300].lower[299]].name, "py");
	lm_spec_release(&spec);
	lm_buf_release(&text);
}

static void
uv_settings_of_a_generated_project(void **state)
{
	(void)state;
	static const char text[] = "[[runtimes]]\n"
				   "name = \"py\"\n"
				   "python_implementation = \"cpython@3.12.9\"\n"
				   "requirements = []\n"
				   "[[tool.uv.index]]\n"
				   "name = \"local\"\n"
				   "url = \"wheels/../simple\"\n"
				   "[[tool.uv.index]]\n"
				   "url = \"/srv/simple\"\n"
				   "[[tool.uv.index]]\n"
				   "url = \"file:///srv/simple\"\n";
	struct stack stack = {};
	struct lm_buf out = {};
	stack_parse(&stack, text);
	lm_spec_uv_config(&stack.spec, 0, "/stacks/spec", &out);
	assert_string_equal(out.ptr,
		"index = [\n"
		"    { name = \"local\", url = \"/stacks/spec/simple\" },\n"
		"    { url = \"/srv/simple\" },\n"
		"    { url = \"file:///srv/simple\" },\n"
		"]\n");
	lm_buf_clear(&out);
	lm_spec_uv_config(&stack.spec, 0, nullptr, &out);
	assert_non_null(strstr(out.ptr, "url = \"wheels/../simple\""));
	lm_buf_release(&out);
	stack_release(&stack);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_layers_and_targets),
		cmocka_unit_test(kinds_have_names),
		cmocka_unit_test(too_many_layers),
		cmocka_unit_test(too_many_errors),
		cmocka_unit_test(too_many_warnings),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(a_dense_graph_is_linearized),
		cmocka_unit_test(uv_settings_of_a_generated_project),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
