#!/usr/bin/env python3
"""Runs the test suites and closes with one line: N passed, N failed, N skipped.

    run_tests.py fast         what CI runs
    run_tests.py nightly      long runs as well
    run_tests.py conformance  the public cases of ../shared
    run_tests.py SUITE...     single suites by name (see SUITES)

A suite is a function that adds to `Tally`. Meson programs print TAP and are counted case by case; scripts
close with the same line as this program.
"""
import glob, json, os, re, subprocess, sys, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.path.join(ROOT, '..', 'shared')
PYTHON = '/usr/bin/python3'
JOBS = str(min(os.cpu_count() or 1, 4))
CLOSING = re.compile(r'^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$', re.M)


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.broken = []

    def add(self, passed, failed, skipped, name=None):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        if failed and name:
            self.broken.append(name)


def run(cmd, timeout, env=None, cwd=ROOT):
    """-> (exit code, output); the output is kept short of 8 MB."""
    try:
        p = subprocess.run(cmd, cwd=cwd, env={**os.environ, **(env or {})}, timeout=timeout,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return p.returncode, p.stdout[-8_000_000:].decode('utf-8', 'replace')
    except subprocess.TimeoutExpired as e:
        return 124, (e.stdout or b'').decode('utf-8', 'replace') + f'\n(timed out after {timeout} s)\n'


def fail(tally, name, out, lines=60):
    tally.add(0, 1, 0, name)
    print('\n'.join(out.splitlines()[-lines:]))


def build(tally, name, folder, *options, targets=()):
    """Configures and builds a folder, or some targets of it; a failure counts as one failed case. targets may be a
    function that picks them once the folder is configured."""
    start = time.time()
    code, out = run(['tools/configure.sh', folder, *options], 300)
    if code == 0:
        code, out = run(['ninja', '-C', folder, '-j', JOBS, *(targets() if callable(targets) else targets)], 1500)
    print(f'{name}: built in {time.time() - start:.0f} s' if code == 0 else f'{name}: build FAILED')
    if code:
        fail(tally, name + ' build', out)
    return code == 0


def tap(text):
    """Counts TAP result lines -> passed, failed, skipped."""
    n = [0, 0, 0]
    for m in re.finditer(r'^(not )?ok\b[^\n]*$', text, re.M):
        n[1 if m.group(1) else 2 if '# skip' in m.group(0).lower() else 0] += 1
    return n


def meson(tally, name, folder, env=None, timeout=900, args=()):
    start = time.time()
    code, out = run(['meson', 'test', '-C', folder, '--no-rebuild', '--num-processes', JOBS, *args], timeout, env)
    got = [0, 0, 0]
    try:
        with open(os.path.join(ROOT, folder, 'meson-logs', 'testlog.json'), encoding='utf-8') as f:
            tests = [json.loads(line) for line in f]
    except OSError:
        tests = []
    for t in tests:
        n = tap(t.get('stdout') or '')
        bad = t['result'] not in ('OK', 'SKIP', 'EXPECTEDFAIL')
        if sum(n) == 0:
            n = [0, 1, 0] if bad else [0, 0, 1] if t['result'] == 'SKIP' else [1, 0, 0]
        elif bad and n[1] == 0:  # a crash, a leak or a timeout after good cases
            n[1] = 1
        got = [a + b for a, b in zip(got, n)]
        if bad:
            tally.broken.append(f"{name}: {t['name']}")
            print('\n'.join(((t.get('stdout') or '') + (t.get('stderr') or '')).splitlines()[-60:]))
    if code and not got[1]:
        got[1] = 1
        print(out[-4000:])
    tally.add(*got)
    print(f'{name}: {got[0]} passed, {got[1]} failed, {got[2]} skipped in {time.time() - start:.0f} s')


def script(tally, name, cmd, timeout, env=None):
    """A program that closes with `N passed, N failed, N skipped`."""
    start = time.time()
    code, out = run(cmd, timeout, env)
    found = CLOSING.findall(out)
    if not found:
        fail(tally, name, out)
        print(f'{name}: FAILED without a closing line (exit {code})')
        return
    p, f, s = (int(x or 0) for x in found[-1])
    if code and not f:
        f = 1
    if f:
        print('\n'.join(out.splitlines()[-80:]))
    tally.add(p, f, s, name)
    print(f'{name}: {p} passed, {f} failed, {s} skipped in {time.time() - start:.0f} s')


# ---------------------------------------------------------------- suites
def suite_checks(tally):
    script(tally, 'checks', [PYTHON, 'tools/check_tree.py'], 300)


def suite_lint(tally):
    """clang-tidy with the checks of .clang-tidy over every source file; each file is one case."""
    if run(['which', 'clang-tidy-14'], 10)[0]:
        print('lint: skipped, clang-tidy-14 is not installed')
        tally.add(0, 0, 1)
        return
    start = time.time()
    code, out = run(['tools/configure.sh', 'build-lint', '-Dtests=false', '-Djemalloc=disabled'], 300,
                    {'CC': 'clang-14', 'CXX': 'clang++-14'})
    if code:
        fail(tally, 'lint', out)
        return
    with open(os.path.join(ROOT, 'build-lint', 'compile_commands.json'), encoding='utf-8') as f:
        # Generated sources lie in the build folder.
        files = sorted({c['file'] for c in json.load(f) if c['file'].startswith('../') and c['file'].endswith('.c')})
    bad = 0
    for i in range(0, len(files), 16):
        code, out = run(['clang-tidy-14', '-p', 'build-lint', '--quiet', *files[i:i + 16]], 600, cwd=os.path.join(ROOT, 'build-lint'))
        found = re.findall(r'^[^\n]*(?:warning|error): [^\n]*$', out, re.M)
        if code:
            bad += max(1, len({line.split(':')[0] for line in found}))
            print('\n'.join(sorted(set(found))[:40]))
    tally.add(len(files) - bad, bad, 0, 'lint')
    print(f'lint: {len(files) - bad} passed, {bad} failed, 0 skipped in {time.time() - start:.0f} s')


def suite_unit(tally):
    if build(tally, 'unit', 'build-test', '-Dbuildtype=debugoptimized', '-Dc_args=-DLUMA_DCHECK'):
        meson(tally, 'unit', 'build-test')


def suite_asan(tally):
    if build(tally, 'asan', 'build-asan', '-Dbuildtype=debugoptimized', '-Db_sanitize=address,undefined',
             '-Djemalloc=disabled', '-Dc_args=-DLUMA_DCHECK'):
        meson(tally, 'asan', 'build-asan', {
            'ASAN_OPTIONS': 'detect_stack_use_after_return=0:allocator_may_return_null=1',
            'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1'}, 1200)


# Programs whose tests start threads; only they are built with ThreadSanitizer.
THREADED = re.compile(r'^(thread|wal|metric_concurrency|engine|row_store|segment|otlp|loop|http_server|pg_|pool|query|exec|promql_query)\w*_test$')


def threaded_tests():
    code, out = run(['meson', 'introspect', '--tests', 'build-tsan'], 60)
    return sorted(t['name'] for t in json.loads(out) if THREADED.match(t['name']))


def suite_tsan(tally):
    if build(tally, 'tsan', 'build-tsan', '-Dbuildtype=debugoptimized', '-Db_sanitize=thread', '-Djemalloc=disabled',
             targets=threaded_tests):
        meson(tally, 'tsan', 'build-tsan', {'TSAN_OPTIONS': 'halt_on_error=1'}, 1200, threaded_tests())


def release(tally):
    return build(tally, 'release', 'build', '-Dbuildtype=release', '-Dtests=false')


def suite_e2e(tally):
    """Python suites of test/: each drives the release binary with clients nobody here wrote."""
    if not release(tally):
        return
    for path in sorted(glob.glob(os.path.join(ROOT, 'test', '*', 'suite_*.py'))):
        name = os.path.basename(path)[6:-3]
        script(tally, name, [PYTHON, path], 900)


def suite_conformance(tally):
    if not os.path.isdir(SHARED):
        print('conformance: skipped, ../shared is absent')
        tally.add(0, 0, 1)
        return
    if release(tally):
        script(tally, 'conformance', [PYTHON, 'tools/conformance.py'], 3000)


def suite_fuzz(tally):
    script(tally, 'fuzz', ['tools/fuzz.sh'], 7200)


def suite_nightly(tally):
    for path in sorted(glob.glob(os.path.join(ROOT, 'test', '*', 'nightly_*.py'))):
        script(tally, os.path.basename(path)[8:-3], [PYTHON, path], 7200)


SUITES = {'checks': suite_checks, 'lint': suite_lint, 'unit': suite_unit, 'asan': suite_asan, 'tsan': suite_tsan, 'e2e': suite_e2e,
          'conformance': suite_conformance, 'fuzz': suite_fuzz, 'long': suite_nightly}
GROUPS = {'fast': ['checks', 'lint', 'unit', 'asan', 'tsan', 'e2e'],
          'nightly': ['checks', 'lint', 'unit', 'asan', 'tsan', 'e2e', 'fuzz', 'long', 'conformance'],
          'conformance': ['conformance']}


def main():
    names = [s for arg in sys.argv[1:] or ['fast'] for s in GROUPS.get(arg, [arg])]
    unknown = [n for n in names if n not in SUITES]
    if unknown:
        sys.exit(f'no suite called {unknown[0]}; there are: {" ".join(SUITES)} and {" ".join(GROUPS)}')
    tally = Tally()
    for name in names:
        SUITES[name](tally)
        sys.stdout.flush()
    for name in tally.broken:
        print(f'FAILED {name}')
    print(f'{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped')
    sys.exit(1 if tally.failed else 0)


if __name__ == '__main__':
    main()
