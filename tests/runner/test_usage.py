"""Wrong calls, help and completion."""

import pytest


def said(result):
    assert result.out == ""
    assert result.err.startswith("lamina-batch: ") and result.err.count("\n") == 1, result
    return result.code, result.err.removeprefix("lamina-batch: ").rstrip("\n")


@pytest.mark.parametrize(("args", "text"), [
    ([], "a command is missing; 'lamina-batch --help' lists them"),
    (["stat"], "there is no command 'stat', did you mean 'start'?"),
    (["--run-id", "x"], "a command comes first, not '--run-id'; 'lamina-batch --help' lists them"),
    (["status", "--run-ids", "x"], "there is no option '--run-ids', did you mean '--run-id'?"),
    (["status", "--input", "x"], "'lamina-batch status' has no option '--input'; 'lamina-batch status --help' lists those it has"),
    (["status"], "'lamina-batch status' needs '--run-id ID'; 'lamina-batch list' lists runs"),
    (["status", "--run-id"], "option '--run-id' needs a value (ID)"),
    (["status", "--run-id", ""], "option '--run-id' needs a value (ID), not an empty one"),
    (["status", "--run-id", "x", "y"], "'y' is one argument too many"),
    (["start"], "'lamina-batch start' needs '--input FILE'"),
    (["start", "--input", "a.txt"], "input 'a.txt' ends in none of .jsonl, .csv and .parquet"),
    (["start", "--input", "a.csv", "--provider", "openay"], "there is no provider 'openay', did you mean 'openai'?"),
    (["start", "--input", "a.csv", "--provider", "x"],
        "there is no provider 'x'; there are openai, anthropic, gemini, echo and replay"),
    (["start", "--input", "a.csv", "--max-attempts", "0"], "--max-attempts is '0', not a number from 1 to 1000"),
    (["start", "--input", "a.csv", "--poll-interval-sec", "x"], "--poll-interval-sec is 'x', not a number of seconds from 0 to 86400"),
    *((["start", "--input", "a.csv", "--poll-interval-sec", text],
        f"--poll-interval-sec is '{text}', not a number of seconds from 0 to 86400")
      for text in ("-1", "1.2.3", ".", "1e", "e3", "1e+", "0x10", "nan", "inf", "1 ", " 1", "1_0", "86400.001", "1e99", "1e9999")),
    (["wait", "--run-id", "r", "--timeout", "1e10"], "--timeout is '1e10', not a number of seconds from 0 to 1000000000"),
    (["start", "--input", "a.csv", "--schema-name", "x"],
        "--schema-name needs --structured-output-schema or --structured-output-class"),
    (["start", "--input", "a.csv", "--structured-output-class", "x"], "--structured-output-class is 'x', not MODULE:CLASS"),
    (["start", "--input", "a.csv", "--structured-output-class", "x:y", "--structured-output-schema", "z"],
        "--structured-output-schema and --structured-output-class exclude each other"),
    (["start", "--input", "a.csv", "--gemini-backend", "x"], "--gemini-backend is 'x', not auto or developer"),
    (["resolve", "--run-id", "x"], "'lamina-batch resolve' needs one of '--created BATCH' and '--not-created'"),
    (["resolve", "--run-id", "x", "--created", "y", "--not-created"],
        "'lamina-batch resolve' needs one of '--created BATCH' and '--not-created'"),
    (["export-artifacts", "--run-id", "x"], "'lamina-batch export-artifacts' needs '--destination-dir DIR'"),
    (["results", "--run-id", "x", "--format", "xml"], "--format is 'xml', not jsonl or csv"),
    (["completion", "fish"], "'lamina-batch completion' needs a shell: bash or zsh"),
])
def test_wrong_calls(lamina_batch, args, text):
    assert said(lamina_batch(*args)) == (2, text)


def test_vertex_is_not_supported(lamina_batch):
    result = lamina_batch("start", "--input", "a.csv", "--provider", "gemini", "--gemini-backend", "vertex")
    assert said(result) == (1, "Vertex is not supported: use the developer API (--gemini-backend developer)")


def test_a_store_that_is_not_there(lamina_batch, tmp_path):
    result = lamina_batch("status", "--run-id", "x", "--db-path", tmp_path / "none.sqlite3")
    assert said(result) == (1, f"there are no runs: '{tmp_path}/none.sqlite3' does not exist")
    assert not (tmp_path / "none.sqlite3").exists()


def test_neither_home_nor_state_folder(lamina_batch, tmp_path):
    result = lamina_batch("list", env={"HOME": "", "XDG_STATE_HOME": ""}, cwd=tmp_path)
    assert said(result) == (2, "neither XDG_STATE_HOME nor HOME is set: give a file with --db-path or LAMINA_BATCH_DB")


def test_the_program_says_who_it_is(lamina_batch):
    assert lamina_batch("--version").ok().out.startswith("lamina-batch ")
    assert lamina_batch("help").ok().out == lamina_batch("--help").ok().out
    assert lamina_batch("wait", "--help").ok().out == lamina_batch("help", "wait").ok().out


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_is_a_script_of_its_shell(lamina_batch, run, tmp_path, shell):
    script = tmp_path / "completion"
    script.write_text(lamina_batch("completion", shell).ok().out)
    run(shell, "-n", script).ok()


def test_completion_of_bash_offers_commands_and_words(lamina_batch, run, tmp_path):
    script = tmp_path / "completion"
    script.write_text(lamina_batch("completion", "bash").ok().out)
    ask = f"""source {script}
COMP_WORDS=(lamina-batch st) COMP_CWORD=1; _lamina_batch; echo "${{COMPREPLY[*]}}"
COMP_WORDS=(lamina-batch start --provider an) COMP_CWORD=3; _lamina_batch; echo "${{COMPREPLY[*]}}"
COMP_WORDS=(lamina-batch resolve --not) COMP_CWORD=2; _lamina_batch; echo "${{COMPREPLY[*]}}"
"""
    assert run("bash", "-c", ask).ok().out == "start status step\nanthropic\n--not-created\n"


STORE = ["--run-id", "--db-path"]
BATCHOR = {  # release 0.0.7: scripts written for it find the same options here
    "start": ["--input", "--id-field", "--prompt-field", "--prompt-template", "--provider", "--model", "--structured-output-class",
        "--schema-name", "--endpoint", "--completion-window", "--request-timeout-sec", "--poll-interval-sec", "--reasoning-effort",
        "--gemini-backend", "--gemini-input-mode", "--gcs-uri", "--google-cloud-project", "--google-cloud-location",
        "--gemini-generation-config", "--anthropic-max-tokens", "--anthropic-message-params", *STORE],
    "status": STORE,
    "wait": ["--timeout", "--poll-interval", *STORE],
    "results": ["--output", *STORE],
    "export-artifacts": ["--destination-dir", *STORE],
    "prune-artifacts": ["--include-raw-output-artifacts", *STORE],
}


@pytest.mark.parametrize("command", BATCHOR)
def test_options_of_batchor(lamina_batch, command):
    words = lamina_batch(command, "--help").ok().out.split()
    assert [option for option in BATCHOR[command] if option not in words] == []
