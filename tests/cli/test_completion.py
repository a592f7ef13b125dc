"""The completion scripts, in the shells they are for."""

import re
import shutil
import subprocess

import pytest

from terminal import terminal

COMMANDS = ["lock", "build", "publish", "local-export", "show", "check", "diff", "store", "unpack", "artifacts"]
PLATFORMS = ["all", "linux_aarch64", "linux_x86_64", "macosx_arm64", "macosx_x86_64", "win_amd64", "win_arm64"]
FORMATS = ["tar", "tar.gz", "tar.xz", "tar.zst", "zip"]

# Words as bash splits them (`=` is a word of its own), the last one is completed.
BASH = {
    "commands": (["lamina", ""], [*COMMANDS, "completion", "help", "--help", "--version"]),
    "commands with l": (["lamina", "l"], ["lock", "local-export"]),
    "shells": (["lamina", "completion", ""], ["bash", "zsh"]),
    "help of a command": (["lamina", "help", "p"], ["publish"]),
    "options of show": (["lamina", "show", "-"], [
        "-i", "--include", "--allow-missing", "--store", "--build-dir", "--json", "-q", "--quiet", "-v", "--verbose", "-h",
        "--help"]),
    "options with a beginning": (["lamina", "build", "stack.toml", "--no-"],
        ["--no-lock-if-needed", "--no-build", "--no-publish", "--no-clean", "--no-index", "--no-tag-outputs"]),
    "platforms": (["lamina", "build", "--platform", ""], PLATFORMS),
    "platforms with a beginning": (["lamina", "publish", "-p", "win"], ["win_amd64", "win_arm64"]),
    "platform after =": (["lamina", "publish", "--platform", "=", "lin"], ["linux_x86_64", "linux_aarch64"]),
    "platforms right after =": (["lamina", "publish", "--platform", "="], PLATFORMS),
    "formats": (["lamina", "publish", "-f", ""], FORMATS),
    "formats after =": (["lamina", "publish", "--format", "=", "tar."], ["tar.zst", "tar.xz", "tar.gz"]),
    "a number": (["lamina", "publish", "--jobs", ""], []),
    "a spec": (["lamina", "publish", ""], []),  # bash completes files then, see below
}


@pytest.fixture
def scripts(run_lamina, tmp_path):
    for shell in ("bash", "zsh"):
        (tmp_path / f"lamina.{shell}").write_text(run_lamina("completion", shell).ok().out)
    return tmp_path


@pytest.mark.parametrize("row", BASH)
def test_bash(run, scripts, row):
    words, wanted = BASH[row]
    script = (f"source '{scripts}/lamina.bash' && COMP_WORDS=(\"$@\") && COMP_CWORD=$(($# - 1)) && _lamina && "
        "printf '%s\\n' \"${COMPREPLY[@]}\"")
    result = run("bash", "--norc", "-uc", script, "bash", *words)
    assert (result.code, result.err) == (0, ""), result
    assert sorted(result.out.split()) == sorted(wanted)


def test_bash_is_asked_for_lamina_and_falls_back_to_files(run, scripts):
    result = run("bash", "--norc", "-c", f"source '{scripts}/lamina.bash'; complete -p lamina")
    assert result.ok().out == "complete -o default -F _lamina lamina\n"


def test_every_option_is_completed(run, run_lamina, scripts):
    for command in COMMANDS:
        text = run_lamina(command, "--help").ok().out
        wanted = set()
        for letter, no, name in re.findall(r"^  (?:(-.), |    )--(\[no-\])?([\w-]+)", text, re.MULTILINE):
            wanted |= {f"--{name}", f"--no-{name}" if no else f"--{name}", letter or f"--{name}"}
        script = f"source '{scripts}/lamina.bash'; COMP_WORDS=(lamina {command} -); COMP_CWORD=2; _lamina; printf '%s\\n' ${{COMPREPLY[@]}}"
        assert set(run("bash", "--norc", "-c", script).ok().out.split()) == wanted
        zsh = (scripts / "lamina.zsh").read_text().split(f"\t{command})\n")[1].split("\t\t;;\n")[0]
        assert set(re.findall(r"^\t\t\t'\*?(-[\w-]+)", zsh, re.MULTILINE)) == wanted


ZSHRC = """\
PS1='READY '
fpath=({home}/functions $fpath)
autoload -U compinit && compinit -u -D
lamina() {{ print -r -- "RAN <$*>" }}
"""
# What is typed, with tabs, and what zsh makes of it.
ZSH = {
    "command": ("lamina pub\t", "publish"),
    "long option": ("lamina show --js\t", "show --json"),
    "negated option": ("lamina build --no-tag\t", "build --no-tag-outputs"),
    "platform": ("lamina build --plat\twin_am\t", "build --platform=win_amd64"),
    "platform behind a letter": ("lamina build -p macosx_a\t", "build -p macosx_arm64"),
    "format": ("lamina publish --format=tar.z\t", "publish --format=tar.zst"),
    "spec and folder": ("lamina build sta\tou\t", "build stack.toml out"),
    "shell": ("lamina completion ba\t", "completion bash"),
    "archives to unpack": ("lamina unpack sta\tou\t", "unpack stack.toml out"),
    "two archives": ("lamina diff sta\tou\t", "diff stack.toml out"),
    "help": ("lamina help loca\t", "help local-export"),
    "an option twice": ("lamina lock --local-w\ta --local-w\tb", "lock --local-wheels=a --local-wheels=b"),
}


def test_zsh(scripts):
    program = shutil.which("zsh")
    assert program, "zsh is not installed: ./check installs what the tests need"
    assert subprocess.run([program, "-n", scripts / "lamina.zsh"]).returncode == 0
    home = scripts / "home"
    (home / "functions").mkdir(parents=True)
    (home / "out").mkdir()
    (home / "stack.toml").write_text("")
    shutil.copy(scripts / "lamina.zsh", home / "functions" / "_lamina")
    (home / ".zshrc").write_text(ZSHRC.format(home=home))
    with terminal(program, "-i", columns=200, env={"TERM": "dumb", "ZDOTDIR": home, "HOME": home}, cwd=home) as shell:
        shell.screen.feed = lambda text: None  # zsh sends more than the emulator knows
        shell.wait_for(lambda _: b"READY " in shell.raw)
        for row, (typed, wanted) in ZSH.items():
            done = len(shell.raw)
            shell.type(typed + "\r")
            shell.wait_for(lambda _: re.search(rb"RAN <[^>]*>.*READY ", shell.raw[done:], re.DOTALL))
            assert re.search(rb"RAN <([^>]*)>", shell.raw[done:])[1].decode().rstrip() == wanted, row


def test_zsh_script_can_be_sourced(run, scripts):
    script = f"autoload -U compinit && compinit -u -D && source '{scripts}/lamina.zsh' && print ${{_comps[lamina]}}"
    assert run("zsh", "-fc", script).ok().out == "_lamina\n"
