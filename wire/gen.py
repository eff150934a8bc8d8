#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the schema text into C.

    gen.py OUTDIR TOP

reads TOP/wire/schema/*.api and writes into OUTDIR:
    NAME.h NAME.c   structs and codecs of one API
    apis.h apis.c   the keys, and the table behind wire/api.h
    layout.c        every field as data, behind wire/layout.h
"""
import glob
import os
import sys

from schema import FIXED, NEVER, parse_api, snake

C_TYPES = {'bool': 'bool', 'i8': 'int8_t', 'i16': 'int16_t', 'i32': 'int32_t',
           'i64': 'int64_t', 'u16': 'uint16_t', 'u32': 'uint32_t', 'f64': 'double',
           'uuid': 'struct kb_uuid', 'str': 'struct kb_slice', 'bytes': 'struct kb_slice',
           'records': 'struct kb_slice'}
EMPTY = 'kb_slice_of("", 0)'
LIMITS = {-2**31: 'INT32_MIN', 2**31 - 1: 'INT32_MAX', 2**63 - 1: 'INT64_MAX'}


class Text:
    """Lines of C with their indentation."""

    def __init__(self):
        self.lines, self.depth = [], 0

    def __call__(self, line=''):
        self.lines.append('    ' * self.depth + line if line else '')

    def open(self, line):
        self(line + ' {')
        self.depth += 1

    def close(self, tail=''):
        self.depth -= 1
        self('}' + tail)

    def body(self, signature):
        self(signature)
        self('{')
        self.depth += 1

    def end(self):
        self.close()
        self()

    def under(self, condition, line):
        """The line, under the condition if there is one."""
        if condition:
            self(f'if ({condition})')
            self('    ' + line)
        else:
            self(line)

    def save(self, path):
        with open(path, 'w', encoding='utf-8') as file:
            file.write('\n'.join(self.lines).rstrip('\n') + '\n')


# ---- Names ------------------------------------------------------------------

def tail(message, struct):
    """request, request_topic: names of static functions and tables"""
    return f'{message.kind}_{snake(struct.name)}' if struct.name else message.kind


def prefix(message, struct):
    return f'kw_{snake(message.api.name)}_{tail(message, struct)}'


def c_type(message, struct):
    return f'struct {prefix(message, struct)}'


def element_type(message, field):
    return c_type(message, field.struct) if field.struct else C_TYPES[field.base]


def banner(text, source):
    text('/* SPDX-License-Identifier: Apache-2.0 */')
    text(f'/* Made by wire/gen.py from {source}; change that instead. */')


# ---- Versions ---------------------------------------------------------------

def in_versions(versions, around):
    """C condition that `version`, known to be in `around`, is in `versions`; '' is always."""
    lo, hi = versions.lo, versions.hi
    if lo == hi and not around.lo == around.hi == lo:
        return f'version == {lo}'
    parts = []
    if lo > around.lo:
        parts.append(f'version >= {lo}')
    if hi < around.hi:
        parts.append(f'version <= {hi}')
    return ' && '.join(parts)


def truth(condition):
    return condition or 'true'


def flexible(message, struct):
    """The same for flexible versions: 'true', 'false' or a condition."""
    flex = message.api.flex
    if flex <= struct.versions.lo:
        return 'true'
    return 'false' if flex > struct.versions.hi else f'version >= {flex}'


def nullable(field, struct):
    return truth(in_versions(field.nullable, struct.versions)) if field.nullable else 'false'


# ---- Sizes ------------------------------------------------------------------

def min_size(message, field, version):
    """The fewest bytes that a field takes on the wire in a version."""
    flex = version >= message.api.flex
    if version not in field.versions or field.tag is not None:
        return 0
    if field.array:
        return 1 if flex else 4
    if field.struct:
        if field.nullable:
            return 1
        return min_struct_size(message, field.struct, version)
    if field.base in FIXED:
        return FIXED[field.base]
    return 1 if flex else 2 if field.base == 'str' else 4


def min_struct_size(message, struct, version):
    size = sum(min_size(message, field, version) for field in struct.fields)
    return size + (version >= message.api.flex)


