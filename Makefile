# Everything a developer runs. `make` prints this help.
SHELL := /bin/sh
UV_VERSION := 0.13.9
UV := .tools/bin/uv
PYTHON := .venv/bin/python
BUF := node_modules/.bin/buf
DEBIAN := firefox-esr chromium
PROTOS = $(shell cd protos && find . -name '*.proto' | sed 's|^\./||' | sort)
SERVICES = $(filter %_service.proto,$(PROTOS))
# The system's own Python is built with profiles, one that was compiled by hand (pyenv's) often is not,
# and then a sender takes an eighth more. PYTHON3=... chooses another; it is looked at once, by setup.
PYTHON3 ?= $(shell for each in /usr/bin/python3 python3; do \
  $$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$each; break; }; done)
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help setup gen fmt check test run migrate clean
.PHONY: bench bench-audience chaos bench-storm bench-latency bench-registrar bench-rest bench-gateways bench-wire \
  bench-peers
.PHONY: bench-broadcast

help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.installed ## Install what the lock file says into .venv

run: .venv/.installed ## Run the whole house with the sandbox, until Ctrl-C
	@exec $(PYTHON) -m dev.run

test: .venv/.installed .tools/.debian ## Run all tests
	@$(PYTHON) -m pytest -n 2 --dist loadgroup $(TESTS)

check: .venv/.installed node_modules/.installed ## Hold the line: generated code, lints, types, arrows
	@$(MAKE) --no-print-directory gen OUT=.carillon/gen
	@diff -r -x __pycache__ .carillon/gen/carillon gen/carillon || \
	  { echo "Generated code is stale: run make gen."; exit 1; }
	@$(BUF) lint
	@$(BUF) format --diff --exit-code
	@$(PYTHON) -m ruff check --quiet
	@$(PYTHON) -m ruff format --check --quiet
	@$(PYTHON) -m mypy
	@PYTHONPATH=gen .venv/bin/lint-imports --no-logo

gen: OUT ?= gen
gen: .venv/.installed ## Generate code from the protos
	@rm -rf $(OUT)/carillon && mkdir -p $(OUT)
	@$(PYTHON) -m grpc_tools.protoc -I protos --python_out=$(OUT) --mypy_out=quiet:$(OUT) \
	  --plugin=protoc-gen-mypy=.venv/bin/protoc-gen-mypy $(PROTOS)
	@$(PYTHON) -m grpc_tools.protoc -I protos --grpc_python_out=$(OUT) --mypy_grpc_out=quiet:$(OUT) \
	  --plugin=protoc-gen-mypy_grpc=.venv/bin/protoc-gen-mypy_grpc $(SERVICES)

fmt: .venv/.installed node_modules/.installed ## Format protos and Python, mend what can be mended
	@$(BUF) format -w
	@$(PYTHON) -m ruff check --quiet --fix-only .
	@$(PYTHON) -m ruff format --quiet .

migrate: .venv/.installed ## Migrate the databases that *_DATABASE_URL name
	@DATABASE_URL="$$REGISTRY_DATABASE_URL" $(PYTHON) -m services.registry migrate
	@DATABASE_URL="$$TARGETING_DATABASE_URL" $(PYTHON) -m services.targeting migrate
	@DATABASE_URL="$$DISPATCH_DATABASE_URL" $(PYTHON) -m services.dispatch migrate

bench: bench-latency bench-rest ## Run all benchmarks against a house of their own

bench-latency: .venv/.installed ## Time from POST /messages to the gateway, over 500 single sends
	@$(PYTHON) -m bench.latency

bench-audience: .venv/.installed ## Recipients a second from the database to a sender's hands
	@$(PYTHON) -m bench.audience

bench-gateways: .venv/.installed ## Notifications per CPU second of a sender, beside other libraries
	@$(PYTHON) -m bench.gateways

bench-broadcast: .venv/.installed ## A million devices by each gateway: rate, CPU, memory, bytes
	@$(PYTHON) -m bench.broadcast

bench-wire: .venv/.installed ## Requests per CPU second of our HTTP/2 sender, beside h2load and others
	@$(PYTHON) -m bench.wire

bench-peers: .venv/.installed ## Registrations and broadcasts beside Parse Server's
	@$(PYTHON) -m bench.against

bench-rest: .venv/.installed ## REST requests a second beside a bare endpoint, and who spends the CPU
	@$(PYTHON) -m bench.rest

bench-fairness: .venv/.installed ## What other tenants notice of a broadcast to a million devices
	@$(PYTHON) -m bench.fairness

bench-scheduled: .venv/.installed ## CPU of an idle house with a million scheduled messages
	@$(PYTHON) -m bench.scheduled

bench-storm: .venv/.installed ## 20,000 devices that report SEEN and OPEN at once
	@$(PYTHON) -m bench.storm

chaos: .venv/.installed ## Kill everything while a broadcast runs: what is lost, what is repeated
	@$(PYTHON) -m bench.chaos

bench-registrar: .venv/.installed ## Registrations a second of registry's storage layer alone
	@$(PYTHON) -m bench.registrar

clean: ## Remove what make has made, but not .carillon
	rm -rf .venv .tools node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/.installed: pyproject.toml uv.lock $(UV)
	@$(UV) sync --locked --quiet --python $(PYTHON3)
	@touch $@

$(UV):
	@command -v python3 >/dev/null || { echo "Python 3.11 or newer is needed: no python3 found."; exit 1; }
	@[ -n "$(PYTHON3)" ] || { echo "Python 3.11 or newer is needed: $$(python3 --version) found."; exit 1; }
	@python3 -m venv .tools || { echo "Python's venv module is needed (Debian: python3-venv)."; exit 1; }
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# What tests use as independent judges. Where it may not be installed, they say so and are skipped.
.tools/.debian: | $(UV)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	    --no-install-recommends $(DEBIAN); } >.tools/debian.log 2>&1 && touch $@ || \
	    echo "Tests that need $(DEBIAN) are skipped: .tools/debian.log says why."; \
	else echo "Tests that need $(DEBIAN) are skipped, unless these are installed."; fi

node_modules/.installed: package.json package-lock.json
	@command -v npm >/dev/null || { echo "Node 20 with npm is needed: no npm found."; exit 1; }
	@# Not npm ci: it refuses a lock file without the platforms that a registry does not carry.
	@npm install --no-save --silent --no-fund --no-audit
	@touch $@
