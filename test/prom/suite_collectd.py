#!/usr/bin/env python3
"""collectd as it comes from Debian: its write_prometheus plugin is scraped, its write_http plugin posts JSON to the REST
port. What one sends is what PromQL finds, what the other sends is what SQL finds."""
import os, re, shutil, subprocess, sys, tempfile, urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from luma import Server, Skip, equal, eventually, free_port, run_suite

COLLECTD = shutil.which('collectd') or '/usr/sbin/collectd'


class Collectd:
    """A collectd in the foreground that reads the load and the uptime."""

    def __init__(self, plugins):
        if not os.path.exists(COLLECTD):
            raise Skip('collectd is not installed')
        self.dir = tempfile.mkdtemp(prefix='luma-collectd-')
        self.config = os.path.join(self.dir, 'collectd.conf')
        with open(self.config, 'w', encoding='ascii') as f:
            f.write(f'''
Hostname "testhost"
FQDNLookup false
BaseDir "{self.dir}"
PIDFile "{self.dir}/pid"
TypesDB "/usr/share/collectd/types.db"
Interval 0.5
LoadPlugin load
LoadPlugin uptime
{plugins}
''')
        self.process = subprocess.Popen([COLLECTD, '-f', '-C', self.config], stdin=subprocess.DEVNULL,
                                        stdout=open(os.path.join(self.dir, 'log'), 'wb'), stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.dir, ignore_errors=True)

    def log(self):
        with open(os.path.join(self.dir, 'log'), encoding='utf-8', errors='replace') as f:
            return f.read()


def exposed(port):
    """What write_prometheus shows: {(name, labels): value}; values that change are told apart by the caller."""
    try:
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=10) as r:
            text = r.read().decode()
    except OSError:
        return {}
    out = {}
    for name, labels, value in re.findall(r'^(\w+)\{([^}]*)\} (\S+)', text, re.M):
        out[name, tuple(sorted(re.findall(r'(\w+)="([^"]*)"', labels)))] = float(value)
    return out


def test_write_prometheus_is_scraped():
    port = free_port()
    plugins = f'LoadPlugin write_prometheus\n<Plugin write_prometheus>\nHost "127.0.0.1"\nPort "{port}"\n</Plugin>'
    scrape = ('scrape_configs:\n  - {job_name: collectd, scrape_interval: 500ms, scrape_timeout: 500ms, '
              f'static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}\n')
    with Collectd(plugins):
        shown = eventually(lambda: exposed(port))
        assert len(shown) >= 4 and any(name.startswith('collectd_load') for name, _ in shown), shown
        with Server(config=scrape) as s:
            def all_there():
                found = s.query('{job="collectd", exported_instance="testhost"}')
                names = {dict(labels)['__name__'] for labels in found}
                return {name for name, _ in shown} <= names and found
            found = eventually(all_there)
            for (name, labels), value in shown.items():
                match = [v for k, v in found.items() if dict(k)['__name__'] == name and
                         all(dict(k).get('exported_instance' if n == 'instance' else n) == x for n, x in labels)]
                equal(len(match), 1, (name, labels))
                if name == 'collectd_uptime':
                    assert 0 <= match[0] - value < 600, (match[0], value)
            equal(s.query('up{job="collectd"}'), {(('__name__', 'up'), ('instance', f'127.0.0.1:{port}'), ('job', 'collectd')): 1.0})


def test_write_http_posts_json_to_the_rest_port():
    with Server() as s:
        s.sql('create table collectd ("values" jsonb, dstypes jsonb, dsnames jsonb, "time" float8, "interval" float8, host text, '
              'plugin text, plugin_instance text, type text, type_instance text)')
        plugins = ('LoadPlugin write_http\n<Plugin write_http>\n<Node "luma">\n'
                   f'URL "http://127.0.0.1:{s.port("http")}/api/v1/ingest/collectd"\nFormat "JSON"\nBufferSize 4096\n'
                   'Timeout 10000\n</Node>\n</Plugin>')
        with Collectd(plugins) as collectd:
            def enough():
                rows = s.sql("select plugin, count(*), min(jsonb_array_length(\"values\")), bool_and(host = 'testhost') from collectd "
                             'group by plugin order by plugin')
                return len(rows) == 2 and all(r[1] >= 3 for r in rows) and rows
            rows = eventually(enough)
            equal([(r[0], r[2], r[3]) for r in rows], [('load', 3, True), ('uptime', 1, True)], collectd.log())
            equal(s.sql('select distinct dsnames, type from collectd where plugin = \'load\''), [[['shortterm', 'midterm', 'longterm'], 'load']])
            # The load averages are those of the kernel, some seconds ago.
            got = s.sql("select max((\"values\"->>2)::float8) from collectd where plugin = 'load'")[0][0]
            assert abs(got - os.getloadavg()[2]) < 5, (got, os.getloadavg())
        equal(s.sql('select count(*) from collectd where dstypes is null or "time" < 1.6e9'), [[0]])


if __name__ == '__main__':
    run_suite(globals())
