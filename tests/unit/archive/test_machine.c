#include "rows.h"

#include "archive/machine.h"

// "e_machine" is at 18
#define ELF(class, data, machine) \
	"\x7f" \
	"ELF" class data "\1\0\0\0\0\0\0\0\0\0\3\0" machine
// where "PE\0\0" is: 0x3c after "MZ"
#define MZ(place) \
	"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0" \
	"\xb8\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0" \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" place
#define BYTES(text) (text), sizeof(text) - 1

static void
machines(void **)
{
	static const struct {
		const char *row, *bytes;
		size_t len;
		enum lm_machine want;
	} rows[] = {
		{ "empty", BYTES(""), LM_MACHINE_NONE },
		{ "text", BYTES("#!/bin/sh\nexec \"$@\"\n"), LM_MACHINE_NONE },
		{ "ELF x86-64", BYTES(ELF("\2", "\1", "\x3e\0")), LM_MACHINE_X86 },
		{ "ELF i386", BYTES(ELF("\1", "\1", "\3\0")), LM_MACHINE_X86 },
		{ "ELF AArch64", BYTES(ELF("\2", "\1", "\xb7\0")), LM_MACHINE_ARM64 },
		{ "ELF RISC-V", BYTES(ELF("\2", "\1", "\xf3\0")), LM_MACHINE_NONE },
		{ "ELF s390x, big-endian", BYTES(ELF("\2", "\2", "\0\x16")), LM_MACHINE_NONE },
		{ "ELF AArch64, big-endian", BYTES(ELF("\2", "\2", "\0\xb7")), LM_MACHINE_NONE },
		{ "ELF cut off in the machine", BYTES(ELF("\2", "\1", "\x3e")), LM_MACHINE_NONE },
		{ "only the mark of ELF",
			BYTES("\x7f"
			      "ELF"),
			LM_MACHINE_NONE },
		{ "Mach-O x86-64", BYTES("\xcf\xfa\xed\xfe\7\0\0\1"), LM_MACHINE_X86 },
		{ "Mach-O arm64", BYTES("\xcf\xfa\xed\xfe\x0c\0\0\1\0\0\0\0"), LM_MACHINE_ARM64 },
		{ "Mach-O arm of 32 bits", BYTES("\xcf\xfa\xed\xfe\x0c\0\0\0"), LM_MACHINE_NONE },
		{ "Mach-O cut off", BYTES("\xcf\xfa\xed\xfe\7\0\0"), LM_MACHINE_NONE },
		{ "PE x86-64", BYTES(MZ("\x40\0\0\0") "PE\0\0\x64\x86"), LM_MACHINE_X86 },
		{ "PE i386", BYTES(MZ("\x40\0\0\0") "PE\0\0\x4c\1"), LM_MACHINE_X86 },
		{ "PE arm64, behind a stub", BYTES(MZ("\x48\0\0\0") "\0\0\0\0\0\0\0\0PE\0\0\x64\xaa"), LM_MACHINE_ARM64 },
		{ "PE ia64", BYTES(MZ("\x40\0\0\0") "PE\0\0\0\2"), LM_MACHINE_NONE },
		{ "PE cut off in the machine", BYTES(MZ("\x40\0\0\0") "PE\0\0\x64"), LM_MACHINE_NONE },
		{ "PE that says to look beyond its end", BYTES(MZ("\xff\xff\xff\xff") "PE\0\0\x64\x86"), LM_MACHINE_NONE },
		{ "no PE where it is said to be", BYTES(MZ("\x40\0\0\0") "NE\0\0\x64\x86"), LM_MACHINE_NONE },
		{ "DOS", BYTES("MZ\x90\0"), LM_MACHINE_NONE },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		row_int_equal(rows[i].row, lm_machine_of(rows[i].bytes, rows[i].len), rows[i].want);
}

static void
only_the_head_counts(void **)
{
	static char bytes[2 * LM_MACHINE_HEAD];
	memcpy(bytes, "MZ", 2);
	memcpy(bytes + 0x3c, "\xfa\x0f\0\0", 4); // the last place of the head where all of it fits: 4090
	memcpy(bytes + 4090, "PE\0\0\x64\x86", 6);
	assert_int_equal(lm_machine_of(bytes, sizeof bytes), LM_MACHINE_X86);
	memcpy(bytes + 0x3c, "\xfb\x0f\0\0", 4);
	memmove(bytes + 4091, bytes + 4090, 6);
	assert_int_equal(lm_machine_of(bytes, sizeof bytes), LM_MACHINE_NONE);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(machines),
		cmocka_unit_test(only_the_head_counts),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
