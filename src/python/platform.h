// The platforms a layer can be built for, and what Python and installers say of each.
#pragma once

#include "base/base.h"
#include "base/str.h"
#include "python/requirement.h"

enum lm_platform {
	LM_LINUX_X86_64,
	LM_LINUX_AARCH64,
	LM_MACOSX_ARM64,
	LM_MACOSX_X86_64,
	LM_WIN_AMD64,
	LM_WIN_ARM64,
	LM_PLATFORM_COUNT,
};

typedef uint32_t lm_platform_set; // bit (1 << platform)
enum { LM_ALL_PLATFORMS = (1 << LM_PLATFORM_COUNT) - 1 };

const char *lm_platform_name(enum lm_platform platform); // "linux_x86_64"
[[nodiscard]] bool lm_platform_parse(const char *name, enum lm_platform *out);
bool lm_platform_is_windows(enum lm_platform platform);
bool lm_platform_is_macos(enum lm_platform platform);
bool lm_platform_is_linux(enum lm_platform platform);
bool lm_platform_folds_case(enum lm_platform platform); // file names: macOS and Windows do by default
// The platform this program was compiled for.
enum lm_platform lm_platform_host(void);

// What a layer is built for, in the detail wheels care about.
struct lm_target {
	enum lm_platform platform;
	unsigned py_major, py_minor; // 3, 11
	const char *py_version;      // "3.11.11"
	unsigned glibc_major, glibc_minor; // Linux; default 2.28
	unsigned macos_major, macos_minor; // macOS; default 13.0
};
enum { LM_DEFAULT_GLIBC_MAJOR = 2, LM_DEFAULT_GLIBC_MINOR = 28, LM_DEFAULT_MACOS_MAJOR = 13, LM_DEFAULT_MACOS_MINOR = 0 };

// Marker values of CPython on the target. platform_release and platform_version are not known when a layer is built: "".
// Strings live as long as `target->py_version`; "python_version" is in `scratch`.
void lm_target_marker_env(const struct lm_target *target, char scratch[16], struct lm_marker_env *out);
// The marker the resolver gets for the platform: "sys_platform == 'linux' and platform_machine == 'x86_64'".
const char *lm_platform_marker(enum lm_platform platform);
