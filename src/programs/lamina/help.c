// The commands, and what --help says about them and their options. It fits into 80 columns.
#include "cli.h"

#include "base/mem.h"
#include "out.h"

#include <string.h>

enum { HELP_COLUMNS = 80, HELP_INDENT = 32 };

static const struct lm_command_info commands[] = {
	{ LM_CMD_LOCK, "lock", "SPEC", "lock the packages of every layer",
		"The resolver (uv) chooses versions for all platforms at once; lamina writes\n"
		"them, with the digests of the wheels, into 'requirements' beside the spec.\n"
		"Versions that were locked before are kept where they still fit. What stands on a\n"
		"layer that changed is locked again too.",
		"  lamina lock --if-needed stack/venvstacks.toml\n"
		"  lamina lock --include framework-torch --reset-lock '*' stack/venvstacks.toml" },
	{ LM_CMD_BUILD, "build", "SPEC [DIR]", "lock what needs it, build layer trees, publish with --publish",
		"DIR is where archives are published with --publish, and where trees are written\n"
		"without it, or with both --publish and --output-dir.",
		"  lamina build --publish stack/venvstacks.toml out\n"
		"  lamina build --publish --platform all --tag-outputs stack/venvstacks.toml out" },
	{ LM_CMD_PUBLISH, "publish", "SPEC [DIR]", "publish archives of locked layers",
		"Nothing is locked, and no trees are needed. What is in DIR (or --output-dir) and\n"
		"current is left as it is.",
		"  lamina publish --format tar.gz stack/venvstacks.toml out\n"
		"  lamina publish --include 'app-*' --dry-run stack/venvstacks.toml out" },
	{ LM_CMD_EXPORT, "local-export", "SPEC [DIR]", "write trees that are ready to run, with their metadata",
		"The layers for this machine's platform can be used where they are, in DIR or\n"
		"--output-dir. Nothing is locked.",
		"  lamina local-export stack/venvstacks.toml /srv/stack\n"
		"  lamina local-export --include app-editor --publish-dependencies \\\n"
		"      stack/venvstacks.toml" },
	{ LM_CMD_SHOW, "show", "SPEC", "show the layers of a stack and the state of their locks",
		"A tree of the layers, each with those it stands on in the order of import. '*'\n"
		"marks a layer without a valid lock; '->' shows the name of its folder where that\n"
		"is another one.",
		"  lamina show stack/venvstacks.toml\n"
		"  lamina show --json stack/venvstacks.toml | jq -r '.applications[].name'" },
	{ LM_CMD_CHECK, "check", "SPEC", "build again and compare with what was published before",
		"Everything is made again from its sources in a folder of its own and compared,\n"
		"layer by layer, with the folder given by --expected. It may have metadata\n"
		"alone; with the archives more can be said of a difference.",
		"  lamina check stack/venvstacks.toml --expected out\n"
		"  lamina check --json --platform linux_x86_64 -e expected stack/venvstacks.toml" },
	{ LM_CMD_DIFF, "diff", "A B", "compare two archives, published folders or manifests",
		"Archives may be of any format that lamina writes, and tars and zips of others.\n"
		"Of archives with metadata beside them only the parts that differ are read.",
		"  lamina diff old/app-main.tar.zst new/app-main.tar.zst\n"
		"  lamina diff --diffoscope old new" },
};

const char *
lm_command_name(enum lm_command command)
{
	for (size_t i = 0; i < LM_COUNT(commands); i++)
		if (commands[i].command == command)
			return commands[i].name;
	return "";
}

const struct lm_command_info *
lm_command_at(size_t index)
{
	return index < LM_COUNT(commands) ? &commands[index] : nullptr;
}

int
lm_command_parse(const char *name, enum lm_command *out, struct lm_err *err)
{
	const char *names[LM_COUNT(commands) + 2];
	for (size_t i = 0; i < LM_COUNT(commands); i++) {
		names[i] = commands[i].name;
		if (lm_cstr_equal(name, names[i])) {
			*out = commands[i].command;
			return 0;
		}
	}
	names[LM_COUNT(commands)] = "completion";
	names[LM_COUNT(commands) + 1] = "help";
	if (name[0] == '-')
		return lm_err_set(err, LM_E_USAGE, "a command comes first, not '%s'; 'lamina --help' lists them", name);
	const char *near = lm_nearest(name, names, LM_COUNT(names));
	if (near != nullptr)
		return lm_err_set(err, LM_E_USAGE, "there is no command '%s', did you mean '%s'?", name, near);
	return lm_err_set(err, LM_E_USAGE, "there is no command '%s'; 'lamina --help' lists them", name);
}

void
lm_cli_overview(void)
{
	lm_out_text("Usage: lamina COMMAND [OPTION]... SPEC [DIR]\n\n"
		    "Lock, build and publish layered Python environments as archives that come out\n"
		    "byte for byte the same wherever they are built.\n\nCommands:\n");
	for (size_t i = 0; i < LM_COUNT(commands); i++)
		lm_out_format("  %-13s %s\n", commands[i].name, commands[i].summary);
	lm_out_text("  completion    print the completion script of a shell: bash or zsh\n"
		    "  help          the same as --help\n\nExample:\n"
		    "  lamina build --publish stack/venvstacks.toml out\n\n"
		    "'lamina COMMAND --help' shows the options of a command, 'man lamina' more;\n"
		    "'lamina --version' the version.\n");
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
put_option(const struct lm_option_info *option)
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
lm_cli_help(enum lm_command command)
{
	static const char *const titles[] = { [LM_GROUP_WHAT] = "What is done",
		[LM_GROUP_LAYERS] = "Layers and platforms",
		[LM_GROUP_SOURCES] = "Sources",
		[LM_GROUP_RESULTS] = "Results",
		[LM_GROUP_RUNNING] = "Other options" };
	struct lm_option_info option = {};
	enum lm_option_group group = LM_GROUP_NONE;
	for (size_t i = 0; i < LM_COUNT(commands); i++)
		if (commands[i].command == command)
			lm_out_format("Usage: lamina %s [OPTION]... %s\n\n%c%s.\n\n%s\n\nExamples:\n%s\n", commands[i].name,
				commands[i].usage, commands[i].summary[0] - 'a' + 'A', commands[i].summary + 1,
				commands[i].about, commands[i].examples);
	for (size_t i = 0; lm_option_at(i, command, &option); i++) {
		if (option.group != group)
			lm_out_format("\n%s:\n", titles[option.group]);
		group = option.group;
		put_option(&option);
	}
	if ((command & (LM_CMD_CHECK | LM_CMD_DIFF)) != 0)
		lm_out_text("\nExit status: 0 all is equal, 1 the work failed, 2 wrong use or invalid spec,\n"
			    "3 something differs, 4 bytes differ from their recorded digest, 130 interrupted.\n");
	else
		lm_out_text("\nExit status: 0 done, 1 the work failed, 2 wrong use or invalid spec,\n"
			    "4 bytes differ from their recorded digest, 130 interrupted.\n");
}
