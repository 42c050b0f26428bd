"""The filter as bytes; what it does is asked of real children in test_child."""

import struct

import pytest

from services.importer.sandbox import seccomp


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_every_jump_lands_inside_the_filter_and_every_path_returns(machine):
    code = seccomp.instructions(machine)
    assert code is not None
    steps = list(struct.iter_unpack("=HBBI", code))
    for at, (operation, if_true, if_false, _) in enumerate(steps):
        if operation != seccomp.RETURN:
            assert at + 1 + max(if_true, if_false) < len(steps)
    assert steps[-1] == (seccomp.RETURN, 0, 0, seccomp.ALLOW)


def test_a_processor_whose_calls_are_not_known_has_no_filter():
    assert seccomp.instructions("pdp11") is None
