#include "steps/child_env.h"

#include "base/mem.h"
#include "base/str.h"
#include "os/process.h"

#include <string.h>

static bool
resolver_may_see(const char *variable)
{
	static const char *const kept[] = { "UV_DEFAULT_INDEX=", "UV_INDEX=", "UV_INDEX_URL=", "UV_EXTRA_INDEX_URL=",
		"UV_INDEX_",
		"UV_CACHE_DIR=", "UV_NATIVE_TLS=", "UV_SYSTEM_CERTS=", "UV_INSECURE_HOST=", "UV_OFFLINE=", "UV_HTTP_",
		"UV_KEYRING_PROVIDER=", "UV_CONCURRENT_", "UV_NETRC=" };
	if (!lm_cstr_starts(variable, "UV_"))
		return true;
	if (lm_cstr_starts(variable, "UV_INDEX_STRATEGY="))
		return false;
	for (size_t i = 0; i < LM_COUNT(kept); i++)
		if (lm_cstr_starts(variable, kept[i]))
			return true;
	return false;
}

static bool
python_may_see(const char *variable)
{
	return !lm_cstr_starts(variable, "PYTHON") && !lm_cstr_starts(variable, "VIRTUAL_ENV=") &&
		!lm_cstr_starts(variable, "LD_LIBRARY_PATH=") && !lm_cstr_starts(variable, "__PYVENV_LAUNCHER__=");
}

const char **
lm_child_env(const char *const *overrides, size_t override_count)
{
	const char *const *ours = lm_process_environment();
	size_t count = 0, used = 0;
	while (ours[count] != nullptr)
		count++;
	const char **env = lm_alloc_array(count + override_count + 1, sizeof *env);
	for (size_t i = 0; i < count; i++) {
		bool passed = resolver_may_see(ours[i]) && python_may_see(ours[i]);
		for (size_t j = 0; j < override_count && passed; j++)
			passed = strncmp(ours[i], overrides[j], strcspn(overrides[j], "=") + 1) != 0;
		if (passed)
			env[used++] = ours[i];
	}
	for (size_t j = 0; j < override_count; j++)
		env[used++] = overrides[j];
	return env;
}
