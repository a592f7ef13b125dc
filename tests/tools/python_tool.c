// Asks src/python questions, one JSON array per line on stdin, one JSON answer per line on stdout:
//     ["version-compare", "1.0", "1.1"]  ->  -1
// What fails answers {"error": text, "code": number}.
#include "python/pylock.h"
#include "python/requirement.h"
#include "python/version.h"
#include "python/wheel.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lm_str
argument(const json_t *question, size_t i)
{
	const json_t *value = json_array_get(question, i);
	return (struct lm_str){ json_string_value(value), json_string_length(value) };
}

static json_t *
failure(const struct lm_err *err)
{
	return json_pack("{s:s, s:i}", "error", err->text, "code", (int)err->code);
}

static json_t *
text_of(const struct lm_buf *text)
{
	return json_stringn(lm_buf_cstr(text), text->len);
}

static json_t *
version_parse(const json_t *question)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	struct lm_version version;
	if (!lm_version_parse(argument(question, 1), &version))
		return json_null();
	lm_version_format(&version, &text);
	return json_pack("{s:o, s:b}", "text", text_of(&text), "prerelease", lm_version_is_prerelease(&version));
}

static json_t *
version_compare(const json_t *question)
{
	struct lm_version a, b;
	if (!lm_version_parse(argument(question, 1), &a) || !lm_version_parse(argument(question, 2), &b))
		return json_null();
	int order = lm_version_compare(&a, &b);
	return json_integer((order > 0) - (order < 0));
}

static json_t *
specifiers_check(const json_t *question)
{
	struct lm_err err = {};
	return lm_specifiers_check(argument(question, 1), &err) < 0 ? failure(&err) : json_true();
}

static json_t *
specifier_match(const json_t *question)
{
	struct lm_version version;
	if (!lm_version_parse(argument(question, 2), &version))
		return json_null();
	return json_boolean(lm_specifiers_match(argument(question, 1), &version));
}

static json_t *
requirement(const json_t *question)
{
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	struct lm_requirement parsed;
	struct lm_err err = {};
	if (lm_requirement_parse(argument(question, 1), &arena, &parsed, &err) < 0)
		return failure(&err);
	lm_requirement_format(&parsed, &text);
	return json_pack("{s:s, s:s?, s:s, s:s?, s:s?, s:o}", "name", parsed.name, "extras", parsed.extras, "specifiers",
		parsed.specifiers, "url", parsed.url, "marker", parsed.marker_text, "text", text_of(&text));
}

static json_t *
marker_format(const json_t *question)
{
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	struct lm_marker *marker = nullptr;
	struct lm_err err = {};
	if (lm_marker_parse(argument(question, 1), &arena, &marker, &err) < 0)
		return failure(&err);
	lm_marker_format(marker, &text);
	return json_pack("{s:o}", "text", text_of(&text));
}

static const char *
member(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static json_t *
marker_eval(const json_t *question)
{
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	struct lm_marker *marker = nullptr;
	struct lm_err err = {};
	const json_t *values = json_array_get(question, 2);
	struct lm_marker_env env = {
		.os_name = member(values, "os_name"),
		.sys_platform = member(values, "sys_platform"),
		.platform_machine = member(values, "platform_machine"),
		.platform_python_implementation = member(values, "platform_python_implementation"),
		.platform_release = member(values, "platform_release"),
		.platform_system = member(values, "platform_system"),
		.platform_version = member(values, "platform_version"),
		.python_version = member(values, "python_version"),
		.python_full_version = member(values, "python_full_version"),
		.implementation_name = member(values, "implementation_name"),
		.implementation_version = member(values, "implementation_version"),
		.extra = member(values, "extra"),
	};
	if (lm_marker_parse(argument(question, 1), &arena, &marker, &err) < 0)
		return failure(&err);
	return json_boolean(lm_marker_eval(marker, &env));
}

// {"platform": "linux_x86_64", "python": "3.11.11", "glibc": [2, 28], "macos": [13, 0]}; the last two may be left out.
static struct lm_target
target_of(const json_t *object)
{
	struct lm_target target = { .py_version = member(object, "python"),
		.glibc_major = LM_DEFAULT_GLIBC_MAJOR,
		.glibc_minor = LM_DEFAULT_GLIBC_MINOR,
		.macos_major = LM_DEFAULT_MACOS_MAJOR,
		.macos_minor = LM_DEFAULT_MACOS_MINOR };
	const json_t *glibc = json_object_get(object, "glibc"), *macos = json_object_get(object, "macos");
	if (!lm_platform_parse(member(object, "platform"), &target.platform) ||
		sscanf(target.py_version, "%u.%u", &target.py_major, &target.py_minor) != 2) {
		(void)fprintf(stderr, "no such target\n");
		exit(2);
	}
	if (glibc != nullptr) {
		target.glibc_major = (unsigned)json_integer_value(json_array_get(glibc, 0));
		target.glibc_minor = (unsigned)json_integer_value(json_array_get(glibc, 1));
	}
	if (macos != nullptr) {
		target.macos_major = (unsigned)json_integer_value(json_array_get(macos, 0));
		target.macos_minor = (unsigned)json_integer_value(json_array_get(macos, 1));
	}
	return target;
}

static json_t *
target_env(const json_t *question)
{
	struct lm_target target = target_of(json_array_get(question, 1));
	struct lm_marker_env env;
	char scratch[16];
	lm_target_marker_env(&target, scratch, &env);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s?}", "os_name", env.os_name,
		"sys_platform", env.sys_platform, "platform_machine", env.platform_machine, "platform_python_implementation",
		env.platform_python_implementation, "platform_release", env.platform_release, "platform_system",
		env.platform_system, "platform_version", env.platform_version, "python_version", env.python_version,
		"python_full_version", env.python_full_version, "implementation_name", env.implementation_name,
		"implementation_version", env.implementation_version, "extra", env.extra);
}

