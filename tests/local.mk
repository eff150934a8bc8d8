# SPDX-License-Identifier: Apache-2.0
# Every test prints TAP and each of its cases counts; a crash, a missing plan
# or TEST_SECONDS without an end is a failure. Three lists, filled by the
# fragments below; each is built and run by `make check`, or alone by
# `make check-unit`, `check-sim`, `check-system`.
unit_programs =
sim_programs =
system_tests =

TEST_SECONDS = 900
TEST_EXTENSIONS = .py .sh
AM_TESTS_ENVIRONMENT = CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir;
tap_driver = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(tap_driver)
PY_LOG_DRIVER = $(tap_driver)
SH_LOG_DRIVER = $(tap_driver)
LOG_COMPILER = timeout
PY_LOG_COMPILER = timeout
SH_LOG_COMPILER = timeout
AM_LOG_FLAGS = -k 10 $(TEST_SECONDS)
AM_PY_LOG_FLAGS = -k 10 $(TEST_SECONDS) $(PYTHON)
AM_SH_LOG_FLAGS = -k 10 $(TEST_SECONDS) $(SHELL)

if HAVE_CMOCKA
check_PROGRAMS += $(unit_programs) $(sim_programs)
TESTS += $(unit_programs) $(sim_programs)
endif
TESTS += $(system_tests)
EXTRA_DIST += $(system_tests) tests/unit/unit.h

check-unit:
	$(MAKE) check TESTS='$(unit_programs)'
check-sim:
	$(MAKE) check TESTS='$(sim_programs)'
check-system:
	$(MAKE) check TESTS='$(system_tests)'
.PHONY: check-unit check-sim check-system

include tests/lint/local.mk
include tests/unit/base.mk
include tests/unit/client.mk
include tests/unit/wire.mk
include tests/unit/client_producer.mk
include tests/unit/store.mk
include tests/unit/broker.mk
include tests/sim/store.mk
include tests/sim/local.mk
include tests/fuzz/local.mk
include tests/unit/client_consumer.mk
include tests/unit/net.mk
include tests/unit/cli.mk
include tests/system/kurierd.mk
include tests/system/proxy.mk
include tests/system/local.mk
include tests/peers/local.mk
