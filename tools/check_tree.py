#!/usr/bin/env python3
"""Checks on the tree as text: include layers, banned calls, file length, formatting, unfinished words.

Each kind of check is one case; what is wrong is printed with file and line. Closes with N passed, N failed.
"""
import os, re, shutil, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.chdir(ROOT)
FILES = [f for f in subprocess.run(['git', 'ls-files', '--cached', '--others', '--exclude-standard'],
                                   capture_output=True, text=True, check=True).stdout.split('\n')
         if f and os.path.exists(f)]
SOURCES = [f for f in FILES if re.search(r'\.(c|h|cc)$', f)]
TEXT = {f: open(f, encoding='utf-8').read() for f in SOURCES}


def layers():
    """src/layers.txt: `module: allowed module ...`; the longest prefix of a path is its module."""
    rules = {}
    for line in open('src/layers.txt', encoding='utf-8'):
        line = line.split('#')[0].strip()
        if line:
            module, allowed = line.split(':')
            rules[module.strip()] = allowed.split()
    names = sorted(rules, key=len, reverse=True)

    def module_of(path):
        return next((m for m in names if path == m or path.startswith(m + '/') or path.startswith(m + '.')), None)
    for path, text in TEXT.items():
        if not path.startswith('src/') or re.search(r'_(test|fuzz)\.c$', path):
            continue
        here = module_of(path[4:])
        if here is None:
            yield f'{path}: no module of src/layers.txt holds it'
            continue
        for m in re.finditer(r'^#include "([^"]+)"', text, re.M):
            there = module_of(m.group(1))
            line = text.count('\n', 0, m.start()) + 1
            if there is None:  # a library's header
                continue
            if m.group(1).endswith('_int.h') and os.path.dirname(m.group(1)) != os.path.dirname(path[4:]):
                yield f'{path}:{line}: {m.group(1)} is private to its folder'
            elif there != here and '*' not in rules[here] and not any(
                    there == a or there.startswith(a + '/') for a in rules[here]):
                yield f'{path}:{line}: {here} may not include {there}'


BANNED = re.compile(r'\b(strcpy|strcat|sprintf|vsprintf|strtok|gmtime|localtime|atoi|atol|atof|alloca|gets|tmpnam|rand)\s*\(')


def strip_comments(text):
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', lambda m: re.sub(r'[^\n]', ' ', m.group(0)), text, flags=re.S)


def banned_calls():
    for path, text in TEXT.items():
        for m in BANNED.finditer(strip_comments(text)):
            yield f'{path}:{text.count(chr(10), 0, m.start()) + 1}: {m.group(1)} is banned (STYLE section 9)'


def unfinished():
    words = re.compile(r'(?<!")\b(TODO|FIXME|XXX|HACK)\b(?!")')  # a quoted XXX is thirty in Roman
    for path, text in TEXT.items():
        for m in words.finditer(text):
            yield f'{path}:{text.count(chr(10), 0, m.start()) + 1}: {m.group(1)}'


def unique_names():
    seen = {}
    for path in SOURCES:
        name = os.path.basename(path)
        if name in seen and path.startswith('src/'):
            yield f'{path}: file name also used by {seen[name]}'
        seen[name] = path


def file_length():
    for path, text in TEXT.items():
        lines = text.count('\n')
        if lines > 1500:
            yield f'{path}: {lines} lines; is it still one noun?'


def formatting():
    tool = shutil.which('clang-format-14')
    if not tool:
        return None
    bad = []
    for i in range(0, len(SOURCES), 50):
        p = subprocess.run([tool, '--dry-run', '-ferror-limit=1', *[f for f in SOURCES[i:i + 50] if not f.endswith('.cc')]],
                           capture_output=True, text=True)
        bad += [f'{m.group(1)}: not formatted (make format)'
                for m in re.finditer(r'^(\S+?):\d+:\d+: warning: code should be clang-formatted', p.stderr, re.M)]
    return sorted(set(bad))


def tests_beside():
    """Every parser that reads bytes from outside has a fuzz target beside it."""
    for path in SOURCES:
        if re.search(r'_fuzz\.c$', path) and not os.path.isdir(os.path.join('fuzz/corpus', os.path.basename(path)[:-2])):
            yield f'{path}: no seed corpus in fuzz/corpus/{os.path.basename(path)[:-2]}'


CHECKS = [layers, banned_calls, unfinished, unique_names, file_length, formatting, tests_beside]
passed = failed = skipped = 0
for check in CHECKS:
    found = check()
    if found is None:
        skipped += 1
        continue
    found = list(found)
    for line in found[:40]:
        print(line)
    if len(found) > 40:
        print(f'... and {len(found) - 40} more')
    print(('not ok' if found else 'ok'), check.__name__)
    passed, failed = passed + (not found), failed + bool(found)
print(f'{passed} passed, {failed} failed, {skipped} skipped')
sys.exit(1 if failed else 0)
