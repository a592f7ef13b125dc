"""Wrong use: one sentence on standard error, exit code 2, nothing on standard output."""

import pytest

COMMANDS = ["lock", "build", "publish", "local-export", "show", "check", "diff", "store", "unpack", "artifacts"]

ARGUMENTS = {"diff": "A B", "store": "size|verify|gc", "unpack": "ARCHIVE...", "artifacts": "[SPEC]"}
# arguments -> what is said behind "lamina: "
WRONG = {
    "no command": ([], "a command is missing; 'lamina --help' lists them"),
    "unknown command": (["frobnicate"], "there is no command 'frobnicate'; 'lamina --help' lists them"),
    "mistyped command": (["pubish"], "there is no command 'pubish', did you mean 'publish'?"),
    "mistyped export": (["localexport"], "there is no command 'localexport', did you mean 'local-export'?"),
    "an option first": (["-v", "show"], "a command comes first, not '-v'; 'lamina --help' lists them"),
    "empty command": ([""], "there is no command ''; 'lamina --help' lists them"),
    "help of an unknown command": (["help", "shw"], "there is no command 'shw', did you mean 'show'?"),
    "no archive": (["unpack"], "'lamina unpack' needs archives, for example 'out/*.tar.zst'"),
    "no number of jobs": (["unpack", "--jobs", "many", "a"], "--jobs is 'many', not a number from 0 to 1024"),
    "no spec": (["build"], "'lamina build' needs the path of a stack spec, for example 'venvstacks.toml'"),
    "empty spec": (["show", ""], "the path of the stack spec is empty"),
    "empty folder": (["publish", "a.toml", ""], "the path of the folder is empty"),
    "two paths for show": (["show", "a.toml", "b"], "'b' is one argument too many"),
    "two paths for lock": (["lock", "a.toml", "b"], "'b' is one argument too many"),
    "three paths for build": (["build", "a.toml", "b", "c"], "'c' is one argument too many"),
    "unknown option": (["build", "--colour", "a.toml"], "there is no option '--colour'; 'lamina build --help' lists them"),
    "mistyped option": (["build", "--publsh", "a.toml"], "there is no option '--publsh', did you mean '--publish'?"),
    "mistyped option with a value": (["build", "--outputdir=x", "a.toml"],
        "there is no option '--outputdir', did you mean '--output-dir'?"),
    "unknown letter": (["build", "-Z", "a.toml"], "there is no option '-Z'; 'lamina build --help' lists them"),
    "unknown letter behind another": (["build", "-vZ", "a.toml"], "there is no option '-Z'; 'lamina build --help' lists them"),
    "option of another command": (["show", "--dry-run", "a.toml"],
        "'lamina show' has no option '--dry-run'; 'lamina show --help' lists those it has"),
    "letter of another command": (["show", "-p", "all", "a.toml"],
        "'lamina show' has no option '-p'; 'lamina show --help' lists those it has"),
    "negation of another command": (["show", "--no-index", "a.toml"],
        "'lamina show' has no option '--no-index'; 'lamina show --help' lists those it has"),
    "ambiguous beginning": (["build", "--lock-", "a.toml"],
        "option '--lock-' may mean '--lock-if-needed' or '--lock-dependencies'"),
    "value missing": (["build", "a.toml", "--output-dir"], "option '--output-dir' needs a value (DIR)"),
    "value missing after a letter": (["build", "a.toml", "-vo"], "option '--output-dir' needs a value (DIR)"),
    "empty value": (["build", "a.toml", "--include="], "option '--include' needs a value (GLOB), not an empty one"),
    "value too many": (["build", "--json=yes", "a.toml"], "option '--json' takes no value"),
    "value too many, negated": (["build", "--no-publish=yes", "a.toml"], "option '--no-publish' takes no value"),
    "unknown platform": (["build", "-p", "amiga", "a.toml"],
        "there is no platform 'amiga'; known are linux_x86_64, linux_aarch64, macosx_arm64, macosx_x86_64, win_amd64, "
        "win_arm64 and all"),
    "mistyped platform": (["build", "-p", "linux_x86-64", "a.toml"],
        "there is no platform 'linux_x86-64', did you mean 'linux_x86_64'?"),
    "unknown format": (["publish", "-f", "cpio", "a.toml"],
        "there is no format 'cpio'; known are tar.zst, tar.xz, tar.gz, zip and tar"),
    "mistyped format": (["publish", "--format=tar.zs", "a.toml"], "there is no format 'tar.zs', did you mean 'tar.zst'?"),
    "level is a word": (["publish", "--level", "best", "a.toml"], "--level is 'best', not 'fast', 'max' or a number from 0 to 22"),
    "level too high": (["publish", "--level", "23", "a.toml"], "--level is '23', not 'fast', 'max' or a number from 0 to 22"),
    "jobs is a word": (["lock", "-j", "many", "a.toml"], "--jobs is 'many', not a number from 0 to 1024"),
    "jobs is negative": (["lock", "-j", "-1", "a.toml"], "--jobs is '-1', not a number from 0 to 1024"),
    "no shell": (["completion"], "'lamina completion' needs a shell: bash or zsh"),
    "unknown shell": (["completion", "fish"], "'lamina completion' needs a shell: bash or zsh"),
    "two shells": (["completion", "bash", "zsh"], "'lamina completion' needs a shell: bash or zsh"),
}