def element_min(message, field):
    """C expression for the fewest bytes that an array's element takes."""
    if not field.struct:
        if field.base in FIXED:
            return str(FIXED[field.base])
        return 'flex ? 1 : 2' if field.base == 'str' else 'flex ? 1 : 4'
    sizes = min_table(message, field.struct)
    if len(set(sizes)) == 1:
        return str(sizes[0])
    return f'{tail(message, field.struct)}_min[version - {field.struct.versions.lo}]'


def min_table(message, struct):
    sizes = [min_struct_size(message, struct, version) for version in struct.versions]
    assert min(sizes) > 0, f'{struct.name} can take no bytes at all'
    return sizes


def emit_min_tables(text, message):
    elements = {f.struct.name for s in message.structs for f in s.fields if f.struct and f.array}
    for struct in message.structs:
        sizes = min_table(message, struct) if struct.name in elements else []
        if len(set(sizes)) > 1:
            text(f'static const uint8_t {tail(message, struct)}_min[] = '
                 f'{{{", ".join(map(str, sizes))}}};')
            text()


# ---- Defaults ---------------------------------------------------------------

def default_value(field):
    """C value of a plain field's default."""
    if field.base == 'uuid':
        return '(struct kb_uuid){{0}}'
    if field.base not in FIXED:
        return 'kb_slice_null()' if field.default == 'null' else EMPTY
    if field.base == 'bool':
        return 'true' if field.default else 'false'
    value = field.default or 0
    return LIMITS.get(value, str(value))


def null_count(field):
    return '-1' if field.default == 'null' else '0'


def is_set(message, field):
    """C condition that a field differs from its default."""
    value = f'm->{field.name}'
    if field.array:
        return f'{value}_count != {null_count(field)}'
    if field.struct:
        if field.nullable:
            return f'{value} != NULL'
        return f'{tail(message, field.struct)}_is_set(&{value})'
    if field.base == 'uuid':
        return f'!kb_uuid_is_zero({value})'
    if field.base not in FIXED:
        return f'{value}.data != NULL' if field.default == 'null' else f'!kb_slice_is({value}, "")'
    if field.base == 'bool':
        return f'!{value}' if field.default else value
    return f'{value} != {default_value(field)}'


def emit_default(text, message, field):
    value = f'm->{field.name}'
    if field.array:
        text(f'{value} = NULL;')
        text(f'{value}_count = {null_count(field)};')
    elif field.struct and field.nullable:
        text(f'{value} = NULL;')
    elif field.struct:
        text(f'{prefix(message, field.struct)}_init(&{value});')
    else:
        text(f'{value} = {default_value(field)};')


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
            by_value = field.struct and not field.array and not field.nullable
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
        text.open(f'for (int32_t i = 0, n = kw_write_array(w, flex, {null}, {value}_count); '
                  'i < n; i++)')
        emit_write_one(text, message, field, f'{value}[i]', 'false', f'&{value}[i]')
        text.close()
    elif field.struct and field.nullable:
        text(f'kw_write_i8(w, {value} ? 1 : -1);')
        text(f'if ({value})')
        text(f'    write_{tail(message, field.struct)}(w, version, {value});')
    else:
        emit_write_one(text, message, field, value, null, f'&{value}')


def emit_write_one(text, message, field, value, null, address):
    if field.struct:
        text(f'write_{tail(message, field.struct)}(w, version, {address});')
    elif field.base in FIXED:
        text(f'kw_write_{field.base}(w, {value});')
    else:
        text(f'kw_write_{field.base}(w, flex, {null}, {value});')


def emit_write_field(text, message, struct, field):
    condition = in_versions(field.versions, struct.versions)
    if not condition:
        emit_write_value(text, message, struct, field)
        return
    text.open(f'if ({condition})')
    emit_write_value(text, message, struct, field)
    if not field.ignorable:
        text.close(f' else if ({is_set(message, field)}) {{')
        text.depth += 1
        emit_absent(text, struct, field)
    text.close()


