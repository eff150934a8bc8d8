# SPDX-License-Identifier: Apache-2.0
"""All APIs as data: their keys and versions, and the layout of their messages."""
from schema import NEVER, snake
from terms import banner, c_type, prefix


def emit_keys(text, units):
    apis = [unit for unit in units if unit.sort == 'api']
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
    text('/* What stands in front of a record\'s key, by topic. */')
    text.open('enum kw_record_type_number')
    for unit in units:
        if unit.sort == 'record':
            text(f'KW_RECORD_{snake(unit.name).upper()} = {unit.key}, /* {unit.topic} */')
    text.close(';')
    text()
    text('#endif')


def emit_api_table(text, units):
    apis = [unit for unit in units if unit.sort == 'api']
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
        ('ARRAY', field.array), ('IGNORABLE', field.ignorable), ('KEY', field.key),
        ('ERROR', field.base == 'i16' and field.name.endswith('error_code')),
        ('SECRET', field.secret == 'secret'), ('SECRET_BY_NAME', field.secret == 'secret?')) if on]
    return (f'{{"{field.name}", {child}, KW_TYPE_{kind}, {" | ".join(flags) or 0}, '
            f'{field.tag if field.tag is not None else -1}, '
            f'{field.versions.lo}, {field.versions.hi}, {null}, '
            f'offsetof({owner}, {field.name}), {count}}},')


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
    text.body(f'static bool decode_{name}(struct kw_reader *r, int16_t version, '
              'struct kb_arena *arena, void *m)')
    text(f'return {name}_decode(r, version, arena, m);')
    text.end()


def emit_layout(text, units):
    banner(text, 'wire/schema')
    text('#include "wire/layout.h"')
    text()
    for unit in units:
        text(f'#include "wire/gen/{unit.file}.h"')
    text()
    text('#include <stddef.h>')
    text()
    messages = [message for unit in units for message in unit.messages]
    for message in messages:
        emit_erased(text, message)
        for struct in message.structs:
            emit_struct_layout(text, message, struct)
    text.open('const struct kw_message kw_messages[] =')
    for message in messages:
        text(message_row(message))
    text.close(';')
    text()
    text('const size_t kw_messages_count = sizeof kw_messages / sizeof kw_messages[0];')
    text()
    emit_record_types(text, messages)


def message_row(message):
    name, versions = prefix(message, message.top), message.versions
    title = message.unit.name + ('' if message.kind == 'data' else message.kind.capitalize())
    return (f'{{"{title}", KW_{message.kind.upper()}, {message.unit.key}, {versions.lo}, '
            f'{versions.hi}, &{name}_layout, encode_{name}, decode_{name}}},')


def emit_record_types(text, messages):
    text.open('const struct kw_record_type kw_record_types[] =')
    for i, message in enumerate(messages):
        if message.kind == 'key': # its value follows
            unit = message.unit
            text(f'{{"{unit.topic}", {unit.key}, "{unit.name}", &kw_messages[{i}], '
                 f'&kw_messages[{i + 1}]}},')
    text.close(';')
    text()
    text('const size_t kw_record_types_count = sizeof kw_record_types / '
         'sizeof kw_record_types[0];')
