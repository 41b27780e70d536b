# The commands of this repository. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

# ---- which Python: that of .venv, else the newest that works (pyenv leaves names on PATH for versions that are not
# chosen). Another one, as in `make test PYTHON=python3.12`, gets environments of its own beside .venv.

PYTHONS := python3.13 python3.12 python3.11
version = $(shell $(1) -c 'import sys; print("python%d.%d" % sys.version_info[:2])' 2>/dev/null)
DEFAULT := $(call version,.venv/bin/python)
ifndef PYTHON
PYTHON := $(if $(DEFAULT),.venv/bin/python,$(shell for python in $(PYTHONS); do \
  $$python -c '' 2>/dev/null && { echo $$python; break; }; done))
endif
# Its name, which is AWS Lambda's name of the runtime, too.
RUNTIME := $(if $(PYTHON),$(call version,$(PYTHON)))
TOOLS := .tools/$(RUNTIME)
VENV := $(if $(filter $(or $(DEFAULT),$(RUNTIME)),$(RUNTIME)),.venv,$(TOOLS)/venv)
BIN := $(VENV)/bin

# SAM CLI looks for the functions' Python and for pip on PATH: its own environment has both.
SAM := PATH="$(CURDIR)/$(TOOLS)/sam/bin:$$PATH" SAM_CLI_TELEMETRY=0 $(TOOLS)/sam/bin/sam
# Importing the functions needs what the template gives them, and calls nothing.
OPENAPI := AWS_DEFAULT_REGION=us-east-1 POWERTOOLS_SERVICE_NAME=actionsync $(BIN)/python -m local.openapi
SBOM = $(TOOLS)/release/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible
# Where `make deploy` goes: a profile of samconfig.toml, with its parameters in deploy/<profile>.yaml.
TO ?= default
# Without bytecode each Python that a command or a test starts compiles the same libraries again.
unexport PYTHONDONTWRITEBYTECODE
# Not on a command line, which others on this machine can read.
export TOKEN
SOURCES := functions layers local operate tests
# Said where packages could not be installed.
define untrusted
|| { echo 'If a certificate was refused ("UnknownIssuer"): your proxy has an authority of its own; CONTRIBUTING.md, Set up, says how to trust it.' >&2; exit 1; }
endef

# The public modules of the client, in the order of the reference.
CLIENT_MODULES := client incidents changes problems security_incidents tables attachments bulk cmdb events import_sets auth query states records errors
# Links are taken out: they would lead to headings that Markdown viewers name otherwise.
define reference
{ echo '# Reference of `servicenow_tools`'; echo; for module in $(CLIENT_MODULES); do \
  $(BIN)/griffe2md servicenow_tools.$$module; echo; done; } | sed -E 's/\[([^]]+)\]\(#[^)]*\)/\1/g' | cat -s > $(1)
endef

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- environments: one to develop in, and one each for two applications with pins of their own

$(VENV)/.installed: requirements/uv.txt requirements/dev.txt pyproject.toml
	$(if $(filter $(PYTHONS),$(RUNTIME)),,$(error ActionSync needs Python 3.11, 3.12 or 3.13, and \
	  $(if $(PYTHON),$(PYTHON) is none of them or does not run,none is on PATH). Name one: make PYTHON=/path/to/python3.13))
	$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt $(untrusted)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt $(untrusted)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

$(TOOLS)/%/.installed: requirements/%.txt | $(VENV)/.installed
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(TOOLS)/$*
	$(BIN)/uv pip install --quiet --python $(TOOLS)/$*/bin/python --require-hashes -r $< $(untrusted)
	touch $@

.PHONY: install
install: $(VENV)/.installed $(TOOLS)/sam/.installed $(TOOLS)/ministack/.installed ## Make the environments this repository needs

# ---- the product

.PHONY: build
build: $(TOOLS)/sam/.installed ## Build functions and layers for this Python, trimmed and with bytecode (PYTHON=python3.12)
	@rm -f .aws-sam/built-from
	$(SAM) build --parameter-overrides Runtime=$(RUNTIME)
	$(BIN)/python -m local.trim .aws-sam/build/DependenciesLayer/python
	rm -rf .aws-sam/build/ServiceNowToolsLayer/python/servicenow_tools/{sync,cli}
	$(BIN)/python -m compileall -q -j 0 --invalidation-mode unchecked-hash .aws-sam/build
	@$(BIN)/python -m local.pin_runtime $(RUNTIME)

.PHONY: up
up: install ## Run the whole product here until Ctrl-C (CONTAINERS=1 lets `sam local invoke` in)
	$(BIN)/python -m local.up $(if $(CONTAINERS),--for-containers)