def emit_absent(text, struct, field):
    name = f'{snake(struct.name)}.{field.name}' if struct.name else field.name
    text(f'kw_writer_fail(w, "{name}: not in this version");')


def tag_condition(message, struct, field):
    condition = in_versions(field.versions, struct.versions)
    isset = is_set(message, field)
    if condition and ' || ' in isset:
        isset = f'({isset})'
    return f'{condition} && {isset}' if condition else isset


def emit_write_tags(text, message, struct):
    """Tagged fields in order, those at their default left out."""
    tagged = sorted((f for f in struct.fields if f.tag is not None), key=lambda f: f.tag)
    flex = flexible(message, struct)
    for field in tagged:
        if not field.ignorable and not field.versions.covers(struct.versions):
            outside = in_versions(field.versions, struct.versions)
            text(f'if (!({outside}) && {is_set(message, field)})')
            text.depth += 1
            emit_absent(text, struct, field)
            text.depth -= 1
    if flex == 'false':
        return
    if not tagged:
        text.under('' if flex == 'true' else 'flex', 'kw_write_uvarint(w, 0);')
        return
    if flex != 'true':
        text('if (!flex)')
        text('    return;')
    for field in tagged:
        text(f'const bool has_{field.name} = {tag_condition(message, struct, field)};')
    count = ' + '.join(f'has_{field.name}' for field in tagged)
    text(f'kw_write_uvarint(w, (uint32_t){count if len(tagged) == 1 else f"({count})"});')
    for field in tagged:
        text.open(f'if (has_{field.name})')
        text(f'size_t mark = kw_tag_open(w, {field.tag});')
        emit_write_value(text, message, struct, field)
        text('kw_tag_close(w, mark);')
        text.close()


def emit_write(text, message, struct):
    text(f'static void write_{tail(message, struct)}(struct kw_writer *w, int16_t version,')
    text.body(f'    const {c_type(message, struct)} *m)')
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
        text(f'{value} = kw_read_array(r, flex, {null}, {element_min(message, field)}, arena,')
        text(f'    sizeof *{value}, &{value}_count);')
        text(f'for (int32_t i = 0; i < {value}_count; i++)')
        text.depth += 1
        emit_read_one(text, message, field, f'{value}[i]', 'false')
        text.depth -= 1
    elif field.struct and field.nullable:
        text(f'{value} = kw_read_present(r, arena, sizeof *{value});')
        text(f'if ({value})')
        text(f'    read_{tail(message, field.struct)}(r, version, arena, {value});')
    else:
        emit_read_one(text, message, field, value, null)


def emit_read_one(text, message, field, value, null):
    if field.struct:
        text(f'read_{tail(message, field.struct)}(r, version, arena, &{value});')
    else:
        text(f'{value} = {read_call(field, null)};')


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
        choice = f'({condition})' if ' ' in condition and '&&' in condition else condition
        text(f'm->{field.name} = {choice} ? {call} : {default_value(field)};')
    else:
        text.open(f'if ({condition})')
        emit_read_value(text, message, struct, field)
        text.close(' else {')
        text.depth += 1
        emit_default(text, message, field)
        text.close()


def emit_read_tags(text, message, struct):
    tagged = sorted((f for f in struct.fields if f.tag is not None), key=lambda f: f.tag)
    flex = flexible(message, struct)
    for field in tagged:
        emit_default(text, message, field)
    if flex == 'false':
        return
    if flex != 'true':
        text('if (!flex)')
        text('    return;')
    text('struct kw_tags tags = kw_tags_open(r);')
    text('while (kw_tags_next(&tags, r))')
    if not tagged:
        text('    continue;')
        return
    text.depth += 1
    for i, field in enumerate(tagged):
        condition = in_versions(field.versions, struct.versions)
        tests = f'tags.tag == {field.tag}' + (f' && {condition}' if condition else '')
        if i == 0:
            text.open(f'if ({tests})')
        else:
            text.close(f' else if ({tests}) {{')
            text.depth += 1
        emit_read_value(text, message, struct, field)
    text.close()
    text.depth -= 1


