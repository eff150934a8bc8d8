# SPDX-License-Identifier: Apache-2.0
producer_test_libs = libclient/libproducercore.la wire/libwire.la base/libbase.la $(CMOCKA_LIBS)

unit_programs += \
	tests/unit/producer/test_partitioner \
	tests/unit/producer/test_sender \
	tests/unit/producer/test_sender_chaos \
	tests/unit/producer/test_slot_threads \
	tests/unit/producer/test_supply \
	tests/unit/producer/test_txn

producer_machine_libs = libclient/libproducercore.la libclient/libclientcore.la wire/libwire.la base/libbase.la $(CMOCKA_LIBS)
tests_unit_producer_test_partitioner_LDADD = $(producer_machine_libs)
tests_unit_producer_test_sender_LDADD = $(producer_machine_libs)
tests_unit_producer_test_sender_chaos_LDADD = $(producer_machine_libs)
tests_unit_producer_test_supply_LDADD = $(producer_machine_libs)
tests_unit_producer_test_txn_LDADD = libclient/libclientcore.la wire/libwire.la base/libbase.la $(CMOCKA_LIBS)

# These two compile the slot themselves, behind macros of theirs.
if !SANITIZED
unit_programs += tests/unit/producer/test_slot_interleavings
endif
tests_unit_producer_test_slot_interleavings_SOURCES = \
	tests/unit/producer/test_slot_interleavings.c \
	tests/unit/producer/interleave.c tests/unit/producer/interleave.h
tests_unit_producer_test_slot_interleavings_LDADD = $(producer_test_libs)
tests_unit_producer_test_slot_threads_SOURCES = tests/unit/producer/test_slot_threads.c \
	tests/unit/producer/yields.h
tests_unit_producer_test_slot_threads_LDADD = $(producer_test_libs)
