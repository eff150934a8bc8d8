#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The schema compiler: what it understands, and what it refuses with which words."""
import os
import sys
import tempfile

sys.dont_write_bytecode = True
TOP = os.environ.get('top_srcdir', '.')
sys.path.insert(0, os.path.join(TOP, 'wire', 'schemac'))

import codec   # noqa: E402
import header  # noqa: E402
import schema  # noqa: E402
import text    # noqa: E402

HEAD = 'api 1 SomeThing 2-9 flex 6\nreq\n'


def parse(body, head=HEAD):
    with tempfile.TemporaryDirectory() as top:
        with open(os.path.join(top, 'x.api'), 'w', encoding='utf-8') as file:
            file.write(head + body + 'resp\n  error_code i16\n')
        return schema.parse_unit(top, 'x.api')


def fields(body):
    return parse(body).messages[0].top.fields


def emitted(emit, body):
    out = text.Text()
    emit(out, parse(body))
    return '\n'.join(out.lines)


def versions_reach_where_their_struct_does():
    [outer] = fields('  xs [X] 4+\n    a i32\n    b i8 5-7\n')
    assert outer.versions == schema.Versions(4, 9)
    a, b = outer.struct.fields
    assert a.versions == schema.Versions(4, 9)
    assert b.versions == schema.Versions(5, 7)


def a_struct_used_twice_reaches_over_both():
    old, new = fields('  old [X] 2-4\n    a i32\n  new [X] 7+\n')
    assert old.struct is new.struct
    assert old.struct.versions == schema.Versions(2, 9)


def every_attribute_is_read():
    [field] = fields('  some_id i32 6+ =-1 tag0 ig key @broker # why\n')
    assert (field.default, field.tag, field.ignorable, field.key, field.entity) == (
        -1, 0, True, True, 'broker')
    [field] = fields('  name str?7+ =null\n')
    assert field.nullable == schema.Versions(7, 9) and field.default == 'null'


def absent_fields_are_refused_unless_ignorable():
    source = emitted(codec.emit_source, '  strict i32 4+ =7\n  lax i32 4+ =7 ig\n')
    assert 'else if (m->strict != 7)' in source
    assert 'm->lax != 7' not in source
    assert 'm->lax = version >= 4 ? kw_read_i32(r) : 7;' in source


def counts_are_held_against_the_smallest_element():
    source = emitted(codec.emit_source, '  xs [X]\n    a i32\n    name str\n    b i8 9+\n')
    # until 5: 4 and a length of 2; from 6: 4, 1 and the tags; 9: one more
    assert 'request_x_min[] = {6, 6, 6, 6, 6, 6, 6, 7}' in source


def the_header_tells_versions_and_defaults():
    lines = emitted(header.emit_header, '  node i32 6-8 =-1 tag0\n  xs [str]? =null\n')
    assert 'int32_t node; /* 6-8, tag 0, default -1 */' in lines
    assert 'struct kb_slice *xs; /* nullable, default null */' in lines
    assert 'int32_t xs_count;' in lines


def parse_text(content):
    with tempfile.TemporaryDirectory() as top:
        with open(os.path.join(top, 'x'), 'w', encoding='utf-8') as file:
            file.write(content)
        return schema.parse_unit(top, 'x')


def a_tagged_struct_has_a_mark_of_its_own():
    source = emitted(codec.emit_source, '  x X? 6+ =null tag0\n    a i32\n')
    assert 'm->x = NULL;' in source
    assert 'kw_write_uvarint(w, m->x ? 1 : 0);' in source
    assert 'm->x = kw_read_present_tagged(r, arena, sizeof *m->x);' in source


def a_tagged_struct_may_be_there_by_default():
    source = emitted(codec.emit_source, '  x X? 6+ tag0\n    a i32\n')
    assert 'm->x = (struct kw_some_thing_request_x *)&request_x_empty;' in source
    assert '(!m->x || request_x_is_set(m->x))' in source


