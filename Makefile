# `make lab` opens the course, `make test` proves it. Both make the environment first, in .venv.
# The work is done by course.py, which Windows calls by itself (see the README).

PYTHON ?= python3
SETUP = @$(PYTHON) course.py
TOOL = $(SETUP) run test tools

.PHONY: lab test new exercises notebooks outputs links train figures bench site pdf

lab:        ## open the course in JupyterLab; LAB_ARGS="--no-browser" is handed on
	$(SETUP) lab $(LAB_ARGS)

test:       ## style, types, tests, notebooks; TEST_ARGS="-k box" is handed on
	$(SETUP) test $(TEST_ARGS)

new:        ## begin a notebook, NOTEBOOK=13_my_idea: it runs, has exercises and stands in every table
	$(TOOL).new $(NOTEBOOK)

exercises:  ## write the exercises of utils/check into their notebooks (or into NOTEBOOKS=...)
	$(TOOL).exercises $(NOTEBOOKS)

notebooks:  ## run every notebook (or NOTEBOOKS=...) in place, in the form that is committed
	$(TOOL).notebooks $(NOTEBOOKS)

outputs:    ## what the notebooks say otherwise than at BASE=main (HEAD=..., OUTPUTS_ARGS=--ignore-checks)
	$(TOOL).outputs $(or $(BASE),HEAD) $(HEAD) $(OUTPUTS_ARGS)

links:      ## write the address in pyproject.toml into every badge and clone line
	$(TOOL).links

train:      ## train every network (or NAMES="objects-gap birds") and write the results notebooks read
	$(TOOL).train $(NAMES)

figures:    ## draw the pictures of the README
	$(TOOL).figures

bench:      ## how fast: CAM, the sketchbook, the notebooks
	$(TOOL).bench

site:       ## build the course as pages that need nothing, into site/
	$(TOOL).site

pdf:        ## print every notebook's page, into pdf/ (by Chromium)
	$(TOOL).site pdf
