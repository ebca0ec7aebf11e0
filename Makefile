# Every target installs the Debian and Python packages it needs when they are missing, and says so.
SWIFT ?= swift
PREFIX ?= /usr
DESTDIR ?=
CONFIG ?= debug
DATA ?= ../shared/data
OUT ?= findings.csv
DEMO ?=

.PHONY: build release demo test torture fuzz bench evaluate sim install format lint clean

build:
	scripts/prepare build
	$(SWIFT) build

release:
	scripts/prepare build
	$(SWIFT) build -c release --product loopgate

# The plant, a broker and the gateway on this machine until Ctrl-C. DEMO=--outage shows an outage.
demo:
	scripts/prepare demo
	$(SWIFT) build -c release --product loopgate
	exec .build/release/loopgate demo $(DEMO)

# One test after the other: they wait for real brokers, modules and disks, and a test that waits must
# not keep another from its deadline.
test:
	scripts/prepare test
	$(SWIFT) build --build-tests
	scripts/test

# The whole doses of what `make test` gives in little (docs/reliability.md): about an hour.
torture:
	scripts/prepare test
	$(SWIFT) build --build-tests
	$(SWIFT) build -c release --product endure
	scripts/torture

# Every parser that meets foreign bytes, FUZZ_SECONDS each (60 unless set).
fuzz:
	scripts/prepare build
	scripts/fuzz

bench: release
	scripts/prepare bench
	scripts/bench

# Simulated worlds in which everything fails by chance: 1,000 gateway-hours, and planted bugs.
sim:
	scripts/prepare build
	$(SWIFT) build -c release --product worlds
	scripts/sim

evaluate: release
	scripts/prepare evaluate
	.build/release/loopgate evaluate --data $(DATA) --out $(OUT)

install: release
	install -D -m 0755 .build/release/loopgate $(DESTDIR)$(PREFIX)/bin/loopgate
	install -D -m 0644 systemd/loopgate.service $(DESTDIR)/lib/systemd/system/loopgate.service
	install -D -m 0644 systemd/loopgate.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/loopgate.conf
	mkdir -p $(DESTDIR)$(PREFIX)/share/loopgate $(DESTDIR)/etc/loopgate
	cp -R firmware-profiles $(DESTDIR)$(PREFIX)/share/loopgate/
	test -e $(DESTDIR)/etc/loopgate/loopgate.yaml || install -m 0644 etc/loopgate.yaml $(DESTDIR)/etc/loopgate/loopgate.yaml
	test -e $(DESTDIR)/etc/loopgate/instruments.yaml || install -m 0644 etc/instruments.yaml $(DESTDIR)/etc/loopgate/instruments.yaml

format:
	$(SWIFT) format format -i -r Package.swift Sources Tests

lint:
	$(SWIFT) format lint --strict -r Package.swift Sources Tests

clean:
	rm -rf .build .build-*