def a_record_has_a_key_of_one_version():
    unit = parse_text('record __topic 3 SomeThing 0-4 flex 4\nkey\n  a str\nvalue\n  b i32 4+ tag0\n')
    key, value = unit.messages
    assert (unit.sort, unit.topic, unit.key, unit.file) == ('record', '__topic', 3, 'some_thing_record')
    assert (key.versions, key.flex) == (schema.Versions(0, 0), schema.NEVER)
    assert (value.versions, value.flex) == (schema.Versions(0, 4), 4)


def data_may_have_more_behind_it():
    unit = parse_text('data SomeThing 0-4 flex never\nfields\n  a str\n')
    out = text.Text()
    codec.emit_source(out, unit)
    lines = '\n'.join(out.lines)
    assert 'bool kw_some_thing_decode(' in lines
    assert 'return kw_reader_ok(r);' in lines and 'kw_reader_end' not in lines


def what_is_secret_is_told():
    plain, secret, by_name = fields('  a str\n  b bytes secret\n  c str? secret?\n')
    assert (plain.secret, secret.secret, by_name.secret) == (None, 'secret', 'secret?')


REFUSED = {
    '  Bad i32\n': 'not a field',
    '  x i31\n': 'no such type: i31',
    '  x i32 9-4\n': "impossible versions '9-4'",
    '  x i32 3-12\n': "impossible versions '3-12'",
    '  x i32 1-4\n': 'beyond those of the struct around it',
    '  x i32?\n': 'i32 cannot be null',
    '  x str =null\n': 'null by default, but not nullable',
    '  x str =5\n': 'only null can be the default of this type',
    '  x X?\n    a i32\n': 'a nullable struct has to be null by default',
    '  x X? 6+ tag0\n    a i32 =3\n': 'x: by default neither null nor all zero',
    '  x i32 4+ tag0\n': 'tagged before the first flexible version',
    '  x i32 6+ tag1\n': 'are not 0, 1, 2',
    '  x records 6+ tag0\n': 'this type is never tagged',
    '  x i32 @house\n': 'no such entity: house',
    '  x bytes secret key\n': 'not a field',
    '  x [X]\n': 'X has no fields',
    '  x [X]\n    a i32\n  y [X]\n    a i32\n': 'defined twice',
    '   x i32\n': 'indent by two',
    '    x i32\n': 'indented too deep',
}


def what_makes_no_sense_is_refused():
    for body, words in REFUSED.items():
        try:
            parse(body)
        except schema.SchemaError as error:
            assert words in str(error), f'{body!r}: {error}'
            assert str(error).startswith('x.api: ')
        else:
            raise AssertionError(f'{body!r} was taken')


def a_file_has_a_request_and_a_response():
    for head in ('', 'api Some\nreq\n', 'api 1 X 2-9 flex 6\nresp\n'):
        try:
            parse('', head)
        except schema.SchemaError:
            continue
        raise AssertionError(f'{head!r} was taken')


TESTS = [
    versions_reach_where_their_struct_does,
    a_struct_used_twice_reaches_over_both,
    every_attribute_is_read,
    absent_fields_are_refused_unless_ignorable,
    counts_are_held_against_the_smallest_element,
    the_header_tells_versions_and_defaults,
    a_tagged_struct_has_a_mark_of_its_own,
    a_tagged_struct_may_be_there_by_default,
    a_record_has_a_key_of_one_version,
    data_may_have_more_behind_it,
    what_is_secret_is_told,
    what_makes_no_sense_is_refused,
    a_file_has_a_request_and_a_response,
]


def main():
    print(f'1..{len(TESTS)}')
    for number, test in enumerate(TESTS, 1):
        name = test.__name__.replace('_', ' ')
        try:
            test()
            print(f'ok {number} - {name}')
        except AssertionError as error:
            print(f'not ok {number} - {name}\n# {error}')


if __name__ == '__main__':
    main()
