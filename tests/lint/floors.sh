#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A floor knows only the floors below it: what its files include, and what the
# objects of the pure machines call. Prints TAP.
top=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
built=${top_builddir:-$PWD}
rules=$top/tests/lint
folders=$(sed -n 's/^\([a-z/]*\):.*/\1/p' "$rules/floors")
cores="libclient/core broker/core"
count=0

result() { # NAME COMPLAINTS
    count=$((count + 1))
    if [ -z "$2" ]; then
        echo "ok $count - $1"
    else
        echo "$2" | sed 's/^/# /'
        echo "not ok $count - $1"
    fi
}

# Files of a folder, without those of a folder in it that has a rule of its own.
files_of() { # FOLDER
    find "$top/$1" -name '*.[ch]' 2>/dev/null | sed "s|^$top/||" | sort | while read -r file; do
        dir=${file%/*}
        while ! echo "$folders" | grep -qx "$dir"; do
            dir=${dir%/*}
        done
        [ "$dir" != "$1" ] || echo "$file"
    done
}

includes() { # FOLDER ALLOWED...
    # shellcheck disable=SC2016 # awk's own
    files_of "$1" | (cd "$top" && xargs -r awk -v allowed="$*" '
        BEGIN { n = split(allowed, folder, " ") }
        /^#[ ]*include "/ {
            split($0, part, "\"")
            for (i = 1; i <= n; i++)
                if (index(part[2], folder[i] "/") == 1) next
            if (part[2] == "config.h") next
            print FILENAME ":" FNR ": " part[2]
        }')
}

# Undefined names of an object that no rule allows. What a test compiles anew,
# as mutants, is not looked at.
calls() { # FOLDER
    find "$built/$1" -name '*.o' ! -name 'tests_*' 2>/dev/null | sort | while read -r object; do
        name=$(echo "${object#"$built"/}" | sed 's|\.libs/||')
        ${NM:-nm} -u "$object" | awk -v object="$name" '
            NR == FNR && (/^#/ || !NF) { next }
            NR == FNR { rule[++n] = $1; next }
            {
                for (i = 1; i <= n; i++) {
                    forbids = sub(/^!/, "", rule[i]) || i in forbid
                    if (forbids) forbid[i] = 1
                    whole = "^(" rule[i] ")$"
                    if ($NF ~ whole || object ":" $NF ~ whole) {
                        if (!forbids) next
                        break
                    }
                }
                print object " calls " $NF
            }' "$rules/core_symbols" -
    done | sort -u
}

echo "1..$(echo "$folders $cores" | wc -w)"
while IFS=: read -r folder allowed; do
    case $folder in
    '#'* | '') continue ;;
    esac
    # shellcheck disable=SC2086 # words
    result "$folder includes only what it may know" "$(includes "$folder" $allowed)"
done <"$rules/floors"
for core in $cores; do
    result "$core calls no clock, socket, file, thread or heap" "$(calls "$core")"
done
