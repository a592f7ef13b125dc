"""One fake provider for the tests of a file; each finds it as new."""

import pytest

import fake_provider


@pytest.fixture(scope="module")
def shared_provider():
    with fake_provider.fake_provider() as provider:
        yield provider
        assert provider.stop() == 0  # what sanitizers find is another code


@pytest.fixture
def provider(shared_provider):
    shared_provider.reset()
    return shared_provider
