#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the schema text (see schema.py) into C.

    python3 wire/schemac OUTDIR TOP

reads TOP/wire/schema/*.api and writes into OUTDIR:

    NAME.h NAME.c   structs and codecs of one API
    apis.h apis.c   the keys, and the table behind wire/api.h
    layout.c        every field as data, behind wire/layout.h
"""
import glob
import os
import sys

from codec import emit_source
from header import emit_header
from schema import SchemaError, parse_api, snake
from tables import emit_api_table, emit_keys, emit_layout
from text import Text


def save(emit, subject, path):
    text = Text()
    emit(text, subject)
    text.save(path)


def main(out, top):
    sources = glob.glob('wire/schema/*.api', root_dir=top)
    try:
        apis = sorted((parse_api(top, source) for source in sources), key=lambda api: api.key)
    except SchemaError as error:
        return f'schemac: {error}'
    os.makedirs(out, exist_ok=True)
    for api in apis:
        path = os.path.join(out, snake(api.name))
        save(emit_header, api, path + '.h')
        save(emit_source, api, path + '.c')
    save(emit_keys, apis, os.path.join(out, 'apis.h'))
    save(emit_api_table, apis, os.path.join(out, 'apis.c'))
    save(emit_layout, apis, os.path.join(out, 'layout.c'))
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
