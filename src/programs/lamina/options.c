// The commands and options of lamina.
#include "cli.h"

#include "base/mem.h"

#include <string.h>

#define MADE \
	"Exit status: 0 done, 1 the work failed, 2 wrong use or invalid spec,\n" \
	"4 bytes differ from their recorded digest, 130 interrupted.\n"
#define COMPARED \
	"Exit status: 0 all is equal, 1 the work failed, 2 wrong use or invalid spec,\n" \
	"3 something differs, 4 bytes differ from their recorded digest, 130 interrupted.\n"
#define SPEC_AND_FOLDER "'1:stack spec:_files -g \"*.toml(-.)\"' '2:folder:_files -/'"

enum group { LM_GROUP_NONE, LM_GROUP_WHAT, LM_GROUP_LAYERS, LM_GROUP_SOURCES, LM_GROUP_RESULTS, LM_GROUP_RUNNING };
static const char *const titles[] = { [LM_GROUP_WHAT] = "What is done",
	[LM_GROUP_LAYERS] = "Layers and platforms",
	[LM_GROUP_SOURCES] = "Sources",
	[LM_GROUP_RESULTS] = "Results",
	[LM_GROUP_RUNNING] = "Other options" };

static const struct lm_command_info commands[] = {
	{ LM_CMD_LOCK, "lock", "SPEC", "lock the packages of every layer",
		"The resolver (uv) chooses versions for all platforms at once; lamina writes\n"
		"them, with the digests of the wheels, into 'requirements' beside the spec.\n"
		"Versions that were locked before are kept where they still fit. What stands on a\n"
		"layer that changed is locked again too.",
		"  lamina lock --if-needed stack/venvstacks.toml\n"
		"  lamina lock --include framework-torch --reset-lock '*' stack/venvstacks.toml",
		MADE, SPEC_AND_FOLDER },
	{ LM_CMD_BUILD, "build", "SPEC [DIR]", "lock what needs it, build layer trees, publish with --publish",
		"DIR is where archives are published with --publish, and where trees are written\n"
		"without it, or with both --publish and --output-dir.",
		"  lamina build --publish stack/venvstacks.toml out\n"
		"  lamina build --publish --platform all --tag-outputs stack/venvstacks.toml out",
		MADE, SPEC_AND_FOLDER },
	{ LM_CMD_PUBLISH, "publish", "SPEC [DIR]", "publish archives of locked layers",
		"Nothing is locked, and no trees are needed. What is in DIR (or --output-dir) and\n"
		"current is left as it is.",
		"  lamina publish --format tar.gz stack/venvstacks.toml out\n"
		"  lamina publish --include 'app-*' --dry-run stack/venvstacks.toml out",
		MADE, SPEC_AND_FOLDER },
	{ LM_CMD_EXPORT, "local-export", "SPEC [DIR]", "write trees that are ready to run, with their metadata",
		"The layers for this machine's platform can be used where they are, in DIR or\n"
		"--output-dir. Nothing is locked.",
		"  lamina local-export stack/venvstacks.toml /srv/stack\n"
		"  lamina local-export --include app-editor --publish-dependencies \\\n"
		"      stack/venvstacks.toml",
		MADE, SPEC_AND_FOLDER },
	{ LM_CMD_SHOW, "show", "SPEC", "show the layers of a stack and the state of their locks",
		"A tree of the layers, each with those it stands on in the order of import. '*'\n"
		"marks a layer without a valid lock; '->' shows the name of its folder where that\n"
		"is another one.",
		"  lamina show stack/venvstacks.toml\n"
		"  lamina show --json stack/venvstacks.toml | jq -r '.applications[].name'",
		MADE, SPEC_AND_FOLDER },
	{ LM_CMD_CHECK, "check", "SPEC", "build again and compare with what was published before",
		"Everything is made again from its sources in a folder of its own and compared,\n"
		"layer by layer, with the folder given by --expected. It may have metadata\n"
		"alone; with the archives more can be said of a difference.",
		"  lamina check stack/venvstacks.toml --expected out\n"
		"  lamina check --json --platform linux_x86_64 -e expected stack/venvstacks.toml",
		COMPARED, SPEC_AND_FOLDER },
	{ LM_CMD_DIFF, "diff", "A B", "compare two archives, published folders or manifests",
		"Archives may be of any format that lamina writes, and tars and zips of others.\n"
		"Of archives with metadata beside them only the parts that differ are read.",
		"  lamina diff old/app-main.tar.zst new/app-main.tar.zst\n"
		"  lamina diff --diffoscope old new",
		COMPARED, "'1:first:_files' '2:second:_files'" },
	{ LM_CMD_STORE, "store", "size|verify|gc", "how large the store is; check its bytes; make it smaller",
		"The store has what was downloaded, unpacked and compressed once, for all stacks;\n"
		"what is missing there is made again. 'size' counts its files, 'verify' reads all\n"
		"and sets aside what is damaged, 'gc' removes what was used longest ago.",
		"  lamina store size\n"
		"  lamina store gc --max-size 20GB",
		MADE, "'1:what:(size verify gc)'" },
	{ LM_CMD_UNPACK, "unpack", "ARCHIVE...", "unpack published archives, all of them or none",
		"Each is unpacked into the folder that all its members are in, on all processors.\n"
		"Where the metadata that were published with it are beside it, its digest must be\n"
		"the one that they say. Folders appear when all of them are whole.",
		"  lamina unpack -C /srv/stack out/*.tar.zst\n"
		"  lamina unpack --force app-main.tar.xz",
		MADE, "'*:archive:_files'" },
	{ LM_CMD_ARTIFACTS, "artifacts", "[SPEC]", "list what was published from this machine, and what is missing",
		"Without SPEC: all archives that were ever published from this machine, from the\n"
		"catalogue. With it: those that the stack declares, made of what its layers are\n"
		"now, one line for each layer and platform; 'missing' where there is none.",
		"  lamina artifacts\n"
		"  lamina artifacts --duplicates\n"
		"  lamina artifacts --platform linux_x86_64 stack/venvstacks.toml",
		"Exit status: 0 done, 1 the work failed, 2 wrong use or invalid spec,\n"
		"3 an archive of SPEC is not there, 4 the catalogue is damaged, 130 interrupted.\n",
		SPEC_AND_FOLDER },
};

