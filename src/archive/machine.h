// Whose machine code a file holds, by its first bytes (ELF, Mach-O, PE). For the modules of src/archive.
#pragma once

#include "base/base.h"

#include <stddef.h>

enum lm_machine {
	LM_MACHINE_NONE, // no program or library, or of another processor
	LM_MACHINE_X86,  // 32 or 64 bits
	LM_MACHINE_ARM64,
	LM_MACHINE_COUNT,
};

// bytes: the beginning of a file; LM_MACHINE_HEAD bytes are enough for all that can be told.
enum { LM_MACHINE_HEAD = 4096 };
enum lm_machine lm_machine_of(const void *bytes, size_t len);
