#include "os/file.h"

#include "os/fd.h"

#include <errno.h>
#include <sys/mman.h>

int
lm_map_open(struct lm_map *map, const char *path, struct lm_err *err)
{
	LM_AUTO(lm_fd_close) int fd = -1;
	struct stat status;

	if (lm_fd_open_regular(path, &fd, &status, err) < 0)
		return -1;
	*map = (struct lm_map){};
	if (status.st_size == 0)
		return 0;
	if ((uint64_t)status.st_size > SIZE_MAX)
		return lm_fd_fail(err, EFBIG, "map", path);
	void *memory = mmap(nullptr, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (memory == MAP_FAILED)
		return lm_fd_fail(err, errno, "map", path);
	*map = (struct lm_map){ memory, (size_t)status.st_size };
	return 0;
}

void
lm_map_close(struct lm_map *map)
{
	if (map->ptr != nullptr)
		(void)munmap((void *)(uintptr_t)map->ptr, map->len);
	*map = (struct lm_map){};
}