#define AT(member) offsetof(struct lm_cli, member)
enum {
	MAKES = LM_CMD_BUILD | LM_CMD_PUBLISH | LM_CMD_EXPORT,
	WORKS = LM_CMD_LOCK | MAKES,
	LOCKS = LM_CMD_LOCK | LM_CMD_BUILD,
	PACKS = LM_CMD_BUILD | LM_CMD_PUBLISH | LM_CMD_CHECK,
	STACKS = LM_CMD_ALL & ~(LM_CMD_DIFF | LM_CMD_STORE | LM_CMD_UNPACK | LM_CMD_ARTIFACTS),
	SELECTS = STACKS | LM_CMD_ARTIFACTS,
	FETCHES = WORKS | LM_CMD_CHECK,
	COMPARES = LM_CMD_CHECK | LM_CMD_DIFF
};

static const struct lm_option_row rows[] = {
	{ LM_GROUP_WHAT, "expected", 'e', "DIR", LM_CMD_CHECK, LM_OPTION_TEXT, false, AT(expected),
		"what was published before: the folder, or one that has a folder for each platform" },
	{ LM_GROUP_WHAT, "cached", 0, nullptr, LM_CMD_CHECK, LM_OPTION_YES, false, AT(cached),
		"use compressed segments and what else the store keeps, instead of making it again from the sources" },
	{ LM_GROUP_WHAT, "diffoscope", 0, nullptr, LM_CMD_DIFF, LM_OPTION_YES, false, AT(diffoscope),
		"let diffoscope look into the files that differ" },
	{ LM_GROUP_WHAT, "duplicates", 0, nullptr, LM_CMD_ARTIFACTS, LM_OPTION_YES, false, AT(duplicates),
		"only archives whose content is published in another layer or for another platform, too" },
	{ LM_GROUP_WHAT, "max-size", 0, "SIZE", LM_CMD_STORE, LM_OPTION_TEXT, false, AT(max_size),
		"gc: how large the store may be, as 20GB, 500MiB or 0" },
	{ LM_GROUP_WHAT, "lock-if-needed", 0, nullptr, LM_CMD_BUILD, LM_OPTION_NO, true, AT(no_lock_if_needed),
		"lock layers without a valid lock first (default); with no- they are an error" },
	{ LM_GROUP_WHAT, "lock", 0, nullptr, LM_CMD_BUILD, LM_OPTION_NO, false, AT(no_lock_if_needed),
		"the same as --lock-if-needed" },
	{ LM_GROUP_WHAT, "build", 0, nullptr, LM_CMD_BUILD, LM_OPTION_TRI, true, AT(build),
		"write layer trees (default unless --publish is given)" },
	{ LM_GROUP_WHAT, "publish", 0, nullptr, LM_CMD_BUILD, LM_OPTION_YES, true, AT(publish),
		"publish archives (default: do not)" },
	{ LM_GROUP_WHAT, "if-needed", 0, nullptr, LM_CMD_LOCK, LM_OPTION_YES, false, AT(if_needed),
		"only layers without a valid lock" },
	{ LM_GROUP_WHAT, "reset-lock", 0, "GLOB", LOCKS, LM_OPTION_LIST, false, AT(reset_lock),
		"take the newest versions for these layers instead of those locked before; repeatable" },
	{ LM_GROUP_WHAT, "clean", 0, nullptr, LM_CMD_BUILD | LM_CMD_EXPORT, LM_OPTION_YES, true, AT(clean),
		"remove existing trees first (default: keep those that are current)" },
	{ LM_GROUP_WHAT, "clean", 0, nullptr, LM_CMD_LOCK, LM_OPTION_YES, true, AT(clean),
		"nothing: locking needs no trees; for scripts that give it" },
	{ LM_GROUP_WHAT, "force", 0, nullptr, MAKES, LM_OPTION_YES, false, AT(force), "make again what is current" },
	{ LM_GROUP_WHAT, "force", 0, nullptr, LM_CMD_UNPACK, LM_OPTION_YES, false, AT(force),
		"replace folders that are there already" },
	{ LM_GROUP_WHAT, "dry-run", 'n', nullptr, MAKES, LM_OPTION_YES, false, AT(dry_run),
		"say what would be made, and stop" },
	{ LM_GROUP_WHAT, "show", 0, nullptr, WORKS, LM_OPTION_YES, false, AT(show),
		"show the stack and what is selected first" },
	{ LM_GROUP_WHAT, "show-only", 0, nullptr, WORKS, LM_OPTION_YES, false, AT(show_only),
		"show the stack and what is selected, and stop" },

	{ LM_GROUP_LAYERS, "include", 'i', "GLOB", SELECTS, LM_OPTION_LIST, false, AT(include),
		"only layers whose name matches; repeatable" },
	{ LM_GROUP_LAYERS, "allow-missing", 0, nullptr, SELECTS, LM_OPTION_YES, false, AT(allow_missing),
		"a GLOB may match no layer" },
	{ LM_GROUP_LAYERS, "lock-dependencies", 0, nullptr, LOCKS, LM_OPTION_YES, false, AT(lock_dependencies),
		"with --include: also lock the layers below" },
	{ LM_GROUP_LAYERS, "build-dependencies", 0, nullptr, LM_CMD_BUILD, LM_OPTION_YES, false, AT(build_dependencies),
		"with --include: also build the layers below" },
	{ LM_GROUP_LAYERS, "publish-dependencies", 0, nullptr, MAKES, LM_OPTION_YES, false, AT(publish_dependencies),
		"with --include: also publish the layers below" },
	{ LM_GROUP_LAYERS, "include-dependencies", 0, nullptr, WORKS, LM_OPTION_YES, false, AT(include_dependencies),
		"with --include: everything for the layers below too" },
	{ LM_GROUP_LAYERS, "build-derived", 0, nullptr, LM_CMD_BUILD, LM_OPTION_YES, false, AT(build_derived),
		"with --include: also build the layers above" },
	{ LM_GROUP_LAYERS, "publish-derived", 0, nullptr, MAKES, LM_OPTION_YES, false, AT(publish_derived),
		"with --include: also publish the layers above" },
	{ LM_GROUP_LAYERS, "platform", 'p', "PLATFORM", MAKES, LM_OPTION_LIST, false, AT(platforms),
		"for this platform; repeatable; 'all' for every one with a known runtime (default: this machine's)" },

	{ LM_GROUP_LAYERS, "platform", 'p', "PLATFORM", LM_CMD_CHECK, LM_OPTION_LIST, false, AT(platforms),
		"for this platform; repeatable; 'all' for every one with a known runtime (default: those in the folder)" },
	{ LM_GROUP_LAYERS, "platform", 'p', "PLATFORM", LM_CMD_ARTIFACTS, LM_OPTION_LIST, false, AT(platforms),
		"for this platform; repeatable (default: 'all', those with a known runtime)" },

	{ LM_GROUP_SOURCES, "index", 0, nullptr, FETCHES, LM_OPTION_NO, true, AT(no_index),
		"ask package indexes (default), or take local wheels only" },
	{ LM_GROUP_SOURCES, "local-wheels", 0, "DIR", FETCHES, LM_OPTION_LIST, false, AT(local_wheels),
		"folder with wheels, relative to the spec; repeatable" },
	{ LM_GROUP_SOURCES, "runtime-mirror", 0, "DIR|URL", FETCHES, LM_OPTION_TEXT, false, AT(runtime_mirror),
		"where runtime archives are" },
	{ LM_GROUP_SOURCES, "store", 0, "DIR", SELECTS | LM_CMD_STORE, LM_OPTION_TEXT, false, AT(store),
		"what was downloaded and unpacked once (default: in the user's cache)" },
	{ LM_GROUP_SOURCES, "uv", 0, "PROGRAM", FETCHES, LM_OPTION_TEXT, false, AT(uv), "the resolver (default: uv)" },

	{ LM_GROUP_RESULTS, "output-dir", 'o', "DIR", LM_CMD_BUILD | LM_CMD_PUBLISH, LM_OPTION_TEXT, false, AT(output_dir),
		"where archives are published, relative to the spec (default: _artifacts)" },
	{ LM_GROUP_RESULTS, "output-dir", 'o', "DIR", LM_CMD_EXPORT, LM_OPTION_TEXT, false, AT(output_dir),
		"where trees are written, relative to the spec (default: _export)" },
	{ LM_GROUP_RESULTS, "directory", 'C', "DIR", LM_CMD_UNPACK, LM_OPTION_TEXT, false, AT(directory),
		"where the folders are to be; made when it is not there (default: the working folder)" },
	{ LM_GROUP_RESULTS, "build-dir", 0, "DIR", LM_CMD_BUILD, LM_OPTION_TEXT, false, AT(build_dir),
		"where trees are written, relative to the spec (default: _build)" },
	{ LM_GROUP_RESULTS, "build-dir", 0, "DIR", STACKS & ~(LM_CMD_CHECK | LM_CMD_BUILD), LM_OPTION_TEXT, false,
		AT(build_dir), "nothing: no tree of 'build' is needed; for scripts that give it" },
	{ LM_GROUP_RESULTS, "format", 'f', "FORMAT", PACKS, LM_OPTION_TEXT, false, AT(format),
		"tar.zst, tar.xz, tar.gz, zip or tar (default: as the spec says)" },
	{ LM_GROUP_RESULTS, "level", 0, "LEVEL", PACKS, LM_OPTION_TEXT, false, AT(level),
		"fast, max, or the number of one of the format's levels" },
	{ LM_GROUP_RESULTS, "tag-outputs", 0, nullptr, PACKS, LM_OPTION_YES, true, AT(tagged),
		"put platform and build number into archive names (default: do not)" },
	{ LM_GROUP_RESULTS, "json", 0, nullptr, LM_CMD_ALL, LM_OPTION_YES, false, AT(json), "results as one JSON document" },

	{ LM_GROUP_RUNNING, "jobs", 'j', "N", FETCHES | LM_CMD_UNPACK, LM_OPTION_TEXT, false, AT(jobs),
		"threads (default: as many as processors)" },
	{ LM_GROUP_RUNNING, "quiet", 'q', nullptr, LM_CMD_ALL & ~COMPARES, LM_OPTION_DOWN, false, AT(verbosity),
		"errors only" },
	{ LM_GROUP_RUNNING, "quiet", 'q', nullptr, COMPARES, LM_OPTION_DOWN, false, AT(verbosity),
		"errors and what differs only" },
	{ LM_GROUP_RUNNING, "verbose", 'v', nullptr, LM_CMD_ALL & ~COMPARES, LM_OPTION_UP, false, AT(verbosity),
		"more about what happens" },
	{ LM_GROUP_RUNNING, "verbose", 'v', nullptr, COMPARES, LM_OPTION_UP, false, AT(verbosity),
		"more about what happens; every entry that differs" },
	{ LM_GROUP_RUNNING, "help", 'h', nullptr, LM_CMD_ALL, LM_OPTION_YES, false, AT(help), "this text" },
};

