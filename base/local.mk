# SPDX-License-Identifier: Apache-2.0
# The ground floor: libc only.
noinst_LTLIBRARIES += base/libbase.la
base_libbase_la_SOURCES = base/arena.c
