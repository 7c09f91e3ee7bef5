"""What every test shares: figures without a window, and the same random examples each time."""

import matplotlib
from hypothesis import settings

matplotlib.use("Agg")  # not by MPLBACKEND, which the notebooks' kernels would inherit
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")
