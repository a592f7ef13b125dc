// Who works on what. An owner is "<host>:<pid>:<random>", and a file of that random name in the run's folder is locked while
// it lives: what a killed process left is taken over at once on the same machine, and after the lease's end on another.
#include "batch/engine_parts.h"

#include "os/clock.h"
#include "os/fd.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { LM_HOST_BYTES = 25 };

static const char runner_prefix[] = ".runner.";
static const char runner_suffix[] = ".partial";

// This machine's name, as far as it fits and without what would end it in an owner's text.
static void
host_name(char out[static LM_HOST_BYTES])
{
	char name[256] = "";
	size_t len = 0;

	(void)gethostname(name, sizeof(name) - 1);
	for (; name[len] != '\0' && len + 1 < LM_HOST_BYTES; len++)
		out[len] = name[len] == ':' || name[len] <= ' ' || name[len] > '~' ? '_' : name[len];
	out[len] = '\0';
}

int
lm_engine_own(struct lm_engine *engine, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(engine->folder.path, "runner");
	char host[LM_HOST_BYTES];
	char *made = nullptr;

	engine->owner_fd = lm_fd_make_partial(path, &made);
	if (engine->owner_fd < 0)
		return lm_fd_fail(err, errno, "write", path);
	engine->owner_path = made;
	struct lm_str random = lm_str_of(lm_path_name(made) + strlen(runner_prefix));
	random.len -= strlen(runner_suffix);
	host_name(host);
	(void)snprintf(
		engine->owner, sizeof(engine->owner), "%s:%" PRIdMAX ":%.*s", host, (intmax_t)getpid(), LM_STR_ARG(random));
	return 0;
}

void
lm_engine_disown(struct lm_engine *engine)
{
	if (engine->owner_path == nullptr)
		return;
	(void)unlink(engine->owner_path);
	(void)close(engine->owner_fd);
	lm_free(lm_take(&engine->owner_path));
}

// Is this owner a process of our machine that is no more? The kernel gave its lock back then.
static bool
is_dead(const struct lm_engine *engine, const char *owner)
{
	char host[LM_HOST_BYTES];
	struct lm_str rest = lm_str_of(owner);

	host_name(host);
	if (!lm_str_equal(lm_str_cut(&rest, ':'), lm_str_of(host)))
		return false;
	(void)lm_str_cut(&rest, ':');
	if (rest.len == 0 || memchr(rest.ptr, '/', rest.len) != nullptr)
		return false;
	LM_AUTO(lm_free_ptr) char *name = lm_format("%s%.*s%s", runner_prefix, LM_STR_ARG(rest), runner_suffix);
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(engine->folder.path, name);
	LM_AUTO(lm_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT;
	return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

// ---- time

int64_t
lm_engine_now_ms(const struct lm_engine *engine)
{
	return (int64_t)lm_clock_monotonic_ms() + engine->ahead_ms;
}

int
lm_engine_set_clock(struct lm_engine *engine, struct lm_err *err)
{
	int64_t now_ms = 0;

	if (lm_runs_now_ms(engine->runs, &now_ms, err) < 0)
		return -1;
	int64_t ahead_ms = now_ms - (int64_t)lm_clock_monotonic_ms();
	if (ahead_ms > engine->ahead_ms)
		engine->ahead_ms = ahead_ms;
	return 0;
}

int64_t
lm_engine_not_later(const struct lm_engine *engine, int64_t at_ms)
{
	uint64_t longest_ms = engine->config.max_backoff_ms;

	if (longest_ms < LM_ENGINE_RETRY_AFTER_MAX_MS)
		longest_ms = LM_ENGINE_RETRY_AFTER_MAX_MS;
	return at_ms > lm_engine_now_ms(engine) + (int64_t)longest_ms ? 0 : at_ms;
}

// ---- leases

int64_t
lm_engine_lease_until(const struct lm_engine *engine)
{
	return lm_engine_now_ms(engine) + (int64_t)engine->lease_ms;
}

int
lm_engine_take(struct lm_engine *engine, int64_t unit, struct lm_lease *lease, char *holder, struct lm_err *err)
{
	char who[64] = "";
	int64_t held_until_ms = 0;
	int rc = lm_lease_take(engine->runs, engine->run.key, unit, engine->owner, lm_engine_now_ms(engine),
		lm_engine_lease_until(engine), lease, who, &held_until_ms, err);

	// to the store the dead one's lease has ended; that of somebody who was faster than we has not
	if (rc == 0 && is_dead(engine, who))
		rc = lm_lease_take(engine->runs, engine->run.key, unit, engine->owner, held_until_ms + 1,
			lm_engine_lease_until(engine), lease, who, &held_until_ms, err);
	if (rc == 0 && holder != nullptr)
		memcpy(holder, who, sizeof(who));
	return rc;
}

int
lm_engine_own_run(struct lm_engine *engine, struct lm_err *err)
{
	if (engine->shared || engine->held)
		return 1;
	int rc = lm_engine_take(engine, LM_UNIT_RUN, &engine->lease, nullptr, err);
	if (rc != 1)
		return rc;
	engine->held = true;
	engine->renewed_ms = lm_clock_monotonic_ms();
	return lm_engine_look(engine, err) < 0 ? -1 : 1;
}

int
lm_engine_renew(struct lm_engine *engine, struct lm_err *err)
{
	uint64_t now = lm_clock_monotonic_ms();

	if (now - engine->renewed_ms < engine->lease_ms / 3)
		return 0;
	engine->renewed_ms = now;
	if (lm_engine_set_clock(engine, err) < 0)
		return -1;
	int64_t until_ms = lm_engine_lease_until(engine);
	if (engine->held && lm_lease_renew(engine->runs, &engine->lease, until_ms, err) < 0)
		return -1;
	if (engine->reading != nullptr && lm_lease_renew(engine->runs, engine->reading, until_ms, err) < 0)
		return -1;
	for (size_t i = 0; engine->shared && i < engine->work_count; i++) {
		struct lm_work *work = &engine->works[i];
		if (work->gone || lm_lease_renew(engine->runs, &work->lease, until_ms, err) == 0)
			continue;
		if (err->code != LM_E_CONFLICT)
			return -1;
		work->gone = true; // another process has it
	}
	return 0;
}
