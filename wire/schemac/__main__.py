#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the schema text (see schema.py) into C.

    python3 wire/schemac OUTDIR TOP

reads TOP/wire/schema/* and writes into OUTDIR:

    NAME.h NAME.c   structs and codecs of one API or of data; of a record
                    they are NAME_record.h and NAME_record.c
    apis.h apis.c   the keys, and the table behind wire/api.h
    layout.c        every field as data, behind wire/layout.h
"""
import glob
import os
import sys

from codec import emit_source
from header import emit_header
from schema import SchemaError, parse_unit
from tables import emit_api_table, emit_keys, emit_layout
from text import Text


def save(emit, subject, path):
    text = Text()
    emit(text, subject)
    text.save(path)


def order(unit):
    return ['api', 'record', 'data'].index(unit.sort), unit.topic or '', unit.key, unit.name


def main(out, top):
    sources = glob.glob('wire/schema/*.*', root_dir=top)
    try:
        units = sorted((parse_unit(top, source) for source in sources), key=order)
    except SchemaError as error:
        return f'schemac: {error}'
    os.makedirs(out, exist_ok=True)
    for unit in units:
        path = os.path.join(out, unit.file)
        save(emit_header, unit, path + '.h')
        save(emit_source, unit, path + '.c')
    save(emit_keys, units, os.path.join(out, 'apis.h'))
    save(emit_api_table, units, os.path.join(out, 'apis.c'))
    save(emit_layout, units, os.path.join(out, 'layout.c'))
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
