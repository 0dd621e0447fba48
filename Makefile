# sixgate. `make help` lists every target.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

MACHINE := deploy/machine
NODE := node_modules/.bin/node
# Tools run with the Node of package.json, not with the machine's.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH):/usr/sbin:/sbin
# Certificate authorities for npm inside image builds, in networks that have one of their own (a file).
export SIXGATE_CA ?= $(or $(NODE_EXTRA_CA_CERTS),/dev/null)
# The simulated site's engine is emptied when it stops, so testcontainers needs no reaper.
export TESTCONTAINERS_RYUK_DISABLED := true

COMPOSE = $(shell $(MACHINE)/docker-client.sh) compose
TEST_FLAGS ?=
# A test file that never ends would hold up everything for ever: after this the runner stops and names it.
RUN_UNIT = timeout --foreground 45m $(NODE) --test --test-concurrency=2 --test-timeout=180000
E2E_LIMIT = 40m
RUN_E2E = timeout --foreground $(E2E_LIMIT) $(NODE) --test --test-concurrency=1 --test-timeout=1800000
BENCH_FLAGS ?=
ARCH ?= arm64
SUITE ?=
GUESTS ?=

##@ Try it and test it: a Debian machine, as root; its own network is never touched
.PHONY: demo test check unit e2e e2e-two-gateways e2e-upgrade e2e-vm vm-if-able bpf networkd page bench-nat64 bench-dns64 fuzz fuzz-nat64 fuzz-dns64 fuzz-ra fuzz-site fuzz-bus fuzz-web chaos chaos-clock soak images sbom machine

demo: images  ## bring the stack up in a simulated site and print what an IPv6-only host sees
	$(NODE) e2e/demo.ts

test: check unit vm-if-able e2e  ## everything CI runs: check, unit, e2e-vm on machines with four processors (SIXGATE_VM=yes, no), e2e

check: machine node_modules/.package-lock.json  ## format, lint, types, shell scripts
	biome format --error-on-warnings .
	oxlint --type-aware
	tsc -p tsconfig.json
	tsc -p services/console/page/tsconfig.json
	shellcheck -x -P . $(MACHINE)/*.sh deploy/*.sh deploy/pi/*.sh shared/obs/src/*.sh .ci/run services/nat64/bpf/build.sh e2e/vm/*.sh e2e/vm/guest/*
	@echo 'check: ok'

unit: machine node_modules/.package-lock.json bpf networkd page  ## unit tests, vectors and properties (TEST_FLAGS='--test-name-pattern=…' picks some)
	@$(MACHINE)/packages.sh --browser
	$(RUN_UNIT) $(TEST_FLAGS) 'shared/**/*.test.ts' 'services/**/*.test.ts' 'e2e/**/*.test.ts' 'deploy/**/*.test.ts'

e2e: images  ## the real stack in a simulated site, by testcontainers
	$(RUN_E2E) $(TEST_FLAGS) e2e/site.e2e.ts e2e/standalone.e2e.ts

# They replace and start whole sites one after the other: twenty minutes on a quiet machine, an hour on a busy one.
e2e-two-gateways e2e-upgrade: E2E_LIMIT = 90m

e2e-two-gateways: images  ## two gateways and a third NATS server around one LAN: what a host notices when one dies, comes back, is stopped
	$(RUN_E2E) $(TEST_FLAGS) e2e/two-gateways.e2e.ts

e2e-upgrade: images  ## services replaced under traffic as make upgrade does it, images of two versions together
	$(RUN_E2E) $(TEST_FLAGS) e2e/upgrade.e2e.ts

e2e-vm: machine node_modules/.package-lock.json bpf  ## in emulated machines: the site on arm64 with a VLAN, the fast path on kernel 6.1; ARCH=amd64; SUITE=… GUESTS=… (e2e/vm/README.md)
	@$(MACHINE)/packages.sh --vm
ifeq ($(SUITE),)
	@status=0; $(NODE) e2e/vm/main.ts site debian13-$(ARCH) & site=$$!; \
	[ "$$(nproc)" -ge 4 ] || wait $$site || status=1; \
	$(NODE) e2e/vm/main.ts fastpath debian12-amd64 || status=1; \
	wait $$site && exit $$status
else
	$(NODE) e2e/vm/main.ts $(SUITE) $(GUESTS)
endif

vm-if-able: machine
	@status=0; e2e/vm/can-run.sh || status=$$?; \
	case $$status in 0) $(MAKE) e2e-vm ;; 1) ;; *) exit $$status ;; esac

bpf: machine  ## nat64's eBPF program (the images build their own)
	services/nat64/bpf/build.sh

networkd: machine  ## systemd-networkd of Debian 13 as a host for ra-advertiser's tests, in a folder of its own
	@$(MACHINE)/networkd-root.sh

page: services/console/page/dist/index.html  ## the console's web page (the image builds its own)

