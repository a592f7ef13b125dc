// Tags in the order of packaging.tags: cpython_tags, then compatible_tags. The platforms come in sections of equal
// length, one per interpreter and ABI, so the place of a tag is computed rather than looked for.
#include "python/scan.h"
#include "python/wheel.h"

#include <stdio.h>
#include <string.h>

enum {
	OLDEST_GLIBC_X86_64 = 5,
	OLDEST_GLIBC = 17,
	LAST_GLIBC_2_MINOR = 50, // assumed when the target's major is above 2
	LAST_MACOS_10_MINOR = 16,
	FIRST_MACOS_10_MINOR = 4, // x86_64 came with 10.4
	OLDEST_ABI3_MINOR = 2,
	ANY = -2,
	NONE = -1,
};

static const struct {
	int minor;
	const char *alias;
} glibc_aliases[] = { { 17, "manylinux2014" }, { 12, "manylinux2010" }, { 5, "manylinux1" } };

static const char *const macos_x86_64_formats[] = { "x86_64", "intel", "fat64", "fat3", "universal2", "universal" };
static const char *const macos_arm64_formats[] = { "arm64", "universal2" };

static int
glibc_minor(const struct lm_target *target)
{
	if (target->glibc_major != 2)
		return target->glibc_major > 2 ? LAST_GLIBC_2_MINOR : 0;
	return target->glibc_minor > 999 ? 999 : (int)target->glibc_minor;
}

static int
oldest_glibc(const struct lm_target *target)
{
	return target->platform == LM_LINUX_X86_64 ? OLDEST_GLIBC_X86_64 : OLDEST_GLIBC;
}

// Place of manylinux_2_<minor>; its alias is the next one.
static int
glibc_place(const struct lm_target *target, int minor)
{
	int newest = glibc_minor(target), place = newest - minor;
	for (size_t i = 0; i < LM_COUNT(glibc_aliases); i++)
		place += glibc_aliases[i].minor > minor && glibc_aliases[i].minor <= newest;
	return place;
}

static int
linux_count(const struct lm_target *target)
{
	int oldest = oldest_glibc(target);
	if (glibc_minor(target) < oldest)
		return 1;
	return glibc_place(target, oldest) + 3; // the oldest, its alias, and linux_<machine>
}

// A number as tags have it: no leading zero, at most four digits.
static bool
scan_number(struct lm_scan *scan, int *out)
{
	uint64_t number = 0;
	size_t start = scan->at;
	while (lm_is_digit(lm_scan_peek(scan, 0)))
		scan->at++;
	struct lm_str digits = lm_scan_since(scan, start);
	if (digits.len > 1 && digits.ptr[0] == '0')
		return false;
	if (!lm_parse_u64(digits, 9999, &number))
		return false;
	*out = (int)number;
	return true;
}

static int
linux_place(const struct lm_target *target, struct lm_str tag)
{
	struct lm_str machine = target->platform == LM_LINUX_X86_64 ? LM_STR("_x86_64") : LM_STR("_aarch64");
	if (!lm_str_ends(tag, machine))
		return NONE;
	struct lm_str system = { tag.ptr, tag.len - machine.len };
	if (lm_str_equal(system, LM_STR("linux")))
		return linux_count(target) - 1;

	int oldest = oldest_glibc(target), newest = glibc_minor(target), minor = 0;
	for (size_t i = 0; i < LM_COUNT(glibc_aliases); i++) {
		minor = glibc_aliases[i].minor;
		if (lm_str_equal(system, lm_str_of(glibc_aliases[i].alias)))
			return minor >= oldest && minor <= newest ? glibc_place(target, minor) + 1 : NONE;
	}
	struct lm_scan scan = { system, 0 };
	if (!lm_scan_word(&scan, "manylinux_2_") || !scan_number(&scan, &minor) || !lm_scan_end(&scan))
		return NONE;
	return minor >= oldest && minor <= newest ? glibc_place(target, minor) : NONE;
}

static int
macos_major(const struct lm_target *target)
{
	return target->macos_major > 999 ? 999 : (int)target->macos_major;
}

