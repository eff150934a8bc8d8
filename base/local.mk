# SPDX-License-Identifier: Apache-2.0
# The ground floor: libc only.
noinst_LTLIBRARIES += base/libbase.la
base_libbase_la_SOURCES = \
	base/arena.c base/arena.h \
	base/buf.c base/buf.h \
	base/check.c base/check.h \
	base/codes.h \
	base/error.c base/error.h \
	base/fs.c base/fs.h \
	base/fs_mem.c base/fs_mem.h \
	base/fs_posix.c \
	base/heap.c base/heap.h \
	base/list.h \
	base/lock.c base/lock.h \
	base/log.c base/log.h \
	base/map.c base/map.h \
	base/mem.c base/mem.h \
	base/mem_file.c base/mem_file.h \
	base/mem_journal.c base/mem_journal.h \
	base/mem_node.c base/mem_node.h \
	base/mem_tree.c base/mem_tree.h \
	base/mutant.h \
	base/options.c base/options.h \
	base/options_doc.c base/options_doc.h \
	base/properties.c \
	base/random.c base/random.h \
	base/regex.c base/regex.h \
	base/regex_class.c \
	base/regex_compile.c \
	base/regex_parser.h base/regex_program.h \
	base/siphash.c base/siphash.h \
	base/slice.h \
	base/sparse.c base/sparse.h \
	base/time.c base/time.h \
	base/uuid.c base/uuid.h
