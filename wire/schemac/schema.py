# SPDX-License-Identifier: Apache-2.0
"""The schema text (wire/schema/*) as objects.

    # comment
    api KEY NAME VERSIONS flex VERSION|never
    req
      FIELD TYPE VERSIONS =DEFAULT tagN ig key secret @ENTITY
      FIELD [STRUCT]
        FIELD ...
    resp
      ...

is an API, in NAME.api. Two more kinds of files have the same fields:

    record TOPIC TYPE NAME VERSIONS flex VERSION|never
    key
      ...
    value
      ...

in NAME.record: what a coordinator writes to a topic. TYPE stands in front of the
key as an int16; a key has the one version 0, never flexible. VERSIONS are those
of the value, which has its version in front.

    data NAME VERSIONS flex VERSION|never
    fields
      ...

in NAME.data: what stands inside another message's bytes, its version in front.
Behind it there may be more, of versions to come.

Everything behind a field's type may be left out, but keeps this order.

TYPE      bool i8 i16 i32 i64 u16 u32 f64 uuid str bytes records, a struct's
          name, or one of these in brackets: an array.
          `?` behind it: may be null; `?7+`, `?2-7`: in these versions only.
STRUCT    its fields stand indented below its first use; later uses only name it.
VERSIONS  `4`, `4-7` or `4+`. Without: wherever the struct around it is there.
=DEFAULT  what an absent field reads as: a number, `true` or `null`. Without: 0,
          false, empty; of a tagged struct that may be null: one of all zeros.
tagN      a tagged field of flexible versions.
ig        ignorable: a value set for a version that has no such field is dropped;
          without, that is an error of the writer's.
key       identifies the element within its array.
secret    never to be printed. `secret?`: where the struct's first field, a name,
          sounds like it ("ssl.key.password").
@ENTITY   what the value names: broker topic group transaction producer.
"""
import os
import re
from dataclasses import dataclass, field as dataclass_field

FIXED = {'bool': 1, 'i8': 1, 'i16': 2, 'i32': 4, 'i64': 8, 'u16': 2, 'u32': 4,
         'f64': 8, 'uuid': 16}
SPANS = ('str', 'bytes', 'records')
ENTITIES = ('broker', 'topic', 'group', 'transaction', 'producer')
NEVER = 32767
SECTIONS = {'api': ['req', 'resp'], 'record': ['key', 'value'], 'data': ['fields']}
KINDS = {'req': 'request', 'resp': 'response', 'key': 'key', 'value': 'value', 'fields': 'data'}


class SchemaError(Exception):
    pass


@dataclass(frozen=True)
class Versions:
    lo: int
    hi: int

    def __contains__(self, version):
        return self.lo <= version <= self.hi

    def covers(self, other):
        return self.lo <= other.lo and other.hi <= self.hi

    def union(self, other):
        return Versions(min(self.lo, other.lo), max(self.hi, other.hi))

    def __iter__(self):
        return iter(range(self.lo, self.hi + 1))


@dataclass
class Field:
    name: str
    base: str               # a plain type, or a struct's name
    array: bool
    struct: 'Struct'        # None for plain types
    versions: Versions
    nullable: Versions      # None: never
    default: object = None  # int, True, 'null' or None
    tag: int = None
    ignorable: bool = False
    key: bool = False
    secret: str = None      # 'secret', 'secret?' or None
    entity: str = None


@dataclass
class Struct:
    name: str               # '' for the message itself
    versions: Versions      # union over its uses
    fields: list = dataclass_field(default_factory=list)


@dataclass
class Message:
    unit: 'Unit'
    kind: str               # of KINDS
    versions: Versions
    flex: int               # first flexible version, or NEVER
    top: Struct = None
    structs: list = None    # in the order of definition, top last