// What can stand behind an option: words, or null for a file or folder.
static const char *
words_for(const char *argument)
{
	if (strcmp(argument, "PLATFORM") == 0)
		return "all linux_x86_64 linux_aarch64 macosx_arm64 macosx_x86_64 win_amd64 win_arm64";
	if (strcmp(argument, "FORMAT") == 0)
		return "tar.zst tar.xz tar.gz zip tar";
	if (strcmp(argument, "N") == 0 || strcmp(argument, "GLOB") == 0 || strcmp(argument, "SIZE") == 0)
		return "";
	return nullptr;
}

const struct lm_program lm_lamina = {
	.name = "lamina",
	.usage = "COMMAND [OPTION]... SPEC [DIR]",
	.purpose = "Lock, build and publish layered Python environments as archives that come out\n"
		   "byte for byte the same wherever they are built.\n",
	.hint = "Example:\n"
		"  lamina build --publish stack/venvstacks.toml out\n\n"
		"'lamina COMMAND --help' shows the options of a command, 'man lamina' more;\n"
		"'lamina --version' the version.\n",
	.commands = commands,
	.command_count = LM_COUNT(commands),
	.rows = rows,
	.row_count = LM_COUNT(rows),
	.titles = titles,
	.words_for = words_for,
};

static int
take_paths(struct lm_cli *cli, int at, int argc, char **argv, struct lm_err *err)
{
	int most = (cli->command & MAKES) != 0 ? 2 : 1;
	if (cli->help)
		return 0;
	if (cli->command == LM_CMD_STORE) {
		if (at >= argc)
			return lm_err_set(err, LM_E_USAGE, "'lamina store' needs to know what to do: size, verify or gc");
		if (argc - at > 1)
			return lm_err_set(err, LM_E_USAGE, "'%s' is one argument too many", argv[at + 1]);
		cli->spec = ".";
		cli->folder = argv[at];
		return 0;
	}
	if (cli->command == LM_CMD_ARTIFACTS && at >= argc) {
		cli->all_stacks = true;
		cli->spec = ".";
		return 0;
	}
	if (cli->command == LM_CMD_UNPACK) {
		if (at >= argc)
			return lm_err_set(err, LM_E_USAGE, "'lamina unpack' needs archives, for example 'out/*.tar.zst'");
		cli->archives = (const char *const *)&argv[at];
		cli->archive_count = (size_t)(argc - at);
		return 0;
	}
	if (cli->command == LM_CMD_DIFF) {
		most = 2;
		if (argc - at < 2)
			return lm_err_set(err, LM_E_USAGE, "'lamina diff' needs two archives, published folders or manifests");
	}
	if (at >= argc)
		return lm_err_set(err, LM_E_USAGE, "'lamina %s' needs the path of a stack spec, for example '%s'",
			cli->info->name, "venvstacks.toml");
	if (argc - at > most)
		return lm_err_set(err, LM_E_USAGE, "'%s' is one argument too many", argv[at + most]);
	cli->spec = argv[at];
	cli->folder = at + 1 < argc ? argv[at + 1] : nullptr;
	if (cli->spec[0] == '\0' || (cli->folder != nullptr && cli->folder[0] == '\0'))
		return lm_err_set(
			err, LM_E_USAGE, "the path of %s is empty", cli->spec[0] == '\0' ? "the stack spec" : "the folder");
	if (cli->duplicates)
		return lm_err_set(err, LM_E_USAGE, "--duplicates looks at the archives of all stacks, without '%s'", cli->spec);
	if (cli->command == LM_CMD_CHECK && cli->expected == nullptr)
		return lm_err_set(
			err, LM_E_USAGE, "'lamina check' needs '--expected DIR', the folder with what was published before");
	return 0;
}

int
lm_cli_parse(struct lm_cli *cli, int argc, char **argv, struct lm_err *err)
{
	int at = 0;
	if (lm_options_parse(&lm_lamina, cli->info, cli, argc, argv, &at, err) < 0)
		return -1;
	return take_paths(cli, at, argc, argv, err);
}

void
lm_cli_release(struct lm_cli *cli)
{
	lm_strings_release(&cli->include);
	lm_strings_release(&cli->reset_lock);
	lm_strings_release(&cli->local_wheels);
	lm_strings_release(&cli->platforms);
}
