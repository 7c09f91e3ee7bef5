# `make lab` opens the course, `make test` proves it. Both make the environment first, in .venv.
# The work is done by course.py, which Windows calls by itself (see the README).

PYTHON ?= python3
SETUP = @$(PYTHON) course.py
TOOL = $(SETUP) run test tools

.PHONY: lab test doctor new exercises notebooks outputs links train figures bench rehearse

lab:        ## open the course in JupyterLab; LAB_ARGS="--no-browser" is handed on
	$(SETUP) lab $(LAB_ARGS)

test:       ## style, types, tests, notebooks; TEST_ARGS="-k box" is handed on
	$(SETUP) test $(TEST_ARGS)

doctor:     ## print what a question about the set-up has to hold; needs no environment
	$(SETUP) doctor

new:        ## begin a notebook, NOTEBOOK=13_my_idea: it runs, has exercises and stands in every table
	$(TOOL).new $(NOTEBOOK)

exercises:  ## write the exercises of utils/check into their notebooks (or into NOTEBOOKS=...)
	$(TOOL).exercises $(NOTEBOOKS)

notebooks:  ## run every notebook (or NOTEBOOKS=...) in place, in the form that is committed
	$(TOOL).notebooks $(NOTEBOOKS)

outputs:    ## what the notebooks say otherwise than at BASE=main (HEAD=..., OUTPUTS_ARGS=--ignore-checks)
	$(TOOL).outputs $(or $(BASE),HEAD) $(HEAD) $(OUTPUTS_ARGS)

links:      ## write the address (pyproject.toml, or else the git remote) and the set-up cell everywhere
	$(TOOL).links

train:      ## train every network (or NAMES="objects-gap birds") and write the results notebooks read
	$(TOOL).train $(NAMES)

figures:    ## draw the pictures of the README, write its table of results and its times
	$(TOOL).figures

rehearse:   ## run every notebook with the versions of HOST=colab, alone in an empty folder
	$(TOOL).rehearse $(or $(HOST),colab) $(NOTEBOOKS)

bench:      ## how fast: CAM and its successors (a table in README.md), the sketchbook, the notebooks
	$(TOOL).bench
