"""misc/check_cassette_redaction: what it finds, and what it leaves alone. Secrets are put together here, so that this file has none."""

import json
import subprocess
import sys

import pytest

import paths

CHECK = paths.ROOT / "misc" / "check_cassette_redaction"
LETTERS = "Zx9" + "kQ7wP2mN4vB8cD1fG"  # 20 letters and digits
BEARER, KEY_NAME = "Bear" + "er", "x-api" + "-key"
EVERYWHERE = [
    ("Authori" + f"zation: {BEARER} {LETTERS}", "a bearer token"),
    ("Authori" + f"zation: {BEARER} {LETTERS[:9]}", "an 'Authorization: Bearer' header"),
    (json.dumps({"authori" + "zation": f"{BEARER} {LETTERS}"}), "an 'Authorization: Bearer' header"),
    (f"said {BEARER.lower()} {LETTERS}", "a bearer token"),
    ("sk" + f"-{LETTERS}", "an API key"), ("sk" + f"-proj-{LETTERS}_a-b", "an API key"), ("sk" + f"-ant-api03-{LETTERS}", "an API key"),
    ("'AI" + f"za{LETTERS}'", "an API key"), ("ya" + f"29.{LETTERS}", "an access token"),
    (f"{KEY_NAME}: {LETTERS}", "an API key in a header"), ("X-Goog-Api" + f"-Key: {LETTERS}", "an API key in a header"),
    ("-----BEGIN " + "RSA PRIVATE KEY-----", "a private key"),
]
IN_CASSETTES = [
    ('"set-cookie": "a=b"', "a header that must not be recorded"), ('"OpenAI-Organization": "x"', "a header that must not be recorded"),
    ("org" + f"-{LETTERS}", "an id of an organisation"), ("proj" + f"_{LETTERS}", "an id of a project"),
    ("user" + f"-{LETTERS}", "an id of a user"), ("/up?upload" + f"_id={LETTERS}&x", "an address of an upload"),
    ("/v1/x?k" + f"ey={LETTERS}", "a key in a URL"),
]
HARMLESS = [
    "Authorization: Bearer REDACTED", "Authorization: Bearer $OPENAI_API_KEY", "Authorization: Bearer test-key", "sk-your-key-0000000000",
    "task-1234567890123456", "sk-learn-based-approach", "the bearer authentication scheme", "org-wide-change-number-12",
    "user-friendly-interface-2000000", "sk-canary-7f3a91c2aa", "sk-xxxxxxxxxxxxxxx1", "x-api-key: test-key", "ask-1234567890abcd",
]


def check(*args):
    done = subprocess.run([sys.executable, CHECK, *args], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def put(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / "0001.answer").write_text(f"one\n{text}\nthree\n")
    return folder


@pytest.mark.parametrize("text, what", EVERYWHERE)
def test_found_everywhere(tmp_path, text, what):
    folder = put(tmp_path / "f", text)
    code, out, _ = check(folder)
    assert code == 1
    assert f"{folder}/0001.answer:2: {what}" in out.splitlines()
    assert LETTERS not in out


@pytest.mark.parametrize("text, what", IN_CASSETTES)
def test_found_in_cassettes(tmp_path, text, what):
    folder = put(tmp_path / "f", text)
    assert check(folder) == (0, "", "")
    (folder / "cassette.json").write_text("{}")
    assert check(folder) == (1, f"{folder}/0001.answer:2: {what}\n", "")


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless(tmp_path, text):
    folder = put(tmp_path / "f", text)
    (folder / "cassette.json").write_text("{}")
    assert check(folder) == (0, "", "")


def test_what_is_recorded_is_clean(tmp_path):
    """What replaces a secret is none itself."""
    folder = put(tmp_path / "f", '{"id":"REDACTED","path":"/up?upload_id=REDACTED&key=REDACTED","text":"Bearer REDACTED"}')
    (folder / "cassette.json").write_text("{}")
    assert check(folder) == (0, "", "")


def test_a_checkout(tmp_path):
    """Files of git and new ones, but no ignored ones."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("ignored\n")
    (tmp_path / "ignored").write_text(EVERYWHERE[0][0])
    assert check("--root", tmp_path) == (0, "", "")
    (tmp_path / "new").write_text(EVERYWHERE[0][0])
    assert check("--root", tmp_path)[:2] == (1, f"{tmp_path}/new:1: a bearer token\n"
        f"{tmp_path}/new:1: an 'Authorization: Bearer' header\n")


def test_this_checkout():
    assert check() == (0, "", "")


def test_cannot_run(tmp_path):
    assert check(tmp_path / "no") == (2, "", f"check_cassette_redaction: there is no '{tmp_path}/no'\n")
    code, _, err = check("--root", tmp_path / "no")
    assert code == 2 and err.endswith("is not a checkout that git can list\n")