static int
macos_minor(const struct lm_target *target)
{
	return target->macos_minor > 999 ? 999 : (int)target->macos_minor;
}

static const char *const *
macos_formats(const struct lm_target *target, int *count)
{
	bool arm = target->platform == LM_MACOSX_ARM64;
	*count = arm ? (int)LM_COUNT(macos_arm64_formats) : (int)LM_COUNT(macos_x86_64_formats);
	return arm ? macos_arm64_formats : macos_x86_64_formats;
}

// Before macOS 11 only the minor counted, and 10.<minor> runs what was built for lower minors.
static int
macos_10_oldest(const struct lm_target *target)
{
	return target->platform == LM_MACOSX_ARM64 ? 0 : FIRST_MACOS_10_MINOR;
}

static int
macos_count(const struct lm_target *target)
{
	int formats = 0, major = macos_major(target);
	(void)macos_formats(target, &formats);
	if (major < 10)
		return 0;
	if (major == 10) {
		int minors = macos_minor(target) - macos_10_oldest(target) + 1;
		return minors > 0 ? minors * formats : 0;
	}
	int older = LAST_MACOS_10_MINOR - FIRST_MACOS_10_MINOR + 1; // on arm64 as universal2 only
	return (major - 10) * formats + older * (target->platform == LM_MACOSX_ARM64 ? 1 : formats);
}

static int
macos_place_of(const struct lm_target *target, int major, int minor, struct lm_str format)
{
	int count = 0, own_major = macos_major(target), own_minor = macos_minor(target), at = 0;
	const char *const *formats = macos_formats(target, &count);
	while (at < count && !lm_str_equal(format, lm_str_of(formats[at])))
		at++;
	if (at == count)
		return NONE;
	if (own_major == 10)
		return major == 10 && minor <= own_minor && minor >= macos_10_oldest(target) ? (own_minor - minor) * count + at
											     : NONE;
	if (major >= 11)
		return major <= own_major && minor == 0 ? (own_major - major) * count + at : NONE;
	if (major != 10 || minor < FIRST_MACOS_10_MINOR || minor > LAST_MACOS_10_MINOR || own_major < 11)
		return NONE;
	int newer = (own_major - 10) * count, older = LAST_MACOS_10_MINOR - minor;
	if (target->platform == LM_MACOSX_X86_64)
		return newer + older * count + at;
	return at == 1 ? newer + older : NONE;
}

static int
macos_place(const struct lm_target *target, struct lm_str tag)
{
	struct lm_scan scan = { tag, 0 };
	int major = 0, minor = 0;
	if (!lm_scan_word(&scan, "macosx_") || !scan_number(&scan, &major) || !lm_scan_byte(&scan, '_') ||
		!scan_number(&scan, &minor) || !lm_scan_byte(&scan, '_'))
		return NONE;
	return macos_place_of(target, major, minor, lm_scan_rest(&scan));
}

static int
platform_count(const struct lm_target *target)
{
	if (lm_platform_is_linux(target->platform))
		return linux_count(target);
	return lm_platform_is_macos(target->platform) ? macos_count(target) : 1;
}

// Place of a platform tag within a section, ANY, or NONE.
static int
platform_place(const struct lm_target *target, struct lm_str tag)
{
	if (lm_str_equal(tag, LM_STR("any")))
		return ANY;
	if (lm_platform_is_linux(target->platform))
		return linux_place(target, tag);
	if (lm_platform_is_macos(target->platform))
		return macos_place(target, tag);
	return lm_str_equal(tag, lm_str_of(lm_platform_name(target->platform))) ? 0 : NONE;
}

// "cp311" -> 'c', minor 11; "py3" -> 'p', minor NONE. Of the target's major only.
static char
interpreter_of(const struct lm_target *target, struct lm_str tag, int *minor)
{
	struct lm_scan scan = { tag, 0 };
	char kind = lm_scan_word(&scan, "cp") ? 'c' : lm_scan_word(&scan, "py") ? 'p' : '\0';
	if (kind == '\0' || lm_scan_peek(&scan, 0) != (char)('0' + target->py_major % 10))
		return '\0';
	scan.at++;
	*minor = NONE;
	if (lm_scan_end(&scan))
		return kind;
	return scan_number(&scan, minor) && lm_scan_end(&scan) ? kind : '\0';
}

