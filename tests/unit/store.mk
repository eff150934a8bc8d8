# SPDX-License-Identifier: Apache-2.0
# The store and the drive over it.
store_test_libs = broker/libstore.la broker/libbrokercore.la wire/libwire.la base/libbase.la $(CMOCKA_LIBS)
drive_test_libs = broker/libdrive.la net/libnetsim.la net/libnet.la $(store_test_libs)
store_rig = tests/unit/store/rig.c tests/unit/store/rig.h

unit_programs += \
	tests/unit/store/test_damage \
	tests/unit/store/test_drive

tests_unit_store_test_drive_SOURCES = tests/unit/store/test_drive.c $(store_rig)
tests_unit_store_test_drive_LDADD = $(drive_test_libs)
tests_unit_store_test_damage_SOURCES = tests/unit/store/test_damage.c $(store_rig)
tests_unit_store_test_damage_LDADD = $(drive_test_libs)
