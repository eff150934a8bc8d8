# SPDX-License-Identifier: Apache-2.0
# Clients through a network that breaks.
check_PROGRAMS += tests/system/through
tests_system_through_SOURCES = tests/system/through.c
tests_system_through_LDADD = libkurier.la
system_tests += tests/system/proxy_test.py
EXTRA_DIST += tests/kit/late.py tests/kit/proxy.py
