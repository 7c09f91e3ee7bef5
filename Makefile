# `make lab` opens the course, `make test` proves it. Both make the environment first, in .venv.
# The work is done by course.py, which Windows calls by itself (see the README).

PYTHON ?= python3
SETUP = @$(PYTHON) course.py
TOOL = $(SETUP) run test tools

.PHONY: lab test notebooks links train figures bench

lab:        ## open the course in JupyterLab; LAB_ARGS="--no-browser" is handed on
	$(SETUP) lab $(LAB_ARGS)

test:       ## style, tests, notebooks; TEST_ARGS="-k box" is handed on
	$(SETUP) test $(TEST_ARGS)

notebooks:  ## run every notebook (or NOTEBOOKS=...) in place, in the form that is committed
	$(TOOL).notebooks $(NOTEBOOKS)

links:      ## write the address in pyproject.toml into every badge and clone line
	$(TOOL).links

train:      ## train every network again and write the results that notebooks read
	$(TOOL).train

figures:    ## draw the pictures of the README
	$(TOOL).figures

bench:      ## how fast: CAM, the sketchbook, the notebooks
	$(TOOL).bench
