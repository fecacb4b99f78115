#!/usr/bin/env python3
"""tools/embed.py NAME IN OUT.c: a file's bytes as the C array NAME with NAME_len."""
import sys

name, source, target = sys.argv[1:]
with open(source, 'rb') as f:
    data = f.read()
lines = [', '.join(f'0x{b:02x}' for b in data[i:i + 16]) for i in range(0, len(data), 16)]
with open(target, 'w') as f:
    f.write(f'#include <stddef.h>\nextern const unsigned char {name}[];\nextern const size_t {name}_len;\n'
            f'const unsigned char {name}[] = {{\n' + ',\n'.join(lines) + f'}};\nconst size_t {name}_len = {len(data)};\n')
