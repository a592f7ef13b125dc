// How many processors we may use.
#include "os/pool.h"

#include "base/mem.h"
#include "base/str.h"
#include "os/file.h"
#include "os/path.h"

#include <sched.h>
#include <unistd.h>

enum {
	LM_CPU_MASK_MAX = 65536,          // processors asked for at most
	LM_CGROUP_TEXT_BYTES = 64 * 1024, // of /proc/self/cgroup and cpu.max
};

// Processors of our affinity mask. The kernel refuses a mask smaller than its own.
static unsigned
affinity_count(void)
{
	for (size_t bits = 1024; bits <= LM_CPU_MASK_MAX; bits *= 4) {
		size_t size = CPU_ALLOC_SIZE(bits);
		LM_AUTO(lm_free_ptr) cpu_set_t *mask = lm_alloc(size);
		if (sched_getaffinity(0, size, mask) == 0)
			return (unsigned)CPU_COUNT_S(size, mask);
	}
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? (unsigned)online : 1;
}

// "<quota> <period>" in microseconds; "max <period>" is no quota.
static unsigned
folder_quota(const char *folder)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, "cpu.max");
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	struct lm_err ignored = {};
	uint64_t quota = 0, period = 0;

	if (lm_file_read(path, LM_CGROUP_TEXT_BYTES, &text, nullptr, &ignored) < 0)
		return 0;
	struct lm_str rest = lm_str_trim(lm_str_of(text));
	struct lm_str first = lm_str_cut(&rest, ' ');
	if (!lm_parse_u64(first, UINT32_MAX, &quota) || !lm_parse_u64(rest, UINT32_MAX, &period) || period == 0)
		return 0;
	return (unsigned)((quota + period - 1) / period);
}

// The path of the one line "0::<path>" that cgroup v2 has.
static struct lm_str
group_path(const char *groups)
{
	for (struct lm_str rest = lm_str_of(groups); rest.len > 0;) {
		struct lm_str line = lm_str_cut(&rest, '\n');
		if (lm_str_starts(line, LM_STR("0::/")))
			return (struct lm_str){ line.ptr + 3, line.len - 3 };
	}
	return (struct lm_str){};
}

unsigned
lm_cpu_quota(const char *root, const char *groups)
{
	struct lm_str group = group_path(groups);
	unsigned least = 0;

	if (group.len == 0)
		return 0;
	for (;;) { // "/a/b", "/a", "": inside a container the root group has a quota too
		LM_AUTO(lm_free_ptr) char *folder = lm_format("%s%.*s", root, (int)group.len, group.len == 0 ? "" : group.ptr);
		unsigned quota = folder_quota(folder);
		if (quota > 0 && (least == 0 || quota < least))
			least = quota;
		if (group.len == 0)
			return least;
		while (group.ptr[group.len - 1] != '/')
			group.len--;
		group.len--;
	}
}

unsigned
lm_cpu_count(void)
{
	LM_AUTO(lm_free_ptr) char *groups = nullptr;
	struct lm_err ignored = {};
	unsigned count = affinity_count();

	if (lm_file_read("/proc/self/cgroup", LM_CGROUP_TEXT_BYTES, &groups, nullptr, &ignored) < 0)
		return count > 0 ? count : 1;
	unsigned quota = lm_cpu_quota("/sys/fs/cgroup", groups);
	if (quota > 0 && quota < count)
		count = quota;
	return count > 0 ? count : 1;
}
