# The commands of the project. Each makes what it needs; nothing has to be installed first but Python >= 3.11 and make.

SHELL := /bin/sh
PYTHON := .venv/bin/python
DEVCLUSTER := $(PYTHON) -m devcluster
# which of the site's two entrances the demo uses: schedd or ce
ENDPOINT ?= schedd
# whose pods Kubernetes' own tests judge: those of the virtual node, or of the ordinary node, which is the measure
NODE ?= virtual

.PHONY: help demo down images test test-long conformance conformance-build test-unit lint bench environment lock
.DEFAULT_GOAL := help

help: ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

demo: environment ## bring the whole platform up on this machine and run a pod as an HTCondor job (ENDPOINT=schedd|ce)
	$(DEVCLUSTER) demo --endpoint $(ENDPOINT)

down: environment ## take everything away that demo or test brought up
	$(DEVCLUSTER) down

images: environment ## build the container images, and say where their archives are
	$(DEVCLUSTER) images

test: environment ## all test tiers, the real Kubernetes and HTCondor included
	tools/test

test-long: environment ## the tests that take too long for make test
	tools/test long

conformance: environment ## Kubernetes' own node tests against a virtual node, and docs/conformance.md (NODE=virtual|ordinary)
	$(PYTHON) -m devcluster.conformance run --node $(NODE)

conformance-build: environment ## compile those tests into the cache (minutes)
	$(PYTHON) -m devcluster.conformance build

test-unit: environment ## the tiers that need no root and no cluster
	.venv/bin/tox run --quiet -e unit,contract

lint: environment ## what CI checks before any test
	.venv/bin/tox run --quiet -e lint

bench: environment ## measure the figures of docs/performance.md
	.venv/bin/tox run --quiet -e bench

environment: .venv/.made

lock: environment ## resolve the dependencies anew
	UV=.venv/bin/uv tools/lock

.venv/.made: requirements.lock tools/environment $(wildcard */*/pyproject.toml devcluster/pyproject.toml hub-config/pyproject.toml client/pyproject.toml)
	tools/environment
