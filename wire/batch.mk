# SPDX-License-Identifier: Apache-2.0
# Record batches, their checksum and their compression.
wire_libwire_la_SOURCES += \
	wire/batch.c wire/batch.h \
	wire/compress.c wire/compress.h wire/compress_impl.h \
	wire/compress_gzip.c \
	wire/compress_lz4.c \
	wire/compress_snappy.c \
	wire/compress_zstd.c \
	wire/crc32c.c wire/crc32c.h wire/crc32c_impl.h \
	wire/crc32c_hardware.c \
	wire/produce.c wire/produce.h \
	wire/record.c wire/record.h
