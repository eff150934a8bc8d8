#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `./dev lint` looks at beside the floors. Prints what is wrong.
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 1
status=0

complain() { # TITLE LINES
    [ -n "$2" ] || return
    printf '%s\n%s\n\n' "$1" "$2"
    status=1
}

sources() {
    git ls-files '*.c' '*.h'
}

format=$(command -v clang-format-14 || command -v clang-format)
complain "Not as clang-format leaves it ($format -i FILE):" \
    "$(sources | while read -r file; do
        "$format" "$file" | cmp -s - "$file" || echo "$file"
    done)"
complain "shellcheck:" \
    "$(git ls-files '*.sh' dev .ci/run | xargs shellcheck -f gcc)"
complain "Without the licence line:" \
    "$(git ls-files '*.c' '*.h' '*.py' '*.sh' '*.mk' dev | xargs grep -L SPDX-License-Identifier)"
complain "Made by a tool, and tracked:" \
    "$(git ls-files | grep -E '(^|/)(configure|Makefile\.in|aclocal\.m4|config\.(h\.in|log|status)|libtool|.*\.(o|lo|la|pyc|class|jar|log))$|^wire/gen/')"
complain "Addresses of package registries:" \
    "$(git grep -nIE '(https?:)?//[a-z0-9.-]*(npm|pypi|pythonhosted|maven|golang|crates|debian)[a-z0-9.-]*/' | cut -c1-160)"
complain "A test that sleeps (wait for an event, with a deadline):" \
    "$(git grep -nE '\b(usleep|nanosleep|sleep|time\.sleep)\(' -- 'tests/*' 'bindings/*')"
exit "$status"
