// Completion scripts, made from the same tables as the parser and --help.
#include "options.h"
#include "out.h"

#include <string.h>

// The name as a shell function's: "_lamina_batch".
static void
put_function(const struct lm_program *program)
{
	lm_out_text("_");
	for (const char *at = program->name; *at != '\0'; at++)
		lm_out_format("%c", *at == '-' ? '_' : *at);
}

// "--name" and, where it is worth telling of, "--no-name", each with a space behind.
static void
put_names(const struct lm_option_row *option)
{
	if (option->letter != 0)
		lm_out_format("-%c ", option->letter);
	lm_out_format("--%s ", option->name);
	if (option->both)
		lm_out_format("--no-%s ", option->name);
}

// Whether an earlier row has this kind of argument.
static bool
seen_before(const struct lm_program *program, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (lm_cstr_equal(program->rows[i].argument, program->rows[index].argument))
			return true;
	return false;
}

// "--platform|-p" of the options of any command whose argument has this name.
static void
put_patterns(const struct lm_program *program, const char *argument)
{
	const char *before = "";
	for (size_t i = 0; i < program->row_count; i++) {
		const struct lm_option_row *option = &program->rows[i];
		if (!lm_cstr_equal(option->argument, argument))
			continue;
		lm_out_format("%s--%s", before, option->name);
		before = "|";
		if (option->letter != 0)
			lm_out_format("|-%c", option->letter);
	}
}

static void
put_commands(const struct lm_program *program)
{
	for (size_t i = 0; i < program->command_count; i++)
		lm_out_format("%s ", program->commands[i].name);
}

static void
bash(const struct lm_program *program)
{
	lm_out_format("# bash completion of %s\n", program->name);
	put_function(program);
	lm_out_text("() {\n"
		    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		    "\tCOMPREPLY=()\n"
		    "\tif [[ $prev == '=' ]]; then\n" // bash splits --format=zip into three words
		    "\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
		    "\telif [[ $cur == '=' ]]; then\n"
		    "\t\tcur=\n"
		    "\tfi\n"
		    "\tcase $prev in\n");
	for (size_t i = 0; i < program->row_count; i++) {
		const char *argument = program->rows[i].argument;
		const char *words = argument != nullptr ? program->words_for(argument) : nullptr;
		if (words == nullptr || seen_before(program, i))
			continue;
		lm_out_text("\t");
		put_patterns(program, argument);
		lm_out_format(") COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return 0 ;;\n", words);
	}
	lm_out_text("\tesac\n\tif ((COMP_CWORD == 1)); then\n\t\tCOMPREPLY=($(compgen -W '");
	put_commands(program);
	lm_out_text("completion help --help --version' -- \"$cur\"))\n\t\treturn 0\n\tfi\n\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; i < program->command_count; i++) {
		lm_out_format("\t%s) [[ $cur == -* ]] && COMPREPLY=($(compgen -W '", program->commands[i].name);
		for (size_t j = 0; j < program->row_count; j++)
			if ((program->rows[j].commands & program->commands[i].command) != 0)
				put_names(&program->rows[j]);
		lm_out_text("' -- \"$cur\")) ;;\n");
	}
	lm_out_text("\tcompletion) COMPREPLY=($(compgen -W 'bash zsh' -- \"$cur\")) ;;\n\thelp) COMPREPLY=($(compgen -W '");
	put_commands(program);
	lm_out_text("' -- \"$cur\")) ;;\n\tesac\n\treturn 0\n}\ncomplete -o default -F ");
	put_function(program);
	lm_out_format(" %s\n", program->name);
}

// Inside single quotes; ':' and brackets are escaped inside a description.
static void
zsh_text(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			lm_out_text("'\\''");
		else
			lm_out_format("%s%c", strchr(":[]\\", *text) != nullptr ? "\\" : "", *text);
	}
}

static bool
is_repeatable(const struct lm_option_row *option)
{
	return option->kind == LM_OPTION_LIST || option->kind == LM_OPTION_UP || option->kind == LM_OPTION_DOWN;
}

static void
zsh_names(const struct lm_program *program, const struct lm_option_row *option, const char *prefix, bool is_letter)
{
	lm_out_format("\t\t\t'%s", is_repeatable(option) ? "*" : "");
	if (is_letter)
		lm_out_format("-%c%s[", option->letter, option->argument != nullptr ? "+" : "");
	else
		lm_out_format("--%s%s%s[", prefix, option->name, option->argument != nullptr ? "=" : "");
	zsh_text(option->help);
	lm_out_text("]");
	if (option->argument != nullptr) {
		const char *words = program->words_for(option->argument);
		lm_out_text(":");
		zsh_text(option->argument);
		if (words == nullptr)
			lm_out_text(":_files");
		else if (words[0] == '\0')
			lm_out_text(": ");
		else
			lm_out_format(":(%s)", words);
	}
	lm_out_text("' \\\n");
}

static void
zsh_options(const struct lm_program *program, unsigned command)
{
	for (size_t i = 0; i < program->row_count; i++) {
		const struct lm_option_row *option = &program->rows[i];
		if ((option->commands & command) == 0)
			continue;
		zsh_names(program, option, "", false);
		if (option->both)
			zsh_names(program, option, "no-", false);
		if (option->letter != 0)
			zsh_names(program, option, "", true);
	}
}

static void
zsh(const struct lm_program *program)
{
	lm_out_format("#compdef %s\n", program->name);
	put_function(program);
	lm_out_text("() {\n\tlocal curcontext=$curcontext\n\tlocal -a commands=(\n");
	for (size_t i = 0; i < program->command_count; i++) {
		lm_out_format("\t\t'%s:", program->commands[i].name);
		zsh_text(program->commands[i].summary);
		lm_out_text("'\n");
	}
	lm_out_text("\t)\n\tif ((CURRENT == 2)); then\n"
		    "\t\tcommands+=('completion:print the completion script of a shell' 'help:the options of a command')\n"
		    "\t\t_describe command commands\n\t\treturn\n\tfi\n"
		    "\tlocal command=$words[2]\n\tshift words\n\t((CURRENT--))\n\tcase $command in\n");
	for (size_t i = 0; i < program->command_count; i++) {
		lm_out_format("\t%s)\n\t\t_arguments -s \\\n", program->commands[i].name);
		zsh_options(program, program->commands[i].command);
		lm_out_format("\t\t\t%s\n\t\t;;\n", program->commands[i].zsh_arguments);
	}
	lm_out_text("\tcompletion)\n\t\t_values shell bash zsh\n\t\t;;\n\thelp)\n\t\t_describe command commands\n\t\t;;\n"
		    "\tesac\n}\nif [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n\t");
	put_function(program);
	lm_out_text(" \"$@\"\nelse\n\tcompdef ");
	put_function(program);
	lm_out_format(" %s\nfi\n", program->name);
}

int
lm_completion(const struct lm_program *program, const char *shell, struct lm_err *err)
{
	if (strcmp(shell, "bash") == 0)
		bash(program);
	else if (strcmp(shell, "zsh") == 0)
		zsh(program);
	else
		return lm_err_set(err, LM_E_USAGE, "'%s completion' needs a shell: bash or zsh", program->name);
	return 0;
}
