# SPDX-License-Identifier: Apache-2.0
"""What the schema's terms are in C: names, types, conditions on versions, sizes on the
wire, defaults."""
from schema import FIXED, snake

C_TYPES = {'bool': 'bool', 'i8': 'int8_t', 'i16': 'int16_t', 'i32': 'int32_t',
           'i64': 'int64_t', 'u16': 'uint16_t', 'u32': 'uint32_t', 'f64': 'double',
           'uuid': 'struct kb_uuid', 'str': 'struct kb_slice', 'bytes': 'struct kb_slice',
           'records': 'struct kb_slice'}
EMPTY = 'kb_slice_of("", 0)'
LIMITS = {-2**31: 'INT32_MIN', 2**31 - 1: 'INT32_MAX', 2**63 - 1: 'INT64_MAX'}


# ---- Names ------------------------------------------------------------------

def tail(message, struct):
    """request, request_topic: names of static functions and tables"""
    return f'{message.kind}_{snake(struct.name)}' if struct.name else message.kind


def prefix(message, struct):
    names = tail(message, struct)
    if message.kind == 'data': # it has no other messages beside it
        names = snake(struct.name)
    return f'kw_{snake(message.unit.name)}' + (f'_{names}' if names else '')


def c_type(message, struct):
    return f'struct {prefix(message, struct)}'


def element_type(message, field):
    return c_type(message, field.struct) if field.struct else C_TYPES[field.base]


def banner(text, source):
    text('/* SPDX-License-Identifier: Apache-2.0 */')
    text(f'/* Made by wire/schemac from {source}; change that instead. */')


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
    flex = message.flex
    if flex <= struct.versions.lo:
        return 'true'
    return 'false' if flex > struct.versions.hi else f'version >= {flex}'


def nullable(field, struct):
    return truth(in_versions(field.nullable, struct.versions)) if field.nullable else 'false'


# ---- Sizes ------------------------------------------------------------------

def min_size(message, field, version):
    """The fewest bytes that a field takes on the wire in a version."""
    flex = version >= message.flex
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
    return size + (version >= message.flex)


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
        if field.nullable and field.default == 'null':
            return f'{value} != NULL'
        if field.nullable:
            return f'(!{value} || {tail(message, field.struct)}_is_set({value}))'
        return f'{tail(message, field.struct)}_is_set(&{value})'
    if field.base == 'uuid':
        return f'!kb_uuid_is_zero({value})'
    if field.base not in FIXED:
        return f'{value}.data != NULL' if field.default == 'null' else f'!kb_slice_is({value}, "")'
    if field.base == 'bool':
        return f'!{value}' if field.default else value
    return f'{value} != {default_value(field)}'
