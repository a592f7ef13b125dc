// Linked into every program that is built with AddressSanitizer (misc/clang.mk): look for leaks, and leave without the clean-up of
// shared libraries. With AddressSanitizer glibc's lock of its locales is unbalanced before main begins (seen in gdb after the first
// newlocale); when strerror has run then, as libcurl lets it for a refused connection, libp11-kit's clean-up, freelocale, waits for that
// lock for ever. What the program and its libraries have asked to be called at exit while it ran is called before this.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int __lsan_do_recoverable_leak_check(void);

enum { LEAKED = 23 }; // the exit code that LeakSanitizer gives itself

static void
leave(int code, void *unused)
{
	(void)unused;
	(void)fflush(nullptr);
	_exit(__lsan_do_recoverable_leak_check() != 0 ? LEAKED : code);
}

[[gnu::constructor]] static void
arm(void)
{
	(void)on_exit(leave, nullptr);
}
