"""The service and a small model of the contract never disagree, whoever asks for whatever in whatever order."""

import asyncio
import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Machine

CLOUDS = int(os.environ.get("GLIMPSE_TEST_CLOUDS", "30"))
"""How many clouds are lived through, of up to 100 calls each; more of them by hand."""


@pytest.mark.timeout(900)  # what fails is made as short as it can be
async def test_whatever_is_asked_the_answer_is_that_of_the_contract(start_api):
    api = await start_api(workers=1)
    of_this_api = type("Machine", (Machine,), {"url": api.base})
    options = settings(
        max_examples=CLOUDS,
        stateful_step_count=100,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=(Phase.generate,),
    )
    await asyncio.to_thread(run_state_machine_as_test, of_this_api, settings=options)
