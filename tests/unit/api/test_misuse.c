// Wrong use of the C API, and stacks that cannot be used: a code and a sentence, and never a crash.
#include "rows.h"

#include "base/base.h"
#include "folder.h"
#include "lamina/lamina.h"
#include "lamina/version.h"

static const char spec[] = "[[runtimes]]\n"
			   "name = \"base\"\n"
			   "python_implementation = \"cpython@3.11.11\"\n"
			   "requirements = []\n"
			   "\n"
			   "[[applications]]\n"
			   "name = \"one\"\n"
			   "runtime = \"base\"\n"
			   "requirements = [\"httpx\"]\n"
			   "launch_module = \"one.py\"\n";
static const char status[] = "{\n"
			     "  \"applications\": [\n"
			     "    {\n"
			     "      \"dependencies\": [\n"
			     "        \"base\"\n"
			     "      ],\n"
			     "      \"has_valid_lock\": false,\n"
			     "      \"install_target\": \"app-one\",\n"
			     "      \"lock_problem\": \"has no lock\",\n"
			     "      \"name\": \"app-one\",\n"
			     "      \"selected_operations\": null\n"
			     "    }\n"
			     "  ],\n"
			     "  \"frameworks\": [],\n"
			     "  \"runtimes\": [\n"
			     "    {\n"
			     "      \"dependencies\": [],\n"
			     "      \"has_valid_lock\": false,\n"
			     "      \"install_target\": \"base\",\n"
			     "      \"lock_problem\": \"has no lock\",\n"
			     "      \"name\": \"base\",\n"
			     "      \"selected_operations\": null\n"
			     "    }\n"
			     "  ],\n"
			     "  \"spec_name\": \"stack.toml\"\n"
			     "}\n";

struct fixture {
	struct folder folder;
	char spec[96], store[96], state[96];
	struct lamina_options options;
};

static int
set_up(void **state)
{
	static struct fixture f;
	f = (struct fixture){ .folder = folder_make() };
	(void)snprintf(f.spec, sizeof f.spec, "%s/stack.toml", f.folder.path);
	(void)snprintf(f.store, sizeof f.store, "%s/store", f.folder.path);
	(void)snprintf(f.state, sizeof f.state, "%s/state", f.folder.path);
	folder_write(&f.folder, "stack.toml", spec);
	folder_write(&f.folder, "one.py", "");
	f.options = (struct lamina_options){ .store = f.store, .state = f.state, .uv = "/nonexistent/uv", .no_index = 1 };
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	folder_remove(&f->folder);
	return 0;
}

static struct lamina_stack *
load(struct fixture *f)
{
	struct lamina_stack *stack = nullptr;
	assert_int_equal(lamina_load(f->spec, &f->options, &stack), LAMINA_OK);
	assert_non_null(stack);
	assert_string_equal(lamina_error(stack), "");
	assert_string_equal(lamina_diagnostics(stack), "");
	return stack;
}

static void
version(void **state)
{
	(void)state;
	assert_string_equal(lamina_version(), LAMINA_VERSION);
}

// No stack at all.
static void
nothing(void **state)
{
	(void)state;
	const char *json = "left";
	assert_int_equal(lamina_load("x", nullptr, nullptr), LAMINA_INVALID);
	assert_int_equal(lamina_status(nullptr, &json), LAMINA_INVALID);
	assert_null(json);
	assert_int_equal(lamina_lock(nullptr, nullptr, 1), LAMINA_INVALID);
	assert_int_equal(lamina_build(nullptr, "out", nullptr, nullptr), LAMINA_INVALID);
	assert_int_equal(lamina_publish(nullptr, "out", nullptr, nullptr, nullptr, nullptr), LAMINA_INVALID);
	assert_int_equal(lamina_check(nullptr, "out", nullptr, nullptr, nullptr), LAMINA_INVALID);
	assert_string_equal(lamina_error(nullptr), "there is no stack");
	assert_string_equal(lamina_diagnostics(nullptr), "");
	lamina_free(nullptr);
}

