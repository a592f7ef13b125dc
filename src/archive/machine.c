#include "archive/machine.h"

#include <string.h>

static unsigned
u16(const unsigned char *at)
{
	return at[0] | (unsigned)at[1] << 8;
}

static unsigned
u32(const unsigned char *at)
{
	return u16(at) | u16(at + 2) << 16;
}

// ELF, "e_machine" at 18; only little-endian files, as both processors have.
static enum lm_machine
elf_machine(const unsigned char *head, size_t len)
{
	enum { DATA_AT = 5, LITTLE = 1, MACHINE_AT = 18, I386 = 3, X86_64 = 62, AARCH64 = 183 };
	if (len < MACHINE_AT + 2 || head[DATA_AT] != LITTLE)
		return LM_MACHINE_NONE;
	unsigned machine = u16(head + MACHINE_AT);
	if (machine == I386 || machine == X86_64)
		return LM_MACHINE_X86;
	return machine == AARCH64 ? LM_MACHINE_ARM64 : LM_MACHINE_NONE;
}

// Mach-O of 64 bits: "cputype" follows the magic number.
static enum lm_machine
mach_machine(const unsigned char *head, size_t len)
{
	enum { X86_64 = 0x01000007, ARM64 = 0x0100000c };
	if (len < 8)
		return LM_MACHINE_NONE;
	if (u32(head + 4) == X86_64)
		return LM_MACHINE_X86;
	return u32(head + 4) == ARM64 ? LM_MACHINE_ARM64 : LM_MACHINE_NONE;
}

// PE: at 0x3c is where "PE\0\0" is; the machine follows it.
static enum lm_machine
pe_machine(const unsigned char *head, size_t len)
{
	enum { PLACE_AT = 0x3c, I386 = 0x14c, X86_64 = 0x8664, ARM64 = 0xaa64 };
	if (len < PLACE_AT + 4)
		return LM_MACHINE_NONE;
	size_t at = u32(head + PLACE_AT);
	if (at > len || len - at < 6 || memcmp(head + at, "PE\0\0", 4) != 0)
		return LM_MACHINE_NONE;
	unsigned machine = u16(head + at + 4);
	if (machine == I386 || machine == X86_64)
		return LM_MACHINE_X86;
	return machine == ARM64 ? LM_MACHINE_ARM64 : LM_MACHINE_NONE;
}

enum lm_machine
lm_machine_of(const void *bytes, size_t len)
{
	const unsigned char *head = bytes;
	len = len < LM_MACHINE_HEAD ? len : LM_MACHINE_HEAD;
	if (len < 4)
		return LM_MACHINE_NONE;
	if (memcmp(head,
		    "\x7f"
		    "ELF",
		    4) == 0)
		return elf_machine(head, len);
	if (memcmp(head, "\xcf\xfa\xed\xfe", 4) == 0)
		return mach_machine(head, len);
	return memcmp(head, "MZ", 2) == 0 ? pe_machine(head, len) : LM_MACHINE_NONE;
}
