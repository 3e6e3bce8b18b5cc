# The one list of what a person can do here; `make` alone prints it.

NAME ?= default
PORT ?=
CONTEXT ?=
PYTHON ?= python3

# A person's words, or a pipeline's, reach a recipe by the environment, letter by letter: written into it, what is in them
# would run as a part of it.
TEXTS := NAME PORT CONTEXT STACK FROM TO IMAGE BRANCH SNAPSHOT WHY DAYS FORMAT BASE PULL_REQUEST PULL_REQUESTS FILE TRIAL TTL \
	COMMENTS STACKS OF ONLY PART OUTPUT
$(foreach text,$(TEXTS),$(if $(value $(text)),$(eval override $(text) := $$(value $(text)))$(eval export $(text))))

VENV := $(CURDIR)/.venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
BENCH_INSTALLED := $(VENV)/.installed-bench
# The engine's language host runs the first python on PATH: the venv's own.
with-tools = tools="$$($(PY) -m local tools $(1))" && PATH="$(VENV)/bin:$$tools:$$PATH"

.DEFAULT_GOAL := help
.PHONY: bench bench-report help up down status test test-packages check preview touched comment comments deploy drift destroy rehearse fmt render release rollback diff-stacks snapshots snapshot restore pin prune audit test-gitops ephemeral ephemeral-list ephemeral-extend ephemeral-down reap

help:
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  NAME=default      the embedded cluster to work on; several can run side by side"
	@echo "  PORT=8443         port of 127.0.0.1 at which make up serves"
	@echo "  CONTEXT=          a kube context to use instead of the embedded cluster, which needs Linux and root"
	@echo "  STACK=            the stack to preview: local, dev or prod"

$(INSTALLED): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": make PYTHON=<another>")'
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || { echo "error: install the package python3-venv first"; exit 1; }
	@echo "Installing Python packages into .venv, once" >&2
	@$(PY) -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

ifndef CONTEXT
up: $(INSTALLED) ## Start a cluster and put a speaking service onto it
	@$(PY) -m local up --name "$$NAME" $(if $(PORT),--port "$$PORT")
	@$(call with-tools,) $(PY) -m ops up --name "$$NAME" --port "$$($(PY) -m local port --name "$$NAME")" \
		--kubeconfig "$$($(PY) -m local kubeconfig --name "$$NAME")"

down: $(INSTALLED) ## Take the cluster down and leave nothing behind
	@$(PY) -m local down --name "$$NAME"
	@$(PY) -m ops forget --name "$$NAME"

status: $(INSTALLED) ## Show what runs, where, and whether it is well
	@$(PY) -m local status --name "$$NAME"
else
up: $(INSTALLED)
	@$(PY) -m local upstream
	@$(call with-tools,--group pulumi) $(PY) -m ops up --context "$$CONTEXT" $(if $(PORT),--port "$$PORT") \
		--kubeconfig "$${KUBECONFIG:-$$HOME/.kube/config}"

down: $(INSTALLED)
	@$(call with-tools,--group pulumi) $(PY) -m ops destroy --context "$$CONTEXT"

status:
	@kubectl --kubeconfig "$${KUBECONFIG:-$$HOME/.kube/config}" --context "$$CONTEXT" get pods --all-namespaces --output wide
endif

preview: $(INSTALLED) ## Show what pulumi up would change: make preview STACK=prod (FORMAT=markdown as a comment, BASE=origin/main)
	@test -n "$$STACK" || { echo "error: name a stack: make preview STACK=prod"; exit 1; }
	@$(PY) -m local upstream >&2
	@$(call with-tools,--group pulumi) $(PY) -m ops preview $(if $(FORMAT),--format="$$FORMAT") $(if $(BASE),--base="$$BASE") \
		$(if $(filter 1,$(ALLOW_DATA_LOSS)),--allow-data-loss) $(if $(filter 0,$(POLICIES)),--no-policies) -- "$$STACK"

touched: $(INSTALLED) ## List the stacks that a change touches: make touched BASE=origin/main (JSON=1 for a script)
	@$(PY) -m ops touched $(if $(BASE),--base="$$BASE") $(if $(JSON),--json)

comment: $(INSTALLED) ## Put a preview under a pull request: make comment PULL_REQUEST=12 FILE=comment.md (GH_TOKEN, GITHUB_REPOSITORY)
	@$(PY) -m ops comment --repository="$$GITHUB_REPOSITORY" --pull-request="$$PULL_REQUEST" -- "$$FILE"