@dataclass
class Unit:
    """One file: an API, a record, or data."""
    sort: str               # 'api', 'record' or 'data'
    topic: str              # of a record
    key: int                # of an API; the type of a record; of data: 0
    name: str
    versions: Versions
    flex: int
    source: str
    messages: list = dataclass_field(default_factory=list)

    @property
    def file(self):
        return snake(self.name) + ('_record' if self.sort == 'record' else '')


def snake(name):
    """ListOffsets -> list_offsets"""
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).lower()


def parse_versions(text, highest):
    match = re.fullmatch(r'(\d+)(?:(\+)|-(\d+))?', text)
    if not match:
        raise SchemaError(f'versions expected, not {text!r}')
    lo = int(match[1])
    hi = highest if match[2] else int(match[3] or lo)
    if lo > hi or hi > highest:
        raise SchemaError(f'impossible versions {text!r}')
    return Versions(lo, hi)


FIELD = re.compile(r'''(?P<name>[a-z][a-z0-9_]*)
    \ (?P<open>\[)?(?P<base>[A-Za-z][A-Za-z0-9]*)(?(open)\])
    (?P<null>\?(?P<nullable>\d[\d+-]*)?)?
    (?:\ (?P<versions>\d[\d+-]*))?
    (?:\ =(?P<default>-?\d+|true|null))?
    (?:\ tag(?P<tag>\d+))?
    (?P<ig>\ ig)?(?P<key>\ key)?(?:\ (?P<secret>secret\??))?
    (?:\ @(?P<entity>[a-z]+))?''', re.X)


def parse_default(text):
    if text in (None, 'null'):
        return text
    return True if text == 'true' else int(text)


class Section:
    """One message: the indented lines below `req`, `resp` ..."""

    def __init__(self, message, lines):
        self.message, self.lines, self.at = message, lines, 0
        self.structs = {}

    def parse(self):
        message, top = self.message, Struct('', None)
        self.fields(top, 1)
        if self.at < len(self.lines):
            raise SchemaError('indented too deep')
        spread_versions(top, message.versions)
        message.top, message.structs = top, [*self.structs.values(), top]
        for struct in message.structs:
            finish(struct, message)
        return message

    def fields(self, struct, depth):
        while self.at < len(self.lines) and self.lines[self.at][0] == depth:
            text = self.lines[self.at][1]
            self.at += 1
            try:
                struct.fields.append(self.field(text, depth))
            except SchemaError as error:
                raise SchemaError(f'{text}: {error}') from None

    def field(self, text, depth):
        match = FIELD.fullmatch(text)
        if not match:
            raise SchemaError('not a field')
        versions, nullable = None, None
        highest = self.message.versions.hi
        if match['versions']:
            versions = parse_versions(match['versions'], highest)
        if match['null']:
            nullable = parse_versions(match['nullable'] or '0+', highest)
        field = Field(match['name'], match['base'], bool(match['open']), None, versions,
                      nullable, parse_default(match['default']),
                      int(match['tag']) if match['tag'] else None,
                      bool(match['ig']), bool(match['key']), match['secret'], match['entity'])
        check(field)
        if field.base[0].isupper():
            field.struct = self.struct(field, depth)
        return field

    def struct(self, field, depth):
        known = self.structs.get(field.base)
        opens = self.at < len(self.lines) and self.lines[self.at][0] == depth + 1
        if known and opens:
            raise SchemaError('defined twice')
        if not known and not opens:
            raise SchemaError(f'{field.base} has no fields')
        if known:
            return known
        struct = Struct(field.base, None)
        self.fields(struct, depth + 1)
        self.structs[field.base] = struct
        return struct


def check(field):
    base = field.base
    nullable_struct = base[0].isupper() and field.nullable and not field.array
    if base[0].islower() and base not in FIXED and base not in SPANS:
        raise SchemaError(f'no such type: {base}')
    if field.nullable and base in FIXED and not field.array:
        raise SchemaError(f'{base} cannot be null')
    if field.default == 'null' and not field.nullable:
        raise SchemaError('null by default, but not nullable')
    if field.default not in (None, 'null') and (base not in FIXED or field.array):
        raise SchemaError('only null can be the default of this type')
    if nullable_struct and field.default != 'null' and field.tag is None:
        raise SchemaError('a nullable struct has to be null by default, unless it is tagged')
    if field.tag is not None and base == 'records':
        raise SchemaError('this type is never tagged')
    if field.entity and field.entity not in ENTITIES:
        raise SchemaError(f'no such entity: {field.entity}')


