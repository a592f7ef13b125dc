// Completion scripts, made from the same table as the parser and --help.
#include "cli.h"

#include "out.h"

#include <string.h>

static const char platforms[] = "all linux_x86_64 linux_aarch64 macosx_arm64 macosx_x86_64 win_amd64 win_arm64";
static const char formats[] = "tar.zst tar.xz tar.gz zip tar";

// What can stand behind an option: words, or null for a file or folder.
static const char *
words_for(const char *argument)
{
	if (strcmp(argument, "PLATFORM") == 0)
		return platforms;
	if (strcmp(argument, "FORMAT") == 0)
		return formats;
	if (strcmp(argument, "N") == 0 || strcmp(argument, "GLOB") == 0)
		return "";
	return nullptr;
}

// "--name" and, where it is worth telling of, "--no-name", each with a space behind.
static void
put_names(const struct lm_option_info *option)
{
	if (option->letter != 0)
		lm_out_format("-%c ", option->letter);
	lm_out_format("--%s ", option->name);
	if (option->both)
		lm_out_format("--no-%s ", option->name);
}

// "--platform|-p" of the options of any command whose argument has this name.
static void
put_patterns(const char *argument)
{
	struct lm_option_info option = {};
	const char *before = "";
	for (size_t i = 0; lm_option_at(i, LM_CMD_ALL, &option); i++) {
		if (option.argument == nullptr || strcmp(option.argument, argument) != 0)
			continue;
		lm_out_format("%s--%s", before, option.name);
		before = "|";
		if (option.letter != 0)
			lm_out_format("|-%c", option.letter);
	}
}

static void
bash(void)
{
	static const char head[] = "# bash completion of lamina\n"
				   "_lamina() {\n"
				   "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
				   "\tCOMPREPLY=()\n"
				   "\tif [[ $prev == '=' ]]; then\n" // bash splits --format=zip into three words
				   "\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
				   "\telif [[ $cur == '=' ]]; then\n"
				   "\t\tcur=\n"
				   "\tfi\n"
				   "\tcase $prev in\n";
	static const char *const arguments[] = { "PLATFORM", "FORMAT", "N", "GLOB" };
	struct lm_option_info option = {};
	const struct lm_command_info *info = nullptr;
	lm_out_text(head);
	for (size_t i = 0; i < LM_COUNT(arguments); i++) {
		lm_out_text("\t");
		put_patterns(arguments[i]);
		lm_out_format(") COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return 0 ;;\n", words_for(arguments[i]));
	}
	lm_out_text("\tesac\n\tif ((COMP_CWORD == 1)); then\n\t\tCOMPREPLY=($(compgen -W '");
	for (size_t i = 0; (info = lm_command_at(i)) != nullptr; i++)
		lm_out_format("%s ", info->name);
	lm_out_text("completion help --help --version' -- \"$cur\"))\n\t\treturn 0\n\tfi\n\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; (info = lm_command_at(i)) != nullptr; i++) {
		lm_out_format("\t%s) [[ $cur == -* ]] && COMPREPLY=($(compgen -W '", info->name);
		for (size_t j = 0; lm_option_at(j, info->command, &option); j++)
			put_names(&option);
		lm_out_text("' -- \"$cur\")) ;;\n");
	}
	lm_out_text("\tcompletion) COMPREPLY=($(compgen -W 'bash zsh' -- \"$cur\")) ;;\n\thelp) COMPREPLY=($(compgen -W '");
	for (size_t i = 0; (info = lm_command_at(i)) != nullptr; i++)
		lm_out_format("%s ", info->name);
	lm_out_text("' -- \"$cur\")) ;;\n\tesac\n\treturn 0\n}\ncomplete -o default -F _lamina lamina\n");
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

static void
zsh_names(const struct lm_option_info *option, const char *prefix, bool is_letter)
{
	lm_out_format("\t\t\t'%s", option->repeatable ? "*" : "");
	if (is_letter)
		lm_out_format("-%c%s[", option->letter, option->argument != nullptr ? "+" : "");
	else
		lm_out_format("--%s%s%s[", prefix, option->name, option->argument != nullptr ? "=" : "");
	zsh_text(option->help);
	lm_out_text("]");
	if (option->argument != nullptr) {
		const char *words = words_for(option->argument);
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
zsh(void)
{
	const struct lm_command_info *info = nullptr;
	struct lm_option_info option = {};
	lm_out_text("#compdef lamina\n_lamina() {\n\tlocal curcontext=$curcontext\n\tlocal -a commands=(\n");
	for (size_t i = 0; (info = lm_command_at(i)) != nullptr; i++) {
		lm_out_format("\t\t'%s:", info->name);
		zsh_text(info->summary);
		lm_out_text("'\n");
	}
	lm_out_text("\t)\n\tif ((CURRENT == 2)); then\n"
		    "\t\tcommands+=('completion:print the completion script of a shell' 'help:the options of a command')\n"
		    "\t\t_describe command commands\n\t\treturn\n\tfi\n"
		    "\tlocal command=$words[2]\n\tshift words\n\t((CURRENT--))\n\tcase $command in\n");
	for (size_t i = 0; (info = lm_command_at(i)) != nullptr; i++) {
		lm_out_format("\t%s)\n\t\t_arguments -s \\\n", info->name);
		for (size_t j = 0; lm_option_at(j, info->command, &option); j++) {
			zsh_names(&option, "", false);
			if (option.both)
				zsh_names(&option, "no-", false);
			if (option.letter != 0)
				zsh_names(&option, "", true);
		}
		if (info->command == LM_CMD_DIFF)
			lm_out_text("\t\t\t'1:first:_files' '2:second:_files'\n\t\t;;\n");
		else
			lm_out_text("\t\t\t'1:stack spec:_files -g \"*.toml(-.)\"' '2:folder:_files -/'\n\t\t;;\n");
	}
	lm_out_text(
		"\tcompletion)\n\t\t_values shell bash zsh\n\t\t;;\n\thelp)\n\t\t_describe command commands\n\t\t;;\n"
		"\tesac\n}\n"
		"if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n\t_lamina \"$@\"\nelse\n\tcompdef _lamina lamina\nfi\n");
}

int
lm_completion(const char *shell, struct lm_err *err)
{
	if (strcmp(shell, "bash") == 0)
		bash();
	else if (strcmp(shell, "zsh") == 0)
		zsh();
	else
		return lm_err_set(err, LM_E_USAGE, "'lamina completion' needs a shell: bash or zsh");
	return 0;
}