static json_t *
tags(const json_t *question)
{
	LM_AUTO(lm_strings_release) struct lm_strings list = {};
	struct lm_target target = target_of(json_array_get(question, 1));
	json_t *answer = json_array();
	lm_target_tags(&target, &list);
	for (size_t i = 0; i < list.count; i++)
		json_array_append_new(answer, json_string(list.items[i]));
	return answer;
}

static json_t *
wheel_name(const json_t *question)
{
	struct lm_wheel_name name;
	struct lm_err err = {};
	if (lm_wheel_name_parse(argument(question, 1), &name, &err) < 0)
		return failure(&err);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "name", name.name, "version", name.version, "build", name.build,
		"python", name.python, "abi", name.abi, "platform", name.platform);
}

// ["wheel-rank", [names...], target] -> [ranks...]
static json_t *
wheel_rank(const json_t *question)
{
	struct lm_target target = target_of(json_array_get(question, 2));
	const json_t *names = json_array_get(question, 1);
	json_t *answer = json_array();
	for (size_t i = 0; i < json_array_size(names); i++) {
		struct lm_wheel_name name;
		struct lm_err err = {};
		if (lm_wheel_name_parse(argument(names, i), &name, &err) < 0)
			json_array_append_new(answer, failure(&err));
		else
			json_array_append_new(answer, json_integer(lm_wheel_rank(&name, &target)));
	}
	return answer;
}

static json_t *
record(const json_t *question)
{
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	struct lm_record rows;
	struct lm_err err = {};
	if (lm_record_parse(argument(question, 1), &arena, &rows, &err) < 0)
		return failure(&err);
	json_t *answer = json_array();
	for (size_t i = 0; i < rows.count; i++) {
		const struct lm_record_row *row = &rows.rows[i];
		char digest[44] = "";
		if (row->has_digest)
			lm_digest_base64(&row->digest, digest);
		json_array_append_new(answer,
			json_pack("[s, s?, o]", row->path, row->has_digest ? digest : nullptr,
				row->has_size ? json_integer((json_int_t)row->size) : json_null()));
	}
	return answer;
}

static json_t *
pylock_failure(const struct lm_err *err, struct lm_toml_place place)
{
	return json_pack("{s:s, s:i, s:i, s:i}", "error", err->text, "code", (int)err->code, "line", (int)place.line, "column",
		(int)place.column);
}

static json_t *
wheel_of(const struct lm_lock_wheel *wheel)
{
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(&wheel->digest, hex);
	return json_pack("{s:s, s:s?, s:I, s:s}", "name", wheel->file_name, "url", wheel->url, "size",
		(json_int_t)wheel->size_bytes, "sha256", hex);
}

