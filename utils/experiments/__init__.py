"""One function for each experiment: its notebook calls it with one seed, `make train` with more."""
