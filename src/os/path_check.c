// What a path or a name from outside must look like before it touches anything.
#include "os/path.h"

#include "base/str.h"

#include <string.h>
#include <strings.h>

enum {
	LM_PATH_MAX_BYTES = 4096,
	LM_PATH_COMPONENT_MAX_BYTES = 255, // of common file systems
	LM_PATH_MAX_COMPONENTS = 128, // real ones have two dozen; each costs time for every path
	LM_NAME_MAX_BYTES = 128,
	LM_PATH_SHOWN_BYTES = 200, // of a path that cannot be shown as it is
};

// A copy fit for a message: what is not printable ASCII becomes '?', the end is cut.
static const char *
shown(const char *text, char out[static LM_PATH_SHOWN_BYTES])
{
	size_t at = 0;
	for (; text[at] != '\0' && at < LM_PATH_SHOWN_BYTES - 4; at++)
		out[at] = text[at] >= 0x20 && text[at] < 0x7F ? text[at] : '?';
	(void)memcpy(out + at, text[at] == '\0' ? "" : "...", text[at] == '\0' ? 1 : 4);
	return out;
}

// C0, DEL, and C1 as UTF-8 writes it: a terminal would obey them.
static bool
has_control(struct lm_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.ptr[i];
		unsigned char next = i + 1 < text.len ? (unsigned char)text.ptr[i + 1] : 0;
		if (byte < 0x20 || byte == 0x7F || (byte == 0xC2 && next >= 0x80 && next < 0xA0))
			return true;
	}
	return false;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

// Faults of the bytes, before any of them may be shown.
static int
check_bytes(const char *path, struct lm_err *err)
{
	char text[LM_PATH_SHOWN_BYTES];
	struct lm_str all = lm_str_of(path);

	if (all.len == 0)
		return lm_err_set(err, LM_E_SYNTAX, "the path is empty");
	if (all.len > LM_PATH_MAX_BYTES)
		return lm_err_set(err, LM_E_SYNTAX, "path of more than %d bytes: '%s'", LM_PATH_MAX_BYTES, shown(path, text));
	if (!lm_utf8_valid(all))
		return lm_err_set(err, LM_E_SYNTAX, "path that is not UTF-8: '%s'", shown(path, text));
	if (has_control(all))
		return lm_err_set(err, LM_E_SYNTAX, "path with a control character: '%s'", shown(path, text));
	return 0;
}

int
lm_path_check_inside(const char *path, struct lm_err *err)
{
	char text[LM_PATH_SHOWN_BYTES];
	if (check_bytes(path, err) < 0)
		return -1;
	if (path[0] == '/')
		return lm_err_set(err, LM_E_SYNTAX, "absolute path: '%s'", path);
	if (strchr(path, '\\') != nullptr)
		return lm_err_set(err, LM_E_SYNTAX, "path with a backslash: '%s'", path);
	if (is_letter(path[0]) && path[1] == ':')
		return lm_err_set(err, LM_E_SYNTAX, "path with a drive letter: '%s'", path);
	size_t count = 0;
	for (const char *at = path;; at++) {
		struct lm_str part = { at, strcspn(at, "/") };
		if (++count > LM_PATH_MAX_COMPONENTS)
			return lm_err_set(err, LM_E_SYNTAX, "path with more than %d components: '%s'", LM_PATH_MAX_COMPONENTS,
				shown(path, text));
		if (part.len == 0)
			return lm_err_set(err, LM_E_SYNTAX, "path with an empty component: '%s'", path);
		if (lm_str_equal(part, LM_STR(".")) || lm_str_equal(part, LM_STR("..")))
			return lm_err_set(err, LM_E_SYNTAX, "path with a '%.*s' component: '%s'", LM_STR_ARG(part), path);
		if (part.len > LM_PATH_COMPONENT_MAX_BYTES)
			return lm_err_set(err, LM_E_SYNTAX, "path with a component of more than %d bytes: '%s'",
				LM_PATH_COMPONENT_MAX_BYTES, path);
		at += part.len;
		if (*at == '\0')
			return 0;
	}
}

// A digit; or a superscript 1, 2 or 3, which Windows takes for one (U+00B9, U+00B2, U+00B3).
static bool
is_port_number(struct lm_str text)
{
	if (text.len == 1)
		return is_digit(text.ptr[0]);
	if (text.len != 2)
		return false;
	unsigned char first = (unsigned char)text.ptr[0], last = (unsigned char)text.ptr[1];
	return first == 0xC2 && (last == 0xB9 || last == 0xB2 || last == 0xB3);
}

// Windows keeps these names for devices, whatever follows the first dot, and blanks before it.
static bool
is_device(struct lm_str name)
{
	static const char *const plain[] = { "con", "prn", "aux", "nul", "conin$", "conout$" };
	struct lm_str stem = lm_str_trim(lm_str_cut(&name, '.'));
	for (size_t i = 0; i < LM_COUNT(plain); i++)
		if (stem.len == strlen(plain[i]) && strncasecmp(stem.ptr, plain[i], stem.len) == 0)
			return true;
	return stem.len > 3 && (strncasecmp(stem.ptr, "com", 3) == 0 || strncasecmp(stem.ptr, "lpt", 3) == 0) &&
		is_port_number((struct lm_str){ stem.ptr + 3, stem.len - 3 });
}

int
lm_path_check_windows(const char *path, struct lm_err *err)
{
	struct lm_str rest = lm_str_of(path);
	while (rest.len > 0) {
		struct lm_str part = lm_str_cut(&rest, '/');
		if (strcspn(part.ptr, "<>:\"|?*") < part.len)
			return lm_err_set(
				err, LM_E_SYNTAX, "path with a character that Windows does not have in names: '%s'", path);
		if (part.len > 0 && (part.ptr[part.len - 1] == '.' || part.ptr[part.len - 1] == ' '))
			return lm_err_set(err, LM_E_SYNTAX,
				"path with a name that ends with a dot or blank, which Windows drops: '%s'", path);
		if (is_device(part))
			return lm_err_set(err, LM_E_SYNTAX, "path with a name that Windows keeps for a device: '%s'", path);
	}
	return 0;
}

int
lm_path_check_name(const char *name, struct lm_err *err)
{
	char text[LM_PATH_SHOWN_BYTES];
	size_t len = strlen(name);

	if (len == 0)
		return lm_err_set(err, LM_E_SYNTAX, "the name is empty");
	if (len > LM_NAME_MAX_BYTES)
		return lm_err_set(err, LM_E_SYNTAX, "name of more than %d bytes: '%s'", LM_NAME_MAX_BYTES, shown(name, text));
	for (const char *at = name; *at != '\0'; at++)
		if (!is_letter(*at) && !is_digit(*at) && strchr("-_.@+", *at) == nullptr)
			return lm_err_set(err, LM_E_SYNTAX,
				"name with a character other than letters, digits and '-_.@+': '%s'", shown(name, text));
	if (name[0] == '-' || name[0] == '.')
		return lm_err_set(err, LM_E_SYNTAX, "name that starts with '%c': '%s'", name[0], name);
	if (name[len - 1] == '.')
		return lm_err_set(err, LM_E_SYNTAX, "name that ends with '.': '%s'", name);
	if (is_device(lm_str_of(name)))
		return lm_err_set(err, LM_E_SYNTAX, "name that Windows keeps for a device: '%s'", name);
	return 0;
}
