# `make lab` opens the course, `make test` proves it. Both make the environment first, in .venv.
# The work is done by course.py, which Windows calls by itself (see the README).

PYTHON ?= python3
SETUP = @$(PYTHON) course.py
TOOL = $(SETUP) run test tools
CLASS ?= my-class
STEP = $(SETUP) run lab tools.classroom
AT = --class "$(CLASS)"

.PHONY: lab test doctor new exercises notebooks outputs links train figures bench rehearse site pdf
.PHONY: release collect grade feedback grades slides

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

rehearse:   ## run every notebook and assignment with HOST=colab's versions, alone in an empty folder
	$(TOOL).rehearse $(or $(HOST),colab) $(NOTEBOOKS)

bench:      ## how fast: CAM and its successors (a table in README.md), the sketchbook, the notebooks
	$(TOOL).bench

site:       ## build the course as pages that need nothing, into site/
	$(TOOL).site

pdf:        ## print every notebook's page, into pdf/ (by Chromium)
	$(TOOL).site pdf

# --- with a class: assignments/README.md ---------------------------------------------------------

release:    ## write the students' notebooks into my-class/release; SEED=2027 makes a year's variant
	$(STEP).release $(AT) $(if $(SEED),--seed $(SEED)) $(if $(TO),--to "$(TO)") $(NAMES)

collect:    ## take in what was handed in, FROM=a-folder-or-zip
	$(STEP).collect $(AT) $(if $(FROM),"$(FROM)")

grade:      ## grade it, code in a jail (CONTAINER=docker); ASSIGNMENT= STUDENT= QUESTION= again, POINTS= WHY= by hand
	$(STEP).grade $(AT) $(if $(ASSIGNMENT),--assignment $(ASSIGNMENT)) \
	  $(if $(STUDENT),--student "$(STUDENT)") $(if $(QUESTION),--question $(QUESTION)) \
	  $(if $(POINTS),--points $(POINTS)) $(if $(WHY),--why "$(WHY)") \
	  $(if $(CONTAINER),--container $(CONTAINER)) $(if $(IMAGE),--image $(IMAGE)) \
	  $(if $(WORKERS),--workers $(WORKERS)) $(if $(filter yes,$(UNPROTECTED)),--unprotected)

feedback:   ## a page for each student
	$(STEP).feedback $(AT)

grades:     ## tables for Moodle and Canvas, a page about the class; ROSTER=their export
	$(STEP).grades $(AT) $(if $(ROSTER),--roster "$(ROSTER)")

slides:     ## a lecture of 45 minutes from the notebooks' own figures, slides.html
	$(STEP:.classroom=.slides)