.PHONY: demo
demo: install ## Watch the whole product work, from sign-in to closed ticket (about two minutes)
	$(BIN)/python -m local.demo

.PHONY: gradual
gradual: build ## Write a template whose code comes into use little by little (TO=prod STEPS=Linear10PercentEvery1Minute)
	$(BIN)/python -m operate gradual $(TO) $(if $(STEPS),--steps $(STEPS))

.PHONY: deploy
deploy: $(VENV)/.installed $(TOOLS)/sam/.installed ## Deploy the build with the parameters of deploy/<profile>.yaml (TO=prod YES=1 TEMPLATE=)
	$(BIN)/python -m operate deploy $(TO) --sam $(TOOLS)/sam/bin/sam $(if $(TEMPLATE),--template $(TEMPLATE)) \
	  $(if $(YES),--yes)

.PHONY: smoke
smoke: $(VENV)/.installed ## See whether a deployed stack answers as it should (URL=<ApiUrl> TOKEN=)
	@$(BIN)/python -m operate smoke $(or $(URL),$(error URL= names the stack, its output ApiUrl)) \
	  $(if $(TOKEN),--token-stdin <<<"$$TOKEN")

.PHONY: remove
remove: $(VENV)/.installed ## Delete a stack with all that it holds, and its users' secrets (STACK=actionsync)
	@$(BIN)/python -m operate remove $(or $(STACK),$(error STACK= names the stack)) $(if $(YES),--yes)

.PHONY: redrive
redrive: $(VENV)/.installed ## Put a stack's dead letters back into their queues (STACK=actionsync)
	$(BIN)/python -m operate redrive $(or $(STACK),actionsync)

.PHONY: forget-user
forget-user: $(VENV)/.installed ## Delete all that a stack keeps of a user (STACK=actionsync USER_ID=)
	$(BIN)/python -m operate forget-user $(or $(STACK),actionsync) $(or $(USER_ID),$(error USER_ID= names the user))

# ---- proof

.PHONY: format
format: $(VENV)/.installed ## Format the code and fix what lint can fix
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

.PHONY: check
check: $(VENV)/.installed $(TOOLS)/sam/.installed $(TOOLS)/site/.installed ## Lint, types, dependency direction, template: everything that runs no product code
	@$(MAKE) --no-print-directory --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) \
	  check-types check-template check-code check-docs

.PHONY: check-types check-template check-code check-docs
check-types:
	$(BIN)/mypy

check-template:
	$(SAM) validate --lint
	$(BIN)/python -m local.account

check-code:
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/lint-imports

check-docs:
	$(OPENAPI) --check
	$(BIN)/python -m local.unasync_client --check
	$(call reference,.ruff_cache/client-reference.md)
	diff --brief .ruff_cache/client-reference.md docs/client-reference.md || { echo "run: make reference"; exit 1; }
	$(BIN)/python -m local.reference --check
	$(TOOLS)/site/bin/zensical build --strict

.PHONY: audit
audit: $(TOOLS)/audit/.installed ## Look for weak spots in the template (checkov) and the workflows (zizmor); runs offline
	$(TOOLS)/audit/bin/checkov --config-file .checkov.yaml
	$(TOOLS)/audit/bin/zizmor --offline --pedantic --quiet .github/workflows .github/actions

.PHONY: audit-locks
audit-locks: $(TOOLS)/audit/.installed ## Look for known weaknesses in what is locked (pip-audit; asks the network)
	for lock in layers/dependencies/requirements functions/answer_assistant/requirements requirements/{uv,dev,sam,ministack,audit,site,release}; do \
	  $(TOOLS)/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement $$lock.txt; \
	done

.PHONY: openapi
openapi: $(VENV)/.installed ## Write docs/openapi.json (a link into pages/), the pages' tables, the settings' schema; refuses what breaks callers
	$(OPENAPI)
	$(BIN)/python -m local.reference

.PHONY: test
test: install tools ## Every test: unit, handlers, template, and end to end on the local cloud, also in a browser
	$(BIN)/pytest --numprocesses auto --cov --cov-report=term
	@report=$$($(BIN)/coverage report --include='layers/servicenow_tools/*' --fail-under=100) || { echo "$$report"; exit 1; }

.PHONY: tools
tools: $(VENV)/.installed ## Install what tests need beyond Python (Chromium), where this user may
	@$(BIN)/python -m tests.needs

.PHONY: rights
rights: $(VENV)/.installed ## Take each right of each function away in turn, and see it fail (some minutes)
	RIGHTS=1 $(BIN)/pytest tests/integration/test_rights.py -n auto

