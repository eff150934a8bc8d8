# SPDX-License-Identifier: Apache-2.0
"""Lines of C."""

COLUMNS = 100


class Text:
    """Lines of C with their indentation."""

    def __init__(self):
        self.lines, self.depth = [], 0

    def __call__(self, line=''):
        indent = '    ' * self.depth
        while len(indent + line) > COLUMNS:
            at = max(line.rfind(mark, 0, COLUMNS - len(indent)) for mark in (', ', ' && '))
            if at < 0:
                break
            self.lines.append(indent + line[:at + 1].rstrip())
            line = '    ' + line[at + 1:].lstrip()
        self.lines.append(indent + line if line else '')

    def open(self, line):
        self(line + ' {')
        self.depth += 1

    def close(self, tail=''):
        self.depth -= 1
        self('}' + tail)

    def body(self, *signature):
        for line in signature:
            self(line)
        self('{')
        self.depth += 1

    def end(self):
        self.close()
        self()

    def inner(self, emit):
        """What emit() writes one level deeper, as lines of its own."""
        start = len(self.lines)
        self.depth += 1
        emit()
        self.depth -= 1
        lines = self.lines[start:]
        del self.lines[start:]
        return lines

    def branch(self, *cases):
        """(head, emit) as `head body`: heads are `if (..)`, `else` or a loop; one without a
        head stands as it is. Braces only where a body takes them."""
        bodies = [self.inner(emit) for _, emit in cases]
        braces = ' {' if any(len(body) > 1 for body in bodies) else ''
        for i, ((head, _), body) in enumerate(zip(cases, bodies)):
            self('} ' * bool(braces and i) + head + braces)
            self.lines += body
        if braces:
            self('}')

    def save(self, path):
        with open(path, 'w', encoding='utf-8') as file:
            file.write('\n'.join(self.lines).rstrip('\n') + '\n')