PAGE_SOURCES := $(shell find services/console/page/src services/console/page/public -type f) $(wildcard services/console/page/*.*) services/console/src/core/si.ts

services/console/page/dist/index.html: node_modules/.package-lock.json $(PAGE_SOURCES)
	node_modules/.bin/vite build --logLevel warn services/console/page
	@touch $@

bench-nat64: machine node_modules/.package-lock.json bpf  ## nat64 beside plain forwarding, masquerade and TAYGA, in one interleaved run
	$(NODE) e2e/bench/nat64/main.ts $(BENCH_FLAGS)

bench-dns64: machine node_modules/.package-lock.json  ## dns64 beside BIND and unbound, one processor each, in one interleaved run
	$(NODE) e2e/bench/dns64/main.ts $(BENCH_FLAGS)

fuzz: fuzz-nat64 fuzz-dns64 fuzz-ra fuzz-site fuzz-bus fuzz-web  ## all that follow, FUZZ_SECONDS=30 each (FUZZ_SEED=… repeats a run)

fuzz-nat64: machine node_modules/.package-lock.json  ## mutated real packets through the translator
	$(NODE) services/nat64/src/fuzz/main.ts

fuzz-dns64: machine node_modules/.package-lock.json  ## mutated queries and upstream answers through the name server
	$(NODE) services/dns64/src/fuzz/main.ts

fuzz-ra: machine node_modules/.package-lock.json  ## odd Router Advertisements, solicitations and DHCP messages (e2e/fuzz)
	$(NODE) e2e/fuzz/main.ts ra

fuzz-site: machine node_modules/.package-lock.json  ## odd site documents, and what every service makes of those that pass
	$(NODE) e2e/fuzz/main.ts site

fuzz-bus: machine node_modules/.package-lock.json  ## odd reports, mappings, leases, questions and documents, as they come over NATS
	$(NODE) e2e/fuzz/main.ts bus

fuzz-web: machine node_modules/.package-lock.json  ## odd requests to the console's API, made from its OpenAPI document, and odd answers of services
	$(NODE) e2e/fuzz/main.ts web

chaos: images  ## faults in the simulated site under traffic, table in e2e/CHAOS.md; CHAOS_ONLY=regexp, CHAOS_MINUTES=0.5 of changing documents
	$(NODE) e2e/chaos/main.ts

chaos-clock: machine node_modules/.package-lock.json  ## the clock jumps, in an emulated machine; rows of e2e/CHAOS.md; CHAOS_ONLY=regexp
	@$(MACHINE)/packages.sh --vm
	mkdir -p .cache
	@# What was not as expected is in the table, too.
	bash -o pipefail -c '$(NODE) e2e/vm/main.ts clock debian13-amd64 | tee .cache/chaos-clock.log; status=$$?; \
	  $(NODE) e2e/chaos/take.ts .cache/chaos-clock.log && exit $$status'

soak: images  ## an hour of mixed traffic in the simulated site, table in e2e/SOAK.md; SOAK_MINUTES=60, SOAK_FAST_PATH=on
	$(NODE) e2e/soak/main.ts

images: machine node_modules/.package-lock.json  ## build every image; base images are pulled, or built where none can be pulled; PLATFORM=linux/arm64
	PLATFORM=$(PLATFORM) $(MACHINE)/images.sh

sbom: images  ## what the images are made of (CycloneDX), and their sizes, in .cache/sbom; PLATFORM=linux/arm64
	@mkdir -p .cache/sbom
	@PLATFORM=$(PLATFORM) $(MACHINE)/images.sh sbom .cache/sbom

machine:  ## install what this machine lacks: Docker engine, compose v2, tools
	@$(MACHINE)/packages.sh

node_modules/.package-lock.json: package-lock.json
	@$(MACHINE)/packages.sh
	@$(MACHINE)/node-modules.sh

##@ Run it: a Raspberry Pi, or any machine with Docker that is the site's gateway
.PHONY: up down upgrade doctor sixgate

up:  ## check this machine, build what is new, start, wait until every service is healthy
	@$(MACHINE)/check-host.sh
	@$(MACHINE)/base-images.sh
	@docker=$$($(MACHINE)/docker-client.sh); export SIXGATE_RESOLV_DIR=$$($(MACHINE)/resolv-dir.sh); \
	  "$$docker" compose up --detach --build --wait || failed=yes; \
	  "$$docker" compose exec console sixgate status || true; \
	  [ "$${failed:-no}" = no ] || { echo 'up: something does not run well, see above; docker compose logs SERVICE says more' >&2; exit 1; }

down:  ## stop; the host is left as it was found, keys and state are kept
	$(COMPOSE) down
	@$(MACHINE)/remove-leftovers.sh

upgrade:  ## build what is new and replace the running services by it, one after the other, while hosts use the site (ARGS=--all: every one)
	@$(MACHINE)/base-images.sh
	@$(COMPOSE) build --quiet
	@$(MACHINE)/upgrade.sh $(ARGS)
	@$(COMPOSE) exec console sixgate status

doctor:  ## look at this machine and, when it runs, at the site: what is wrong, how to mend it (ARGS=--json)
	@$(MACHINE)/doctor.sh $(ARGS)

sixgate:  ## the command of the running site: make sixgate ARGS=status
	@$(COMPOSE) exec $(if $(NO_COLOR),--env NO_COLOR=1) console sixgate $(ARGS)

##@ House-keeping
.PHONY: clean help

clean:  ## remove node_modules, the private engines with their images, and the caches of images
	$(MACHINE)/engine.sh site-stop
	$(MACHINE)/engine.sh build-stop
	rm -rf node_modules .cache /var/cache/sixgate /run/sixgate/{build,site} /var/lib/sixgate/{build,site,built,loaded}

help:  ## this list
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
