dnl SPDX-License-Identifier: Apache-2.0
dnl KURIER_CODEC(NAME, VARIABLE, PKG-CONFIG MODULE, DEBIAN PACKAGE, FEDORA PACKAGE)
dnl A compression library: wanted unless --without-NAME. Defines KW_WITH_VARIABLE.
AC_DEFUN([KURIER_CODEC], [
    AC_ARG_WITH([$1], [AS_HELP_STRING([--without-$1], [leave out compression by $1])],
        [], [with_$1=yes])
    AS_IF([test "x$with_$1" != xno], [
        PKG_CHECK_MODULES([$2], [$3],
            [AC_DEFINE([KW_WITH_$2], [1], [Compression by $1.])],
            [AC_MSG_ERROR([$1 is missing: install $4 (Debian) or $5 (Fedora), or configure --without-$1])])
    ])
])