comments: $(INSTALLED) ## Put all previews of a pull request there: make comments PULL_REQUEST=12 COMMENTS=directory (STACKS='["dev"]')
	@$(PY) -m ops comments --repository="$$GITHUB_REPOSITORY" --pull-request="$$PULL_REQUEST" $(if $(STACKS),--stacks="$$STACKS") \
		$(if $(OF),--of="$$OF") -- "$$COMMENTS"

deploy: $(INSTALLED) ## Update a stack in the backend that you are logged in to, without asking: make deploy STACK=dev
	@test -n "$$STACK" || { echo "error: name a stack: make deploy STACK=dev"; exit 1; }
	@$(PY) -m local upstream >&2
	@$(call with-tools,--group pulumi) $(PY) -m ops deploy -- "$$STACK"

drift: $(INSTALLED) ## Fail where what runs is not what the last update made of it: make drift STACK=prod
	@test -n "$$STACK" || { echo "error: name a stack: make drift STACK=prod"; exit 1; }
	@# Not a preview: what is merged and waits for its approval is no drift.
	@$(call with-tools,--group pulumi) pulumi refresh --preview-only --expect-no-changes --diff --non-interactive --stack="$$STACK"

render: $(INSTALLED) ## Write what Argo CD syncs, manifests/STACK: make render STACK=prod (CHECK=1 only compares)
	@test -n "$$STACK" || { echo "error: name a stack: make render STACK=prod"; exit 1; }
	@$(call with-tools,--group pulumi) $(PY) -m ops render $(if $(CHECK),--check) -- "$$STACK"

release: $(INSTALLED) ## Give a stack another image, in one commit: make release STACK=prod IMAGE=registry/name:version
	@test -n "$$STACK" -a -n "$$IMAGE" || { echo "error: make release STACK=prod IMAGE=registry/name:version"; exit 1; }
	@$(call with-tools,--group pulumi) $(PY) -m ops release --image="$$IMAGE" $(if $(BRANCH),--branch="$$BRANCH") -- "$$STACK"

rollback: $(INSTALLED) ## Undo a stack's last change, in one commit: make rollback STACK=prod BRANCH=main (TO=commit goes further)
	@test -n "$$STACK" || { echo "error: name a stack: make rollback STACK=prod BRANCH=main"; exit 1; }
	@$(PY) -m ops rollback $(if $(TO),--to="$$TO") $(if $(BRANCH),--branch="$$BRANCH") -- "$$STACK"

diff-stacks: $(INSTALLED) ## Show two stacks' settings side by side: make diff-stacks FROM=dev TO=prod
	@test -n "$$FROM" -a -n "$$TO" || { echo "error: name two stacks: make diff-stacks FROM=dev TO=prod"; exit 1; }
	@$(PY) -m ops diff-stacks -- "$$FROM" "$$TO"

snapshots: $(INSTALLED) ## List a stack's snapshots: make snapshots STACK=prod (ORPHANS=1: those that only the storage has)
	@test -n "$$STACK" || { echo "error: name a stack: make snapshots STACK=prod"; exit 1; }
	@$(call with-tools,--group pulumi) $(PY) -m ops snapshots list --name="$$NAME" $(if $(ORPHANS),--orphans) -- "$$STACK"

snapshot: $(INSTALLED) ## Take a snapshot now: make snapshot STACK=prod WHY="before the new voices"
	@test -n "$$STACK" -a -n "$$WHY" || { echo 'error: make snapshot STACK=prod WHY="before the new voices"'; exit 1; }
	@$(call with-tools,--group pulumi) $(PY) -m ops snapshots take --name="$$NAME" --why="$$WHY" -- "$$STACK"

restore: $(INSTALLED) ## Put a snapshot back, with new volumes: make restore STACK=prod SNAPSHOT=... (WITH_IMAGE=1 the image too)
	@test -n "$$STACK" -a -n "$$SNAPSHOT" || { echo "error: make restore STACK=prod SNAPSHOT=<one that make snapshots shows>"; exit 1; }
	@$(call with-tools,--group pulumi) $(PY) -m ops snapshots restore --name="$$NAME" $(if $(WHY),--why="$$WHY") \
		$(if $(WITH_IMAGE),--with-image) $(if $(YES),--yes) $(if $(BRANCH),--branch="$$BRANCH") -- "$$STACK" "$$SNAPSHOT"

