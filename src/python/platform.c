#include "python/platform.h"

#include <stdio.h>

static const struct {
	const char *name, *sys_platform, *platform_system, *machine, *marker;
} platforms[LM_PLATFORM_COUNT] = {
	[LM_LINUX_X86_64] = { "linux_x86_64", "linux", "Linux", "x86_64",
		"sys_platform == 'linux' and platform_machine == 'x86_64'" },
	[LM_LINUX_AARCH64] = { "linux_aarch64", "linux", "Linux", "aarch64",
		"sys_platform == 'linux' and platform_machine == 'aarch64'" },
	[LM_MACOSX_ARM64] = { "macosx_arm64", "darwin", "Darwin", "arm64",
		"sys_platform == 'darwin' and platform_machine == 'arm64'" },
	[LM_MACOSX_X86_64] = { "macosx_x86_64", "darwin", "Darwin", "x86_64",
		"sys_platform == 'darwin' and platform_machine == 'x86_64'" },
	[LM_WIN_AMD64] = { "win_amd64", "win32", "Windows", "AMD64",
		"sys_platform == 'win32' and platform_machine == 'AMD64'" },
	[LM_WIN_ARM64] = { "win_arm64", "win32", "Windows", "ARM64",
		"sys_platform == 'win32' and platform_machine == 'ARM64'" },
};

const char *
lm_platform_name(enum lm_platform platform)
{
	return platforms[platform].name;
}

bool
lm_platform_parse(const char *name, enum lm_platform *out)
{
	for (size_t i = 0; i < LM_COUNT(platforms); i++) {
		if (!lm_cstr_equal(name, platforms[i].name))
			continue;
		*out = (enum lm_platform)i;
		return true;
	}
	return false;
}

bool
lm_platform_is_windows(enum lm_platform platform)
{
	return platform == LM_WIN_AMD64 || platform == LM_WIN_ARM64;
}

bool
lm_platform_is_macos(enum lm_platform platform)
{
	return platform == LM_MACOSX_ARM64 || platform == LM_MACOSX_X86_64;
}

bool
lm_platform_is_linux(enum lm_platform platform)
{
	return platform == LM_LINUX_X86_64 || platform == LM_LINUX_AARCH64;
}

bool
lm_platform_folds_case(enum lm_platform platform)
{
	return !lm_platform_is_linux(platform);
}

enum lm_platform
lm_platform_host(void)
{
#if defined(__APPLE__) && defined(__aarch64__)
	return LM_MACOSX_ARM64;
#elif defined(__APPLE__)
	return LM_MACOSX_X86_64;
#elif defined(_WIN32) && defined(__aarch64__)
	return LM_WIN_ARM64;
#elif defined(_WIN32)
	return LM_WIN_AMD64;
#elif defined(__aarch64__)
	return LM_LINUX_AARCH64;
#else
	return LM_LINUX_X86_64;
#endif
}

void
lm_target_marker_env(const struct lm_target *target, char scratch[16], struct lm_marker_env *out)
{
	(void)snprintf(scratch, 16, "%u.%u", target->py_major % 1000, target->py_minor % 1000000);
	*out = (struct lm_marker_env){
		.os_name = lm_platform_is_windows(target->platform) ? "nt" : "posix",
		.sys_platform = platforms[target->platform].sys_platform,
		.platform_machine = platforms[target->platform].machine,
		.platform_python_implementation = "CPython",
		.platform_release = "",
		.platform_system = platforms[target->platform].platform_system,
		.platform_version = "",
		.python_version = scratch,
		.python_full_version = target->py_version,
		.implementation_name = "cpython",
		.implementation_version = target->py_version,
	};
}

const char *
lm_platform_marker(enum lm_platform platform)
{
	return platforms[platform].marker;
}
