"""ask([...questions]) -> [answers] of tests/tools/python_tool.c."""

import json

import pytest


@pytest.fixture
def ask(run, tool):
    def ask_all(questions):
        questions = list(questions)
        result = run(tool("python_tool"), stdin="".join(json.dumps(q) + "\n" for q in questions)).ok()
        answers = [json.loads(line) for line in result.out.splitlines()]
        assert len(answers) == len(questions)
        return answers

    return ask_all