pin: $(INSTALLED) ## Keep a snapshot however old it gets: make pin STACK=prod SNAPSHOT=... WHY=... (OFF=1 lets it go again)
	@test -n "$$STACK" -a -n "$$SNAPSHOT" || { echo "error: make pin STACK=prod SNAPSHOT=<one that make snapshots shows>"; exit 1; }
	@$(call with-tools,--group pulumi) $(PY) -m ops snapshots pin --name="$$NAME" $(if $(WHY),--why="$$WHY") \
		$(if $(OFF),--off) -- "$$STACK" "$$SNAPSHOT"

prune: $(INSTALLED) ## Delete old ones that only the storage has, for good: make prune STACK=prod DAYS=90 WHY=... (YES=1 does not ask)
	@test -n "$$STACK" -a -n "$$DAYS" || { echo "error: name the days that they are old at least: make prune STACK=prod DAYS=90"; exit 1; }
	@$(call with-tools,--group pulumi) $(PY) -m ops snapshots prune --name="$$NAME" --older-than="$$DAYS" \
		$(if $(WHY),--why="$$WHY") $(if $(YES),--yes) -- "$$STACK"

audit: $(INSTALLED) ## Show who did what to a stack's snapshots: make audit STACK=prod
	@test -n "$$STACK" || { echo "error: name a stack: make audit STACK=prod"; exit 1; }
	@$(call with-tools,--group pulumi) $(PY) -m ops audit --name="$$NAME" -- "$$STACK"

ephemeral: $(INSTALLED) ## Put the service beside a stack's own for some hours: make ephemeral STACK=dev TRIAL=my-branch (TTL=8h, IMAGE=...)
	@test -n "$$STACK" -a -n "$$TRIAL" || { echo "error: make ephemeral STACK=dev TRIAL=my-branch"; exit 1; }
	@$(call with-tools,--group pulumi) $(PY) -m ops ephemeral up --platform="$$STACK" --cluster="$$NAME" \
		$(if $(TTL),--ttl="$$TTL") $(if $(IMAGE),--image="$$IMAGE") $(if $(JSON),--json) -- "$$TRIAL"

ephemeral-list: $(INSTALLED) ## List the ephemeral stacks, and how long each has left: make ephemeral-list STACK=dev
	@test -n "$$STACK" || { echo "error: name the platform's stack: make ephemeral-list STACK=dev"; exit 1; }
	@$(call with-tools,--group pulumi) $(PY) -m ops ephemeral list --platform="$$STACK" --cluster="$$NAME" $(if $(JSON),--json)

ephemeral-extend: $(INSTALLED) ## Have one live longer: make ephemeral-extend STACK=dev TRIAL=my-branch TTL=8h
	@test -n "$$STACK" -a -n "$$TRIAL" || { echo "error: make ephemeral-extend STACK=dev TRIAL=my-branch"; exit 1; }
	@$(call with-tools,--group pulumi) $(PY) -m ops ephemeral extend --platform="$$STACK" --cluster="$$NAME" \
		$(if $(TTL),--ttl="$$TTL") $(if $(JSON),--json) -- "$$TRIAL"

ephemeral-down: $(INSTALLED) ## Destroy one with its volumes: make ephemeral-down STACK=dev TRIAL=my-branch
	@test -n "$$STACK" -a -n "$$TRIAL" || { echo "error: make ephemeral-down STACK=dev TRIAL=my-branch"; exit 1; }
	@$(call with-tools,--group pulumi) $(PY) -m ops ephemeral down --platform="$$STACK" --cluster="$$NAME" \
		$(if $(MISSING_OK),--missing-ok) $(if $(filter 1,$(FORGET)),--forget) -- "$$TRIAL"

reap: $(INSTALLED) ## End the ephemeral stacks whose time is over: make reap STACK=dev
	@test -n "$$STACK" || { echo "error: name the platform's stack: make reap STACK=dev"; exit 1; }
	@$(call with-tools,--group pulumi) $(PY) -m ops ephemeral reap --platform="$$STACK" --cluster="$$NAME" \
		$(if $(PULL_REQUESTS),--pull-requests="$$PULL_REQUESTS") $(if $(JSON),--json)