def emit_read(text, message, struct):
    text(f'static void read_{tail(message, struct)}(struct kw_reader *r, int16_t version,')
    text.body(f'    struct kb_arena *arena, {c_type(message, struct)} *m)')
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
    """Says so where the function's body has no use for a parameter."""
    start = max(i for i, line in enumerate(text.lines) if line == '{')
    flex = start + 1
    if not any('flex' in line for line in text.lines[flex + 1:]):
        del text.lines[flex]
    body = '\n'.join(text.lines[start + 1:])
    unused = [name for name in names
              if name not in body.replace('->', ' ').replace('(', ' ').replace(')', ' ')
              .replace(',', ' ').replace(';', ' ').replace('&', ' ').replace('-', ' ').split()]
    text.lines[start + 1:start + 1] = [f'    (void){name};' for name in unused]


# ---- Files ------------------------------------------------------------------

def signatures(message, struct):
    name, pointer = prefix(message, struct), c_type(message, struct)
    yield f'void {name}_init({pointer} *m)'
    if struct is message.top:
        yield (f'bool {name}_encode(struct kw_writer *w, int16_t version,\n'
               f'    const {pointer} *m)')
        yield (f'bool {name}_decode(struct kw_reader *r, int16_t version,\n'
               f'    struct kb_arena *arena, {pointer} *m)')


def describe(field, struct):
    """What a reader of the struct wants to know beyond its type."""
    def span(versions):
        if versions.hi == struct.versions.hi:
            return f'{versions.lo}+'
        return f'{versions.lo}-{versions.hi}' if versions.lo < versions.hi else f'{versions.lo}'

    notes = []
    if not field.versions.covers(struct.versions):
        notes.append(span(field.versions))
    if field.tag is not None:
        notes.append(f'tag {field.tag}')
    if field.nullable and field.nullable.covers(field.versions):
        notes.append('nullable')
    elif field.nullable:
        notes.append(f'nullable {span(field.nullable)}')
    if field.default is not None:
        notes.append(f'default {"null" if field.default == "null" else default_value(field)}')
    return f' /* {", ".join(notes)} */' if notes else ''


def emit_struct(text, message, struct):
    text.open(c_type(message, struct))
    for field in struct.fields:
        pointer = field.array or (field.struct and field.nullable)
        text(f'{element_type(message, field)} {"*" if pointer else ""}{field.name};'
             + describe(field, struct))
        if field.array:
            text(f'int32_t {field.name}_count;')
    text.close(';')
    text()


def emit_header(text, api):
    guard = f'KW_GEN_{snake(api.name).upper()}_H'
    banner(text, api.source)
    text(f'#ifndef {guard}')
    text(f'#define {guard}')
    text('#include "wire/message.h"')
    text()
    for message in api.messages:
        for struct in message.structs:
            emit_struct(text, message, struct)
        for struct in message.structs:
            for signature in signatures(message, struct):
                for line in (signature + ';').split('\n'):
                    text(line)
        text()
    text('#endif')


def emit_public_codec(text, message):
    versions = message.api.versions
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
    text('return kw_reader_end(r);')
    text.end()


def emit_source(text, api):
    banner(text, api.source)
    text(f'#include "wire/gen/{snake(api.name)}.h"')
    text()
    text('#include "base/check.h"')
    text('#include "wire/reader.h"')
    text('#include "wire/writer.h"')
    text()
    for message in api.messages:
        emit_min_tables(text, message)
        asked = needs_is_set(message)
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


def emit_keys(text, apis):
    banner(text, 'wire/schema')
    text('#ifndef KW_GEN_APIS_H')
    text('#define KW_GEN_APIS_H')
    text()
    text.open('enum kw_api_key')
    for api in apis:
        text(f'KW_API_{snake(api.name).upper()} = {api.key},')
    text(f'KW_API_KEY_END = {apis[-1].key + 1}')
    text.close(';')
    text()
    text('#endif')


