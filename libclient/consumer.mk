# SPDX-License-Identifier: Apache-2.0
# The consumer. Add: libclient_libclientcore_la_SOURCES += ... (machines), and
# libclient_libclient_la_SOURCES += ... (drive and api).