static json_t *
package_of(const struct lm_lock_package *package)
{
	json_t *wheels = json_array();
	for (size_t i = 0; i < package->wheel_count; i++)
		json_array_append_new(wheels, wheel_of(&package->wheels[i]));
	return json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:b, s:o}", "name", package->name, "version", package->version,
		"marker", package->marker, "index", package->index, "from",
		package->inherited ? package->inherited_from : nullptr, "sdist", package->has_sdist, "wheels", wheels);
}

// ["pylock", text, with_urls] -> what was read, and "text", written again
static json_t *
pylock(const json_t *question)
{
	LM_AUTO(lm_pylock_release) struct lm_pylock lock = {};
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	struct lm_toml_place place = {};
	struct lm_err err = {};
	if (lm_pylock_parse(argument(question, 1), &lock, &place, &err) < 0)
		return pylock_failure(&err, place);
	lm_pylock_format(&lock, json_is_true(json_array_get(question, 2)), &text);
	json_t *packages = json_array(), *environments = json_array(), *runtimes = json_array();
	for (size_t i = 0; i < lock.package_count; i++)
		json_array_append_new(packages, package_of(&lock.packages[i]));
	for (size_t i = 0; i < lock.environments.count; i++)
		json_array_append_new(environments, json_string(lock.environments.items[i]));
	for (size_t i = 0; i < lock.runtime_count; i++) {
		char hex[LM_DIGEST_HEX];
		lm_digest_hex(&lock.runtimes[i].digest, hex);
		json_array_append_new(runtimes,
			json_pack("{s:s, s:s, s:s?, s:s}", "platform", lm_platform_name(lock.runtimes[i].platform), "name",
				lock.runtimes[i].name, "url", lock.runtimes[i].url, "sha256", hex));
	}
	return json_pack("{s:s?, s:o, s:o, s:o, s:o}", "requires_python", lock.requires_python, "environments", environments,
		"packages", packages, "runtimes", runtimes, "text", text_of(&text));
}

// ["pylock-select", text, target] -> {name: wheel or null} of the packages that apply
static json_t *
pylock_select(const json_t *question)
{
	LM_AUTO(lm_pylock_release) struct lm_pylock lock = {};
	struct lm_toml_place place = {};
	struct lm_err err = {};
	struct lm_target target = target_of(json_array_get(question, 2));
	if (lm_pylock_parse(argument(question, 1), &lock, &place, &err) < 0)
		return pylock_failure(&err, place);
	json_t *answer = json_object();
	for (size_t i = 0; i < lock.package_count; i++) {
		bool applies = false;
		if (lm_lock_applies(&lock.packages[i], &target, &applies, &err) < 0)
			return failure(&err);
		if (!applies)
			continue;
		const struct lm_lock_wheel *wheel = lm_lock_best_wheel(&lock.packages[i], &target);
		json_object_set_new(
			answer, lock.packages[i].name, wheel == nullptr ? json_null() : json_string(wheel->file_name));
	}
	return answer;
}

static const struct {
	const char *name;
	json_t *(*answer)(const json_t *question);
} questions[] = {
	{ "version-parse", version_parse },
	{ "version-compare", version_compare },
	{ "specifiers-check", specifiers_check },
	{ "specifier-match", specifier_match },
	{ "requirement", requirement },
	{ "marker-format", marker_format },
	{ "marker-eval", marker_eval },
	{ "target-env", target_env },
	{ "tags", tags },
	{ "wheel-name", wheel_name },
	{ "wheel-rank", wheel_rank },
	{ "record", record },
	{ "pylock", pylock },
	{ "pylock-select", pylock_select },
};

static json_t *
answer_line(const char *line)
{
	json_error_t error;
	json_t *question = json_loads(line, JSON_ALLOW_NUL, &error);
	const char *name = json_string_value(json_array_get(question, 0));
	for (size_t i = 0; i < LM_COUNT(questions); i++) {
		if (!lm_cstr_equal(name, questions[i].name))
			continue;
		json_t *answer = questions[i].answer(question);
		json_decref(question);
		return answer;
	}
	(void)fprintf(stderr, "no such question: %s", line);
	exit(2);
}

int
main(void)
{
	char *line = nullptr;
	size_t cap = 0;
	while (getline(&line, &cap, stdin) > 0) {
		json_t *answer = answer_line(line);
		char *text = json_dumps(answer, JSON_ENCODE_ANY | JSON_COMPACT);
		json_decref(answer);
		(void)puts(text);
		free(text);
	}
	free(line);
	return 0;
}
