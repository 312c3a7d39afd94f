# `make test` passes the tests. It fetches what the whole suite needs beyond Rust when it can, says
# plainly what it could not get, and runs everything that is left.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: test clients simulation bench fuzz

VENV := target/clients
PYTHON := $(VENV)/bin/python

# Published Binance clients that trade on the practice exchange.
clients:
	@if [ ! -x $(PYTHON) ]; then \
	  python3 -m venv $(VENV) 2>/dev/null || echo "make test: python3 with venv is missing: the published clients are not tried"; \
	fi
	@if [ -x $(PYTHON) ] && [ ! -e $(VENV)/ready ]; then \
	  if $(PYTHON) -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt; then \
	    touch $(VENV)/ready; \
	  else \
	    echo "make test: ccxt and binance-sdk-spot cannot be installed: the published clients are not tried"; \
	  fi; \
	fi

test: clients
	cargo test --workspace --locked
	@skip=(); \
	if [ ! -e $(VENV)/ready ]; then skip+=(--skip published_client); fi; \
	if [ -n "$${TRIPLINE_CAPTURES:-}" ]; then \
	  TRIPLINE_PYTHON="$$PWD/$(PYTHON)" cargo test --workspace --locked -- --ignored "$${skip[@]}"; \
	else \
	  echo "make test: TRIPLINE_CAPTURES is not set: the tests on recorded market data are not run"; \
	  if [ -e $(VENV)/ready ]; then \
	    TRIPLINE_PYTHON="$$PWD/$(PYTHON)" cargo test --locked --test published_clients -- --ignored; \
	  fi; \
	fi

	$(MAKE) --no-print-directory simulation

# Thousands of simulated runs, and faults planted into the engine that they have to find.
# TRIPLINE_SEEDS=A..B runs others than 0..2000.
simulation:
	cargo test --profile simulation --locked --features planted --test planted -- --nocapture

bench:
	cargo bench --locked --bench tick_to_order

# Each target for ten minutes; needs a nightly compiler or RUSTC_BOOTSTRAP=1, and cargo-fuzz.
fuzz:
	for target in $$(cd fuzz && cargo fuzz list); do \
	  cargo fuzz run $$target -- -max_total_time=600 -rss_limit_mb=4096; \
	done
