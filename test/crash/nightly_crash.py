"""A thousand kill -9 cycles, and forty power cuts."""
import os, sys

os.environ.setdefault('CRASH_CYCLES', '1000')
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import suite_crash
from suite_crash import luma, test_kill_9_under_mixed_load  # noqa: F401


def test_forty_power_cuts():
    rig, undone = suite_crash.power_cycles(40, lie=False)
    print(f'# {undone} unsynced changes undone, {rig.summary()}')
    assert not rig.mistakes, '\n'.join(rig.mistakes[:20])


if __name__ == '__main__':
    luma.run_suite(globals())