static int
minor_of(const struct lm_target *target)
{
	return target->py_minor > 999 ? 999 : (int)target->py_minor;
}

static bool
has_abi3(const struct lm_target *target)
{
	return target->py_major > 3 || (target->py_major == 3 && target->py_minor >= OLDEST_ABI3_MINOR);
}

// How many sections cp<older>-abi3 there are.
static int
older_abi3_count(const struct lm_target *target)
{
	int count = minor_of(target) - OLDEST_ABI3_MINOR;
	return has_abi3(target) && count > 0 ? count : 0;
}

// py<target>, py<major>, then older ones: 0, 1, 2, ...
static int
pure_place(const struct lm_target *target, int minor)
{
	int own = minor_of(target);
	if (minor == NONE)
		return 1;
	if (minor > own)
		return NONE;
	return minor == own ? 0 : 1 + own - minor;
}

static int
cpython_rank(const struct lm_target *target, int minor, struct lm_str abi, int place)
{
	int count = platform_count(target), own = minor_of(target);
	int own_sections = has_abi3(target) ? 3 : 2;
	if (place == ANY)
		return minor == own && lm_str_equal(abi, LM_STR("none"))
			? (own_sections + older_abi3_count(target) + own + 2) * count
			: NONE;
	if (lm_str_equal(abi, LM_STR("abi3"))) {
		if (!has_abi3(target) || minor > own || minor < OLDEST_ABI3_MINOR)
			return NONE;
		return minor == own ? count + place : (own_sections + own - 1 - minor) * count + place;
	}
	if (minor != own)
		return NONE;
	if (lm_str_equal(abi, LM_STR("none")))
		return (own_sections - 1) * count + place;
	int abi_minor = NONE; // the ABI tag of CPython is named as the interpreter
	bool own_abi = interpreter_of(target, abi, &abi_minor) == 'c' && abi_minor == own;
	return own_abi ? place : NONE;
}

static int
pure_rank(const struct lm_target *target, int minor, struct lm_str abi, int place)
{
	int count = platform_count(target), own = minor_of(target), version = pure_place(target, minor);
	int before = ((has_abi3(target) ? 3 : 2) + older_abi3_count(target)) * count;
	if (!lm_str_equal(abi, LM_STR("none")) || version == NONE)
		return NONE;
	if (place == ANY)
		return before + (own + 2) * count + 1 + version;
	return before + version * count + place;
}

// One tag, not compressed.
static int
rank_of(const struct lm_target *target, struct lm_str python, struct lm_str abi, int place)
{
	int minor = NONE;
	switch (interpreter_of(target, python, &minor)) {
	case 'c':
		return minor == NONE ? NONE : cpython_rank(target, minor, abi, place);
	case 'p':
		return pure_rank(target, minor, abi, place);
	default:
		return NONE;
	}
}

int
lm_wheel_rank(const struct lm_wheel_name *wheel, const struct lm_target *target)
{
	int best = NONE;
	struct lm_str platforms = lm_str_of(wheel->platform);
	while (platforms.len > 0) {
		int place = platform_place(target, lm_str_cut(&platforms, '.'));
		if (place == NONE)
			continue;
		struct lm_str pythons = lm_str_of(wheel->python);
		while (pythons.len > 0) {
			struct lm_str python = lm_str_cut(&pythons, '.'), abis = lm_str_of(wheel->abi);
			while (abis.len > 0) {
				int rank = rank_of(target, python, lm_str_cut(&abis, '.'), place);
				if (rank != NONE && (best == NONE || rank < best))
					best = rank;
			}
		}
	}
	return best;
}

