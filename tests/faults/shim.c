// Loaded before libc (LD_PRELOAD): makes the n-th call of a function of libc fail, as a disk or a system may, or kills there.
//
//   LAMINA_FAULT         "<call>#<n>=<errno as a number>", "<call>#<n>=kill", or "<call>#0" to count only
//   LAMINA_FAULT_IN      name of the program in which calls count (others that it starts run as ever)
//   LAMINA_FAULT_REPORT  a file that gets a line "fault" when it has happened, and at the end of the program "count <call> <n>" for each
//
// Calls: read, write, open, fsync, rename, mmap, fork, malloc, each with its relatives. What the program reads from or writes to
// standard streams does not count, and of malloc what libraries ask for does not: they say so in ways of their own.
#undef _FORTIFY_SOURCE // its read is not one that can be replaced
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum call { CALL_READ, CALL_WRITE, CALL_OPEN, CALL_FSYNC, CALL_RENAME, CALL_MMAP, CALL_FORK, CALL_MALLOC, CALLS };

static const char *const names[CALLS] = { "read", "write", "open", "fsync", "rename", "mmap", "fork", "malloc" };
static enum call fault_call = CALLS;
static long fault_at, fault_errno; // errno 0: kill
static const char *report_path;
static pid_t armed; // counts in this process only, not in a child that is about to become another program
static uintptr_t program_begin, program_end;
static atomic_long calls[CALLS];

static void
tell(const char *line)
{
	if (report_path == nullptr)
		return;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, report_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	(void)syscall(SYS_write, fd, line, strlen(line));
	(void)syscall(SYS_close, fd);
}

static int
find_program(struct dl_phdr_info *info, size_t, void *)
{
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		uintptr_t end = begin + info->dlpi_phdr[i].p_memsz;
		program_begin = program_begin == 0 || begin < program_begin ? begin : program_begin;
		program_end = end > program_end ? end : program_end;
	}
	return 1; // the first one is the program
}

[[gnu::constructor]] static void
arm(void)
{
	const char *request = getenv("LAMINA_FAULT"), *program = getenv("LAMINA_FAULT_IN");
	if (request == nullptr || program == nullptr || strcmp(program, program_invocation_short_name) != 0)
		return;
	const char *number = strchr(request, '#');
	if (number == nullptr)
		return;
	for (enum call call = 0; call < CALLS; call++)
		if (strlen(names[call]) == (size_t)(number - request) && memcmp(names[call], request, strlen(names[call])) == 0)
			fault_call = call;
	char *rest = nullptr;
	fault_at = strtol(number + 1, &rest, 10);
	if (*rest == '=')
		fault_errno = strtol(rest + 1, nullptr, 10);
	report_path = getenv("LAMINA_FAULT_REPORT");
	(void)dl_iterate_phdr(find_program, nullptr);
	armed = (pid_t)syscall(SYS_getpid);
}

[[gnu::destructor]] static void
count(void)
{
	if (armed == 0 || syscall(SYS_getpid) != armed)
		return;
	for (enum call call = 0; call < CALLS; call++) {
		char line[40];
		(void)snprintf(line, sizeof line, "count %s %ld\n", names[call], atomic_load(&calls[call]));
		tell(line);
	}
}

// Who leaves without destructors (tests/support/leave.c) has counted, too.
[[noreturn]] void
_exit(int code)
{
	count();
	(void)syscall(SYS_exit_group, code);
	__builtin_unreachable();
}

// Is this the call that shall fail? Then errno is set.
static bool
fails(enum call call)
{
	if (armed == 0 || syscall(SYS_getpid) != armed)
		return false;
	if (atomic_fetch_add(&calls[call], 1) + 1 != fault_at || call != fault_call)
		return false;
	tell("fault\n");
	if (fault_errno == 0)
		(void)syscall(SYS_kill, armed, SIGKILL);
	errno = (int)fault_errno;
	return true;
}

// The function that this one stands before.
#define NEXT(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

#define RELAY(type, name, call, condition, parameters, arguments) \
	type name parameters \
	{ \
		static typeof(&name) next; \
		if (next == nullptr) \
			next = NEXT(name); \
		if ((condition) && fails(call)) \
			return (type) - 1; \
		return next arguments; \
	}

RELAY(ssize_t, read, CALL_READ, fd > 2, (int fd, void *into, size_t size), (fd, into, size))
RELAY(ssize_t, pread, CALL_READ, true, (int fd, void *into, size_t size, off_t at), (fd, into, size, at))
RELAY(ssize_t, pread64, CALL_READ, true, (int fd, void *into, size_t size, off64_t at), (fd, into, size, at))
RELAY(ssize_t, write, CALL_WRITE, fd > 2, (int fd, const void *from, size_t size), (fd, from, size))
RELAY(ssize_t, writev, CALL_WRITE, fd > 2, (int fd, const struct iovec *parts, int n), (fd, parts, n))
RELAY(ssize_t, pwrite, CALL_WRITE, true, (int fd, const void *from, size_t size, off_t at), (fd, from, size, at))
RELAY(ssize_t, pwrite64, CALL_WRITE, true, (int fd, const void *from, size_t size, off64_t at), (fd, from, size, at))
RELAY(ssize_t, copy_file_range, CALL_WRITE, true, (int from, off64_t *at, int to, off64_t *where, size_t size, unsigned flags),
	(from, at, to, where, size, flags))
RELAY(int, fsync, CALL_FSYNC, true, (int fd), (fd))
RELAY(int, fdatasync, CALL_FSYNC, true, (int fd), (fd))
RELAY(int, rename, CALL_RENAME, true, (const char *from, const char *to), (from, to))
RELAY(int, renameat, CALL_RENAME, true, (int at, const char *from, int where, const char *to), (at, from, where, to))
RELAY(int, renameat2, CALL_RENAME, true, (int at, const char *from, int where, const char *to, unsigned flags),
	(at, from, where, to, flags))
RELAY(void *, mmap, CALL_MMAP, true, (void *at, size_t size, int access, int flags, int fd, off_t from),
	(at, size, access, flags, fd, from))
RELAY(void *, mmap64, CALL_MMAP, true, (void *at, size_t size, int access, int flags, int fd, off64_t from),
	(at, size, access, flags, fd, from))
RELAY(pid_t, fork, CALL_FORK, true, (void), ())

#define RELAY_OPEN(name, parameters, arguments) \
	int name parameters \
	{ \
		static typeof(&name) next; \
		if (next == nullptr) \
			next = NEXT(name); \
		va_list rest; \
		va_start(rest, flags); \
		mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0; \
		va_end(rest); \
		return fails(CALL_OPEN) ? -1 : next arguments; \
	}

RELAY_OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
RELAY_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
RELAY_OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))
RELAY_OPEN(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode))

// these return an errno
#define RELAY_SPAWN(name) \
	int name(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes, \
		char *const *argv, char *const *env) \
	{ \
		return fails(CALL_FORK) ? (int)fault_errno : NEXT(name)(pid, path, actions, attributes, argv, env); \
	}

RELAY_SPAWN(posix_spawn)
RELAY_SPAWN(posix_spawnp)

// dlsym asks for memory, so these know the real ones by name
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static bool
no_memory(const void *caller)
{
	return (uintptr_t)caller >= program_begin && (uintptr_t)caller < program_end && fails(CALL_MALLOC);
}

void *
malloc(size_t size)
{
	return no_memory(__builtin_return_address(0)) ? nullptr : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return no_memory(__builtin_return_address(0)) ? nullptr : __libc_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	return no_memory(__builtin_return_address(0)) ? nullptr : __libc_realloc(old, size);
}