.PHONY: storm
storm: $(VENV)/.installed ## Fold ten thousand events of a hundred causes (`make test`: five hundred of fifty)
	EVENTS=10000 $(BIN)/pytest tests/integration/test_event_storm.py --timeout 1200

.PHONY: outage
outage: $(VENV)/.installed ## Wait seven days with a hundred thousand keys (`make test`: sixty)
	KEYS=100000 $(BIN)/pytest -n 0 tests/integration/test_outage.py tests/integration/test_rules_caps.py --timeout 7200

.PHONY: record
record: $(VENV)/.installed ## Record what this version reads and stores, into tests/releases: later ones are held to it
	RECORD=1 $(BIN)/pytest --numprocesses 0 tests/integration/test_releases.py

.PHONY: conformance
conformance: $(VENV)/.installed ## See where simulator and an instance differ (INSTANCE=https://dev00000.service-now.com, docs/conformance.md)
	INSTANCE=$(INSTANCE) WRITE=$(WRITE) RECORD=$(RECORD) $(BIN)/pytest --numprocesses 0 --confcutdir tests/conformance tests/conformance

.PHONY: fuzz
fuzz: $(VENV)/.installed ## Fuzz every parser with atheris, 100,000 inputs each (INPUTS=n; some minutes)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/fuzz.txt
	$(BIN)/python -m tests.fuzz $(INPUTS)

.PHONY: unit
unit: $(VENV)/.installed ## The tests that need no local cloud
	$(BIN)/pytest --numprocesses auto tests/unit tests/integration

.PHONY: wheel
wheel: $(VENV)/.installed ## Build the client, the simulator and the command `actionsync` as packages, into dist/
	rm -f dist/*.whl
	cd packaging && ../$(BIN)/hatchling build --target wheel --directory ../dist
	for package in simulator operate; do \
	  (cd packaging/$$package && ../../$(BIN)/hatchling build --target wheel --directory ../../dist); \
	done
	$(BIN)/twine check --strict dist/*.whl

.PHONY: sbom
sbom: $(TOOLS)/release/.installed ## Write what a deployment brings along as a bill of materials (CycloneDX), into dist/
	mkdir -p dist
	$(SBOM) --output-file dist/actionsync.cdx.json layers/dependencies/requirements.txt
	$(SBOM) --output-file dist/actionsync-assistants.cdx.json functions/answer_assistant/requirements.txt

.PHONY: sync
sync: $(VENV)/.installed ## Write the synchronous client from the asynchronous one
	$(BIN)/python -m local.unasync_client

.PHONY: reference
reference: $(VENV)/.installed ## Write the pages of docs/ that say what stands elsewhere: the client's reference, calls, parameters, decisions
	$(call reference,docs/client-reference.md)
	$(BIN)/python -m local.reference

.PHONY: site
site: $(TOOLS)/site/.installed ## Build the documentation as a site, into dist/site; refuses links that lead nowhere
	$(TOOLS)/site/bin/zensical build --strict

.PHONY: lighthouse
lighthouse: install tools ## Ask Lighthouse about the pages, on phone and desktop: the median of five (needs npm)
	$(BIN)/python -m local.lighthouse

.PHONY: images
images: install tools ## Photograph the pages, into .local/images, and renew the pictures of docs/images
	IMAGES=.local/images $(BIN)/pytest tests/browser
	for picture in docs/images/*.png; do cp .local/images/$${picture##*/} docs/images/; done

.PHONY: bench
bench: install $(TOOLS)/bench/.installed ## Measure speed beside floors and peers, write docs/performance.md (PARTS="functions clients events folding storm")
	$(BIN)/python -m tests.benchmarks $(PARTS)

.PHONY: lock
lock: $(VENV)/.installed ## Pin every dependency again, with hashes (UPGRADE=1 takes newer versions)
	for lock in layers/dependencies/requirements functions/answer_assistant/requirements requirements/uv requirements/dev requirements/sam requirements/ministack requirements/audit requirements/site requirements/release requirements/bench requirements/fuzz; do \
	  constraint=(); [[ $$lock == functions/* || $$lock == requirements/dev || $$lock == requirements/bench ]] && constraint=(--constraint layers/dependencies/requirements.txt); \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    $(if $(UPGRADE),--upgrade) $${constraint[@]} $$lock.in -o $$lock.txt; \
	done

.PHONY: clean
clean: ## Remove everything that the other commands made
	rm -rf dist .venv .tools .aws-sam .local .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