static void
incomplete_options(void **state)
{
	struct fixture *f = *state;
	struct lamina_options no_store = { .state = f->state }, no_state = { .store = f->store }, early = f->options,
			      late = f->options;
	early.has_source_date = late.has_source_date = 1;
	early.source_date_s = -1;
	late.source_date_s = 8589934592;
	static const char required[] = "a spec, and the store and state folders are required";
	const struct {
		const char *row, *spec;
		const struct lamina_options *options;
		const char *want;
	} rows[] = {
		{ "no spec", nullptr, &f->options, required },
		{ "no options", f->spec, nullptr, required },
		{ "no store", f->spec, &no_store, required },
		{ "no state", f->spec, &no_state, required },
		{ "before 1970", f->spec, &early, "source_date_s is -1, not from 0 to 8589934591" },
		{ "after tar", f->spec, &late, "source_date_s is 8589934592, not from 0 to 8589934591" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lamina_stack *stack = nullptr;
		row_int_equal(rows[i].row, lamina_load(rows[i].spec, rows[i].options, &stack), LAMINA_INVALID);
		row_str_equal(rows[i].row, lamina_error(stack), rows[i].want);
		row_str_equal(rows[i].row, lamina_diagnostics(stack), "");
		lamina_free(stack);
	}
}

// A spec that is not valid, or not there: every call says so again.
static void
not_loaded(void **state)
{
	struct fixture *f = *state;
	struct lamina_stack *stack = nullptr;
	const char *json = "left";
	char want[512];
	folder_write(&f->folder, "stack.toml", "[[runtimes]]\nname = \"base\"\nrequirements = []\n\n[[framework]]\n");
	assert_int_equal(lamina_load(f->spec, &f->options, &stack), LAMINA_INVALID);
	(void)snprintf(want, sizeof want,
		"%s:2:8: error: layer 'base': 'python_implementation' is missing, for example \"cpython@3.12.9\"\n"
		"%s:5:1: error: unknown key 'framework' in the spec; did you mean 'frameworks'?\n",
		f->spec, f->spec);
	assert_string_equal(lamina_diagnostics(stack), want);
	(void)snprintf(want, sizeof want, "2 errors in '%s'", f->spec);
	assert_string_equal(lamina_error(stack), want);
	assert_int_equal(lamina_status(stack, &json), LAMINA_INVALID);
	assert_null(json);
	assert_int_equal(lamina_lock(stack, nullptr, 0), LAMINA_INVALID);
	assert_int_equal(lamina_build(stack, f->folder.path, nullptr, nullptr), LAMINA_INVALID);
	assert_int_equal(lamina_publish(stack, f->folder.path, nullptr, nullptr, nullptr, &json), LAMINA_INVALID);
	assert_int_equal(lamina_check(stack, f->folder.path, nullptr, nullptr, &json), LAMINA_INVALID);
	assert_string_equal(lamina_error(stack), want);
	lamina_free(stack);

	assert_int_equal(lamina_load("/nonexistent/stack.toml", &f->options, &stack), LAMINA_INVALID);
	assert_string_equal(lamina_error(stack),
		"reading the stack spec: cannot open '/nonexistent/stack.toml': No such file or directory");
	lamina_free(stack);
}

static void
status_of_a_stack(void **state)
{
	struct lamina_stack *stack = load(*state);
	const char *json = nullptr;
	assert_int_equal(lamina_status(stack, &json), LAMINA_OK);
	assert_string_equal(json, status);
	assert_int_equal(lamina_status(stack, nullptr), LAMINA_OK);
	lamina_free(stack);
}

// A call that fails leaves a stack that can be used, and the next good call forgets the error.
static void
wrong_arguments(void **state)
{
	struct fixture *f = *state;
	struct lamina_stack *stack = load(f);
	const char *nobody[] = { "nobody", nullptr }, *amiga[] = { "linux_x86_64", "amiga", nullptr }, *none[] = { nullptr };
	const char *out = f->store, *json = "left";
	assert_int_equal(lamina_lock(stack, nobody, 1), LAMINA_INVALID);
	assert_string_equal(lamina_error(stack), "no layer matches 'nobody'; 'lamina show' lists them");
	assert_int_equal(lamina_build(stack, nullptr, nullptr, nullptr), LAMINA_INVALID);
	assert_string_equal(lamina_error(stack), "a folder is required");
	assert_int_equal(lamina_publish(stack, "", nullptr, nullptr, nullptr, &json), LAMINA_INVALID);
	assert_string_equal(lamina_error(stack), "a folder is required");
	assert_null(json);
	assert_int_equal(lamina_check(stack, nullptr, nullptr, nullptr, &json), LAMINA_INVALID);
	assert_string_equal(lamina_error(stack), "a folder is required");
	assert_int_equal(lamina_build(stack, out, nullptr, amiga), LAMINA_INVALID);
	assert_string_equal(lamina_error(stack), "there is no platform 'amiga'");
	assert_int_equal(lamina_publish(stack, out, nobody, none, "tar.zst", &json), LAMINA_INVALID);
	assert_string_equal(lamina_error(stack), "no layer matches 'nobody'; 'lamina show' lists them");
	assert_int_equal(lamina_publish(stack, out, nullptr, none, "rar", &json), LAMINA_INVALID);
	assert_string_equal(lamina_error(stack), "there is no format 'rar'");
	assert_int_equal(lamina_status(stack, &json), LAMINA_OK);
	assert_string_equal(lamina_error(stack), "");
	assert_string_equal(json, status);
	lamina_free(stack);
}

static void
without_locks(void **state)
{
	struct fixture *f = *state;
	struct lamina_stack *stack = load(f);
	const char *json = "left";
	assert_int_equal(lamina_publish(stack, folder_at(&f->folder, "out"), nullptr, nullptr, nullptr, &json), LAMINA_FAILED);
	assert_string_equal(
		lamina_error(stack), "layer 'base' cannot be used: has no lock; 'lamina lock --if-needed' locks it");
	assert_null(json);
	lamina_free(stack);
}

static void
count_events(void *context, const struct lamina_event *event)
{
	assert_non_null(event);
	++*(int *)context;
}

static void
without_a_resolver(void **state)
{
	struct fixture *f = *state;
	int events = 0;
	f->options.on_event = count_events;
	f->options.context = &events;
	struct lamina_stack *stack = load(f);
	assert_int_equal(lamina_lock(stack, nullptr, 1), LAMINA_FAILED);
	assert_string_equal(lamina_error(stack),
		"layer 'one': cannot find the resolver '/nonexistent/uv': install uv, or give its path with --uv or LAMINA_UV");
	assert_true(events > 0);
	assert_int_equal(lamina_status(stack, nullptr), LAMINA_OK);
	lamina_free(stack);
}

// Interrupted until resumed.
static void
cancelled(void **state)
{
	struct fixture *f = *state;
	struct lamina_stack *stack = load(f);
	lamina_cancel();
	assert_int_equal(lamina_lock(stack, nullptr, 1), LAMINA_INTERRUPTED);
	assert_string_equal(lamina_error(stack), "interrupted");
	assert_int_equal(lamina_lock(stack, nullptr, 1), LAMINA_INTERRUPTED);
	lamina_resume();
	assert_int_equal(lamina_lock(stack, nullptr, 1), LAMINA_FAILED);
	lamina_free(stack);
}

// What is given to lamina_load may go at once.
static void
options_are_copied(void **state)
{
	struct fixture *f = *state;
	char store[96], path[96];
	const char *wheels[] = { path, nullptr };
	(void)snprintf(store, sizeof store, "%s", f->store);
	(void)snprintf(path, sizeof path, "%s", f->spec);
	struct lamina_options options = f->options;
	options.store = store;
	options.local_wheels = options.find_links = wheels;
	struct lamina_stack *stack = nullptr;
	assert_int_equal(lamina_load(path, &options, &stack), LAMINA_OK);
	memset(store, 'x', sizeof store);
	memset(path, 'x', sizeof path);
	memset(&options, 0xff, sizeof options);
	wheels[0] = nullptr;
	assert_int_equal(lamina_status(stack, nullptr), LAMINA_OK);
	assert_int_equal(lamina_lock(stack, nullptr, 1), LAMINA_FAILED);
	assert_int_equal(access(f->store, F_OK), 0);
	lamina_free(stack);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(version),
		TEST(nothing),
		TEST(incomplete_options),
		TEST(not_loaded),
		TEST(status_of_a_stack),
		TEST(wrong_arguments),
		TEST(without_locks),
		TEST(without_a_resolver),
		TEST(cancelled),
		TEST(options_are_copied),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
