#include "os/kill_point.h"

#include "base/mem.h"
#include "base/str.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#ifdef LM_KILL_POINTS

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct lm_str wanted;    // where to die
static uint64_t number = SIGKILL;
static uint64_t left = 1;       // passings until then
static int trace_fd = -1;

void
lm_kill_point_arm(const char *request, const char *trace)
{
	struct lm_str rest = lm_str_of(request);
	wanted = lm_str_cut(&rest, '#');
	struct lm_str count = lm_str_cut(&rest, '=');
	if (count.len > 0)
		(void)lm_parse_u64(count, UINT32_MAX, &left);
	if (rest.len > 0)
		(void)lm_parse_u64(rest, 64, &number);
	if (trace != nullptr)
		trace_fd = open(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

void
lm_kill_point(const char *name)
{
	(void)pthread_mutex_lock(&mutex);
	if (trace_fd >= 0) {
		LM_AUTO(lm_free_ptr) char *line = lm_format("%s\n", name);
		(void)!write(trace_fd, line, strlen(line));
	}
	if (lm_str_equal(wanted, lm_str_of(name)) && --left == 0)
		(void)kill(getpid(), (int)number);
	(void)pthread_mutex_unlock(&mutex);
}

#endif
