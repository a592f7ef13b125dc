// Completion scripts, made from the same table as the parser and --help.
#include "cli.h"

#include <stdio.h>
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

static void
bash(void)
{
	enum lm_command command = LM_CMD_ALL;
	struct lm_option_info option = {};
	(void)puts("# bash completion of lamina\n_lamina() {\n"
		   "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n\tCOMPREPLY=()");
	(void)printf("\tcase $prev in\n\t--platform|-p) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n"
		     "\t--format|-f) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n\tesac\n",
		platforms, formats);
	(void)fputs("\tif ((COMP_CWORD == 1)); then\n\t\tCOMPREPLY=($(compgen -W '", stdout);
	for (size_t i = 0; lm_command_at(i, &command) != nullptr; i++)
		(void)printf("%s ", lm_command_name(command));
	(void)puts("--help --version' -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]} in");
	for (size_t i = 0; lm_command_at(i, &command) != nullptr; i++) {
		(void)printf("\t%s) [[ $cur == -* ]] && COMPREPLY=($(compgen -W '", lm_command_name(command));
		for (size_t j = 0; lm_option_at(j, command, &option); j++)
			(void)printf("--%s ", option.name);
		(void)puts("' -- \"$cur\")) ;;");
	}
	(void)puts("\tesac\n}\ncomplete -o default -F _lamina lamina");
}

// zsh wants ':' and brackets escaped inside a description.
static void
zsh_text(const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr(":[]'\\", *text) != nullptr)
			(void)fputs(*text == '\'' ? "'\\'" : "\\", stdout);
		(void)putchar(*text);
	}
}

static void
zsh_option(const struct lm_option_info *option)
{
	(void)printf("\t\t\t'*--%s%s[", option->name, option->argument != nullptr ? "=" : "");
	zsh_text(option->help);
	(void)putchar(']');
	if (option->argument != nullptr) {
		const char *words = words_for(option->argument);
		(void)putchar(':');
		zsh_text(option->argument);
		if (words == nullptr)
			(void)fputs(":_files", stdout);
		else
			(void)printf(":(%s)", words);
	}
	(void)puts("' \\");
}

static void
zsh(void)
{
	enum lm_command command = LM_CMD_ALL;
	const char *summary = nullptr;
	struct lm_option_info option = {};
	(void)puts("#compdef lamina\n_lamina() {\n\tif ((CURRENT == 2)); then\n\t\tlocal -a commands=(");
	for (size_t i = 0; (summary = lm_command_at(i, &command)) != nullptr; i++) {
		(void)printf("\t\t\t'%s:", lm_command_name(command));
		zsh_text(summary);
		(void)puts("'");
	}
	(void)puts("\t\t)\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tcase $words[2] in");
	for (size_t i = 0; lm_command_at(i, &command) != nullptr; i++) {
		(void)printf("\t%s)\n\t\t_arguments \\\n", lm_command_name(command));
		for (size_t j = 0; lm_option_at(j, command, &option); j++)
			zsh_option(&option);
		(void)puts("\t\t\t'*:file:_files'\n\t\t;;");
	}
	(void)puts("\tesac\n}\n_lamina \"$@\"");
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