static void
list_linux(const struct lm_target *target, struct lm_strings *out)
{
	const char *machine = target->platform == LM_LINUX_X86_64 ? "x86_64" : "aarch64";
	char tag[64];
	for (int minor = glibc_minor(target); minor >= oldest_glibc(target); minor--) {
		(void)snprintf(tag, sizeof tag, "manylinux_2_%d_%s", minor, machine);
		lm_strings_add(out, tag);
		for (size_t i = 0; i < LM_COUNT(glibc_aliases); i++) {
			if (glibc_aliases[i].minor != minor)
				continue;
			(void)snprintf(tag, sizeof tag, "%s_%s", glibc_aliases[i].alias, machine);
			lm_strings_add(out, tag);
		}
	}
	(void)snprintf(tag, sizeof tag, "linux_%s", machine);
	lm_strings_add(out, tag);
}

static void
list_macos_release(const struct lm_target *target, int major, int minor, int first, struct lm_strings *out)
{
	int count = 0;
	const char *const *formats = macos_formats(target, &count);
	char tag[64];
	for (int i = first; i < count; i++) {
		(void)snprintf(tag, sizeof tag, "macosx_%d_%d_%s", major, minor, formats[i]);
		lm_strings_add(out, tag);
	}
}

static void
list_macos(const struct lm_target *target, struct lm_strings *out)
{
	if (macos_major(target) == 10) {
		for (int minor = macos_minor(target); minor >= macos_10_oldest(target); minor--)
			list_macos_release(target, 10, minor, 0, out);
		return;
	}
	for (int major = macos_major(target); major >= 11; major--)
		list_macos_release(target, major, 0, 0, out);
	int first = target->platform == LM_MACOSX_ARM64 ? 1 : 0;
	for (int minor = LAST_MACOS_10_MINOR; macos_major(target) >= 11 && minor >= FIRST_MACOS_10_MINOR; minor--)
		list_macos_release(target, 10, minor, first, out);
}

static void
list_section(const char *python, const char *abi, const struct lm_strings *platforms, struct lm_strings *out)
{
	char tag[128];
	for (size_t i = 0; i < platforms->count; i++) {
		(void)snprintf(tag, sizeof tag, "%s-%s-%s", python, abi, platforms->items[i]);
		lm_strings_add(out, tag);
	}
}

// "py311", "py3", "py310", ... "py30"
static void
list_pure_pythons(const struct lm_target *target, struct lm_strings *out)
{
	char python[32];
	for (int minor = minor_of(target); minor >= 0; minor--) {
		(void)snprintf(python, sizeof python, "py%u%d", target->py_major, minor);
		lm_strings_add(out, python);
		if (minor != minor_of(target))
			continue;
		(void)snprintf(python, sizeof python, "py%u", target->py_major);
		lm_strings_add(out, python);
	}
}

static void
list_cpython(const struct lm_target *target, const char *own, const struct lm_strings *platforms, struct lm_strings *out)
{
	char python[32];
	list_section(own, own, platforms, out);
	if (has_abi3(target))
		list_section(own, "abi3", platforms, out);
	list_section(own, "none", platforms, out);
	for (int i = 0; i < older_abi3_count(target); i++) {
		(void)snprintf(python, sizeof python, "cp%u%d", target->py_major, minor_of(target) - 1 - i);
		list_section(python, "abi3", platforms, out);
	}
}

void
lm_target_tags(const struct lm_target *target, struct lm_strings *out)
{
	LM_AUTO(lm_strings_release) struct lm_strings platforms = {};
	LM_AUTO(lm_strings_release) struct lm_strings pythons = {};
	LM_AUTO(lm_strings_release) struct lm_strings any = {};
	char own[32];

	if (lm_platform_is_linux(target->platform))
		list_linux(target, &platforms);
	else if (lm_platform_is_macos(target->platform))
		list_macos(target, &platforms);
	else
		lm_strings_add(&platforms, lm_platform_name(target->platform));
	lm_strings_add(&any, "any");
	list_pure_pythons(target, &pythons);
	(void)snprintf(own, sizeof own, "cp%u%d", target->py_major, minor_of(target));

	list_cpython(target, own, &platforms, out);
	for (size_t i = 0; i < pythons.count; i++)
		list_section(pythons.items[i], "none", &platforms, out);
	list_section(own, "none", &any, out);
	for (size_t i = 0; i < pythons.count; i++)
		list_section(pythons.items[i], "none", &any, out);
}
