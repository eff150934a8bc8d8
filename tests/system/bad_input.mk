# SPDX-License-Identifier: Apache-2.0
# Whatever a broker can be given that it must not take: a clear word, no crash, nothing lost.
system_tests += \
	tests/system/bad_batches_test.py \
	tests/system/bad_files_test.py \
	tests/system/bad_frames_test.py \
	tests/system/bad_options_test.py \
	tests/system/disk_full_test.py
EXTRA_DIST += tests/kit/bombs.py tests/kit/disk.py tests/kit/watched.py tests/kit/wire.py
