# SPDX-License-Identifier: Apache-2.0
"""The source of one file of the schema: defaults, encoders, decoders."""
import re

from header import signatures
from schema import FIXED, snake
from terms import (banner, c_type, default_value, element_min, flexible, in_versions, is_set,
                   min_table, null_count, nullable, prefix, tail)


def emit_min_tables(text, message):
    elements = {f.struct.name for s in message.structs for f in s.fields if f.struct and f.array}
    for struct in message.structs:
        sizes = min_table(message, struct) if struct.name in elements else []
        if len(set(sizes)) > 1:
            text(f'static const uint8_t {tail(message, struct)}_min[] = '
                 f'{{{", ".join(map(str, sizes))}}};')
            text()


def emit_default(text, message, field):
    value = f'm->{field.name}'
    if field.array:
        text(f'{value} = NULL;')
        text(f'{value}_count = {null_count(field)};')
    elif field.struct and field.nullable:
        empty = f'({c_type(message, field.struct)} *)&{tail(message, field.struct)}_empty'
        text(f'{value} = {"NULL" if field.default == "null" else empty};')
    elif field.struct:
        text(f'{prefix(message, field.struct)}_init(&{value});')
    else:
        text(f'{value} = {default_value(field)};')


def emit_empties(text, message):
    """What tagged structs that may be null, and are not by default, are by default."""
    for struct in message.structs:
        for field in struct.fields:
            if field.struct and field.nullable and not field.array and field.default != 'null':
                name = f'{tail(message, field.struct)}_empty'
                text(f'static const {c_type(message, field.struct)} {name};')
                text()


def emit_init(text, message, struct):
    text.body(f'void {prefix(message, struct)}_init({c_type(message, struct)} *m)')
    for field in struct.fields:
        emit_default(text, message, field)
    text.end()


def needs_is_set(message):
    """Structs inside others by value whose default decides whether they are written."""
    found = set()
    for struct in message.structs:
        for field in struct.fields:
            by_value = field.struct and not field.array and field.default != 'null'
            absent = not field.ignorable and not field.versions.covers(struct.versions)
            if by_value and (field.tag is not None or absent):
                found.add(field.struct.name)
    return found


def emit_is_set(text, message, struct):
    text.body(f'static bool {tail(message, struct)}_is_set(const {c_type(message, struct)} *m)')
    text('return ' + ' || '.join(is_set(message, field) for field in struct.fields) + ';')
    text.end()


# ---- Encoding ---------------------------------------------------------------

def emit_write_value(text, message, struct, field):
    value, null = f'm->{field.name}', nullable(field, struct)
    if field.array:
        text(f'for (int32_t i = 0, n = kw_write_array(w, flex, {null}, {value}_count); i < n; i++)')
        text('    ' + write_call(message, field, f'{value}[i]', 'false', f'&{value}[i]'))
    elif field.struct and field.nullable:
        mark = 'uvarint(w, {} ? 1 : 0)' if field.tag is not None else 'i8(w, {} ? 1 : -1)'
        text(f'kw_write_{mark.format(value)};')
        text(f'if ({value})')
        text('    ' + write_call(message, field, '', '', value))
    else:
        text(write_call(message, field, value, null, f'&{value}'))


def write_call(message, field, value, null, address):
    if field.struct:
        return f'write_{tail(message, field.struct)}(w, version, {address});'
    if field.base in FIXED:
        return f'kw_write_{field.base}(w, {value});'
    return f'kw_write_{field.base}(w, flex, {null}, {value});'


def emit_write_field(text, message, struct, field):
    def write():
        emit_write_value(text, message, struct, field)

    condition = in_versions(field.versions, struct.versions)
    if not condition:
        write()
    elif field.ignorable:
        text.branch((f'if ({condition})', write))
    else:
        text.branch((f'if ({condition})', write),
                    (f'else if ({is_set(message, field)})',
                     lambda: text(refuse_call(struct, field))))


def refuse_call(struct, field):
    name = f'{snake(struct.name)}.{field.name}' if struct.name else field.name
    return f'kw_writer_fail(w, "{name}: not in this version");'


def tagged_fields(struct):
    return sorted((f for f in struct.fields if f.tag is not None), key=lambda f: f.tag)


def tag_condition(message, struct, field):
    condition = in_versions(field.versions, struct.versions)
    isset = is_set(message, field)
    if condition and ' || ' in isset:
        isset = f'({isset})'
    return f'{condition} && {isset}' if condition else isset


def emit_write_tag(text, message, struct, field):
    text(f'size_t mark = kw_tag_open(w, {field.tag});')
    emit_write_value(text, message, struct, field)
    text('kw_tag_close(w, mark);')


def emit_write_tags(text, message, struct):
    """Tagged fields in order, those at their default left out."""
    tagged, flex = tagged_fields(struct), flexible(message, struct)
    for field in tagged:
        condition = in_versions(field.versions, struct.versions)
        if condition and not field.ignorable:
            text(f'if (!({condition}) && {is_set(message, field)})')
            text('    ' + refuse_call(struct, field))
    if flex == 'false':
        return
    if flex != 'true':
        text('if (!flex)')
        text('    return;')
    for field in tagged:
        text(f'const bool has_{field.name} = {tag_condition(message, struct, field)};')
    count = ' + '.join(f'has_{field.name}' for field in tagged) or '0'
    text(f'kw_write_uvarint(w, {f"(uint32_t)({count})" if len(tagged) > 1 else count});')
    for field in tagged:
        text.branch((f'if (has_{field.name})',
                     lambda field=field: emit_write_tag(text, message, struct, field)))


