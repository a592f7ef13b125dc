// What --help says: made from the program's tables. It fits into 80 columns.
#include "options.h"
#include "out.h"

#include "base/mem.h"
#include "lamina/version.h"

#include <string.h>

enum { HELP_COLUMNS = 80, HELP_INDENT = 32 };

const struct lm_command_info *
lm_command_find(const struct lm_program *program, const char *name, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) const char **names = lm_alloc((program->command_count + 2) * sizeof *names);
	for (size_t i = 0; i < program->command_count; i++) {
		names[i] = program->commands[i].name;
		if (lm_cstr_equal(name, names[i]))
			return &program->commands[i];
	}
	names[program->command_count] = "completion";
	names[program->command_count + 1] = "help";
	const char *near = name[0] == '-' ? nullptr : lm_nearest(name, names, program->command_count + 2);
	if (name[0] == '-')
		(void)lm_err_set(
			err, LM_E_USAGE, "a command comes first, not '%s'; '%s --help' lists them", name, program->name);
	else if (near != nullptr)
		(void)lm_err_set(err, LM_E_USAGE, "there is no command '%s', did you mean '%s'?", name, near);
	else
		(void)lm_err_set(err, LM_E_USAGE, "there is no command '%s'; '%s --help' lists them", name, program->name);
	return nullptr;
}

void
lm_help_overview(const struct lm_program *program)
{
	int width = 13;
	for (size_t i = 0; i < program->command_count; i++)
		if ((int)strlen(program->commands[i].name) > width)
			width = (int)strlen(program->commands[i].name);
	lm_out_format("Usage: %s %s\n\n%s\nCommands:\n", program->name, program->usage, program->purpose);
	for (size_t i = 0; i < program->command_count; i++)
		lm_out_format("  %-*s %s\n", width, program->commands[i].name, program->commands[i].summary);
	lm_out_format("  %-*s print the completion script of a shell: bash or zsh\n", width, "completion");
	lm_out_format("  %-*s the same as --help\n\n%s", width, "help", program->hint);
}

// Words of a text, in columns from HELP_INDENT on; the cursor is at column `at`.
static void
put_wrapped(const char *text, size_t at)
{
	struct lm_str rest = lm_str_of(text);
	bool first = true;
	if (at >= HELP_INDENT)
		lm_out_text("\n");
	lm_out_format("%*s", (int)(at < HELP_INDENT ? HELP_INDENT - at : HELP_INDENT), "");
	at = HELP_INDENT;
	while (rest.len > 0) {
		struct lm_str word = lm_str_cut(&rest, ' ');
		if (!first && at + 1 + word.len > HELP_COLUMNS) {
			lm_out_format("\n%*s", HELP_INDENT, "");
			at = HELP_INDENT;
		} else if (!first) {
			lm_out_text(" ");
			at++;
		}
		lm_out_format("%.*s", LM_STR_ARG(word));
		at += word.len;
		first = false;
	}
	lm_out_text("\n");
}

static void
put_option(const struct lm_option_row *option)
{
	char letter[8] = "    ";
	if (option->letter != 0) {
		memcpy(letter, "-?, ", 5);
		letter[1] = option->letter;
	}
	LM_AUTO(lm_free_ptr)
	char *left = lm_format("  %s--%s%s%s%s", letter, option->both ? "[no-]" : "", option->name,
		option->argument != nullptr ? " " : "", option->argument != nullptr ? option->argument : "");
	lm_out_text(left);
	put_wrapped(option->help, strlen(left));
}

void
lm_help_command(const struct lm_program *program, const struct lm_command_info *command)
{
	unsigned group = 0;
	lm_out_format("Usage: %s %s [OPTION]...%s%s\n\n%c%s.\n\n%s\n\nExamples:\n%s\n", program->name, command->name,
		command->usage[0] != '\0' ? " " : "", command->usage, command->summary[0] - 'a' + 'A', command->summary + 1,
		command->about, command->examples);
	for (size_t i = 0; i < program->row_count; i++) {
		if ((program->rows[i].commands & command->command) == 0)
			continue;
		if (program->rows[i].group != group)
			lm_out_format("\n%s:\n", program->titles[program->rows[i].group]);
		group = program->rows[i].group;
		put_option(&program->rows[i]);
	}
	lm_out_format("\n%s", command->exit_status);
}

int
lm_answer_plainly(const struct lm_program *program, int argc, char **argv, struct lm_err *err)
{
	const struct lm_command_info *command = nullptr;
	if (argc < 2)
		return lm_err_set(err, LM_E_USAGE, "a command is missing; '%s --help' lists them", program->name);
	const char *word = argv[1];
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
		lm_out_format("%s %s\n", program->name, LAMINA_VERSION);
	else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (strcmp(word, "help") == 0 && argc == 2))
		lm_help_overview(program);
	else if (strcmp(word, "completion") == 0)
		return lm_completion(program, argc == 3 ? argv[2] : "", err);
	else if (strcmp(word, "help") != 0)
		return 1;
	else if ((command = lm_command_find(program, argv[2], err)) == nullptr)
		return -1;
	else
		lm_help_command(program, command);
	return 0;
}