@pytest.mark.parametrize("row", WRONG)
def test_wrong_use(run_lamina, row):
    args, said = WRONG[row]
    result = run_lamina(*args)
    assert (result.code, result.out, result.err) == (2, "", f"lamina: {said}\n")


def test_wrong_use_with_json_is_a_document(run_lamina):
    result = run_lamina("build", "--publsh", "--json", "a.toml")
    assert result.code == 2
    assert result.err == "lamina: there is no option '--publsh', did you mean '--publish'?\n"
    assert result.out == (
        '{\n  "error": "there is no option \'--publsh\', did you mean \'--publish\'?",\n'
        '  "exit_code": 2,\n  "findings": []\n}\n')


def test_wrong_environment(run_lamina):
    result = run_lamina("show", "a.toml", env={"SOURCE_DATE_EPOCH": "yesterday"})
    assert (result.code, result.err) == (
        2, "lamina: SOURCE_DATE_EPOCH is 'yesterday', not a number from 0 to 8589934591\n")
    result = run_lamina("show", "a.toml", env={"HOME": None, "XDG_CACHE_HOME": None})
    assert (result.code, result.err) == (
        2, "lamina: neither XDG_CACHE_HOME nor HOME is set: give a folder with --store or LAMINA_STORE\n")
    result = run_lamina("show", "a.toml", env={"HOME": None, "XDG_STATE_HOME": None, "LAMINA_STORE": "s"})
    assert (result.code, result.err) == (
        2, "lamina: neither XDG_STATE_HOME nor HOME is set: give a folder with LAMINA_STATE\n")


def test_no_spec_there(run_lamina, tmp_path):
    result = run_lamina("show", tmp_path / "no.toml")
    assert (result.code, result.out) == (2, "")
    assert result.err == f"lamina: reading the stack spec: cannot open '{tmp_path}/no.toml': No such file or directory\n"
    result = run_lamina("show", tmp_path)
    assert (result.code, result.err) == (2, f"lamina: reading the stack spec: not a regular file: '{tmp_path}'\n")


OVERVIEW = """\
Usage: lamina COMMAND [OPTION]... SPEC [DIR]

Lock, build and publish layered Python environments as archives that come out
byte for byte the same wherever they are built.

Commands:
  lock          lock the packages of every layer
  build         lock what needs it, build layer trees, publish with --publish
  publish       publish archives of locked layers
  local-export  write trees that are ready to run, with their metadata
  show          show the layers of a stack and the state of their locks
  check         build again and compare with what was published before
  diff          compare two archives, published folders or manifests
  store         how large the store is; check its bytes; make it smaller
  unpack        unpack published archives, all of them or none
  artifacts     list what was published from this machine, and what is missing
  completion    print the completion script of a shell: bash or zsh
  help          the same as --help

Example:
  lamina build --publish stack/venvstacks.toml out

'lamina COMMAND --help' shows the options of a command, 'man lamina' more;
'lamina --version' the version.
"""


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_overview(run_lamina, word):
    result = run_lamina(word)
    assert (result.code, result.out, result.err) == (0, OVERVIEW, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_help(run_lamina, command):
    text = run_lamina(command, "--help").ok().out
    assert text == run_lamina(command, "-h").ok().out == run_lamina("help", command).ok().out
    assert text == run_lamina(command, "a.toml", "-v", "--help", "b", "c").ok().out  # whatever else is given
    lines = text.splitlines()
    assert lines[0].startswith(f"Usage: lamina {command} [OPTION]... {ARGUMENTS.get(command, 'SPEC')}")
    assert f"  lamina {command} " in text.split("Examples:\n")[1].split("\n\n")[0]
    assert [line for line in lines if len(line) > 80] == []
    assert not any(line != line.rstrip() or "\t" in line for line in lines)
    assert lines[-2:] == EXIT_CODES.get(command, WORKING)


WORKING = ["Exit status: 0 done, 1 the work failed, 2 wrong use or invalid spec,",
    "4 bytes differ from their recorded digest, 130 interrupted."]
COMPARING = ["Exit status: 0 all is equal, 1 the work failed, 2 wrong use or invalid spec,",
    "3 something differs, 4 bytes differ from their recorded digest, 130 interrupted."]
LISTING = [WORKING[0], "3 an archive of SPEC is not there, 4 the catalogue is damaged, 130 interrupted."]
EXIT_CODES = {"check": COMPARING, "diff": COMPARING, "artifacts": LISTING}


SHOW_HELP = """\
Usage: lamina show [OPTION]... SPEC

Show the layers of a stack and the state of their locks.

A tree of the layers, each with those it stands on in the order of import. '*'
marks a layer without a valid lock; '->' shows the name of its folder where that
is another one.

Examples:
  lamina show stack/venvstacks.toml
  lamina show --json stack/venvstacks.toml | jq -r '.applications[].name'

Layers and platforms:
  -i, --include GLOB            only layers whose name matches; repeatable
      --allow-missing           a GLOB may match no layer

Sources:
      --store DIR               what was downloaded and unpacked once (default:
                                in the user's cache)

Results:
      --build-dir DIR           nothing: no tree of 'build' is needed; for
                                scripts that give it
      --json                    results as one JSON document

Other options:
  -q, --quiet                   errors only
  -v, --verbose                 more about what happens
  -h, --help                    this text

Exit status: 0 done, 1 the work failed, 2 wrong use or invalid spec,
4 bytes differ from their recorded digest, 130 interrupted.
"""


def test_help_of_show(run_lamina):
    assert run_lamina("show", "--help").ok().out == SHOW_HELP
