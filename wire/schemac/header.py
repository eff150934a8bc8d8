# SPDX-License-Identifier: Apache-2.0
"""The header of one file of the schema: its structs and what there is to call."""
from terms import banner, c_type, default_value, element_type, prefix


def signatures(message, struct):
    name, pointer = prefix(message, struct), c_type(message, struct)
    yield f'void {name}_init({pointer} *m)'
    if struct is message.top:
        yield f'bool {name}_encode(struct kw_writer *w, int16_t version, const {pointer} *m)'
        yield (f'bool {name}_decode(struct kw_reader *r, int16_t version, '
               f'struct kb_arena *arena, {pointer} *m)')


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


def emit_header(text, unit):
    guard = f'KW_GEN_{unit.file.upper()}_H'
    banner(text, unit.source)
    text(f'#ifndef {guard}')
    text(f'#define {guard}')
    text('#include "wire/message.h"')
    text()
    for message in unit.messages:
        for struct in message.structs:
            emit_struct(text, message, struct)
        for struct in message.structs:
            for signature in signatures(message, struct):
                text(signature + ';')
        text()
    text('#endif')
