"""Node.js clients for the suites: installs test/clients once and runs scripts there."""
import json, os, shutil, subprocess

from luma import ROOT, Skip

FOLDER = os.path.join(ROOT, 'test', 'clients')


def install():
    """npm install, once; raises Skip when npm or its registry is out of reach."""
    if not shutil.which('npm') or not shutil.which('node'):
        raise Skip('node and npm are not installed')
    with open(os.path.join(FOLDER, 'package.json'), encoding='utf-8') as f:
        wanted = json.load(f)['dependencies']
    if all(os.path.exists(os.path.join(FOLDER, 'node_modules', name, 'package.json')) for name in wanted):
        return
    p = subprocess.run(['npm', 'install', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts'],
                       cwd=FOLDER, capture_output=True, text=True, timeout=300)
    if p.returncode:
        raise Skip('npm install failed: ' + p.stderr[-300:])


def node(script, *args, timeout=120):
    """Runs a script text with node in test/clients -> stdout; raises on a failure."""
    install()
    p = subprocess.run(['node', '-e', script, *map(str, args)], cwd=FOLDER, capture_output=True, text=True,
                       timeout=timeout)
    if p.returncode:
        raise AssertionError(p.stderr[-3000:])
    return p.stdout
