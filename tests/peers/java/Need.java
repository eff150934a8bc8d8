/* SPDX-License-Identifier: Apache-2.0 */

/** Assertions that are always on. */
final class Need {
    private Need() {
    }

    static void that(boolean holds, String otherwise, Object... of) {
        if (!holds)
            throw new AssertionError(String.format(otherwise, of));
    }

    static void same(Object want, Object got) {
        that(want.equals(got), "%s instead of %s", got, want);
    }
}
