#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The configuration pages in doc/ are what the option tables say.
top=${top_srcdir:-.}
number=0

check() { # PAGE COMMAND...
    number=$((number + 1))
    page=$1
    shift
    if "$@" | diff -u "$top/doc/$page" - >pages.diff; then
        echo "ok $number - doc/$page is what its table says"
    else
        echo "# make doc-pages brings it up to date"
        sed 's/^/# /' pages.diff
        echo "not ok $number - doc/$page is what its table says"
    fi
    rm -f pages.diff
}

check client-configuration.md libclient/config-page
echo "1..$number"