def spread_versions(struct, versions):
    """A struct is there in the union of the versions of its uses."""
    struct.versions = struct.versions.union(versions) if struct.versions else versions
    for field in struct.fields:
        if field.struct:
            spread_versions(field.struct, field.versions or versions)


def finish(struct, message):
    """Fills in the versions that the text leaves out; judges what is known by then."""
    for field in struct.fields:
        has_empty = field.struct and field.nullable and not field.array and not field.default
        if has_empty and any(inner.struct and not inner.array or inner.default or inner.base in SPANS
                             and not inner.array for inner in field.struct.fields):
            raise SchemaError(f'{field.name}: by default neither null nor all zero')
        where = f'{struct.name or "message"}.{field.name}'
        field.versions = field.versions or struct.versions
        if not struct.versions.covers(field.versions):
            raise SchemaError(f'{where}: versions beyond those of the struct around it')
        if field.tag is not None and field.versions.lo < message.flex:
            raise SchemaError(f'{where}: tagged before the first flexible version')
    tags = sorted(f.tag for f in struct.fields if f.tag is not None)
    if tags != list(range(len(tags))):
        raise SchemaError(f'tags of {struct.name or "message"} are not 0, 1, 2 ...')


def parse_lines(text):
    """(depth, text) of every line that says something."""
    for line in text.splitlines():
        said = line.split('#')[0].rstrip()
        if said:
            indent = len(said) - len(said.lstrip(' '))
            if indent % 2:
                raise SchemaError(f'{line}: indent by two')
            yield indent // 2, said.strip()


HEADER = re.compile(r'''(?:(?P<api>api)|(?P<record>record)\ (?P<topic>[a-z_]+)|data)
    (?(api)\ (?P<number>\d+))(?(record)\ (?P<type>\d+))
    \ (?P<name>[A-Za-z]+)\ (?P<versions>\S+)\ flex\ (?P<flex>\d+|never)''', re.X)


def parse_header(text, source):
    match = HEADER.fullmatch(text)
    if not match:
        raise SchemaError(f'{text}: "api KEY NAME VERSIONS flex VERSION", "record TOPIC TYPE NAME '
                          'VERSIONS flex VERSION" or "data NAME VERSIONS flex VERSION" expected')
    flex = NEVER if match['flex'] == 'never' else int(match['flex'])
    return Unit(match['api'] or match['record'] or 'data', match['topic'],
                int(match['number'] or match['type'] or 0), match['name'],
                parse_versions(match['versions'], NEVER - 1), flex, source)


def begin_message(unit, section):
    if section == 'key':
        return Message(unit, 'key', Versions(0, 0), NEVER)
    return Message(unit, KINDS[section], unit.versions, unit.flex)


def parse_sections(lines, source):
    unit = parse_header(lines[0][1] if lines else '', source)
    starts = [i for i, (depth, _) in enumerate(lines) if depth == 0][1:]
    wanted = SECTIONS[unit.sort]
    if [lines[i][1] for i in starts] != wanted:
        raise SchemaError(' and then '.join(f'"{section}"' for section in wanted) + ' expected')
    for section, start, end in zip(wanted, starts, [*starts[1:], len(lines)]):
        message = begin_message(unit, section)
        unit.messages.append(Section(message, lines[start + 1:end]).parse())
    return unit


def parse_unit(top, path):
    with open(os.path.join(top, path), encoding='utf-8') as file:
        text = file.read()
    try:
        return parse_sections(list(parse_lines(text)), path)
    except SchemaError as error:
        raise SchemaError(f'{path}: {error}') from None
