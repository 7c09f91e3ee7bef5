"""What every test shares: figures without a window, the same random examples, who runs what."""

import matplotlib
import pytest
from hypothesis import settings

matplotlib.use("Agg")  # not by MPLBACKEND, which the notebooks' kernels would inherit
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """In several processes a file stays in one, and so do a notebook's tests: they share a run.

    (xdist's own --dist loadgroup does not see its groups under pytest 9.2.)
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            notebook = file.endswith("test_twice.py") and "[" in test
            return test[test.index("[") :] if notebook else file

    return ByFile(config, log)
