#include "rows.h"

#include "python/pylock.h"
#include "python/wheel.h"

static void
platforms(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum lm_platform platform;
		bool windows, macos, linux_, folds;
		const char *marker;
	} rows[] = {
		{ "linux_x86_64", LM_LINUX_X86_64, false, false, true, false,
			"sys_platform == 'linux' and platform_machine == 'x86_64'" },
		{ "linux_aarch64", LM_LINUX_AARCH64, false, false, true, false,
			"sys_platform == 'linux' and platform_machine == 'aarch64'" },
		{ "macosx_arm64", LM_MACOSX_ARM64, false, true, false, true,
			"sys_platform == 'darwin' and platform_machine == 'arm64'" },
		{ "macosx_x86_64", LM_MACOSX_X86_64, false, true, false, true,
			"sys_platform == 'darwin' and platform_machine == 'x86_64'" },
		{ "win_amd64", LM_WIN_AMD64, true, false, false, true,
			"sys_platform == 'win32' and platform_machine == 'AMD64'" },
		{ "win_arm64", LM_WIN_ARM64, true, false, false, true,
			"sys_platform == 'win32' and platform_machine == 'ARM64'" },
	};
	assert_int_equal(LM_COUNT(rows), LM_PLATFORM_COUNT);
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		enum lm_platform platform = LM_PLATFORM_COUNT;
		row_true(rows[i].name, lm_platform_parse(rows[i].name, &platform));
		row_int_equal(rows[i].name, platform, rows[i].platform);
		row_str_equal(rows[i].name, lm_platform_name(platform), rows[i].name);
		row_int_equal(rows[i].name, lm_platform_is_windows(platform), rows[i].windows);
		row_int_equal(rows[i].name, lm_platform_is_macos(platform), rows[i].macos);
		row_int_equal(rows[i].name, lm_platform_is_linux(platform), rows[i].linux_);
		row_int_equal(rows[i].name, lm_platform_folds_case(platform), rows[i].folds);
		row_str_equal(rows[i].name, lm_platform_marker(platform), rows[i].marker);

		// the marker holds on its own platform and on no other
		LM_AUTO(lm_arena_release) struct lm_arena arena = {};
		struct lm_marker *marker = nullptr;
		struct lm_err err = {};
		row_int_equal(rows[i].name, lm_marker_parse(lm_str_of(rows[i].marker), &arena, &marker, &err), 0);
		for (size_t j = 0; j < LM_COUNT(rows); j++) {
			struct lm_target target = {
				.platform = rows[j].platform, .py_major = 3, .py_minor = 11, .py_version = "3.11.11"
			};
			struct lm_marker_env env;
			char scratch[16];
			lm_target_marker_env(&target, scratch, &env);
			row_int_equal(rows[j].name, lm_marker_eval(marker, &env), i == j);
		}
	}
	enum lm_platform platform = LM_PLATFORM_COUNT;
	assert_false(lm_platform_parse("linux", &platform));
	assert_false(lm_platform_parse("", &platform));
	assert_int_equal(platform, LM_PLATFORM_COUNT);
}

static void
builds(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		int want; // below 0: a is taken
	} rows[] = {
		{ "", "", 0 },
		{ "1", "", -1 },
		{ "", "0", 1 },
		{ "10", "9", -1 },
		{ "9", "10", 1 },
		{ "010", "10", 0 },
		{ "1b", "1a", -1 },
		{ "1", "1a", 1 },
		{ "99999999999999999999999", "1", -1 },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_wheel_name a = {}, b = {};
		(void)snprintf(a.build, sizeof a.build, "%s", rows[i].a);
		(void)snprintf(b.build, sizeof b.build, "%s", rows[i].b);
		int got = lm_wheel_compare_build(&a, &b);
		row_int_equal(rows[i].a, (got > 0) - (got < 0), rows[i].want);
	}
}

// Versions nobody has must not overflow.
static void
huge_targets(void **state)
{
	(void)state;
	struct lm_wheel_name wheel;
	struct lm_err err = {};
	assert_int_equal(lm_wheel_name_parse(LM_STR("a-1-py3-none-any.whl"), &wheel, &err), 0);
	for (size_t i = 0; i < LM_PLATFORM_COUNT; i++) {
		struct lm_target target = { .platform = (enum lm_platform)i,
			.py_major = 3,
			.py_minor = UINT32_MAX,
			.py_version = "3.11.11",
			.glibc_major = 2,
			.glibc_minor = UINT32_MAX,
			.macos_major = UINT32_MAX };
		assert_true(lm_wheel_rank(&wheel, &target) > 0);
	}
}

static void
a_failed_parse_leaves_nothing(void **state)
{
	(void)state;
	struct lm_pylock lock;
	struct lm_toml_place place = {};
	struct lm_err err = {};
	static const char text[] = "lock-version = '1.0'\ncreated-by = 'x'\nenvironments = [\"os_name == 'nt'\", 1]\n";
	assert_int_equal(lm_pylock_parse(lm_str_of(text), &lock, &place, &err), -1);
	assert_int_equal(err.code, LM_E_SPEC);
	assert_string_equal(err.text, "an environment is not a string");
	assert_int_equal(place.line, 3);
	assert_int_equal(place.column, 36);
	assert_int_equal(lock.environments.count, 0);
	assert_null(lock.arena.head);
	// a null place is fine
	assert_int_equal(lm_pylock_parse(LM_STR("x ="), &lock, nullptr, &err), -1);
	assert_int_equal(err.code, LM_E_SPEC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(platforms),
		cmocka_unit_test(builds),
		cmocka_unit_test(huge_targets),
		cmocka_unit_test(a_failed_parse_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