def emit_write(text, message, struct):
    text.body(f'static void write_{tail(message, struct)}(struct kw_writer *w, int16_t version,',
              f'    const {c_type(message, struct)} *m)')
    emit_flex(text, message, struct)
    for field in struct.fields:
        if field.tag is None:
            emit_write_field(text, message, struct, field)
    emit_write_tags(text, message, struct)
    emit_unused(text, 'version', 'm')
    text.end()


# ---- Decoding ---------------------------------------------------------------

def emit_read_value(text, message, struct, field):
    value, null = f'm->{field.name}', nullable(field, struct)
    if field.array:
        text(f'{value} = kw_read_array(r, flex, {null}, {element_min(message, field)}, arena, '
             f'sizeof *{value}, &{value}_count);')
        text(f'for (int32_t i = 0; i < {value}_count; i++)')
        text('    ' + read_statement(message, field, f'{value}[i]', 'false'))
    elif field.struct and field.nullable:
        tagged = '_tagged' if field.tag is not None else ''
        text(f'{value} = kw_read_present{tagged}(r, arena, sizeof *{value});')
        text(f'if ({value})')
        text('    ' + read_statement(message, field, f'*{value}', ''))
    else:
        text(read_statement(message, field, value, null))


def read_statement(message, field, value, null):
    if field.struct:
        address = f'&{value}'.removeprefix('&*')
        return f'read_{tail(message, field.struct)}(r, version, arena, {address});'
    return f'{value} = {read_call(field, null)};'


def read_call(field, null):
    if field.base in FIXED:
        return f'kw_read_{field.base}(r)'
    # Records are bytes like others to a reader.
    return f'kw_read_{"str" if field.base == "str" else "bytes"}(r, flex, {null})'


def emit_read_field(text, message, struct, field):
    condition = in_versions(field.versions, struct.versions)
    if not condition:
        emit_read_value(text, message, struct, field)
    elif not field.array and not field.struct:
        call = read_call(field, nullable(field, struct))
        text(f'm->{field.name} = {condition} ? {call} : {default_value(field)};')
    else:
        text.branch((f'if ({condition})', lambda: emit_read_value(text, message, struct, field)),
                    ('else', lambda: emit_default(text, message, field)))


def emit_read_tags(text, message, struct):
    tagged, flex = tagged_fields(struct), flexible(message, struct)
    for field in tagged:
        emit_default(text, message, field)
    if flex == 'false':
        return
    if flex != 'true':
        text('if (!flex)')
        text('    return;')
    cases = []
    for field in tagged:
        condition = in_versions(field.versions, struct.versions)
        tests = f'tags.tag == {field.tag}' + (f' && {condition}' if condition else '')
        cases.append((f'{"else " * bool(cases)}if ({tests})',
                      lambda field=field: emit_read_value(text, message, struct, field)))
    text('struct kw_tags tags = kw_tags_open(r);')
    text.branch(('while (kw_tags_next(&tags, r))',
                 lambda: text.branch(*cases) if cases else text('continue;')))


def emit_read(text, message, struct):
    text.body(f'static void read_{tail(message, struct)}(struct kw_reader *r, int16_t version,',
              f'    struct kb_arena *arena, {c_type(message, struct)} *m)')
    emit_flex(text, message, struct)
    for field in struct.fields:
        if field.tag is None:
            emit_read_field(text, message, struct, field)
    emit_read_tags(text, message, struct)
    emit_unused(text, 'version', 'arena', 'm')
    text.end()


def emit_flex(text, message, struct):
    """Declared first; emit_unused drops it again where nothing asked."""
    text(f'const bool flex = {flexible(message, struct)};')


def emit_unused(text, *names):
    """Says so where the body of the function has no use for a parameter."""
    start = max(i for i, line in enumerate(text.lines) if line == '{') + 1
    if not any(re.search(r'\bflex\b', line) for line in text.lines[start + 1:]):
        del text.lines[start]
    body = '\n'.join(text.lines[start:])
    unused = [name for name in names if not re.search(rf'(?<!->)\b{name}\b', body)]
    text.lines[start:start] = [f'    (void){name};' for name in unused]


# ---- The file ---------------------------------------------------------------

def emit_public_codec(text, message):
    versions = message.versions
    signature = list(signatures(message, message.top))
    text.body(signature[1])
    text(f'KB_CHECK(version >= {versions.lo} && version <= {versions.hi});')
    text(f'write_{message.kind}(w, version, m);')
    text('return kw_writer_ok(w);')
    text.end()
    text.body(signature[2])
    text.open(f'if (version < {versions.lo} || version > {versions.hi})')
    text(f'{prefix(message, message.top)}_init(m);')
    text('kw_reader_fail(r, "no such version");')
    text('return false;')
    text.close()
    text(f'read_{message.kind}(r, version, arena, m);')
    lenient = message.kind in ('request', 'data')
    text(f'return kw_reader_{"ok" if lenient else "end"}(r);')
    text.end()


def emit_source(text, unit):
    banner(text, unit.source)
    text(f'#include "wire/gen/{unit.file}.h"')
    text()
    text('#include "base/check.h"')
    text('#include "wire/reader.h"')
    text('#include "wire/writer.h"')
    text()
    for message in unit.messages:
        emit_min_tables(text, message)
        asked = needs_is_set(message)
        emit_empties(text, message)
        for struct in message.structs:
            emit_init(text, message, struct)
        for struct in message.structs:
            if struct.name in asked:
                emit_is_set(text, message, struct)
        for struct in message.structs:
            emit_write(text, message, struct)
        for struct in message.structs:
            emit_read(text, message, struct)
        emit_public_codec(text, message)
