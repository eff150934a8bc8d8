# SPDX-License-Identifier: Apache-2.0
# Layering is checked with the tests; the rest by `./dev lint`.
system_tests += tests/lint/floors.sh tests/lint/needs_test.py tests/lint/pages.sh
EXTRA_DIST += tests/lint/floors tests/lint/core_symbols tests/lint/lint.sh
# Else make's own rule for .sh makes it of floors.sh, where that is newer.
tests/lint/floors: ;

check-floors:
	$(MAKE) check TESTS=tests/lint/floors.sh
lint: check-floors
	top_srcdir='$(abs_top_srcdir)' $(SHELL) $(top_srcdir)/tests/lint/lint.sh
.PHONY: check-floors lint
