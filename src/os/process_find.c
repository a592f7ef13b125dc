#include "os/process.h"

#include "base/mem.h"

#include <sys/stat.h>
#include <unistd.h>

static bool
is_program(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

// Not getenv: the environment is read in src/programs; this is the one thing that exec would have read itself.
static const char *
our_path_list(void)
{
	for (char **at = environ; at != nullptr && *at != nullptr; at++)
		if (lm_cstr_starts(*at, "PATH="))
			return *at + 5;
	return "/usr/local/bin:/usr/bin:/bin";
}

char *
lm_process_find(const char *program, const char *path_list)
{
	struct lm_str rest = lm_str_of(path_list == nullptr ? our_path_list() : path_list);

	while (rest.len > 0) {
		struct lm_str folder = lm_str_cut(&rest, ':');
		if (folder.len == 0 || folder.ptr[0] != '/')
			continue;
		LM_AUTO(lm_free_ptr) char *path = lm_format("%.*s/%s", LM_STR_ARG(folder), program);
		if (is_program(path))
			return lm_take(&path);
	}
	return nullptr;
}

const char *const *
lm_process_environment(void)
{
	static const char *const none[] = { nullptr };
	return environ == nullptr ? none : (const char *const *)(uintptr_t)environ;
}