def emit_api_table(text, apis):
    banner(text, 'wire/schema')
    text('#include "wire/api.h"')
    text()
    text.open('const struct kw_api kw_api_table[KW_API_KEY_END] =')
    for api in apis:
        flex = 'KW_NEVER' if api.flex == NEVER else api.flex
        key = f'KW_API_{snake(api.name).upper()}'
        text(f'[{key}] = {{{key}, {api.versions.lo}, {api.versions.hi}, {flex}, "{api.name}"}},')
    text.close(';')


def layout_row(message, struct, field):
    none = '-1, -1'
    null = f'{field.nullable.lo}, {field.nullable.hi}' if field.nullable else none
    owner = c_type(message, struct)
    count = f'offsetof({owner}, {field.name}_count)' if field.array else '0'
    child = f'&{prefix(message, field.struct)}_layout' if field.struct else 'NULL'
    kind = 'STRUCT' if field.struct else field.base.upper()
    flags = [f'KW_FIELD_{flag}' for flag, on in (
        ('ARRAY', field.array), ('IGNORABLE', field.ignorable), ('KEY', field.key)) if on]
    return (f'{{"{field.name}", KW_TYPE_{kind}, {" | ".join(flags) or 0}, '
            f'{field.tag if field.tag is not None else -1}, '
            f'{field.versions.lo}, {field.versions.hi}, {null}, '
            f'offsetof({owner}, {field.name}), {count}, {child}}},')


def emit_struct_layout(text, message, struct):
    name = prefix(message, struct)
    text.open(f'static const struct kw_field {name}_fields[] =')
    for field in struct.fields:
        text(layout_row(message, struct, field))
    text.close(';')
    text()
    text.open(f'static const struct kw_layout {name}_layout =')
    text(f'{name}_fields, {len(struct.fields)}, sizeof({c_type(message, struct)}), init_{name},')
    text.close(';')
    text()


def emit_erased(text, message):
    """The typed functions once more over void pointers."""
    for struct in message.structs:
        name = prefix(message, struct)
        text.body(f'static void init_{name}(void *m)')
        text(f'{name}_init(m);')
        text.end()
    name = prefix(message, message.top)
    text.body(f'static bool encode_{name}(struct kw_writer *w, int16_t version, const void *m)')
    text(f'return {name}_encode(w, version, m);')
    text.end()
    text.body(f'static bool decode_{name}(struct kw_reader *r, int16_t version,\n'
              '    struct kb_arena *arena, void *m)')
    text(f'return {name}_decode(r, version, arena, m);')
    text.end()


def emit_layout(text, apis):
    banner(text, 'wire/schema')
    text('#include "wire/layout.h"')
    text()
    for api in apis:
        text(f'#include "wire/gen/{snake(api.name)}.h"')
    text()
    text('#include <stddef.h>')
    text()
    messages = [message for api in apis for message in api.messages]
    for message in messages:
        emit_erased(text, message)
        for struct in message.structs:
            emit_struct_layout(text, message, struct)
    text.open('const struct kw_message kw_messages[] =')
    for message in messages:
        name = prefix(message, message.top)
        text(f'{{KW_API_{snake(message.api.name).upper()}, '
             f'{"true" if message.kind == "response" else "false"}, '
             f'&{name}_layout, encode_{name}, decode_{name}}},')
    text.close(';')
    text()
    text('const size_t kw_messages_count = sizeof kw_messages / sizeof kw_messages[0];')


def save(emit, subject, path):
    text = Text()
    emit(text, subject)
    text.save(path)


def main(out, top):
    sources = glob.glob('wire/schema/*.api', root_dir=top)
    apis = sorted((parse_api(top, source) for source in sources), key=lambda api: api.key)
    os.makedirs(out, exist_ok=True)
    for api in apis:
        path = os.path.join(out, snake(api.name))
        save(emit_header, api, path + '.h')
        save(emit_source, api, path + '.c')
    save(emit_keys, apis, os.path.join(out, 'apis.h'))
    save(emit_api_table, apis, os.path.join(out, 'apis.c'))
    save(emit_layout, apis, os.path.join(out, 'layout.c'))


if __name__ == '__main__':
    main(*sys.argv[1:])
