dnl SPDX-License-Identifier: Apache-2.0
dnl KURIER_LIBRARY(VARIABLE, PKG-CONFIG MODULE, DEBIAN PACKAGE, FEDORA PACKAGE)
dnl A library that there is no doing without.
AC_DEFUN([KURIER_LIBRARY], [
    PKG_CHECK_MODULES([$1], [$2], [],
        [AC_MSG_ERROR([$2 is missing: install $3 (Debian) or $4 (Fedora)])])
])