destroy: $(INSTALLED) ## Destroy a stack, but for production's data, and say what is left: make destroy STACK=dev
	@test -n "$$STACK" || { echo "error: name a stack: make destroy STACK=dev"; exit 1; }
	@$(call with-tools,--group pulumi) $(PY) -m ops destroy-stack -- "$$STACK"

rehearse: $(INSTALLED) ## Run prod's up, update and destroy against a stand-in for AWS and a real cluster
	@$(PY) -m local upstream
	@$(PY) -m local down --name rehearsal && $(PY) -m local up --name rehearsal --port 0
	@$(call with-tools,) $(PY) -m pytest tests/rehearsal -q; result=$$?; \
		$(PY) -m local down --name rehearsal; exit $$result

test-gitops: $(INSTALLED) ## Run the tests of a delivery from git, with a real Argo CD on a cluster of its own
	@$(PY) -m local upstream
	@$(PY) -m local down --name gitops && $(PY) -m local up --name gitops --port 0
	@$(call with-tools,) $(PY) -m pytest tests/gitops -q; result=$$?; \
		$(PY) -m local down --name gitops; exit $$result

check: $(INSTALLED) ## Format, lint, types and unit tests
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy .
	@MYPYPATH=local/espeak $(VENV)/bin/mypy --config-file= --strict --explicit-package-bases local/espeak tests/unit/test_espeak_*.py
	@# Whole programs are among the unit tests, and a program installs what the upstreams' manifests say.
	@$(PY) -m local upstream
	@$(PY) -m pytest tests/unit -q -n 2

test: test-packages check ## Everything: checks, the real engine, a real cluster of its own
	@$(call with-tools,--group pulumi) $(PY) -m pytest tests/engine -q -n 2
	@# A cluster that an interrupted run left has that run's stack on it.
	@$(PY) -m local down --name test && $(PY) -m local up --name test --port 0 || test -z "$$CI"
	@$(call with-tools,$(if $(CI),,--group pulumi)) $(PY) -m pytest tests/cluster -q; result=$$?; \
		$(PY) -m local down --name test; exit $$result
	@# After a cluster that was installed and built in peace: these start and kill one within seconds.
	@$(PY) -m pytest tests/embedded -q
	@if test -n "$$CI" || test "$$(id -u)" = 0; then $(MAKE) --no-print-directory rehearse test-gitops; \
		else echo "make rehearse and make test-gitops need root: left out"; fi

# Tests that need what cannot be installed here skip and say so.
test-packages:
	@for program in espeak-ng ps; do command -v $$program >/dev/null || { \
		apt-get update -qq; apt-get install -y -qq --no-install-recommends espeak-ng procps >/dev/null || true; }; done

# One load generator and curl are Debian packages; k6 and KWOK are built from their Go modules like everything else.
bench: $(INSTALLED) $(BENCH_INSTALLED) ## Measure for hours, and write docs/benchmarks and the figures in docs: make bench ONLY=edge|rollout|program|scale (PART=edge-sockets,edge-streams; OUTPUT=directory leaves docs alone, KEEP_CLUSTER=1, QUICK=1 to try)
	@{ command -v h2load && command -v curl; } >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends nghttp2-client curl >/dev/null; }
	@$(PY) -m local upstream
	@$(call with-tools,--group pulumi --group cluster --group gitops --group bench) $(PY) -m tests.bench run $(if $(QUICK),--quick) \
		$(if $(KEEP_CLUSTER),--keep-cluster) $(if $(OUTPUT),--output="$$OUTPUT") $(if $(PART),--part="$$PART") -- $(if $(ONLY),"$$ONLY")

bench-report: $(INSTALLED) $(BENCH_INSTALLED) ## Print what was measured, and draw and write it anew: make bench-report (JSON=1 only prints one list, OUTPUT=directory)
	@$(PY) -m tests.bench report $(if $(OUTPUT),--output="$$OUTPUT") $(if $(JSON),--json)

$(BENCH_INSTALLED): tests/bench/requirements.txt $(INSTALLED)
	@$(PY) -m pip install --quiet --disable-pip-version-check --requirement tests/bench/requirements.txt
	@touch $@

fmt: $(INSTALLED) ## Format the code and write the generated tables of docs/settings.md and docs/policy.md
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .
	@$(PY) -m ops settings-table
