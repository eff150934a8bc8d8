# SPDX-License-Identifier: Apache-2.0
# Power losses of the store, without a socket.
sim_programs += tests/sim/test_crash_images

tests_sim_test_crash_images_SOURCES = tests/sim/test_crash_images.c $(store_rig)
tests_sim_test_crash_images_LDADD = $(drive_test_libs)

# A crash at every operation of a cleanup.
sim_programs += tests/sim/test_crash_cleanup

tests_sim_test_crash_cleanup_SOURCES = tests/sim/test_crash_cleanup.c $(store_rig)
tests_sim_test_crash_cleanup_LDADD = $(drive_test_libs)

# A crash at every operation of a compaction.
sim_programs += tests/sim/test_crash_clean

tests_sim_test_crash_clean_SOURCES = tests/sim/test_crash_clean.c $(keyed_rig)
tests_sim_test_crash_clean_LDADD = $(drive_test_libs)

# A disk that fails at each of its operations.
sim_programs += tests/sim/test_store_faults

tests_sim_test_store_faults_SOURCES = tests/sim/test_store_faults.c $(store_rig)
tests_sim_test_store_faults_LDADD = $(drive_test_libs)
