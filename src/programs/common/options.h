// Command lines as tables: what a program's commands and options are is data, and from it come the parser, "did you mean",
// --help and the completion scripts.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

enum lm_option_kind {
	LM_OPTION_TEXT,   // const char *; null when not given
	LM_OPTION_LIST,   // struct lm_strings
	LM_OPTION_YES,    // bool, true
	LM_OPTION_NO,     // bool, true for "--no-..."
	LM_OPTION_TRI,    // int: 1 given, -1 with "no-", 0 not given
	LM_OPTION_UP,     // int, one more
	LM_OPTION_DOWN,   // int, one less
	LM_OPTION_NUMBER, // struct lm_given_number: digits
	LM_OPTION_SECONDS // struct lm_given_number in milliseconds: "1.5", ".5", "1e-3"; rounded up
};

struct lm_given_number {
	bool given;
	uint64_t value;
};

struct lm_option_row {
	unsigned group;       // index in the titles of lm_program
	const char *name;     // long name
	char letter;          // short name or 0
	const char *argument; // null: a switch
	unsigned commands;    // bits of the commands that have it
	enum lm_option_kind kind;
	bool both;    // a switch whose opposite is shown too; "no-" is taken before any YES, NO or TRI
	size_t field; // offset in the program's own struct
	const char *help;
};

// What a number may be (of LM_OPTION_SECONDS in milliseconds).
struct lm_option_range {
	const char *name; // of the option
	uint64_t min, max;
};

struct lm_command_info {
	unsigned command; // one bit
	const char *name, *usage, *summary, *about, *examples; // usage: what stands behind the options
	const char *exit_status;
	const char *zsh_arguments; // of _arguments, for what is no option; null: files
};

struct lm_program {
	const char *name;
	const char *usage, *purpose; // of the overview; purpose ends in LF
	const char *hint;            // last paragraph of the overview
	const struct lm_command_info *commands;
	size_t command_count;
	const struct lm_option_row *rows;
	size_t row_count;
	const struct lm_option_range *ranges; // for each option that is a number
	size_t range_count;
	const char *const *titles; // of the groups
	// Words that can stand behind an option with this kind of argument; "" for none, null for files.
	const char *(*words_for)(const char *argument);
};

// The command of a name: null with LM_E_USAGE and "did you mean".
const struct lm_command_info *lm_command_find(const struct lm_program *program, const char *name, struct lm_err *err);

// Read the options of a command into the program's struct. argv[0] is passed over.
//   first_argument  where in argv (options were moved in front) what is no option begins
// LM_E_USAGE names the option.
[[nodiscard]] int lm_options_parse(const struct lm_program *program, const struct lm_command_info *command, void *fields,
	int argc, char **argv, int *first_argument, struct lm_err *err);

// To standard output (out.h).
void lm_help_overview(const struct lm_program *program);
void lm_help_command(const struct lm_program *program, const struct lm_command_info *command);
// "bash" or "zsh".
[[nodiscard]] int lm_completion(const struct lm_program *program, const char *shell, struct lm_err *err);
// What every program answers without work: --version, --help, help COMMAND, completion SHELL. 1: it was something else.
[[nodiscard]] int lm_answer_plainly(const struct lm_program *program, int argc, char **argv, struct lm_err *err);
