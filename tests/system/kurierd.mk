# SPDX-License-Identifier: Apache-2.0
# kurierd alone: what it must not take (a clear word, no crash, nothing lost), and what it costs at rest.
system_tests += \
	tests/system/bad_batches_test.py \
	tests/system/bad_files_test.py \
	tests/system/bad_frames_test.py \
	tests/system/bad_options_test.py \
	tests/system/clock_test.py \
	tests/system/compaction_test.py \
	tests/system/disk_full_test.py \
	tests/system/faults_test.py \
	tests/system/retention_test.py \
	tests/system/startup_test.py \
	tests/system/txn_discard_test.py \
	tests/system/txn_log_test.py \
	tests/system/txn_offsets_test.py \
	tests/system/txn_test.py
EXTRA_DIST += tests/kit/bombs.py tests/kit/consumers.py tests/kit/coordinator.py tests/kit/disk.py \
	tests/kit/failing.py tests/kit/group_offsets.py tests/kit/txns.py tests/kit/watched.py tests/kit/wire.py

# Loaded into kurierd, they set its clock, and let a system call fail. Nothing is installed; -rpath asks for a shared
# object.
check_LTLIBRARIES += tests/kit/libclock.la tests/kit/libfaults.la
tests_kit_libclock_la_SOURCES = tests/kit/clock.c
tests_kit_libclock_la_CFLAGS = $(AM_CFLAGS) -fvisibility=default
tests_kit_libclock_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
tests_kit_libfaults_la_SOURCES = tests/kit/faults.c
tests_kit_libfaults_la_CFLAGS = $(AM_CFLAGS) -fvisibility=default
tests_kit_libfaults_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
